"""JSON that fits a schema, made from a seeded generator.

Enough of JSON Schema for structured outputs: types, enum, const, objects, arrays, `anyOf`,
`oneOf`, `allOf`, local `$ref`, bounds of numbers, lengths of strings and arrays, common formats.
`pattern` is not honoured.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Any, Final

_WORDS: Final = ("harbour", "maple", "lantern", "copper", "meadow", "willow", "ember", "quartz")
# Where the text of the answer goes, if the schema has such a place.
_ANSWER_NAMES: Final = frozenset(
    {"answer", "reply", "response", "text", "message", "content", "summary", "explanation"}
)
_DEEPEST: Final = 12


class Maker:
    """Makes instances of one schema; the answer's text goes into the first fitting string."""

    def __init__(self, schema: Mapping[str, Any], rng: Random, text: str = "") -> None:
        self._root = schema
        self._rng = rng
        self._text: str | None = text or None

    def make(self) -> Any:
        """An instance of the schema."""
        return self._value(self._root, "", 0)

    def _resolve(self, schema: Any) -> Mapping[str, Any]:
        for _ in range(_DEEPEST):
            if not isinstance(schema, Mapping):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                return schema
            target: Any = self._root
            for step in reference[1:].strip("/").split("/"):
                name = step.replace("~1", "/").replace("~0", "~")
                if name:
                    target = target.get(name, {}) if isinstance(target, Mapping) else {}
            schema = target
        return {}

    def _value(self, raw: Any, name: str, depth: int) -> Any:
        schema = self._resolve(raw)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._rng.choice(list(schema["enum"]))
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                options = [self._resolve(option) for option in schema[union]]
                solid = [option for option in options if option.get("type") != "null"]
                return self._value(((depth < _DEEPEST and solid) or options)[0], name, depth + 1)
        if schema.get("allOf"):
            schema = self._merged(schema)
        return self._typed(schema, name, depth)

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        merged: dict[str, Any] = {key: schema[key] for key in schema if key != "allOf"}
        for part in schema["allOf"]:
            for key, value in self._resolve(part).items():
                if isinstance(value, dict) and isinstance(merged.get(key), dict):
                    merged[key] = {**merged[key], **value}
                elif isinstance(value, list) and isinstance(merged.get(key), list):
                    merged[key] = [*merged[key], *value]
                else:
                    merged.setdefault(key, value)
        return merged

    def _typed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((item for item in kind if item != "null"), "null")
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "integer":
            return self._integer(schema)
        if kind == "number":
            low, high = self._bounds(schema)
            return round(self._rng.uniform(low, high), 2) if high - low > 0.01 else low
        if kind == "boolean":
            return self._rng.random() < 0.5
        if kind == "null":
            return None
        return self._string(schema, name)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        # Recursive schemas end here: only what is required goes on below.
        names = [n for n in properties if depth < 4 or n in required]
        names += [n for n in required if n not in properties]
        if depth > _DEEPEST:
            return {}
        return {n: self._value(properties.get(n, {}), n, depth + 1) for n in names}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        low = int(schema.get("minItems", 1 if depth < 4 else 0))
        high = int(schema.get("maxItems", max(low, 2)))
        count = self._rng.randint(low, max(low, high)) if depth < 4 else low
        fixed = list(schema.get("prefixItems") or [])
        made = [self._value(item, name, depth + 1) for item in fixed]
        items = schema.get("items", {})
        made += [self._value(items, name, depth + 1) for _ in range(count - len(fixed))]
        return made

    def _bounds(self, schema: Mapping[str, Any]) -> tuple[float, float]:
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is None and "exclusiveMinimum" in schema:
            low = schema["exclusiveMinimum"] + 1
        if high is None and "exclusiveMaximum" in schema:
            high = schema["exclusiveMaximum"] - 1
        if low is None:
            low = 0 if high is None else min(0, high)
        return float(low), float(low + 10 if high is None else max(low, high))

    def _integer(self, schema: Mapping[str, Any]) -> int:
        low, high = self._bounds(schema)
        step = int(schema.get("multipleOf", 1)) or 1
        first = -(-int(low) // step)
        return step * self._rng.randint(first, max(first, int(high) // step))

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        day = date(2024, 1, 1) + timedelta(days=self._rng.randrange(900))
        form = schema.get("format")
        if form == "date":
            return day.isoformat()
        if form == "date-time":
            return f"{day.isoformat()}T{self._rng.randint(0, 23):02}:00:00Z"
        if form == "time":
            return f"{self._rng.randint(0, 23):02}:00:00"
        if form == "email":
            return f"{self._rng.choice(_WORDS)}@example.com"
        if form == "uri":
            return f"https://example.com/{self._rng.choice(_WORDS)}"
        if form == "uuid":
            digits = f"{self._rng.getrandbits(128):032x}"
            return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
        if self._text is not None and name.lower() in _ANSWER_NAMES:
            text, self._text = self._text, None
        else:
            text = " ".join(self._rng.sample(_WORDS, 2))
        low = int(schema.get("minLength", 0))
        text = text.ljust(low, ".")
        return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def fitting(schema: Mapping[str, Any], rng: Random, text: str = "") -> Any:
    """An instance of `schema` that carries `text` where it can."""
    return Maker(schema, rng, text).make()
