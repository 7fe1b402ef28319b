"""A whole answer's one record says what the two of another answer say."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from freehold.core.errors import AuditError
from freehold.core.ids import uuid7
from freehold.core.subjects import Subject
from freehold.core.trail import Trail
from freehold.ledger.content import ContentSealer, opened
from freehold.ledger.record import Record
from freehold.ledger.upgrade import parts
from freehold.stages.audit import Audit
from freehold.testing.fakes import MemoryKeys
from tests.audit_samples import (
    ANSWER,
    START_NS,
    Memory,
    Standing,
    admitted,
    answered,
    app,
    arrival,
    decided,
    tenant_key,
)

EXCHANGE = uuid7(START_NS)
KEYS = MemoryKeys()


def exchange(**spec: Any) -> tuple[Memory, Trail]:
    """The lines of an answer that nobody streams."""
    coming = arrival(EXCHANGE)
    one = admitted(
        replace(coming, ask=replace(coming.ask, stream=False)), app(content_kept="full", **spec)
    )
    trail, ruled = decided(one)
    answered(trail)
    trail.sealer = ContentSealer(KEYS.of(Subject("north", person="ada"), 30), EXCHANGE, "c")
    trail.prompt_text, trail.answer_text = "[]", ANSWER
    memory = Memory()
    audit = Audit(memory, "r" * 64, tenant_key, clock=Standing())
    audit.opened(ruled, trail)
    audit.closed(one, trail, "allowed")
    return memory, trail


def read(memory: Memory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What readers make of the lines, without what is by chance, and how long it took."""
    first, last = parts(map(orjson.loads, memory.records))
    assert last is not None
    assert first["request"].pop("input")
    assert last.pop("output")
    last["spent_ns"].pop("audit", None)
    return first, last


def test_it_reads_like_two() -> None:
    (one, trail), (two, _) = exchange(), exchange(strict_audit=True)
    assert (len(one.records), len(two.records)) == (1, 2)
    assert read(one) == read(two)
    assert len(one.records[0]) < sum(map(len, two.records)) - 100
    assert trail.closed


def test_its_texts_are_opened() -> None:
    memory, _ = exchange()
    first, last = parts(map(orjson.loads, memory.records))
    record = Record(
        exchange_id=EXCHANGE, tenant="north", app="service", outcome="allowed", opened=first,
        closed=last, lines=(),
    )  # fmt: skip
    found = opened(record, KEYS.find)
    assert found.state == "open"
    assert found.record.opened["content"]["input"] == "[]"
    assert found.record.closed is not None
    assert found.record.closed["content"]["output"] == ANSWER


def test_an_approved_answer_has_two() -> None:
    """Its release is an entry of its own, before its end."""
    coming = arrival(EXCHANGE)
    one = admitted(replace(coming, ask=replace(coming.ask, stream=False)))
    trail, ruled = decided(one)
    trail.approval = "apr_1"
    memory = Memory()
    audit = Audit(memory, "r" * 64, tenant_key, clock=Standing())
    audit.opened(ruled, trail)
    assert trail.opened
    audit.closed(one, answered(trail), "allowed")
    assert [orjson.loads(line)["type"] for line in memory.records] == ["opened", "closed"]


def test_what_cannot_be_written_is_not_taken_for_written() -> None:
    class Full(Memory):
        def append(self, record: bytes, tenant: str = "") -> None:
            raise AuditError("no space")

    coming = arrival(EXCHANGE)
    one = admitted(replace(coming, ask=replace(coming.ask, stream=False)))
    trail, ruled = decided(one)
    audit = Audit(Full(), "r" * 64, tenant_key, clock=Standing())
    audit.opened(ruled, trail)
    assert not trail.opened
    with pytest.raises(AuditError):
        audit.closed(one, answered(trail), "allowed")
    assert not trail.closed
    assert audit.failures == 1
