"""Cascades on the whole path: the smaller model's answer is checked before anything of it leaves,
both calls are paid for, and no control or clearance is any weaker for it.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.core.ask import ToolCall
from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Piece, Usage
from freehold.core.ports import Delta
from freehold.core.spec import SourceSpec
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import TellingSource, Wired, wired
from tests.conformance.wires import CHAT, Reply, body_for
from tests.test_journey import travel

NANO = 1_000
GOOD = "Returns are free for 30 days. Bring the receipt."
DONT_KNOW = "I don't know that. You could ask in the shop."


def bundle(cascade: str = "{}", more: str = "", sources: str = "", settings: str = "") -> str:
    return f"""\
freehold: 1
name: cascades
labels: {{orders: {{redactable: false}}}}
tenants:
  main: {{settings: {{content: full, {settings}}}}}
models:
  small: {{base_url: "http://127.0.0.1:1/v1", price: {{input: 1, output: 1}}, retries: 0}}
  big:
    {{base_url: "http://127.0.0.1:1/v1", price: {{input: 10, output: 10}}, retries: 0,
      clearances: [orders]}}
  other: {{base_url: "http://127.0.0.1:1/v1", price: {{input: 10, output: 10}}, retries: 0}}
routes:
  main:
    candidates: [small, other, big]
    cascade: {cascade}
{sources}
apps:
  app: {{tenant: main, purpose: Is tested, route: main{more}}}
"""


def asked(w: Wired) -> list[str]:
    """The models that were called, in order."""
    return [sent.attempt.model.id for sent in w.provider.received]


async def ask(w: Wired, *, stream: bool = False, **more: Any) -> Reply:
    return await w.ask(CHAT, body_for(CHAT, "May I bring it back?", stream=stream) | more)


def routed(w: Wired, reply: Reply) -> list[str]:
    """What routing decided about the cascade."""
    parts = [r.get(key, {}) for r in w.journal.of(reply.trace) for key in ("opened", "closed")]
    rule = "route.main.cascade"
    return [d["why"] for p in parts for d in p.get("decisions", ()) if d["rule"] == rule]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_will_do_is_the_only_one(tmp_path, stream):
    async with wired(tmp_path, bundle(), provider=FakeProvider(GOOD)) as w:
        reply = await ask(w, stream=stream)
        assert reply.text == GOOD
        assert asked(w) == ["small"]
        assert routed(w, reply) == ["small has a confidence of 1.00, which is enough"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("first", "doubt"),
    [
        (DONT_KNOW, "abstain: it says that it does not know"),
        ("I'm sorry, but I can't help with that.", "refusal: it declines to help"),
        ("", "length: it has fewer than 1 characters"),
        (said("Returns are", finish_reason="length"), "length: it is cut off"),
    ],
)
async def test_a_doubted_answer_gives_way_unseen_and_both_are_paid(tmp_path, stream, first, doubt):
    script = Script(deltas=(first,)) if isinstance(first, Delta) else first
    provider = FakeProvider(script, GOOD)
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await ask(w, stream=stream)
        assert reply.text == GOOD
        assert asked(w) == ["small", "other"]
        (why,) = routed(w, reply)
        assert why.startswith("small has a confidence of 0.00, below 0.50: ")
        assert doubt in why
        assert why.endswith("; the next model is asked")
        closed = w.journal.closed(reply.trace)
        assert closed["outcome"] == "allowed"
        assert closed["model"] == "other"
        costs = [call["cost_nano"] for call in closed["calls"]]
        assert len(costs) == 2
        assert closed["cost_nano"] == sum(costs) > costs[0]
        assert closed["prompt_tokens"] == sum(c["usage"]["prompt_tokens"] for c in closed["calls"])
        assert w.reserved == 0


async def test_what_settles_is_the_money_of_both_calls(tmp_path):
    deltas = (said(DONT_KNOW, usage=Usage(prompt_tokens=7, completion_tokens=11)),)
    provider = FakeProvider(
        Script(deltas=deltas),
        Script(deltas=(said(GOOD, usage=Usage(prompt_tokens=5, completion_tokens=3)),)),
    )
    async with wired(tmp_path, bundle(), provider=provider) as w:
        settled: list[int] = []
        settle = w.limiter.settle

        def note(lease: Any, tokens: int, nano: int) -> None:
            settled.append(nano)
            settle(lease, tokens, nano)

        w.limiter.settle = note
        await ask(w)
        assert sorted(settled) == [18 * NANO, 8 * 10 * NANO]


async def test_nothing_of_a_stream_leaves_before_the_check(tmp_path):
    """The small model has said much when it turns out to be cut off."""
    long = tuple(said(f"Sentence {n}. ", finish_reason=None) for n in range(30))
    provider = FakeProvider(Script(deltas=(*long, said(finish_reason="length"))), GOOD)
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await ask(w, stream=True)
        assert reply.text == GOOD
        assert "Sentence" not in reply.body.decode()


async def test_signs_of_life_go_out_while_a_stream_waits(tmp_path):
    slow = Script(deltas=(said(GOOD),), first_delay=0.3)
    async with wired(
        tmp_path, bundle(), provider=FakeProvider(slow), door={"keep_alive_s": 0.02}
    ) as w:
        reply = await ask(w, stream=True)
        assert b": keep-alive" in reply.body
        assert reply.text == GOOD


async def test_checks_of_the_beginning_let_a_stream_go_on_after_it(tmp_path):
    """Two good sentences are enough: what comes later leaves as it comes."""
    gate = asyncio.Event()

    class Gated(FakeProvider):
        async def call(self, sendable):
            self.received.append(sendable)
            for text in ("Returns are free. ", "Bring the receipt. ", "Many thanks", " and more"):
                yield said(text, finish_reason=None)
            await gate.wait()
            yield said(" again.")

    async with wired(
        tmp_path, bundle("{checks: [abstain, refusal]}"), provider=Gated(), door={"keep_alive_s": 9}
    ) as w:
        journey = w.gateway.journey
        seen: list[str] = []
        leave = type(journey.audit).opened

        def opened(ruled, trail):
            leave(journey.audit, ruled, trail)
            seen.append("opened")
            gate.set()  # only when something leaves can the rest come

        journey.audit.opened = opened
        reply = await ask(w, stream=True)
        assert seen == ["opened"]
        assert reply.text == "Returns are free. Bring the receipt. Many thanks and more again."


async def test_json_that_is_none_and_calls_that_no_tool_takes_are_doubted(tmp_path):
    form = {
        "type": "json_schema",
        "json_schema": {
            "name": "a",
            "schema": {
                "type": "object",
                "properties": {"days": {"type": "integer"}},
                "required": ["days"],
            },
        },
    }
    async with wired(tmp_path, bundle(), provider=FakeProvider('{"day": 3}', '{"days": 3}')) as w:
        reply = await ask(w, response_format=form)
        assert reply.text == '{"days": 3}'
        assert "format: days is missing" in routed(w, reply)[0]
    wrong = Script(deltas=(said(tool_calls=[ToolCall(id="1", name="look", arguments="{}")]),))
    schema = {"type": "object", "required": ["where"]}
    tools = [{"type": "function", "function": {"name": "look", "parameters": schema}}]
    async with wired(tmp_path / "b", bundle(), provider=FakeProvider(wrong, GOOD)) as w:
        reply = await ask(w, tools=tools)
        assert reply.text == GOOD
        assert "format: where is missing" in routed(w, reply)[0]


SOURCES = """\
sources:
  terms: {type: http, url: "http://127.0.0.1:1/terms", public: true%s}
egress: {allow: ["127.0.0.1:1"]}
"""


async def test_an_ungrounded_answer_goes_to_the_larger_model(tmp_path):
    terms = TellingSource("Returns are free for 30 days.")
    provider = FakeProvider("You have 90 days to return it.", "You have 30 days to return it.")
    text = bundle("{checks: [groundedness]}", ", sources: [terms]", SOURCES % "")
    async with wired(tmp_path, text, provider=provider, sources={"http": terms}) as w:
        reply = await ask(w)
        assert reply.text == "You have 30 days to return it."
        assert "groundedness: a duration that no trusted text states" in routed(w, reply)[0]


async def test_a_model_that_may_not_read_the_data_is_never_asked(tmp_path):
    """Neither first nor after a doubt: the filters have the first word."""

    class Labelled(TellingSource):
        async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
            piece = await super().fetch(spec, params)
            return piece and replace(piece, labels=spec.labels)

    terms = Labelled("Order 4711 is on its way.")
    text = bundle("{}", ", sources: [terms]", SOURCES % ", labels: [orders]")
    async with wired(
        tmp_path, text, provider=FakeProvider(DONT_KNOW), sources={"http": terms}
    ) as w:
        reply = await ask(w)
        assert asked(w) == ["big"]
        assert reply.text == DONT_KNOW  # the last one's answer is judged as it is


async def test_a_models_own_confidence_counts(tmp_path):
    unsure = Script(deltas=(Delta(choices=said("refund").choices, confidence=420_000),))
    async with wired(tmp_path, bundle(), provider=FakeProvider(unsure, GOOD)) as w:
        reply = await ask(w)
        assert reply.text == GOOD
        assert "confidence of 0.42" in routed(w, reply)[0]


RULES = """\
rules:
  no-cash: {version: 1, phase: answer, when: 'answer.text.contains("cash")', do: [block: ]}
"""


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_rule_would_refuse_goes_on_only_where_that_is_declared(tmp_path, stream):
    bad = "We give you cash."
    plain = bundle("{checks: [abstain]}", ", rules: [no-cash]", RULES)
    async with wired(tmp_path / "a", plain, provider=FakeProvider(bad, GOOD)) as w:
        reply = await ask(w, stream=stream)
        assert asked(w) == ["small"]
        assert reply.error["code"] == "policy_refused"
    declared = bundle("{checks: [abstain, controls]}", ", rules: [no-cash]", RULES)
    async with wired(tmp_path / "b", declared, provider=FakeProvider(bad, GOOD)) as w:
        reply = await ask(w, stream=stream)
        assert reply.text == GOOD
        assert "its answer was refused" in routed(w, reply)[0]
    async with wired(tmp_path / "c", declared, provider=FakeProvider(bad, bad)) as w:
        reply = await ask(w, stream=stream)
        assert asked(w) == ["small", "other"]
        assert reply.error["code"] == "policy_refused"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_doubted_answer_stands_only_where_it_is_kept(tmp_path, stream):
    away = ProviderUnavailable("away", again=False)
    async with wired(tmp_path / "a", bundle(), provider=FakeProvider(DONT_KNOW, away)) as w:
        reply = await ask(w, stream=stream)
        assert asked(w) == ["small", "other", "big"]
        assert reply.error["code"] == "provider_unavailable"
    kept = bundle("{keep: true}")
    async with wired(tmp_path / "b", kept, provider=FakeProvider(DONT_KNOW, away)) as w:
        reply = await ask(w, stream=stream)
        assert reply.text == DONT_KNOW
        closed = w.journal.closed(reply.trace)
        assert closed["model"] == "small"
        assert closed["outcome"] == "allowed"
        assert "so the doubted answer of small stands" in routed(w, reply)[1]
        assert w.reserved == 0


async def test_a_kept_answer_meets_the_same_controls(tmp_path):
    away = ProviderUnavailable("away", again=False)
    text = bundle("{keep: true}", ", rules: [no-cash]", RULES)
    said_so = "I don't know, but we pay cash."
    async with wired(tmp_path, text, provider=FakeProvider(said_so, away)) as w:
        assert (await ask(w)).error["code"] == "policy_refused"


async def test_money_that_is_spent_keeps_the_smaller_answer_or_refuses(tmp_path):
    """The larger model's worst case does not fit any more."""
    limit = "limits: {money_per_day: 0.004, max_output_tokens: 1000}"
    for cascade, expected in (("{}", "budget_exhausted"), ("{keep: true}", "")):
        folder = tmp_path / (expected or "kept")
        text = bundle(cascade, settings=limit)
        async with wired(folder, text, provider=FakeProvider(DONT_KNOW, GOOD)) as w:
            reply = await ask(w)
            assert asked(w) == ["small"]
            if expected:
                assert reply.error["code"] == expected
            else:
                assert reply.text == DONT_KNOW
            assert w.reserved == 0


async def test_a_client_that_hangs_up_between_the_calls_pays_for_one(tmp_path):
    gone = asyncio.Event()

    class Waiting(FakeProvider):
        async def call(self, sendable):
            self.received.append(sendable)
            if sendable.attempt.model.id == "small":
                yield said(DONT_KNOW)
                return
            gone.set()
            await asyncio.Event().wait()
            yield said("never")

    async with wired(tmp_path, bundle(), provider=Waiting()) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "May I?", stream=True), hangs_up=gone)
        (record,) = [r for r in w.journal.records if "closed" in r]
        closed = record["closed"]
        assert record["type"] == "interrupted"
        assert [call["model"] for call in closed["calls"]] == ["small", "other"]
        assert closed["cost_nano"] > 0
        assert w.reserved == 0
        assert "never" not in reply.body.decode()


async def test_what_was_doubted_is_told_to_whoever_learns_the_route(tmp_path):
    async with wired(tmp_path, bundle(), provider=FakeProvider(DONT_KNOW, GOOD)) as w:
        trail, _ = await travel(w.gateway.journey)
        (outcome,) = trail.outcomes
        assert (outcome.source, outcome.model, outcome.score) == ("cascade", "small", 0)
        assert outcome.metric == "cascade.small"
        assert outcome.cost_nano == trail.calls[0].cost_nano
    async with wired(tmp_path / "b", bundle(), provider=FakeProvider(GOOD)) as w:
        trail, _ = await travel(w.gateway.journey)
        assert trail.outcomes == []
