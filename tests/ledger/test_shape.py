"""Every struct that can be in a record has its fields in the order in which they are written."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import orjson
import pytest
from msgspec.structs import fields

from freehold.core.trail import Firing
from freehold.ledger.shape import EventRecord, ExchangeRecord, quiet, written


def structs_in(annotation: Any, seen: set[type]) -> Iterator[type]:
    a_struct = isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)
    if a_struct and annotation not in seen:
        seen.add(annotation)
        yield annotation
        for field in fields(annotation):
            yield from structs_in(field.type, seen)
    for inner in get_args(annotation):
        yield from structs_in(inner, seen)


EVERY = sorted(structs_in(ExchangeRecord | EventRecord, set()), key=lambda kind: kind.__name__)


def test_they_are_found() -> None:
    names = {kind.__name__ for kind in EVERY}
    assert {"Opened", "Closed", "Call", "Usage", "Finding", "Change", "Sealed", "World"} <= names


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_fields_are_written_sorted(kind: type) -> None:
    names = [field.encode_name for field in fields(kind)]
    assert names == sorted(names)
    assert all(name.isascii() for name in names)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_no_field_holds_a_float(kind: type) -> None:
    def floats(annotation: Any) -> bool:
        return annotation is float or any(map(floats, get_args(annotation)))

    assert not [field.name for field in fields(kind) if floats(field.type)]


def test_dicts_and_sets_are_sorted_too() -> None:
    told = written({"b": frozenset({"y", "x"}), "a": {"d": 1, "c": 2}})
    assert told == b'{"a":{"c":2,"d":1},"b":["x","y"]}'


def test_an_event_stands_in_canonical_form() -> None:
    event = EventRecord(
        actor="ada", at="now", at_ns=1, details={"z": 1, "a": 2}, id="evt", kind="k", subject="s",
        tenant="",
    )  # fmt: skip
    line = written(event)
    assert orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS) == line


def test_a_silent_rule_in_few_words() -> None:
    firing = Firing(rule="refund-cap", version=3, phase="answer", fired=False, mode="enforce")
    assert quiet(firing) == "answer:refund-cap/3"
    observed = Firing(rule="refund-cap", version=3, phase="answer", fired=False, mode="observe")
    assert quiet(observed) == "answer:refund-cap/3 observe"
