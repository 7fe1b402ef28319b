"""Routes as the request path sees them: who may answer, what to aim for, what is tried."""

from typing import Literal

from msgspec import Struct, field

from freehold.core.cascades import CascadeSpec
from freehold.core.trials import CanarySpec, ShadowSpec


class MetricSpec(Struct, frozen=True, kw_only=True):
    """What may be said of an answer afterwards. ``least`` and ``most`` are millionths. One whose
    values are texts (``text``) scores nothing, and nobody learns from it by itself.
    """

    id: str
    boolean: bool = True
    good: Literal["max", "min"] = "max"
    least: int = 0
    most: int = 1_000_000
    days: int = 30
    text: Literal["", "comment", "demonstration"] = ""


class RouteRule(Struct, frozen=True, kw_only=True):
    """When ``when`` (CEL) holds, ``prefer`` comes first, in this order, ``exclude`` may not take
    the request, and if ``only`` is not ``None``, nobody else may.
    """

    id: str
    when: str
    prefer: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    why: str = ""


class ObjectiveSpec(Struct, frozen=True, kw_only=True):
    """What a choice aims for. Shares are millionths, money is nano-units.

    ``nano_per_success`` is what one more good answer may cost, ``nano_per_request`` what requests
    may cost on average; ``latency_price`` is success given up for a second.
    """

    policy: str = "static"
    quality_floor: int = 0
    nano_per_success: int | None = None
    nano_per_request: int | None = None
    latency_price: int = 0
    explore: int = 20_000
    switch_margin: int = 50_000


class LearnSpec(Struct, frozen=True, kw_only=True):
    """What a route learns from. ``owner`` is the tenant to which what it learns belongs; empty:
    whichever tenant runs the app.
    """

    metric: str = ""
    owner: str = ""


class HedgeSpec(Struct, frozen=True, kw_only=True):
    """When a second model is asked beside the first: after so many milliseconds without a word, or
    after the percentile (in millionths) of the endpoint's own latest waits. ``max_share`` of a
    route's requests at most, in millionths.
    """

    after_ms: int | None = None
    after_percentile: int | None = None
    max_share: int = 50_000


class RouteSpec(Struct, frozen=True, kw_only=True):
    """Candidates in their order of preference, rules about them, and what to aim for.

    ``attempt_ms`` bounds one attempt's silence while another is left; none: a part of what is left.
    ``demotes_slow``: whether a model that has become slower than it was comes after the others.
    """

    id: str
    candidates: tuple[str, ...]
    rules: tuple[RouteRule, ...] = ()
    objective: ObjectiveSpec = field(default_factory=ObjectiveSpec)
    learn: LearnSpec = field(default_factory=LearnSpec)
    max_attempts: int = 3
    deadline_ms: int = 60_000
    attempt_ms: int | None = None
    hedge: HedgeSpec | None = None
    demotes_slow: bool = True
    cascade: CascadeSpec | None = None
    shadow: ShadowSpec | None = None
    canary: CanarySpec | None = None

    @property
    def tried(self) -> tuple[str, ...]:
        """The models on trial."""
        return tuple(trial.model for trial in (self.shadow, self.canary) if trial is not None)
