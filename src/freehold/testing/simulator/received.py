"""What reached the simulator: counts for each model, and the last requests as they came.

Tests read this to prove what a gateway let through, so bodies are kept unaltered. The value of an
authorization header is masked but for its end, which tells keys apart and betrays none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(slots=True)
class Counts:
    """What happened with one model. ``completed`` are answers that went out to their end."""

    requests: int = 0
    streams: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    refusals: int = 0
    hung_up: int = 0
    completed: int = 0
    completed_tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    misbehaviours: dict[str, int] = field(default_factory=dict)

    def fault(self, kind: str) -> None:
        """One more fault of this kind."""
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def misbehaved(self, kinds: Iterable[str]) -> None:
        """Rules broken on purpose, one entry for each choice."""
        for kind in kinds:
            self.misbehaviours[kind] = self.misbehaviours.get(kind, 0) + 1


def _masked(name: str, value: str) -> str:
    if name in ("authorization", "api-key", "x-api-key"):
        return f"…{value[-4:]}" if len(value) > 8 else "…"
    return value


class Received:
    """The simulator's memory, bounded to the last `keep` requests."""

    def __init__(self, keep: int) -> None:
        self._last: deque[tuple[int, str, list[tuple[bytes, bytes]], bytes]] = deque(maxlen=keep)
        self.total = 0
        self.models: dict[str, Counts] = {}

    def note(self, path: str, headers: Headers, body: bytes) -> None:
        """A request has arrived."""
        self.total += 1
        self._last.append((self.total, path, list(headers), body))

    def counts(self, model: str) -> Counts:
        """The counts of a model that exists."""
        found = self.models.get(model)
        if found is None:
            found = self.models[model] = Counts()
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._last.clear()
        self.total = 0
        self.models.clear()

    def report(self, last: int | None = None) -> dict[str, Any]:
        """Counts, and the last requests (at most `last`), oldest first."""
        entries = list(self._last)
        if last is not None:
            entries = entries[len(entries) - min(last, len(entries)) :]
        return {
            "simulator": "freehold",
            "requests": self.total,
            "models": {name: _as_dict(counts) for name, counts in self.models.items()},
            "received": [_entry(*entry) for entry in entries],
        }


def _as_dict(counts: Counts) -> dict[str, Any]:
    return {name: getattr(counts, name) for name in Counts.__slots__}


def _entry(
    number: int, path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> dict[str, Any]:
    names = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = body.decode("utf-8", "replace")
    return {
        "number": number,
        "path": path,
        "headers": {name: _masked(name, value) for name, value in names},
        "body": content,
    }
