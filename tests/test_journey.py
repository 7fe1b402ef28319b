"""The path itself: its order, and what holds whichever of its steps fails or is cancelled."""

import asyncio
import inspect
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from freehold import journey as module
from freehold.core.approvals import under
from freehold.core.ask import Arrival, Ask, Message, ToolCall
from freehold.core.clock import SystemClock
from freehold.core.decisions import STAGES
from freehold.core.errors import (
    AuditError,
    ContextError,
    ControlFailed,
    FreeholdError,
    IdentityRefused,
    NotFound,
    PolicyRefusal,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
    RequestError,
    RoutingError,
    ScopeRefused,
    StillHeld,
    StorageError,
)
from freehold.core.handoffs import Answer, Discharge, Released
from freehold.core.ids import uuid7
from freehold.core.trail import Trail
from freehold.journey import Journey
from freehold.ledger.record import Record
from freehold.services.explaining import explain
from freehold.stages.policy.demands import terms_of
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, KEY, Wired, wired
from tests.conformance.wires import CHAT, body_for


def arrival(*, stream: bool = False) -> Arrival:
    messages = (Message(role="user", content="Hello"),)
    tools = ({"type": "function", "function": {"name": "look"}},)
    ask = Ask(operation="chat", messages=messages, stream=stream, tools=tools)
    clock = SystemClock()
    return Arrival(
        ask=ask, route="/v1/chat/completions", key=KEY, exchange_id=uuid7(),
        received_ns=clock.now_ns(), started_ns=clock.monotonic_ns(),
    )  # fmt: skip


async def travel(journey: Journey, *, stream: bool = False) -> tuple[Trail, list[Released]]:
    """The whole way; an error is in the trail."""
    asked = arrival(stream=stream)
    trail = Trail(asked)
    pieces = []
    try:
        async with aclosing(journey.travel(asked, trail)) as released:
            pieces = [piece async for piece in released]
    except FreeholdError as error:
        assert error is trail.failure  # noqa: PT017
    return trail, pieces


class Breaking:
    """A stage of which one step fails."""

    def __init__(self, stage: Any, step: str, error: BaseException) -> None:
        self._stage = stage
        self._step = step
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name == self._step:
            return self._fail
        return getattr(self._stage, name)

    def __call__(self, *args: Any) -> Any:
        return self._fail() if self._step == "__call__" else self._stage(*args)

    def _fail(self, *_: Any) -> Any:
        raise self._error


STEPS = [
    ("admit", "__call__"), ("data_prep", "__call__"), ("governance", "request"),
    ("context", "__call__"), ("governance", "context"), ("policy", "request"),
    ("routing", "__call__"), ("inference", "pack"), ("governance", "redact"), ("admit", "lease"),
    ("inference", "call"), ("governance", "answer"), ("policy", "answer"), ("governance", "keep"),
    ("audit", "opened"),
]  # fmt: skip


def broken(w: Wired, stage: str, step: str, error: BaseException) -> Journey:
    journey = w.gateway.journey
    return replace(journey, **{stage: Breaking(getattr(journey, stage), step, error)})


def test_it_fits_on_one_screen():
    """Whoever opens the file sees the whole path."""
    source = inspect.getsource(module)
    assert len(source.splitlines()) <= 170
    assert len(inspect.getsource(Journey.travel).splitlines()) <= 45


async def test_every_stage_works(tmp_path):
    async with wired(tmp_path, BUNDLE) as w:
        trail, pieces = await travel(w.gateway.journey)
        assert trail.result == "allowed"
        assert [p.text for p in pieces] == ["Good day to you. All is well."]
        assert set(trail.spent_ns) == set(STAGES)
        assert w.monitoring.load_by_layer()["monitoring"]["ns"] > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("stage", "step"), STEPS)
@pytest.mark.parametrize(
    "error", [RuntimeError("INTERNAL"), PolicyRefusal("x", public="No."), AuditError("disk")]
)
async def test_whichever_step_fails(tmp_path, stage, step, error, stream):
    """Nothing leaves, the record is closed, money is settled, the exchange is counted."""
    async with wired(tmp_path, BUNDLE) as w:
        trail, pieces = await travel(broken(w, stage, step, error), stream=stream)
        assert pieces == []
        assert trail.released == []
        assert trail.closed
        assert w.reserved == 0
        assert sum(w.monitoring.snapshot()["requests"].values()) == 1
        if isinstance(error, RuntimeError):
            assert isinstance(trail.failure, ControlFailed)
            assert "INTERNAL" not in str(trail.failure)
            assert trail.failure.__cause__ is error
        else:
            assert trail.failure is error
        assert trail.result == ("error" if isinstance(error, AuditError) else "denied")
        closed = [r for r in w.journal.records if r.get("exchange") == trail.arrival.exchange_id]
        assert closed[-1]["closed"]["outcome"] == trail.result


@pytest.mark.parametrize("step", [("admit", "settle"), ("audit", "closed"), ("governance", "keep")])
@pytest.mark.parametrize("error", [RuntimeError("INTERNAL"), AuditError("disk")])
async def test_whichever_last_step_fails(tmp_path, step, error):
    """The others are taken all the same, and no success is reported."""
    async with wired(tmp_path, BUNDLE) as w:
        trail, _ = await travel(broken(w, *step, error))
        assert trail.failure is not None
        assert trail.result in ("denied", "error")
        assert trail.closed == (step != ("audit", "closed"))
        assert w.reserved == (1 if step == ("admit", "settle") else 0)
        assert sum(w.monitoring.snapshot()["requests"].values()) == 1


@pytest.mark.parametrize("step", [("admit", "settle"), ("audit", "closed"), ("governance", "keep")])
async def test_a_refusal_stays_the_refusal_that_it_was(tmp_path, step):
    async with wired(tmp_path, BUNDLE) as w:
        refusal = PolicyRefusal("x")
        journey = broken(w, *step, RuntimeError("INTERNAL"))
        journey = replace(journey, policy=Breaking(journey.policy, "request", refusal))
        trail, _ = await travel(journey)
        assert trail.failure is refusal


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelled_at_any_moment(tmp_path, stream):
    """Wherever a cancellation strikes, the exchange is closed once and nothing stays reserved."""
    slow = Script(
        deltas=(said("Good day. ", finish_reason=None), said("And more. "), said("Bye.")),
        first_delay=0.004,
        delays=(0.004,),
    )
    outcomes = set()
    async with wired(tmp_path, BUNDLE, provider=FakeProvider(slow)) as w:
        for patience in (*(step * 0.0007 for step in range(40)), 30):
            asked = arrival(stream=stream)
            trail = Trail(asked)

            async def go(asked: Arrival = asked, trail: Trail = trail) -> None:
                async with aclosing(w.gateway.journey.travel(asked, trail)) as pieces:
                    async for _ in pieces:
                        await asyncio.sleep(0.001)

            task = asyncio.create_task(go())
            await asyncio.wait([task], timeout=patience)
            task.cancel()
            await asyncio.wait([task])
            if not trail.closed:
                assert trail.spent_ns == {}, "it was cancelled before it began"
                continue
            outcomes.add(trail.result)
            records = w.journal.of(asked.exchange_id)
            assert sum("closed" in r for r in records) == 1
            assert w.reserved == 0
            assert trail.opened >= (bool(trail.released) and stream)
    assert outcomes == {"interrupted", "allowed"}


async def test_a_consumer_that_leaves_early(tmp_path):
    async with wired(tmp_path, BUNDLE, provider=FakeProvider("One. Two. Three. Four.")) as w:
        asked = arrival(stream=True)
        trail = Trail(asked)
        async with aclosing(w.gateway.journey.travel(asked, trail)) as pieces:
            async for piece in pieces:
                assert piece.text
                break
        assert trail.result == "interrupted"
        assert w.journal.closed(asked.exchange_id)["released_chars"] == len(piece.text)
        assert w.provider.closed == 1
        assert w.reserved == 0


async def test_opened_is_written_before_anything_leaves(tmp_path):
    async with wired(tmp_path, BUNDLE, provider=FakeProvider("One. Two. Three.")) as w:
        asked = arrival(stream=True)
        async with aclosing(w.gateway.journey.travel(asked, Trail(asked))) as pieces:
            async for _ in pieces:
                assert w.journal.of(asked.exchange_id)[0]["type"] == "opened"


async def test_the_one_record_of_a_whole_answer_is_written_before_it_leaves(tmp_path):
    async with wired(tmp_path, BUNDLE, provider=FakeProvider("One. Two. Three.")) as w:
        asked, left = arrival(), 0
        async with aclosing(w.gateway.journey.travel(asked, Trail(asked))) as pieces:
            async for piece in pieces:
                (record,) = w.journal.of(asked.exchange_id)
                assert (record["type"], record["closed"]["outcome"]) == ("closed", "allowed")
                assert record["opened"]["request"]["input"], "and what led to it"
                assert record["closed"]["released_chars"] == len("One. Two. Three.")
                left += len(piece.text)
        assert left == len("One. Two. Three.")
        assert len(w.journal.of(asked.exchange_id)) == 1


async def test_a_whole_answer_whose_record_cannot_be_written_stays(tmp_path):
    async with wired(tmp_path, BUNDLE, provider=FakeProvider("One. Two. Three.")) as w:
        w.journal.failing["closed"] = AuditError("disk")
        asked = arrival()
        trail = Trail(asked)
        with pytest.raises(AuditError):
            await anext(w.gateway.journey.travel(asked, trail))
        assert trail.result == "error"


async def test_strict_audit_writes_a_whole_answer_twice(tmp_path):
    """The disk is waited for before the exchange is over."""
    strict = BUNDLE.replace("content: full", "content: full\n      audit: strict")
    assert strict != BUNDLE
    async with wired(tmp_path, strict, provider=FakeProvider("One. Two. Three.")) as w:
        asked = arrival()
        async for _ in w.gateway.journey.travel(asked, Trail(asked)):
            assert [r["type"] for r in w.journal.of(asked.exchange_id)] == ["opened"]
            assert w.journal.syncs == 1
        assert [r["type"] for r in w.journal.of(asked.exchange_id)] == ["opened", "closed"]


async def test_tool_calls_leave_with_the_end_only(tmp_path):
    call = ToolCall(id="c", name="look", arguments="{}")
    script = Script(
        deltas=(said("Let me see. ", finish_reason=None),
                said(tool_calls=[call], finish_reason="tool_calls"))
    )  # fmt: skip
    async with wired(tmp_path, BUNDLE, provider=FakeProvider(script)) as w:
        trail, pieces = await travel(w.gateway.journey, stream=True)
        assert [bool(p.tool_calls) for p in pieces][:-1] == [False] * (len(pieces) - 1)
        assert pieces[-1].tool_calls == (call,)
        assert pieces[-1].finish_reason == "tool_calls"
        assert trail.released_calls == [call]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ProviderRejected("answered 422"), "error"), (ProviderError("answered 401"), "error"),
        (ProviderUnavailable("answered 503"), "error"), (StorageError("away"), "error"),
        (RateLimited("two a minute"), "denied"), (ScopeRefused("models only"), "denied"),
        (IdentityRefused("no"), "denied"), (ContextError("no rows"), "denied"),
        (RoutingError("none"), "denied"), (NotFound("none"), "denied"),
        (RequestError("what"), "denied"), (ControlFailed("crash"), "denied"),
    ],
)  # fmt: skip
async def test_denied_means_that_somebody_said_no(tmp_path, error, outcome):
    async with wired(tmp_path, BUNDLE) as w:
        trail, _ = await travel(broken(w, "inference", "pack", error))
        assert trail.failure is error
        assert trail.result == outcome


async def test_an_endpoint_that_refuses_our_key_is_passed_over_and_told(tmp_path):
    refused = ProviderError("model first: answered 401: the endpoint refused our API key")
    async with wired(tmp_path, BUNDLE, provider=FakeProvider(refused, "Good day.")) as w:
        _, pieces = await travel(w.gateway.journey)
        assert [p.text for p in pieces] == ["Good day."]
    async with wired(tmp_path / "all", BUNDLE, provider=FakeProvider(refused)) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert (reply.status, reply.error["code"]) == (502, "provider_error")
        assert "retry-after" not in reply.headers
        assert "refused our API key" not in reply.body.decode()
        (record,) = w.journal.of(reply.trace)
        assert record["closed"]["outcome"] == "error"
        told = explain(Record(
            exchange_id=reply.trace, tenant="main", app="app", outcome="error",
            opened=record["opened"], closed=record["closed"], lines=(),
        )).as_text()  # fmt: skip
        assert "the endpoint refused our API key" in told


# -- the second entry: an answer that was held and approved --

HELD = """\
rules:
  ask-first:
    phase: answer
    when: answer.text.contains("Good day")
    do: [{require_approval: {role: manager}}]
"""
APPROVED = Discharge(
    approval_id="apr_1", rule="ask-first", version=1, role="manager", by="ada", issuer="company"
)


async def held_answer(w: Wired) -> Answer:
    """What the first part of the journey held, as an approval would release it."""
    trail, pieces = await travel(w.gateway.journey)
    assert trail.result == "held"
    assert [p.text for p in pieces] == [""]
    (rule,) = w.gateway.bundle.rules.values()
    met = replace(APPROVED, terms=terms_of(rule))
    return replace(w.holds.held[-1], discharged=(met,))


async def resume(journey: Journey, held: Answer) -> tuple[Trail, list[Released]]:
    admitted = held.sendable.plan.ruled.admitted
    asked = replace(arrival(), exchange_id=uuid7())
    trail = Trail(asked)
    trail.approval = "apr_1"  # under which it leaves
    answer = under(held, replace(admitted, arrival=asked))
    pieces = []
    try:
        async with aclosing(journey.resume(answer, trail)) as released:
            pieces = [piece async for piece in released]
    except FreeholdError as error:
        assert error is trail.failure  # noqa: PT017
    return trail, pieces


def with_rule() -> str:
    return BUNDLE.replace("route: main, embedding", "route: main, rules: [ask-first], embedding")


async def test_an_approved_answer_leaves_with_a_record_of_its_own(tmp_path):
    async with wired(tmp_path, with_rule(), HELD) as w:
        held = await held_answer(w)
        trail, pieces = await resume(w.gateway.journey, held)
        assert [p.text for p in pieces] == ["Good day to you. All is well."]
        assert trail.result == "allowed"
        opened, closed = w.journal.of(trail.arrival.exchange_id)
        assert (opened["type"], closed["type"]) == ("opened", "closed")
        assert closed["closed"]["released_chars"] == len(pieces[0].text)
        assert closed["closed"]["cost_nano"] == 0, "no model was called again"
        assert len(w.holds.held) == 1, "and nothing is held anew"


async def test_what_nobody_approved_stays(tmp_path):
    async with wired(tmp_path, with_rule(), HELD) as w:
        held = await held_answer(w)
        (met,) = held.discharged
        for other in (replace(met, terms="0" * 64), replace(met, role="clerk")):
            trail, pieces = await resume(w.gateway.journey, replace(held, discharged=(other,)))
            assert pieces == []
            assert isinstance(trail.failure, StillHeld)
            assert trail.result == "denied"
        assert len(w.holds.held) == 1


@pytest.mark.parametrize(
    ("stage", "step"),
    [("governance", "answer"), ("policy", "answer"), ("governance", "keep"), ("audit", "opened")],
)
@pytest.mark.parametrize("error", [RuntimeError("INTERNAL"), AuditError("disk")])
async def test_whichever_step_of_the_resumption_fails(tmp_path, stage, step, error):
    """Nothing leaves, the record is closed, the exchange is counted."""
    async with wired(tmp_path, with_rule(), HELD) as w:
        held = await held_answer(w)
        before = sum(w.monitoring.snapshot()["requests"].values())
        trail, pieces = await resume(broken(w, stage, step, error), held)
        assert pieces == []
        assert trail.released == []
        assert trail.closed
        assert trail.result == ("error" if isinstance(error, AuditError) else "denied")
        assert sum(w.monitoring.snapshot()["requests"].values()) == before + 1
