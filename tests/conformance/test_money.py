"""Money and tokens: the same on every route, whole or streamed, at once, and when things break."""

import asyncio
from typing import Any

import pytest

from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Usage
from freehold.core.ports import Delta
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, Wired, wired
from tests.conformance.wires import CHAT, EMBEDDING, ROUTES, TEXTS, body_for

pytestmark = pytest.mark.conformance

on_routes = pytest.mark.parametrize(("path", "stream"), ROUTES)
PRICED = BUNDLE.replace("capabilities: [embedding]", "price: {input: 1}, capabilities: [embedding]")
USED = Usage(prompt_tokens=10, completion_tokens=5)
NANO = 10 * 1_000 + 5 * 2_000
"""One and two dollars for a million tokens are 1,000 and 2,000 nano-dollars for one."""


def limited(limits: str) -> str:
    return PRICED.replace("content: full", f"content: full\n      limits: {{{limits}}}")


def answer(path: str, **more: Any) -> Script:
    if path == EMBEDDING:
        usage = Usage(prompt_tokens=10)
        return Script(deltas=(Delta(embeddings=([0.5],), usage=usage),), **more)
    return Script(
        deltas=(said("It is so. ", finish_reason=None), said("Yes."), Delta(usage=USED)), **more
    )


def used(w: Wired) -> tuple[int, int, int]:
    """Requests, tokens, nano-dollars of the app's day."""
    return w.limiter.used("app:main/app")


@on_routes
async def test_every_route_is_metered(tmp_path, path, stream):
    async with wired(tmp_path, PRICED, provider=FakeProvider(answer(path))) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 200
        closed = w.journal.closed(reply.trace)
        expected = (10, 10_000) if path == EMBEDDING else (15, NANO)
        assert used(w) == (1, *expected)
        assert closed["cost_nano"] == expected[1]
        assert closed["prompt_tokens"] + closed["completion_tokens"] == expected[0]
        assert w.reserved == 0


@on_routes
async def test_no_budget_is_overrun_by_many_at_once(tmp_path, path, stream):
    """What is reserved is the worst case, so that all that passes fits; then it is given back."""
    slow = answer(path, first_delay=0.05)
    async with wired(tmp_path, limited("tokens_per_day: 4000"), provider=FakeProvider(slow)) as w:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(w.ask(path, body_for(path, stream=stream))) for _ in range(60)
            ]
        replies = [task.result() for task in tasks]
        passed = [reply for reply in replies if reply.status == 200]
        refused = [reply for reply in replies if reply.status == 403]
        assert len(passed) + len(refused) == 60
        worst = 64 if path == EMBEDDING else 1024
        assert 0 < len(passed) <= 4000 // worst
        assert {reply.error["code"] for reply in refused} <= {"budget_exhausted"}
        assert w.reserved == 0
        assert used(w)[1] == len(passed) * (10 if path == EMBEDDING else 15)
        # nothing stays reserved by mistake: there is room again
        assert (await w.ask(path, body_for(path, stream=stream))).status == 200


@on_routes
async def test_requests_are_counted_on_every_route(tmp_path, path, stream):
    async with wired(
        tmp_path, limited("requests_per_minute: 3"), provider=FakeProvider(answer(path))
    ) as w:
        statuses = [(await w.ask(path, body_for(path, stream=stream))).status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert len(w.provider.received) == 3


@pytest.mark.parametrize("path", TEXTS)
async def test_a_stream_that_is_left_is_paid_for(tmp_path, path):
    """The provider charges what it has said, usage or not: it is estimated."""
    slow = Script(deltas=(said("It is so. " * 20, finish_reason=None), said("x")), delays=(0, 30))
    async with wired(tmp_path, PRICED, provider=FakeProvider(slow)) as w:
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, gone.set)
        reply = await w.ask(path, body_for(path, stream=True), hangs_up=gone)
        closed = w.journal.closed(reply.trace)
        assert closed["outcome"] == "interrupted"
        assert closed["estimated"]
        assert closed["completion_tokens"] > 20
        assert used(w)[2] == closed["cost_nano"] > 0
        assert w.reserved == 0


async def test_both_models_of_a_failover_are_paid_for(tmp_path):
    broken = Script(
        deltas=(said("Half of an ans", finish_reason=None),), failure=ProviderUnavailable("gone")
    )
    text = PRICED.replace("route: main, embedding", "route: main, rules: [all], embedding") + (
        "rules: {all: {phase: answer, when: 'answer.text == \"x\"', do: [{block: {}}]}}\n"
    )
    async with wired(tmp_path, text, provider=FakeProvider(broken, answer(CHAT))) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert reply.text == "It is so. Yes."
        closed = w.journal.closed(reply.trace)
        first, second = closed["calls"]
        assert first["cost_nano"] > 0
        assert second["cost_nano"] == NANO
        assert used(w)[2] == closed["cost_nano"] == first["cost_nano"] + NANO


async def test_a_refused_answer_is_paid_for_all_the_same(tmp_path):
    text = PRICED.replace("route: main, embedding", "route: main, rules: [all], embedding") + (
        "rules: {all: {phase: answer, when: 'true', do: [{block: {}}]}}\n"
    )
    async with wired(tmp_path, text, provider=FakeProvider(answer(CHAT))) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.status == 403
        assert used(w) == (1, 15, NANO)


@on_routes
async def test_a_request_that_is_refused_costs_nothing(tmp_path, path, stream):
    text = PRICED.replace("route: main, embedding", "route: main, rules: [all], embedding") + (
        "rules: {all: {phase: request, when: 'true', do: [{block: {}}]}}\n"
    )
    async with wired(tmp_path, text, provider=FakeProvider(answer(path))) as w:
        assert (await w.ask(path, body_for(path, stream=stream))).status == 403
        assert used(w) == (1, 0, 0)


async def test_what_is_reserved_can_be_used_up(tmp_path):
    """The caller's wish is capped by the app's ceiling, and the model is always told one."""
    async with wired(
        tmp_path, limited("max_output_tokens: 50"), provider=FakeProvider(answer(CHAT))
    ) as w:
        for asked, given in ((None, 50), (20, 20), (9_999, 50)):
            await w.ask(CHAT, {**body_for(CHAT), "max_tokens": asked})
            assert w.provider.received[-1].attempt.max_tokens == given


@on_routes
async def test_a_count_that_no_call_can_have_harms_nobody(tmp_path, path, stream):
    script = answer(path)
    wrong = Delta(usage=Usage(prompt_tokens=10**30, completion_tokens=10**30))
    script = Script(deltas=(*script.deltas, wrong) if path == EMBEDDING else (
        *script.deltas[:-1], wrong
    ))  # fmt: skip
    async with wired(tmp_path, PRICED, provider=FakeProvider(script)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 200
        closed = w.journal.closed(reply.trace)
        assert closed["outcome"] == "allowed"
        assert closed["estimated"] == (path != EMBEDDING)
        assert used(w)[1] < 1_000
        said_so = [*w.journal.opened(reply.trace)["decisions"], *closed["decisions"]]
        assert [d["rule"] for d in said_so].count("usage") == 1


@on_routes
async def test_whoever_is_over_the_rate_has_a_name_in_the_record(tmp_path, path, stream):
    async with wired(tmp_path, limited("requests_per_minute: 2")) as w:
        replies = [await w.ask(path, body_for(path, stream=stream)) for _ in range(202)]
        refused = [r for r in replies if r.status == 429]
        assert len(refused) == 200
        for reply in refused:
            (record,) = w.journal.of(reply.trace)
            assert (record["tenant"], record["app"]) == ("main", "app")
            assert record["opened"]["key"]["id"] == "test"
            assert record["closed"]["outcome"] == "denied"
            assert record["closed"]["failure"]["code"] == "FH-LIM-002"
            assert "2 requests a minute" in record["opened"]["decisions"][-1]["why"]
