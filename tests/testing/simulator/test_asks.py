"""The small tools of the simulator: reading, seeding, cutting, filling schemas, embedding."""

import json
import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.testing.simulator.answers import Answer, ToolCall, round_robin, shape
from freehold.testing.simulator.asks import read_chat
from freehold.testing.simulator.embeddings import embed
from freehold.testing.simulator.seeded import count_tokens, digest, pieces
from freehold.testing.simulator.structured import fitting


@given(st.text())
def test_pieces_make_up_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(max_size=200), st.integers(1, 40))
def test_max_tokens_is_a_limit(text: str, limit: int) -> None:
    choice = shape(Answer(text=text), (), limit)
    assert choice.tokens <= limit
    assert text.startswith(choice.text or "")
    assert (choice.finish_reason == "length") == (count_tokens(text) > limit)


@given(st.text(alphabet="abc ", max_size=60), st.lists(st.text("abc", min_size=1), max_size=3))
def test_no_stop_sequence_is_left(text: str, stops: list[str]) -> None:
    choice = shape(Answer(text=text), stops, None)
    assert text.startswith(choice.text or "")
    assert not any(stop in (choice.text or "") for stop in stops)


def test_calls_are_not_cut() -> None:
    call = ToolCall("call_1", "f", '{"a": "' + "x" * 90 + '"}')
    choice = shape(Answer(tool_calls=(call,)), ("x",), 1)
    assert choice.tool_calls == (call,)
    assert choice.finish_reason == "tool_calls"


def test_round_robin() -> None:
    assert list(round_robin([[1, 4, 6], [2], [3, 5]])) == [1, 2, 3, 4, 5, 6]


def test_digest_ignores_what_a_gateway_makes_up() -> None:
    assert digest(1, "hi [EMAIL_12345678]") == digest(1, "hi [EMAIL_ABCDEF01]")
    assert digest(1, "hi [EMAIL_12345678]") != digest(1, "hi [PHONE_12345678]")
    one, other = '<context source="a" id="1">', '<context source="a" id="2">'
    assert digest(1, one) == digest(1, other)
    assert digest(1, one) != digest(1, '<context source="b" id="1">')
    assert digest(1, "x") != digest(2, "x")
    assert digest(1, "a", "b") != digest(1, "ab")


def test_text_parts_are_joined() -> None:
    parts = [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": "this?"},
    ]
    ask = read_chat({"model": "m", "messages": [{"role": "user", "content": parts}]})
    assert ask.last_user == "What is\nthis?"


SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "minLength": 30, "maxLength": 31},
    {"type": "array", "items": {"type": "number", "minimum": 2, "maximum": 3}, "minItems": 4},
    {"type": "integer", "multipleOf": 7, "minimum": 20, "maximum": 30},
    {"type": ["null", "boolean"]},
    {"anyOf": [{"type": "null"}, {"const": 5}]},
    {
        "$defs": {"node": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "next": {"$ref": "#/$defs/node"},
        }}},
        "$ref": "#/$defs/node",
    },
    {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
               {"properties": {"b": {"type": "string", "format": "date"}}, "required": ["b"]}]},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS)
@given(seed=st.integers(0, 1000))
def test_made_values_fit_their_schema(schema: dict[str, Any], seed: int) -> None:
    value = fitting(schema, Random(seed), "the answer")
    json.dumps(value)
    assert fits(value, schema, schema), value


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """A second, independent reading of the part of JSON Schema that is used above."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "const" in schema:
        return bool(value == schema["const"])
    if "anyOf" in schema:
        return any(fits(value, part, root) for part in schema["anyOf"])
    if "allOf" in schema:
        return all(fits(value, part, root) for part in schema["allOf"])
    kinds: dict[str, Any] = {
        "string": str, "array": list, "integer": int, "number": (int, float), "object": dict,
        "boolean": bool, "null": type(None),
    }  # fmt: skip
    wanted = schema.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted and not any(isinstance(value, kinds[kind]) for kind in wanted):
        return False
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf))
    if isinstance(value, list):
        long = len(value) >= schema.get("minItems", 0)
        return long and all(fits(item, schema["items"], root) for item in value)
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        known = all(fits(value[name], part, root) for name, part in parts.items() if name in value)
        return bool(known) and set(schema.get("required", [])) <= set(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        inside = schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        return inside and bool(value % schema.get("multipleOf", 1) in (0, value % 1))
    return True


def test_embeddings_are_unit_vectors_and_like_what_is_alike() -> None:
    def cosine(one: str, other: str) -> float:
        pairs = zip(embed(one, 256), embed(other, 256), strict=True)
        return sum(a * b for a, b in pairs)

    assert cosine("red running shoe", "red running shoe") == pytest.approx(1.0)
    assert cosine("red running shoe", "blue running shoe") > 0.3
    assert abs(cosine("red running shoe", "order never arrived")) < 0.3
    assert embed("x", 64, seed=1) != embed("x", 64, seed=2)


@given(st.text(), st.integers(1, 64))
def test_every_text_has_a_unit_vector(text: str, dimensions: int) -> None:
    assert math.hypot(*embed(text, dimensions)) == pytest.approx(1.0)
