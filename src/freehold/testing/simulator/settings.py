"""What a simulator is told: by its command line at the start, by `POST /control` while it runs.

Times are milliseconds or seconds as the name says, rates and shares are fractions from 0 to 1,
token speed is tokens a second (0: as fast as possible).
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

BEHAVIOURS: Final = ("retail", "echo", "fixed", "recorded", "guard", "graded")
FAULTS: Final = (
    "429", "500", "502", "503", "504", "529", "timeout", "drop", "drop_stream", "half", "stall",
    "error_event", "html", "wrong_json", "empty",
)  # fmt: skip
"""What may go wrong with an attempt; the page on the simulator's chaos tells what each one is."""
MISBEHAVIOURS: Final = ("discount", "leak", "price", "refund", "secret", "toxic")

DEFAULT_MISBEHAVE: Final[Mapping[str, float]] = MappingProxyType(
    {"discount": 0.05, "leak": 0.03, "price": 0.03, "refund": 0.03, "secret": 0.01, "toxic": 0.0}
)


class SettingsError(ValueError):
    """A setting that does not exist or does not fit; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How one simulated model behaves on the wire.

    Attributes:
        latency_ms: mean time to the first token, lognormally distributed.
        jitter_ms: its standard deviation; 0 makes every wait exactly `latency_ms`.
        error_rate: share of the attempts that fail.
        errors: which faults those are, drawn with equal chance.
        retry_after_s: what a 429 tells the client to wait.
        timeout_s: how long a `timeout` hangs before the connection is dropped.
        tokens_per_s: speed of a stream, and of a whole answer in the making.
        behaviour: overrides the simulator's own behaviour for this model.
        dimensions: length of its embedding vectors.
        quality: of `graded`: topic → share of answers that are right; `*` for any other topic.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    error_rate: float = 0.0
    errors: tuple[str, ...] = ("500",)
    retry_after_s: float = 1.0
    timeout_s: float = 30.0
    tokens_per_s: float = 0.0
    behaviour: str | None = None
    dimensions: int = 256
    quality: Mapping[str, float] = field(default_factory=dict)

    @property
    def calm(self) -> bool:
        """Whether an answer comes at once, always, at full speed."""
        return not (self.latency_ms or self.error_rate or self.tokens_per_s)


DEFAULT_MODELS: Final[Mapping[str, ModelSettings]] = MappingProxyType(
    {
        "simulated-frontier": ModelSettings(),
        "simulated-small": ModelSettings(),
        "simulated-embedding": ModelSettings(),
        "simulated-guard": ModelSettings(behaviour="guard"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """All settings of one simulator."""

    behaviour: str = "retail"
    seed: int = 0
    models: Mapping[str, ModelSettings] = field(default_factory=lambda: dict(DEFAULT_MODELS))
    misbehave: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MISBEHAVE))
    recording: Path | None = None
    require_key: str | None = None
    strict: bool = False
    keep: int = 200
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _number(name: str, value: object, *, low: float = 0.0, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise SettingsError(f"{name}: expected a number, got {value!r}")
    try:
        number = float(value)
    except ValueError:
        raise SettingsError(f"{name}: expected a number, got {value!r}") from None
    if not low <= number <= high:
        raise SettingsError(f"{name}: {value} is not between {low:g} and {high:g}")
    return number


def one_of(name: str, value: object, known: Iterable[str]) -> str:
    """`value` if it is one of `known`; otherwise an error with the nearest name."""
    known = tuple(known)
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    raise SettingsError(f"{name}: unknown {value!r}{hint}")


def _faults(name: str, value: object) -> tuple[str, ...]:
    items = value.split("|") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items:
        raise SettingsError(f"{name}: expected faults such as 500|429|drop, got {value!r}")
    return tuple(one_of(name, str(item), FAULTS) for item in items)


def _behaviour(name: str, value: object) -> str | None:
    return None if value in (None, "") else one_of(name, value, BEHAVIOURS)


def _whole(name: str, value: object) -> int:
    number = _number(name, value, low=1, high=8192)
    if number != int(number):
        raise SettingsError(f"{name}: expected a whole number, got {value!r}")
    return int(number)


_MODEL_FIELDS: Final[Mapping[str, Callable[[str, object], object]]] = MappingProxyType(
    {
        "latency_ms": _number,
        "jitter_ms": _number,
        "error_rate": lambda name, value: _number(name, value, high=1.0),
        "errors": _faults,
        "retry_after_s": _number,
        "timeout_s": _number,
        "tokens_per_s": _number,
        "behaviour": _behaviour,
        "dimensions": _whole,
    }
)


_QUALITY: Final = "quality."


def patch_model(model: ModelSettings, name: str, changes: Mapping[str, object]) -> ModelSettings:
    """`model` with `changes` applied.

    Raises:
        SettingsError: a setting is unknown or its value does not fit.
    """
    parsed: dict[str, object] = {}
    quality = dict(model.quality)
    for key, value in changes.items():
        if key.startswith(_QUALITY):
            quality[key.removeprefix(_QUALITY)] = _number(f"model {name}: {key}", value, high=1.0)
            continue
        one_of(f"model {name}", key, _MODEL_FIELDS)
        parsed[key] = _MODEL_FIELDS[key](f"model {name}: {key}", value)
    return dataclasses.replace(model, quality=quality, **parsed)  # type: ignore[arg-type]


def parse_topic(text: str) -> tuple[str, tuple[str, ...]]:
    """`NAME=word|word` as a topic and the words that mark it."""
    name, equals, words = text.partition("=")
    listed = tuple(word.strip().lower() for word in words.split("|") if word.strip())
    if not equals or not name.strip() or not listed:
        raise SettingsError(f"topic: expected NAME=word|word, got {text!r}")
    return name.strip(), listed


def parse_model(text: str) -> tuple[str, dict[str, object]]:
    """`NAME:key=value,key=value` as name and changes; the name itself may hold colons."""
    name, colon, options = text.rpartition(":")
    if not colon or "=" not in options:
        return text, {}
    changes: dict[str, object] = {}
    for item in options.split(","):
        key, equals, value = item.partition("=")
        if not equals:
            raise SettingsError(f"model {name}: expected key=value, got {item!r}")
        changes[key.strip()] = value.strip()
    return name, changes


def patch_misbehave(shares: Mapping[str, float], changes: Mapping[str, object]) -> dict[str, float]:
    """`shares` with `changes` applied; together they may not exceed 1."""
    result = dict(shares)
    for key, value in changes.items():
        one_of("misbehave", key, MISBEHAVIOURS)
        result[key] = _number(f"misbehave: {key}", value, high=1.0)
    if sum(result.values()) > 1.0 + 1e-9:
        raise SettingsError(f"misbehave: the shares add up to {sum(result.values()):g}, above 1")
    return result


def parse_misbehave(text: str) -> dict[str, object]:
    """`discount=0.05,leak=0.03`, or `none` for a simulator that never breaks a rule."""
    if text == "none":
        return dict.fromkeys(MISBEHAVIOURS, 0.0)
    _, changes = parse_model(f"misbehave:{text}")
    if not changes:
        raise SettingsError(f"misbehave: expected kind=share, got {text!r}")
    return changes
