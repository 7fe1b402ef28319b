"""Two models on one request: who answers, what it costs, who sees what, what is left."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Sendable, Usage
from freehold.core.ports import Delta
from freehold.testing.fakes import FakeHealth, FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, Wired
from tests.conformance.harness import wired as plainly_wired
from tests.conformance.wires import CHAT, EMBEDDING, ROUTES, Reply, body_for

pytestmark = pytest.mark.conformance

USED = Usage(prompt_tokens=10, completion_tokens=5)
NANO = 10 * 1_000 + 5 * 2_000
THREE = BUNDLE.replace(
    "  vectors: {base",
    '  third: {base_url: "http://127.0.0.1:1/v1", price: {input: 1, output: 2}, retries: 0}\n'
    '  spare: {base_url: "http://127.0.0.1:1/v1", capabilities: [embedding], retries: 0}\n'
    "  vectors: {base",
)


def hedged(hedge: str = "{after_ms: 1, max_share: 1}", text: str = THREE) -> str:
    return text.replace(
        "{candidates: [first, second]}", f"{{candidates: [first, second, third], hedge: {hedge}}}"
    ).replace("{candidates: [vectors]}", f"{{candidates: [vectors, spare], hedge: {hedge}}}")


class Several:
    """``Provider`` in which each model has a double of its own; ``stuck`` never says anything."""

    def __init__(self, **models: FakeProvider | None) -> None:
        self.models = models
        self.received: list[Sendable] = []
        self.left: list[str] = []

    @property
    def asked(self) -> list[str]:
        return [sendable.attempt.model.id for sendable in self.received]

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        model = sendable.attempt.model.id
        self.received.append(sendable)
        double = self.models[model]
        ended = False
        try:
            if double is None:
                await asyncio.Event().wait()
                return
            async for delta in double.call(sendable):
                yield delta
            ended = True
        finally:
            if not ended:
                self.left.append(model)


def answers(text: str = "It is so.", path: str = CHAT) -> FakeProvider:
    if path == EMBEDDING:
        return FakeProvider(Script(deltas=(Delta(embeddings=([0.5],), usage=USED),)))
    return FakeProvider(Script(deltas=(said(text), Delta(usage=USED))))


def decisions(w: Wired, reply: Reply, rule: str = "hedge") -> list[str]:
    parts = [r.get(key, {}) for r in w.journal.of(reply.trace) for key in ("opened", "closed")]
    return [d["why"] for p in parts for d in p.get("decisions", ()) if d["rule"] == rule]


def wired(folder: Any, provider: Any, text: str = "", **more: Any) -> Any:
    return plainly_wired(folder, text or hedged(), provider=provider, **more)


@pytest.mark.parametrize(("path", "stream"), ROUTES)
async def test_the_second_answers_where_the_first_is_late(tmp_path, path, stream):
    one, two = ("vectors", "spare") if path == EMBEDDING else ("first", "second")
    provider = Several(**{one: None, two: answers(path=path)})
    async with wired(tmp_path, provider) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 200
        assert provider.asked == [one, two]
        assert provider.left == [one]  # upstream it is ended, before anybody has to wait for it
        calls = w.journal.closed(reply.trace)["calls"]
        assert [call["model"] for call in calls] == [one, two]
        assert calls[0]["error"] == f"{two} answered first"
        assert [call["error_kind"] for call in calls] == ["hung_up", ""]
        assert calls[1]["error"] == ""
        (why,) = decisions(w, reply)
        assert why == f"{one} had said nothing after 1 ms; {two} is asked beside it"
        assert w.journal.closed(reply.trace)["model"] == two


async def test_both_are_paid_for(tmp_path):
    provider = Several(first=None, second=answers())
    async with wired(tmp_path, provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        closed = w.journal.closed(reply.trace)
        first, second = closed["calls"]
        assert first["usage"]["estimated"]
        assert first["usage"]["completion_tokens"] == 0
        assert first["cost_nano"] == first["usage"]["prompt_tokens"] * 1_000 > 0
        assert second["cost_nano"] == NANO
        assert closed["cost_nano"] == first["cost_nano"] + NANO
        assert w.limiter.used("app:main/app")[2] == closed["cost_nano"]
        assert w.reserved == 0


async def test_one_that_answers_in_time_stays_alone(tmp_path):
    provider = Several(first=answers(), second=None)
    async with wired(tmp_path, provider, hedged("{after_ms: 60000, max_share: 1}")) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.text == "It is so."
        assert provider.asked == ["first"]
        assert decisions(w, reply) == []


async def test_a_second_that_fails_changes_nothing(tmp_path):
    slow = FakeProvider(Script(deltas=(said("Late but good."),), first_delay=0.1))
    provider = Several(first=slow, second=FakeProvider(ProviderUnavailable("busy")))
    async with wired(tmp_path, provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.text == "Late but good."
        (why,) = decisions(w, reply)
        assert why.endswith("second is asked beside it")
        assert w.journal.closed(reply.trace)["model"] == "first"


async def test_where_both_fail_a_third_is_asked_and_none_twice(tmp_path):
    fails = Script(failure=ProviderUnavailable("model first: gone"), first_delay=0.1)
    provider = Several(
        first=FakeProvider(fails),
        second=FakeProvider(ProviderUnavailable("busy")),
        third=answers("Third."),
    )
    async with wired(tmp_path, provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.text == "Third."
        assert provider.asked == ["first", "second", "third"]
        assert decisions(w, reply, "failover") == ["model first: gone; third is asked instead"]
        assert w.reserved == 0


async def test_no_more_than_the_route_allows_are_asked_twice(tmp_path):
    slow = FakeProvider(Script(deltas=(said("One."),), first_delay=0.03))
    provider = Several(first=slow, second=None)
    async with wired(tmp_path, provider, hedged("{after_ms: 1, max_share: 0.25}")) as w:
        for _ in range(9):
            assert (await w.ask(CHAT, body_for(CHAT))).text == "One."
        assert provider.asked.count("first") == 9
        assert 1 <= provider.asked.count("second") <= 3


async def test_without_money_for_a_second_the_first_is_waited_for(tmp_path):
    slow = FakeProvider(Script(deltas=(said("One."), Delta(usage=USED)), first_delay=0.05))
    provider = Several(first=slow, second=answers("Two."))
    text = hedged().replace("content: full", "content: full\n      limits: {tokens_per_day: 1200}")
    async with wired(tmp_path, provider, text) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.text == "One."
        assert provider.asked == ["first"]
        (why,) = decisions(w, reply)
        assert why.startswith("second could not be asked beside it: ")
        closed = w.journal.closed(reply.trace)
        assert closed["outcome"] == "allowed"
        assert all(d["outcome"] != "deny" for d in closed["decisions"])
        assert w.reserved == 0


async def test_a_stream_that_has_begun_stays_with_its_model(tmp_path):
    slow = Script(deltas=(said("It is ", finish_reason=None), said("so.")), delays=(0.0, 0.1))
    provider = Several(first=FakeProvider(slow), second=answers("Two."))
    async with wired(tmp_path, provider, hedged("{after_ms: 50, max_share: 1}")) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert reply.text == "It is so."
        assert provider.asked == ["first"]


async def test_the_second_sees_what_it_is_cleared_for(tmp_path):
    provider = Several(first=None, second=answers())
    text = hedged().replace("first: {base", "first: {clearances: [pii], base")
    async with wired(tmp_path, provider, text) as w:
        await w.ask(CHAT, body_for(CHAT, "Write to maria@example.org please."))
        first, second = (sent.messages[-1].content for sent in provider.received)
        assert "maria@example.org" in first
        assert "maria@example.org" not in second


async def test_a_client_that_hangs_up_ends_both(tmp_path):
    provider = Several(first=None, second=None)
    async with wired(tmp_path, provider) as w:
        gone = asyncio.Event()
        asking = asyncio.create_task(w.ask(CHAT, body_for(CHAT, stream=True), hangs_up=gone))
        while provider.asked != ["first", "second"]:
            await asyncio.sleep(0.001)
        gone.set()
        await asking
        assert sorted(provider.left) == ["first", "second"]
        (closed,) = [r["closed"] for r in w.journal.records if "closed" in r]
        assert closed["outcome"] == "interrupted"
        assert [call["error"] for call in closed["calls"]] == ["the caller went away"] * 2
        assert w.limiter.used("app:main/app")[2] == closed["cost_nano"] > 0
        assert w.reserved == 0


async def test_a_client_that_hangs_up_as_both_answer_is_charged_one_answer(tmp_path):
    go = asyncio.Event()

    class Together(Several):
        async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
            self.received.append(sendable)
            await go.wait()
            yield said("It is so.")
            yield Delta(usage=USED)

    provider = Together()
    async with wired(tmp_path, provider) as w:
        asking = asyncio.create_task(w.ask(CHAT, body_for(CHAT)))
        async with asyncio.timeout(10):
            while len(provider.asked) < 2:
                await asyncio.sleep(0.01)
        go.set()
        await asyncio.sleep(0)  # both have answered, and nobody has looked yet
        asking.cancel()
        await asyncio.wait((asking,))
        (closed,) = (r["closed"] for r in w.journal.records if "closed" in r)
        assert closed["outcome"] == "interrupted"
        calls = closed["calls"]
        assert [(c["error"], c["error_kind"]) for c in calls] == [
            ("", ""),
            ("first answered first", "hung_up"),
        ]
        assert [call["cost_nano"] for call in calls] == [NANO, NANO], "both are paid for"


async def test_one_in_trouble_is_not_asked_beside(tmp_path):
    provider = Several(first=None, second=answers("Two."), third=answers("Three."))
    async with wired(tmp_path, provider, health=FakeHealth("second")) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.text == "Three."
        assert provider.asked == ["first", "third"]


async def test_after_a_percentile_of_what_the_endpoint_usually_takes(tmp_path):
    provider = Several(first=None, second=answers("Two."))
    health = FakeHealth()
    health.usual["first"] = 2_000_000
    text = hedged("{after_percentile: 95, max_share: 1}")
    async with wired(tmp_path, provider, text, health=health) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        (why,) = decisions(w, reply)
        assert why.startswith("first had said nothing after 2 ms")


async def test_a_crash_is_no_failure_that_another_model_hides(tmp_path):
    slow = FakeProvider(Script(failure=RuntimeError("a bug"), first_delay=0.03))
    provider = Several(first=slow, second=None)
    async with wired(tmp_path, provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.status == 403
        assert reply.error["code"] == "control_failed"
        assert sorted(provider.left) == ["first", "second"]


@pytest.mark.parametrize("cut", ["first", "second"])
async def test_one_that_was_ended_for_another_comes_again_when_that_one_breaks_off(tmp_path, cut):
    """Whoever wins the race breaks off before anything has left: the loser was well all along."""
    rule = "rules: {all: {phase: answer, when: 'answer.text == \"x\"', do: [{block: {}}]}}\n"
    text = hedged().replace("third], hedge", "], hedge").replace("second, ]", "second]")
    text = text.replace("route: main, embedding", "route: main, rules: [all], embedding") + rule
    breaks = Script(
        deltas=(said("Half of an ans", finish_reason=None),),
        failure=ProviderUnavailable(f"model {cut}: gone"),
        first_delay=0.1 if cut == "first" else 0.0,
        delays=(0.0,),
    )
    twice = Twice(cut, FakeProvider(breaks))
    async with wired(tmp_path, twice, text) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert reply.text == "It is so."
        other = "second" if cut == "first" else "first"
        assert twice.asked == ["first", "second", other]
        assert decisions(w, reply, "failover") == [f"model {cut}: gone; {other} is asked instead"]
        closed = w.journal.closed(reply.trace)
        assert closed["model"] == other
        assert w.limiter.used("app:main/app")[2] == closed["cost_nano"]
        assert w.reserved == 0


class Twice(Several):
    """One model breaks off; the other is stuck when it is asked first, and answers again later."""

    def __init__(self, broken: str, double: FakeProvider) -> None:
        super().__init__(first=None, second=None)
        self.models[broken] = double
        self._other = "second" if broken == "first" else "first"

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        if sendable.attempt.model.id == self._other and self._other in self.asked:
            self.models[self._other] = answers()
        async for delta in super().call(sendable):
            yield delta
