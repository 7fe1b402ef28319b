"""Own work, stage by stage, measured where it is done."""

from collections.abc import Callable
from functools import wraps
from time import perf_counter_ns
from typing import Any, ParamSpec, TypeVar, cast

from freehold.core.decisions import Stage
from freehold.core.trail import Trail

P = ParamSpec("P")
R = TypeVar("R")


def timed(stage: Stage) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Charge a synchronous step to ``stage``; its last positional argument is the trail."""

    def decorate(step: Callable[P, R]) -> Callable[P, R]:
        @wraps(step)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            began = perf_counter_ns()
            try:
                return step(*args, **kwargs)
            finally:
                cast(Trail, cast(tuple[Any, ...], args)[-1]).spend(stage, perf_counter_ns() - began)

        return measured

    return decorate
