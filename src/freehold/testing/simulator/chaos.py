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


HALVES: Final = frozenset({"drop_stream", "half", "stall", "error_event"})
"""Faults in the middle of an answer: the connection is cut; half of it ends as a whole would; no
more comes; a stream says that there was an error.
"""
_MESSAGES: Final = {
    "500": "The simulator is set to fail.",
    "502": "The simulator is set to be a bad gateway.",
    "503": "The simulator is set to be unavailable.",
    "504": "The simulator is set to be too late.",
    "529": "The simulator is set to be overloaded.",
}
_HTML: Final = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
NONSENSE: Final[dict[str, tuple[bytes, bytes, bytes]]] = {
    "html": (b"text/html", _HTML, _HTML),
    "wrong_json": (
        b"application/json", b'{"object":"chat.completion","choices":"none"}',
        b'data: {"choices":7}\n\n',
    ),
    "empty": (b"application/json", b'{"object":"chat.completion","choices":[]}',
              b"data: [DONE]\n\n"),
}  # fmt: skip
"""Faults that answer 200 with something that is no answer: media type, whole body, stream."""


def status_error(fault: str, model: ModelSettings) -> WireError:
    """The error object of a status; a `429` and a `503` say when to come back."""
    headers = {"retry-after": f"{model.retry_after_s:g}"}
    if fault == "429":
        return WireError(
            429,
            "The simulator is set to be over its limit. Try again later.",
            kind="rate_limit_error",
            code="rate_limit_exceeded",
            headers=headers,
        )
    if fault != "503":
        headers = {}
    return WireError(
        int(fault), _MESSAGES[fault], kind="server_error", code="simulated", headers=headers
    )
