"""Outcomes: what came of answers, told by whoever knows, and the states learned from them."""

from collections.abc import Collection, Sequence
from typing import Protocol

from msgspec import Struct

from freehold.core.routing import OutcomeSource

KEY_SCOPE = "feedback"
"""What a key needs to tell of outcomes."""


TERMINAL = "terminal"
"""Who told what was told at the terminal, which no gateway heard of at once."""


class Told(Struct, frozen=True, kw_only=True):
    """What is known of one exchange by one metric. There is one for each of both: a later word
    takes the place of the one before.

    Attributes:
        owner: the tenant to which what is learned from it belongs; with ``route``, the state.
        model: the one that answered; empty, and nothing is learned.
        value: as it was told, in millionths; ``score`` is the same with 0 the worst, a million the
            best.
        weight: in millionths; less than one where several exchanges share one word.
        teaches: whether the route learns from this metric.
        seal_key: the key that ``box`` is sealed with; empty where it holds nothing of a text.
        box: what a router saw of the request, and a comment; see ``services.feedback``.
        decided_ns: when the model was chosen.
        number: counts what was told, in this order; ``first_number`` is that of the first word.
        by: the API key, or ``terminal``.
    """

    exchange_id: str
    metric: str
    tenant: str
    app: str
    value: int
    score: int
    owner: str = ""
    route: str = ""
    model: str = ""
    source: OutcomeSource = "feedback"
    weight: int = 1_000_000
    teaches: bool = False
    cost_nano: int = 0
    latency_ms: int = 0
    seal_key: str = ""
    box: bytes = b""
    by: str = ""
    decided_ns: int = 0
    at_ns: int = 0
    number: int = 0
    first_number: int = 0

    @property
    def of_the_answer(self) -> bool:
        """Whether it judges what the caller got: a cascade doubts answers that never leave."""
        return self.source != "cascade"


class RouteState(Struct, frozen=True, kw_only=True):
    """A learned state as it is kept.

    Attributes:
        generation: a higher one takes the place of what processes have in memory.
        mark: the number of the last outcome in it.
        since: the number after which it began anew: it was reset, or brought from elsewhere.
    """

    owner: str
    route: str
    generation: int = 0
    mark: int = 0
    since: int = 0
    version: int = 0
    outcomes: int = 0
    saved_ns: int = 0
    policy: bytes = b""


class Outcomes(Protocol):
    """Where outcomes and states are kept. Every call does I/O.

    Raises:
        StorageError: from each, where the store can't be read or written.
    """

    def of(self, exchange_ids: Collection[str]) -> list[Told]:
        """All that is known of these exchanges."""
        ...

    def one(self, exchange_id: str, metric: str) -> Told | None:
        """What is known by one metric."""
        ...

    def tell(self, told: Sequence[Told]) -> list[Told]:
        """Keep them, in one transaction; each comes back with its numbers."""
        ...

    def since(self, number: int, limit: int = 1_000) -> list[Told]:
        """What was told after this number, in order."""
        ...

    def behind(self, owner: str, route: str, most: int) -> list[Told]:
        """The latest outcomes that a state is made of, in order."""
        ...

    def states(self) -> list[RouteState]:
        """Every state."""
        ...

    def generations(self) -> dict[tuple[str, str], int]:
        """The generation of every state, by owner and route."""
        ...

    def save(self, states: Sequence[RouteState], mark: int) -> None:
        """Keep these states, unless the store has a higher generation or mark of one; all others
        have nothing to learn from up to ``mark``.
        """
        ...

    def replace(self, state: RouteState) -> RouteState:
        """Put this state in the place of the one that is there, with the next generation."""
        ...

    def last_number(self) -> int:
        """The number of what was told last."""
        ...
