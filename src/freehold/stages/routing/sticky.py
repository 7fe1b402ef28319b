"""Conversations stay with the model that answers them, unless another is clearly better.

A provider keeps the beginning of a conversation that it has read ready for a while, and charges
less for it; and a person notices when the voice changes.
"""

from collections import OrderedDict

from freehold.core.ask import CONVERSATION_HEADER
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.handoffs import Prepared
from freehold.core.routing import Ranked, Ranking

MOST = 50_000
IDLE_NS = 3_600 * 1_000_000_000


class Sessions:
    """Which model answered each conversation last; bounded, and forgotten after an hour."""

    def __init__(self, clock: Clock, most: int = MOST, idle_ns: int = IDLE_NS) -> None:
        self._clock = clock
        self._most = most
        self._idle_ns = idle_ns
        self._models: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()

    def of(self, route: str, conversation: str) -> str:
        """The model; empty where none is known."""
        found = self._models.get((route, conversation))
        if found is None or self._clock.monotonic_ns() - found[1] > self._idle_ns:
            return ""
        return found[0]

    def answered(self, route: str, conversation: str, model: str) -> None:
        """A model has answered."""
        key = (route, conversation)
        self._models[key] = (model, self._clock.monotonic_ns())
        self._models.move_to_end(key)
        if len(self._models) > self._most:
            self._models.popitem(last=False)

    def __len__(self) -> int:
        return len(self._models)


def continues(prepared: Prepared) -> bool:
    """Whether earlier turns are there. A first question has none, and without an id from the
    caller all who begin with it would be one conversation.
    """
    if prepared.admitted.arrival.client_headers.get(CONVERSATION_HEADER):
        return True
    return any(message.role == "assistant" for message in prepared.messages)


def kept(ranking: Ranking, model: str, margin: int) -> Ranking | None:
    """The ranking with the conversation's model first; ``None`` where another is so much better
    that it is worth the change, or the model is not in it.
    """
    mine = next((one for one in ranking.ranked if one.model == model), None)
    if mine is None or max(one.score for one in ranking.ranked) - mine.score > margin:
        return None
    why = "the conversation stays with its model, which may have it cached"
    others = tuple(
        Ranked(
            model=one.model,
            score=one.score,
            propensity=0,
            lost="the conversation stays with its model" if not one.lost else one.lost,
            estimate=one.estimate,
        )
        for one in ranking.ranked
        if one is not mine
    )
    first = Ranked(model=model, score=mine.score, propensity=MILLION, estimate=mine.estimate)
    return Ranking(
        ranked=(first, *others),
        version=ranking.version,
        price_nano=ranking.price_nano,
        why=why,
    )
