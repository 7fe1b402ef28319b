"""Models on trial: in the shadow of a route, or as its canary."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal, Protocol

from msgspec import Struct, field

from freehold.core.decisions import MILLION
from freehold.core.limits import Limits, Scope

CanaryState = Literal["running", "promoted", "rolled_back"]
Advance = Literal["person", "evidence"]
_RANGE = 1 << 64


class ShadowSpec(Struct, frozen=True, kw_only=True):
    """A model that is asked after the answer has left. ``share`` is in millionths."""

    model: str
    share: int = 50_000
    nano_per_day: int = 0
    decision_only: bool = False

    def scope(self, route_id: str) -> Scope:
        """What its own money is counted in, beside the tenant's."""
        limits = Limits(nano_per_day=self.nano_per_day)
        return Scope(id=f"shadow:{route_id}/{self.model}", limits=limits)


class Guardrails(Struct, frozen=True, kw_only=True):
    """How much worse a canary may be, in millionths; slower than ``slow_ms`` is slow."""

    quality: int = 50_000
    errors: int = 20_000
    refusals: int = 50_000
    slow: int = 100_000
    slow_ms: int = 10_000


class CanarySpec(Struct, frozen=True, kw_only=True):
    """A model that gets a share of the conversations. ``stages`` and ``doubt`` are millionths;
    ``own`` is a version of a custom model, which stands before all others once it is live.
    """

    model: str
    own: bool = False
    stages: tuple[int, ...] = (10_000, 50_000, 250_000, 1_000_000)
    advance: Advance = "person"
    doubt: int = 50_000
    guardrails: Guardrails = field(default_factory=Guardrails)

    def id(self, route_id: str) -> str:
        """Names this trial: another model, or other stages, begin another one."""
        said = f"{route_id}\0{self.model}\0{self.stages}"
        return blake2b(said.encode(), digest_size=8).hexdigest()


class Standing(Struct, frozen=True, kw_only=True):
    """Where a canary stands. ``stage`` counts from 0; ``since_ns`` is when that stage began."""

    trial: str
    route: str
    model: str
    state: CanaryState = "running"
    stage: int = 0
    since_ns: int = 0
    by: str = ""
    reason: str = ""

    def share(self, spec: CanarySpec) -> int:
        """Of the conversations, in millionths."""
        if self.state == "rolled_back":
            return 0
        if self.state == "promoted":
            return MILLION
        return spec.stages[min(self.stage, len(spec.stages) - 1)]


class Drawn(Struct, frozen=True, kw_only=True):
    """What the draw said of one exchange. ``newcomer``: its conversation went to the canary."""

    trial: str
    route: str
    model: str
    stage: int
    share: int
    newcomer: bool


class Seen(Struct, frozen=True, kw_only=True):
    """What came of one exchange of a canary's trial, as the journey itself knows it; ``at_ns`` is
    when it was over.
    """

    exchange_id: str
    conversation: str
    trial: str
    stage: int
    share: int
    newcomer: bool
    failed: bool
    refused: bool
    took_ms: int
    cost_nano: int
    at_ns: int


class Standings(Protocol):
    """Where each canary stands, at hand on the request path."""

    def of(self, spec: CanarySpec, route_id: str) -> Standing:
        """No I/O; one that nobody has moved stands at its first stage."""
        ...


class Trials(Standings, Protocol):
    """What is kept of canaries. All but ``of`` may do I/O, and raise ``StorageError``."""

    def all(self) -> list[Standing]:
        """Every canary that ever ran, the newest first."""
        ...

    def move(self, known: Standing, to: Standing) -> bool:
        """Let it stand there, unless somebody has moved it away from ``known`` meanwhile."""
        ...

    def saw(self, seen: Iterable[Seen]) -> None:
        """Keep what came of exchanges; one that is known already stays as it is."""
        ...

    def seen(self, trial: str, stage: int, since_ns: int, limit: int) -> list[Seen]:
        """What came of the exchanges of one stage, in the order in which they ended, of
        conversations that began in it: only for these was the draw of this stage.
        """
        ...


def lot(*names: str) -> int:
    """A number from 0 to a million, evenly spread, the same for the same names on every machine."""
    digest = blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") * MILLION // _RANGE


def draw(spec: CanarySpec, standing: Standing, conversation: str) -> Drawn:
    """Whom a conversation is drawn for. One that was drawn for the canary stays with it while the
    share grows.
    """
    share = standing.share(spec)
    return Drawn(
        trial=standing.trial,
        route=standing.route,
        model=spec.model,
        stage=standing.stage,
        share=share,
        newcomer=lot("canary", standing.trial, conversation) < share,
    )


class ShadowSeen(Struct, frozen=True, kw_only=True):
    """What came of asking a shadow, beside what came of the exchange itself.

    ``outcome`` is what would have become of its answer: ``allowed``, ``held`` or ``denied``;
    ``error`` where none came, ``abstained`` where a custom model was not sure enough,
    ``barred`` where a hard filter keeps the request from it,
    ``no money`` where a ceiling is reached. Where only the decision was wanted, ``chosen`` if the
    route would have chosen it, had it been a candidate, and ``could`` if another one. ``words`` and
    ``sense`` say in millionths how much alike the two answers are; ``rules`` fired on its answer.
    """

    exchange_id: str
    tenant: str
    route: str
    model: str
    before: str
    outcome: str
    why: str = ""
    words: int | None = None
    sense: int | None = None
    took_ms: int = 0
    before_ms: int = 0
    cost_nano: int = 0
    before_nano: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    redacted: int = 0
    rules: tuple[str, ...] = ()
    before_rules: tuple[str, ...] = ()
    at_ns: int = 0


class ShadowBook(Protocol):
    """Where comparisons with shadows are kept. Both may do I/O, and raise ``StorageError``."""

    def compared(self, seen: ShadowSeen) -> None:
        """Keep one; returns at once."""
        ...

    def shadows(self, route: str | None, limit: int) -> list[ShadowSeen]:
        """The newest first."""
        ...
