"""What a router may know of a request, what it says of each model, and what came of it."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from freehold.core.features import Features
from freehold.core.routes import RouteSpec
from freehold.core.spec import ModelSpec

OutcomeSource = Literal["feedback", "judge", "rule", "label", "cascade"]


class Signals(Struct, frozen=True, kw_only=True):
    """What a router may know of a request.

    Attributes:
        vector: the newest user text as ``text.embedding`` sees it, float32 of shape ``(DIMS,)``.
        intent: the app's own name for what is asked; empty where it declares none or none fits.
        intent_score: millionths.
        prompt_tokens: estimated tokens of instructions, context and conversation.
        max_tokens: the longest answer.
    """

    vector: Any
    features: Features
    intent: str = ""
    intent_score: int = 0
    prompt_tokens: int = 0
    max_tokens: int = 0


class Estimate(Struct, frozen=True, kw_only=True):
    """What is expected of one model on one request.

    Attributes:
        success: probability that the answer will do, in millionths.
        doubt: standard error of ``success``, in millionths.
        cost_nano: expected money of one call, in nano-units.
        seen: how many outcomes of this model stand behind it, faded by forgetting.
    """

    model: str
    success: int
    doubt: int = 0
    cost_nano: int = 0
    latency_ms: int = 0
    seen: int = 0


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an exchange, as far as its model is to blame: ``score`` in millionths.

    ``model`` is whom it is about where that is not the one whose answer left; ``cost_nano`` is then
    what that one cost. ``weight`` in millionths.
    """

    exchange_id: str
    score: int
    source: OutcomeSource
    metric: str = ""
    at_ns: int = 0
    model: str = ""
    cost_nano: int = 0
    weight: int = 1_000_000


class Contest(Struct, frozen=True, kw_only=True):
    """What a router chooses among: nobody who may not take the request is in it.

    Attributes:
        exchange_id: what chance is drawn from, so that a choice replays.
        owner: the tenant to which what this route learns belongs.
        models: at least one, in the order of preference that rules and the route have written.
        floor: success, in millionths, that a choice should not stay below where it need not.
        supposed: nobody is asked; it is only to be known who would have been chosen, so nothing is
            tried and nothing counts.
    """

    exchange_id: str
    route: RouteSpec
    owner: str
    models: tuple[ModelSpec, ...]
    signals: Signals
    floor: int = 0
    supposed: bool = False


class Ranked(Struct, frozen=True, kw_only=True):
    """One model of a ranking.

    Attributes:
        score: what the order is made by, in millionths; the higher the better.
        propensity: how likely it was to be chosen, in millionths; one million over all of them.
        lost: why it is not the choice; empty for the one that is.
        estimate: what was expected of it, where the router expects anything.
    """

    model: str
    score: int
    propensity: int
    lost: str = ""
    estimate: Estimate | None = None


class Ranking(Struct, frozen=True, kw_only=True):
    """A router's choice, which comes first, and who is tried when it fails, in this order.

    Attributes:
        order: the ids of ``ranked``; may be left empty. A router that gives it may make ``ranked``
            later, when the record is written (`core.later`).
        version: of what the router has learned.
        price_nano: what one more good answer might cost; none where cost was not weighed.
        explored: chosen to learn from it, and not for its score.
        why: for the trail.
    """

    ranked: Sequence[Ranked]
    order: tuple[str, ...] = ()
    version: int = 0
    price_nano: int | None = None
    explored: bool = False
    why: str = ""

    def names(self) -> tuple[str, ...]:
        """The ids of the models, the chosen one first."""
        return self.order or tuple([one.model for one in self.ranked])


class Routed(Struct, frozen=True, kw_only=True):
    """How a choice was made, for the record and for whoever learns from it later.

    ``embedding`` is the version of the vector that was read, empty where none was; the rest is as
    in `Ranking`, `Signals` and `Contest`. ``stayed``: the conversation stayed with its model.
    """

    embedding: str = ""
    explored: bool = False
    floor: int = 0
    intent: str = ""
    intent_score: int = 0
    max_tokens: int = 0
    metric: str = ""
    owner: str
    policy: str
    price_nano: int | None = None
    prompt_tokens: int = 0
    route: str
    stayed: bool = False
    version: int = 0
