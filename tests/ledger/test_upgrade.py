"""Records of both versions have one shape for whoever reads them.

``records_v1.jsonl`` was written by the last Freehold that wrote version 1.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.errors import PolicyRefusal
from freehold.core.trail import Call, Firing
from freehold.ledger.reading import Entry
from freehold.ledger.record import Record
from freehold.ledger.shape import quiet
from freehold.ledger.upgrade import fired, full, parts
from freehold.services.explaining import explain
from freehold.stages.audit import Audit
from freehold.storage.exchanges import values_from
from tests.audit_samples import Memory, Standing, answered, exchange, tenant_key

LINES = [
    orjson.loads(line)
    for line in (Path(__file__).parent / "records_v1.jsonl").read_bytes().splitlines()
]
OLD = [line["body"] for line in LINES if "exchange" in line["body"]]
SAMPLED = {"carried_ns", "carried_cpu_ns", "cpu_ns"}
"""Told of some exchanges."""


def new() -> list[dict[str, Any]]:
    """The same exchanges as in the file, written now."""
    memory = Memory()
    audit = Audit(memory, "r" * 64, tenant_key, clock=Standing())
    trail, ruled, one = exchange(content_kept="full")
    audit.opened(ruled, trail)
    answered(trail)
    audit.closed(one, trail, "allowed")
    trail, _, one = exchange()
    trail.failure = PolicyRefusal("cap", public="No such discount.", rule="cap")
    audit.closed(one, trail, "denied")
    trail, ruled, one = exchange()
    audit.opened(ruled, trail)
    trail.leave(0, "We ca")
    audit.closed(one, trail, "interrupted")
    return list(map(orjson.loads, memory.records))


def by_exchange(bodies: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    ids = dict.fromkeys(body["exchange"] for body in bodies)
    return [[body for body in bodies if body["exchange"] == one] for one in ids]


def shape(value: Any) -> Any:
    """Which fields are where; numbers, ids and hashes differ from run to run."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value).__name__ if isinstance(value, int) else value


def without_secrets(part: dict[str, Any]) -> dict[str, Any]:
    """Without salts, times and what each version has of its own."""
    part = {
        k: v for k, v in part.items() if k not in {"content", "inputs", "spent_ns", "waited_ns"}
    }
    if "calls" in part:
        part["calls"] = [{k: v for k, v in one.items() if k != "basis"} for one in part["calls"]]
    if "request" in part:
        part["request"] = {k: v for k, v in part["request"].items() if k != "input"}
    return {k: v for k, v in part.items() if k not in {"output", "panel", *SAMPLED}}


def test_old_and_new_are_alike() -> None:
    for old, now in zip(by_exchange(OLD), by_exchange(new()), strict=True):
        opened, closed = parts(old)
        opened_now, closed_now = parts(now)
        assert shape(without_secrets(opened_now)) == shape(without_secrets(opened))
        assert closed is not None
        assert closed_now is not None
        assert shape(without_secrets(closed_now)) == shape(without_secrets(closed))
        assert opened_now.keys() - {"panel"} == opened.keys()
        assert closed_now.keys() - {"inputs", *SAMPLED} == closed.keys()


def test_old_bodies_are_left_as_they_are() -> None:
    for line in LINES:
        assert full(line["body"]) == line["body"]


@pytest.mark.parametrize("bodies", by_exchange(OLD), ids=["allowed", "denied", "interrupted"])
def test_old_records_can_be_explained(bodies: list[dict[str, Any]]) -> None:
    opened, closed = parts(bodies)
    text = explain(Record(
        exchange_id=bodies[0]["exchange"], tenant="north", app="service",
        outcome=(closed or {})["outcome"], opened=opened, closed=closed, lines=(),
    )).as_text()  # fmt: skip
    assert "customer-17" in text
    assert (closed or {})["outcome"] in text


@pytest.mark.parametrize("bodies", [OLD, new()], ids=["v1", "v2"])
def test_both_give_the_index_its_columns(bodies: list[dict[str, Any]]) -> None:
    rows = []
    for body in bodies:
        line = orjson.dumps({"body": body, "salt": "", "seq": 1, "v": 1, "writer": "w"})
        rows.append(values_from(Entry(writer="w", segment=1, offset=0, line=line), body))
    closed = [row for row in rows if row["closed_ns"] is not None]
    assert [row["outcome"] for row in closed] == ["allowed", "denied", "interrupted"]
    assert closed[0]["cost_nano"] == 1234
    assert rows[0]["rules_fired"] == '["rule-1/enforce"]'
    assert {row["tenant"] for row in rows} == {"north"}


def test_calls_that_are_told_once_are_found_in_both_parts() -> None:
    _, closed = parts(new()[:2])
    assert closed is not None
    assert closed["calls"][0]["model"] == "large"
    (alone,) = new()[2:3]
    assert "calls" not in alone["closed"]
    assert full(alone)["closed"]["calls"] == full(alone)["opened"]["calls"]


def test_a_closed_part_without_its_opened_one_can_be_read() -> None:
    opened, closed = parts(new()[1:2])
    assert opened == {}
    assert closed is not None
    assert isinstance(closed["calls"], list)


@given(
    rule=st.from_regex(r"[a-z][a-z0-9.:/ -]{0,20}", fullmatch=True),
    version=st.integers(1, 10**6),
    phase=st.sampled_from(["request", "route", "answer", "stream", "tool_call"]),
    mode=st.sampled_from(["enforce", "observe"]),
)
def test_a_silent_rule_comes_back(rule: str, version: int, phase: str, mode: str) -> None:
    firing = Firing(rule=rule, version=version, phase=phase, fired=False, mode=mode)
    body = new()[0]
    body["opened"]["firings"] = [quiet(firing)]
    (back,) = full(body)["opened"]["firings"]
    assert back == {
        "rule": rule, "version": version, "phase": phase, "mode": mode, "fired": False,
        "errored": False, "obligations": [],
    }  # fmt: skip
    assert fired(body["opened"]) == []


def test_reading_changes_nothing_that_was_read() -> None:
    bodies = new()
    before = orjson.dumps(bodies)
    parts(bodies[:2])
    assert orjson.dumps(bodies) == before


def test_what_is_no_record_is_refused() -> None:
    for broken in ("gibberish", "request:rule", "x/1"):
        body = new()[0]
        body["opened"]["firings"] = [broken]
        with pytest.raises(ValueError, match="stayed silent"):
            full(body)


def test_defaults_of_calls_are_back() -> None:
    call = Call(attempt=1, model="m", upstream_model="m", started_ns=5)
    body = new()[0]
    body["opened"]["calls"] = [{"attempt": 1, "model": "m", "started_ns": 5, "upstream_model": "m"}]
    (back,) = full(body)["opened"]["calls"]
    assert back == {name: getattr(call, name) for name in Call.__struct_fields__}
