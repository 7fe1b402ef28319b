"""Whether an answer is the JSON that its request asked for, and calls tools as they are declared.

Reads the part of JSON Schema that providers take in ``response_format`` and in tools: types, enums,
constants, required and additional properties, items, alternatives and local references. Keywords
beyond that say nothing here: what this objects to is wrong, what it lets pass may still be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from freehold.core.ask import ToolCall

_DEEPEST = 32
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def objection(text: str, response_format: Mapping[str, Any] | None) -> str:
    """What is wrong with a text that was promised in this form; empty when nothing is."""
    kind = (response_format or {}).get("type", "text")
    if response_format is None or kind == "text":
        return ""
    try:
        value = orjson.loads(text)
    except ValueError:
        return "it is no JSON"
    if kind == "json_object":
        return "" if isinstance(value, dict) else "it is no JSON object"
    declared = response_format.get("json_schema")
    schema = declared.get("schema") if isinstance(declared, Mapping) else None
    return misfit(value, schema) if isinstance(schema, Mapping) else ""


def wrong_call(call: ToolCall, tools: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a tool call: no such tool, or arguments that it does not take."""
    functions = [tool.get("function", tool) for tool in tools]
    known = next((f for f in functions if f.get("name") == call.name), None)
    if known is None:
        return "it calls a tool that was not offered"
    try:
        value = orjson.loads(call.arguments or "{}")
    except ValueError:
        return "a tool call's arguments are no JSON"
    if not isinstance(value, dict):
        return "a tool call's arguments are no object"
    schema = known.get("parameters")
    return misfit(value, schema) if isinstance(schema, Mapping) else ""


def misfit(value: Any, schema: Mapping[str, Any]) -> str:
    """Where a value does not fit a schema: ``lines[0].price: no number``; empty where it does."""
    return _misfit(value, schema, schema, "", 0)


def _misfit(value: Any, schema: Any, root: Mapping[str, Any], path: str, deep: int) -> str:
    if not isinstance(schema, Mapping) or deep > _DEEPEST:
        return ""
    schema = _referred(schema, root)
    here = f"{path}: " if path else ""
    wrong = _plainly(value, schema)
    if wrong:
        return here + wrong
    for key in ("anyOf", "oneOf"):
        ways = schema.get(key)
        if isinstance(ways, list) and ways:
            tried = [_misfit(value, way, root, path, deep + 1) for way in ways]
            if all(tried):
                return tried[0]
    for each in schema.get("allOf") or ():
        wrong = _misfit(value, each, root, path, deep + 1)
        if wrong:
            return wrong
    if isinstance(value, dict):
        return _members(value, schema, root, path, deep)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            wrong = _misfit(item, schema["items"], root, f"{path}[{number}]", deep + 1)
            if wrong:
                return wrong
    return ""


def _plainly(value: Any, schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type")
    names = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    if names and not any(_is(value, str(name)) for name in names):
        return f"no {' or '.join(map(str, names))}"
    if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
        return "none of the values that it may have"
    if "const" in schema and value != schema["const"]:
        return "not the value that it must have"
    return ""


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return name not in _TYPES or isinstance(value, _TYPES[name])


def _members(
    value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: str, deep: int
) -> str:
    declared = schema.get("properties")
    declared = declared if isinstance(declared, Mapping) else {}
    lead = f"{path}." if path else ""
    for name in schema.get("required") or ():
        if name not in value:
            return f"{lead}{name} is missing"
    for name, item in value.items():
        if name in declared:
            wrong = _misfit(item, declared[name], root, f"{lead}{name}", deep + 1)
        elif schema.get("additionalProperties") is False:
            return f"{path or 'it'} has a member that is not declared"
        else:
            wrong = _misfit(item, schema.get("additionalProperties"), root, f"{lead}*", deep + 1)
        if wrong:
            return wrong
    return ""


def _referred(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a local reference stands for; itself where it has none that leads on."""
    for _ in range(_DEEPEST):
        way = schema.get("$ref")
        if not isinstance(way, str) or not way.startswith("#"):
            return schema
        found: Any = root
        for step in filter(None, way[1:].split("/")):
            found = found.get(step) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            return {}
        schema = found
    return schema
