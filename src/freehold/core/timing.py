"""Own work, stage by stage, measured where it is done."""

from collections.abc import Callable
from functools import wraps
from time import perf_counter_ns
from typing import ParamSpec, TypeVar

from freehold.core.decisions import Stage
from freehold.core.trail import Trail

P = ParamSpec("P")
R = TypeVar("R")


def timed(stage: Stage) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Charge a synchronous step to ``stage``; its last positional argument is the trail."""

    def decorate(step: Callable[P, R]) -> Callable[P, R]:
        @wraps(step)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            trail: Trail = args[-1]  # type: ignore[assignment] # there is no type for "the last"
            if trail.cpu_ns is None:  # nearly always, and many times in each exchange
                began = perf_counter_ns()
                try:
                    return step(*args, **kwargs)
                finally:
                    took = perf_counter_ns() - began
                    spent = trail.spent_ns
                    spent[stage] = spent.get(stage, 0) + took
            used, began = trail.cpu_now(), perf_counter_ns()
            try:
                return step(*args, **kwargs)
            finally:
                took = perf_counter_ns() - began
                trail.spend(stage, took, trail.cpu_now() - used)

        return measured

    return decorate


class Stopwatch:
    """The same for a step that waits in between: what others do meanwhile is not its work.

    ``away`` before waiting, ``back`` after it, however it ended, and ``stop`` at the end.
    """

    __slots__ = ("_began", "_left", "_left_cpu", "_others", "_stage", "_trail", "_used", "_waited")

    def __init__(self, stage: Stage, trail: Trail) -> None:
        self._stage = stage
        self._trail = trail
        self._waited = self._others = self._left = self._left_cpu = 0
        self._used = trail.cpu_now()
        self._began = perf_counter_ns()

    def away(self) -> None:
        """The step waits from now on."""
        self._left = perf_counter_ns()
        self._left_cpu = self._trail.cpu_now()

    def back(self) -> None:
        """It goes on."""
        self._others += self._trail.cpu_now() - self._left_cpu
        self._waited += perf_counter_ns() - self._left

    def stop(self) -> None:
        """Tell the trail."""
        took = perf_counter_ns() - self._began - self._waited
        trail = self._trail
        trail.spend(self._stage, took, trail.cpu_now() - self._used - self._others)
        if self._waited:
            trail.wait(self._stage, self._waited)
