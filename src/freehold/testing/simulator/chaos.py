"""Bad days: what goes wrong with an attempt, and how long it takes.

Faults must be repeatable and yet let a retry succeed. So the draw depends on the seed, the
request and how often that very request has been tried, and on nothing else.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from freehold.testing.simulator.errors import WireError
from freehold.testing.simulator.seeded import generator, lognormal_ms
from freehold.testing.simulator.settings import ModelSettings

_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Weather:
    """The lot of one attempt: a fault or none, and the wait before the first token."""

    fault: str | None
    latency_s: float


CALM: Final = Weather(None, 0.0)


class Chaos:
    """Draws the weather; `scheduled` faults of a model come first, one for each attempt."""

    def __init__(self) -> None:
        self._tries: OrderedDict[int, int] = OrderedDict()
        self.scheduled: dict[str, deque[str]] = {}

    def draw(self, name: str, model: ModelSettings, digest: int) -> Weather:
        """The weather for the next attempt at the request with this digest."""
        queue = self.scheduled.get(name)
        fixed = queue.popleft() if queue else None
        if fixed is None and model.calm:
            return CALM
        tries = self._tries.pop(digest, 0)
        self._tries[digest] = tries + 1
        if len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)
        rng = generator(digest, "weather", name, tries)
        latency = lognormal_ms(rng, model.latency_ms, model.jitter_ms) / 1000
        fails = rng.random() < model.error_rate
        fault = rng.choice(model.errors) if fails else None
        if fixed is not None:
            fault = None if fixed == "ok" else fixed
        return Weather(fault, latency)


def status_error(fault: str, model: ModelSettings) -> WireError:
    """The error object of a `500` or a `429`."""
    if fault == "429":
        return WireError(
            429,
            "The simulator is set to be over its limit. Try again later.",
            kind="rate_limit_error",
            code="rate_limit_exceeded",
            headers={"retry-after": f"{model.retry_after_s:g}"},
        )
    return WireError(500, "The simulator is set to fail.", kind="server_error", code="simulated")
