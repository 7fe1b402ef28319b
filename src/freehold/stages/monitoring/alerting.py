"""When alerts fire and when they are over: a state for each alert and subject, and no I/O."""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from freehold.core.alerts import EVERY, AlertSpec, Subject
from freehold.stages.monitoring.series import MOST_A_TICK
from freehold.stages.monitoring.watching import Watching

HOLD_OFF_S = 60
"""After an alert is over, it does not fire again for so long: so often may somebody be told."""
_PROBATION = 64
"""Readings after a measure's time is over, before what it was against counts as still there."""
_SECOND_NS = 1_000_000_000
Key = tuple[str, Subject]


class Transition(Struct, frozen=True):
    """An alert fired, fired again when its measures had ended, or is over."""

    kind: Literal["fired", "again", "resolved"]
    spec: AlertSpec
    subject: Subject
    why: str
    unknown: bool = False
    """It is over because nothing was heard for long, and not because all is well."""


class _State(Struct):
    since_ns: int | None = None
    open_ns: int | None = None
    heard_ns: int | None = None
    quiet_until_ns: int = 0
    probation_from: int | None = None


class Alerting:
    """Asks every alert's condition, and remembers what it was."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching
        self._specs: tuple[AlertSpec, ...] = ()
        self._states: dict[Key, _State] = {}

    def adopt(self, specs: Sequence[AlertSpec]) -> None:
        """These are the alerts from now on; those that are gone are over at the next step."""
        self._specs = tuple(specs)

    def opened(self, name: str, subject: Subject, since_ns: int) -> None:
        """This one is open already: it was before a restart, or another process said so."""
        state = self._states.setdefault((name, subject), _State())
        if state.open_ns is None:
            state.open_ns, state.heard_ns = since_ns, None

    def cleared(self, name: str, subject: Subject, now_ns: int) -> None:
        """Somebody says that it is over: how things are is the new normal."""
        state = self._states.get((name, subject))
        if state is not None:
            state.open_ns = state.since_ns = state.probation_from = None
            state.quiet_until_ns = now_ns + HOLD_OFF_S * _SECOND_NS
        for spec in self._specs:
            if spec.name == name and spec.when == "drift":
                series = self._watching.series(spec.watch, subject)
                if series is not None:
                    series.accept()

    def take_back(self, change: Transition, now_ns: int) -> None:
        """This one could not be acted on: it comes again with the next step."""
        state = self._states.get((change.spec.name, change.subject))
        if state is None:
            return
        if change.kind == "fired":
            state.open_ns = None
        elif change.kind == "again":
            state.probation_from = -_PROBATION * MOST_A_TICK
        else:
            state.open_ns, state.quiet_until_ns = now_ns, 0

    def measures_ended(self, name: str, subject: Subject) -> None:
        """The time of its measures is over while it is open: see whether it still holds."""
        state = self._states.get((name, subject))
        for spec in self._specs:
            if spec.name == name and state is not None and state.open_ns is not None:
                series = self._watching.series(spec.watch, subject)
                state.probation_from = series.total if series is not None else 0

    def step(self, now_ns: int) -> Iterator[Transition]:
        """What changed since the last step."""
        known: set[Key] = set()
        for spec in self._specs:
            quiet = [s for name, s in self.open_keys() if name == spec.name and covers(spec, s)]
            for subject in dict.fromkeys((*self._watching.subjects(spec), *quiet)):
                known.add((spec.name, subject))
                yield from self._one(spec, subject, now_ns)
        for key in [k for k in self._states if k not in known]:
            state = self._states[key]
            if state.open_ns is None:
                del self._states[key]

    def open_keys(self) -> list[Key]:
        """Those that are open."""
        return [key for key, state in self._states.items() if state.open_ns is not None]

    def _one(self, spec: AlertSpec, subject: Subject, now_ns: int) -> Iterator[Transition]:
        key = (spec.name, subject)
        state = self._states.get(key)
        holds, said = self._watching.read(spec, subject, now_ns)
        if state is None:
            if not holds:
                return
            state = self._states[key] = _State()
        if holds is not None or state.heard_ns is None:
            state.heard_ns = now_ns
        if state.open_ns is None:
            yield from self._closed(spec, subject, state, holds, said, now_ns)
        elif holds is False:
            state.open_ns = state.since_ns = state.probation_from = None
            state.quiet_until_ns = now_ns + HOLD_OFF_S * _SECOND_NS
            yield Transition("resolved", spec, subject, f"back to normal: {said}")
        elif spec.when == "drift" and now_ns - state.open_ns >= spec.settle_s * _SECOND_NS:
            self.cleared(spec.name, subject, now_ns)
            why = f"the new normal after {spec.settle_s} seconds" + (f": {said}" if said else "")
            yield Transition("resolved", spec, subject, why)
        elif holds is None and now_ns - state.heard_ns >= spec.settle_s * _SECOND_NS:
            state.open_ns = state.since_ns = state.probation_from = None
            why = f"for {spec.settle_s} seconds, too few readings to say how it is"
            yield Transition("resolved", spec, subject, why, unknown=True)
        elif holds and state.probation_from is not None:
            series = self._watching.series(spec.watch, subject)
            seen = series.total - state.probation_from if series is not None else 0
            if seen >= max(_PROBATION, spec.fewest):
                state.probation_from = None
                yield Transition("again", spec, subject, self._why(spec, subject, said))

    def _closed(
        self, spec: AlertSpec, subject: Subject, state: _State, holds: bool | None, said: str,
        now_ns: int,
    ) -> Iterator[Transition]:  # fmt: skip
        if not holds:
            state.since_ns = None
            return
        if state.since_ns is None:
            state.since_ns = now_ns
        if now_ns < state.quiet_until_ns or now_ns - state.since_ns < spec.for_s * _SECOND_NS:
            return
        state.open_ns = now_ns
        yield Transition("fired", spec, subject, self._why(spec, subject, said))

    @staticmethod
    def _why(spec: AlertSpec, subject: Subject, said: str) -> str:
        return f"{spec.watch} of {subject}: {said}"


def covers(spec: AlertSpec, subject: Subject) -> bool:
    """Whether an alert is about this subject, among others perhaps."""
    return spec.subject.kind == subject.kind and spec.subject.name in (EVERY, subject.name)
