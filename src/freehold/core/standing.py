"""What alerts and people have put out of the running for a while, read from memory by routing."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from freehold.core.clock import Clock, rfc3339

MeasureKind = Literal["demote", "stop", "raise_floor"]
"""``demote``: behind every other allowed model; ``stop``: not at all; ``raise_floor``: the route
asks for at least so much quality.
"""


class Measure(Struct, frozen=True, kw_only=True):
    """One standing measure. Empty ``model`` and ``intent`` stand for all.

    Attributes:
        route: on which route; empty for every one.
        floor: for ``raise_floor``, in millionths.
        by: ``alert <name>`` or the person who set it.
        until_ns: Unix nanoseconds; ``None`` until somebody clears it.
    """

    id: str
    kind: MeasureKind
    route: str = ""
    model: str = ""
    intent: str = ""
    floor: int = 0
    by: str = ""
    why: str = ""
    since_ns: int = 0
    until_ns: int | None = None

    def touches(self, route: str, model: str, intent: str) -> bool:
        """Whether it is about this model for this intent on this route."""
        return (
            self.route in ("", route) and self.model in ("", model) and self.intent in ("", intent)
        )


class StandingMeasures:
    """The `Standing` port over a snapshot, which ``adopt`` swaps as a whole.

    A measure whose time is over counts no more, whether or not anybody has taken it away yet.
    """

    __slots__ = ("_clock", "_floors", "_out")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._out: tuple[Measure, ...] = ()
        self._floors: tuple[Measure, ...] = ()

    def adopt(self, measures: Iterable[Measure]) -> None:
        """These hold from now on."""
        every = tuple(measures)
        self._out = tuple(m for m in every if m.kind != "raise_floor")
        self._floors = tuple(m for m in every if m.kind == "raise_floor")

    def quiet(self) -> bool:
        """Whether no measure is about a model."""
        return not self._out

    def excluded(self, route: str, model: str, intent: str = "") -> str:
        """Why this model may not be asked here now; empty where it may."""
        return self._found("stop", route, model, intent) if self._out else ""

    def demoted(self, route: str, model: str, intent: str = "") -> str:
        """Why every other allowed model comes before this one; empty where it is in its place."""
        return self._found("demote", route, model, intent) if self._out else ""

    def floor(self, route: str) -> int:
        """The least quality that this route asks for now, in millionths; 0 where nobody raised
        it. It never lowers the route's own.
        """
        if not self._floors:
            return 0
        now = self._clock.now_ns()
        found = [m.floor for m in self._floors if m.route in ("", route) and _holds(m, now)]
        return max(found, default=0)

    def _found(self, kind: MeasureKind, route: str, model: str, intent: str) -> str:
        for measure in self._out:
            if measure.kind == kind and measure.touches(route, model, intent):
                now = self._clock.now_ns()
                if _holds(measure, now):
                    return _said(measure)
        return ""


def _holds(measure: Measure, now_ns: int) -> bool:
    return measure.until_ns is None or now_ns < measure.until_ns


def _said(measure: Measure) -> str:
    what = "stopped" if measure.kind == "stop" else "put behind the others"
    topic = f" for {measure.intent}" if measure.intent else ""
    until = "somebody clears it" if measure.until_ns is None else rfc3339(measure.until_ns)
    return f"{what}{topic} by {measure.by} until {until}"
