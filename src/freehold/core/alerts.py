"""Alerts: what is watched, when it is worth a word, what follows; and where that is kept."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

from freehold.core.standing import Measure

Watched = Literal[
    "latency", "first_token", "cost", "errors", "refusals", "quality", "confidence", "length",
    "language", "intents", "labels", "rules", "outcomes", "mirror_lag", "contradictions",
]  # fmt: skip
SubjectKind = Literal["model", "route", "app", "mirror"]
When = Literal["drift", "above", "below"]
Severity = Literal["info", "warning", "critical"]
Direction = Literal["up", "down", "both"]
AlertState = Literal["open", "resolved"]
EVERY = "*"


class Watch(Struct, frozen=True):
    """One kind of reading.

    Attributes:
        subjects: what it can be read of.
        mix: shares of kinds, else numbers.
        factor: numbers that change by factors: their logarithms are compared.
        worse: the direction in which a change is bad news.
        least: the smallest drift that counts by default: a share (0.15 is 15 %) where ``factor``,
            else a difference; for a mix, the population stability index.
        unit: of a number, as ``value`` in a bundle has it.
        smallest: what is less counts as this much where readings are compared with their normal:
            nobody waits for a millisecond more, though it is twice as long.
    """

    subjects: tuple[SubjectKind, ...]
    mix: bool = False
    factor: bool = False
    worse: Direction = "up"
    least: float = 0.15
    unit: str = ""
    smallest: float = 1e-9


WATCHES: Mapping[Watched, Watch] = {
    "latency": Watch(("model", "route", "app"), factor=True, unit="ms", smallest=5.0),
    "first_token": Watch(("model",), factor=True, unit="ms", smallest=5.0),
    "cost": Watch(("model", "route", "app"), factor=True, least=0.2, unit="currency an exchange"),
    "errors": Watch(("model", "route", "app"), least=0.05, unit="share"),
    "refusals": Watch(("route", "app"), least=0.05, unit="share"),
    "quality": Watch(("model", "route", "app"), worse="down", least=0.05, unit="score from 0 to 1"),
    "confidence": Watch(("model",), worse="down", least=0.05, unit="score from 0 to 1"),
    "length": Watch(("route", "app"), factor=True, worse="both", least=0.3, unit="characters"),
    "language": Watch(("route", "app"), mix=True, least=0.2),
    "intents": Watch(("route", "app"), mix=True, least=0.2),
    "labels": Watch(("route", "app"), mix=True, least=0.2),
    "rules": Watch(("route", "app"), mix=True, least=0.2),
    "outcomes": Watch(("route", "app"), mix=True, least=0.2),
    "mirror_lag": Watch(("mirror",), least=1.0, unit="times its late_s"),
    "contradictions": Watch(("mirror",), least=1.0, unit="logs"),
}


class Subject(Struct, frozen=True):
    """What a reading is of: one model, route, app, or mirror of the ledger's checkpoints."""

    kind: SubjectKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class ReactionSpec(Struct, frozen=True, kw_only=True):
    """What an alert does when it fires. Empty names are the alert's own subject, where it is one.

    ``floor`` in millionths; ``minutes`` of 0: until somebody clears it; ``exchanges`` of a case.
    """

    kind: Literal["demote", "stop", "raise_floor", "open_case"]
    route: str = ""
    model: str = ""
    intent: str = ""
    floor: int = 0
    minutes: int = 0
    exchanges: int = 20


class AlertSpec(Struct, frozen=True, kw_only=True):
    """A declared alert. ``subject`` may name every one of its kind with ``*``.

    Attributes:
        value: for ``above`` and ``below``, in the watch's unit; money in nano-units.
        least: for ``drift``, see `Watch`.
        window_s: over how long ``above`` and ``below`` look back.
        for_s: for how long it must be so.
        fewest: numbers without which nothing is said.
        settle_s: after how long a drift is the new normal.
    """

    name: str
    watch: Watched
    subject: Subject
    when: When = "drift"
    direction: Direction = "up"
    value: float = 0.0
    least: float = 0.15
    window_s: int = 300
    for_s: int = 0
    fewest: int = 20
    settle_s: int = 3_600
    severity: Severity = "warning"
    reactions: tuple[ReactionSpec, ...] = ()
    webhook: bool = False


class AlertRow(Struct, frozen=True, kw_only=True):
    """An alert that fired. ``times`` counts how often, since it comes back soon, it has."""

    alert_id: str
    name: str
    watch: str
    subject_kind: SubjectKind
    subject: str
    severity: str
    state: AlertState
    why: str
    fired_ns: int
    resolved_ns: int | None = None
    resolved: str = ""
    times: int = 1


class MeasureRow(Struct, frozen=True, kw_only=True):
    """A measure with the alert behind it. ``ended_ns`` and ``ended_by`` say who took it back."""

    measure: Measure
    alert_id: str
    ended_ns: int | None = None
    ended_by: str = ""


class CaseRow(Struct, frozen=True, kw_only=True):
    """Exchanges to look at, and why; issue trackers and labelling build on it."""

    case_id: str
    alert_id: str
    subject_kind: str
    subject: str
    why: str
    exchanges: tuple[str, ...]
    created_ns: int
    state: str = "open"


class Baseline(Struct, frozen=True, kw_only=True):
    """What a series of readings is compared with. ``fingerprint`` says of which version of its
    subject; ``content`` is JSON.
    """

    series: str
    fingerprint: str
    content: str


class Happened(Struct, frozen=True, kw_only=True):
    """What must be kept of one step: rows to insert or replace, and a notice for the webhook."""

    alert: AlertRow | None = None
    measures: tuple[MeasureRow, ...] = ()
    case: CaseRow | None = None
    notice: Mapping[str, Any] | None = None


class Standings(Protocol):
    """What stands in the store, as this process last saw it."""

    open: tuple[AlertRow, ...]
    measures: tuple[MeasureRow, ...]

    def refresh(self) -> None:
        """Look again.

        Raises:
            StorageError: the store is away.
        """
        ...


class AlertStore(Protocol):
    """Where alerts, measures, cases and baselines outlive a process."""

    def alerts(self, *, states: Collection[AlertState] = (), limit: int = 100) -> list[AlertRow]:
        """The newest first; of no states is of all."""
        ...

    def measures(self, *, standing: bool = True, limit: int = 1_000) -> list[MeasureRow]:
        """Those that nobody has ended and whose time is not over, or all; the newest first."""
        ...

    def cases(self, *, limit: int = 100) -> list[CaseRow]:
        """The newest first."""
        ...

    def keep(self, happened: Happened) -> None:
        """Write it down, all or nothing.

        Raises:
            StorageError: it can't be kept.
        """
        ...

    def baselines(self) -> list[Baseline]:
        """All of them."""
        ...

    def keep_baselines(self, baselines: Collection[Baseline]) -> None:
        """Write these down in place of the older ones."""
        ...

    def revision(self) -> int:
        """Changes whenever a process has changed alerts or measures."""
        ...
