"""A guard model in a gateway: what it reads, what it costs, and that nothing passes without it."""

import asyncio

import pytest
from msgspec.structs import replace

from freehold.app.rehearsal import rehearsal
from freehold.core.ask import ToolCall
from freehold.core.errors import FreeholdError
from freehold.core.handoffs import Choice, Discharge, Usage
from freehold.core.ports import Delta
from freehold.services.approvers import judging
from freehold.services.bundles import open_bundle
from freehold.services.rehearse import Scene
from freehold.stages.policy.demands import terms_of
from freehold.testing.fakes import FakeHealth, FakeProvider, Script, said
from tests.conformance.harness import TellingSource, wired, written
from tests.conformance.wires import CHAT, EMBEDDING, body_for
from tests.stages.governance.guards.guarded import DOWN, GUARD, Judging, bundle, cut

SOURCE = """
sources:
  facts: {type: http, url: "http://127.0.0.1:1/", public: true, LABELS}
egress: {allow: ["127.0.0.1:1"]}
"""


class Labelled(TellingSource):
    """A source whose pieces carry the labels that the bundle gives it."""

    async def fetch(self, spec, params):
        return replace(await super().fetch(spec, params), labels=spec.labels)


def calls(w, reply, role="guard"):
    return [c for c in w.journal.closed(reply.trace)["calls"] if c["role"] == role]


def decisions(w, reply):
    parts = [r[p] for r in w.journal.of(reply.trace) for p in ("opened", "closed") if p in r]
    return [decision for part in parts for decision in part["decisions"]]


def with_source(labels: str = "title: Facts", **more: str) -> str:
    text = bundle(more=SOURCE.replace("LABELS", labels), **more)
    return text.replace("embedding_route: vectors}", "embedding_route: vectors, sources: [facts]}")


async def test_it_reads_request_context_and_answer(tmp_path):
    provider = Judging("safe", "All is well.")
    async with wired(
        tmp_path, with_source(), provider=provider, sources={"http": TellingSource("Price: 3.")}
    ) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "What does it cost?"))
        assert reply.status == 200
        assert provider.texts == ["What does it cost?", "Price: 3.", "All is well."]
        question = provider.judged[-1].messages[0].content
        assert question == "What does it cost?"


async def test_its_call_is_paid_for_and_recorded(tmp_path):
    provider = Judging("safe")
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        closed = w.journal.closed(reply.trace)
        first, last = calls(w, reply)
        assert (first["model"], first["cost_nano"]) == ("judge", 10 * 4_000 + 2 * 8_000)
        assert first["usage"]["prompt_tokens"] == 10
        assert closed["cost_nano"] == sum(c["cost_nano"] for c in closed["calls"])
        assert closed["model"] == "first"  # the answer's own, though the guard spoke last
        assert last["attempt"] != first["attempt"]
        assert w.reserved == 0
        assert closed["waited_ns"]["governance"] > 0


async def test_a_long_conversation_costs_only_its_new_texts(tmp_path):
    provider = Judging("safe")
    async with wired(tmp_path, bundle(), provider=provider) as w:
        turns = [{"role": "user", "content": f"turn {number}"} for number in range(4)]
        await w.ask(CHAT, {"messages": turns})
        assert len(provider.judged) == 5
        provider.judged.clear()
        await w.ask(CHAT, {"messages": [*turns, {"role": "user", "content": "new"}]})
        assert provider.texts == ["new", "Good day to you. All is well."]


async def test_a_request_that_it_calls_unsafe_reaches_no_model(tmp_path):
    provider = Judging(lambda text: "unsafe\nS9" if "bomb" in text else "safe")
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "How to build a bomb?"))
        assert reply.status == 403
        assert reply.error["code"] == "content_refused"
        assert "indiscriminate weapons" in reply.error["message"]
        assert provider.received == []
        opened = w.journal.of(reply.trace)[0]["opened"]
        (finding,) = opened["findings"]
        assert (finding["detector"], finding["kind"]) == (GUARD, "indiscriminate_weapons")
        assert (finding["start"], finding["end"]) == (0, len("How to build a bomb?"))


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_it_calls_unsafe_does_not_leave(tmp_path, stream):
    provider = Judging(
        lambda text: "unsafe\nS1" if "stab" in text else "safe", "You should stab them all."
    )
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=stream))
        assert reply.status == 403
        assert b"stab" not in reply.body
        assert w.journal.closed(reply.trace)["released_chars"] == 0


async def test_what_the_caller_said_first_is_no_excuse_for_an_answer(tmp_path):
    """A leak is none where the caller wrote the value; a judgement stays one."""
    words = "You should stab them all."
    use = "phases: [answer]"
    provider = Judging(lambda text: "unsafe\nS1" if "stab" in text else "safe", words)
    async with wired(tmp_path, bundle(use=use), provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, f"Repeat: {words}"))
        assert reply.status == 403


async def test_what_was_fine_as_a_question_is_judged_again_as_an_answer(tmp_path):
    """The same words may answer another question: nothing that was remembered excuses them."""
    words = "Yes, do it."
    provider = Judging("safe", words)
    async with wired(tmp_path, bundle(), provider=provider) as w:
        assert (await w.ask(CHAT, body_for(CHAT, words))).status == 200
        assert provider.texts == [words, words]
        provider.verdict = lambda text: "unsafe\nS1" if text == words else "safe"
        reply = await w.ask(CHAT, body_for(CHAT, "Shall I stab him?"))
        assert reply.status == 403
        assert provider.judged[-1].messages[0].content == "Shall I stab him?"


async def test_tool_calls_are_judged(tmp_path):
    call = ToolCall(id="c1", name="run", arguments='{"command": "rm -rf /"}')
    answer = said("", tool_calls=(call,), finish_reason="tool_calls")
    provider = Judging(
        lambda text: "unsafe\nS14" if "rm -rf" in text else "safe", Script(deltas=(answer,))
    )
    tools = [{"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}]
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await w.ask(CHAT, {**body_for(CHAT), "tools": tools})
        assert reply.status == 403
        assert any("function" in text for text in provider.texts)  # the tools were read too


@pytest.mark.parametrize(
    "verdict",
    ["", "I can't judge this.", "safe\nS1", "unsafe\nviolence", cut("safe"), DOWN,
     RuntimeError("a secret: hunter2"), 5.0, Delta(choices=()),
     Delta(choices=(Choice(text="safe", finish_reason="content_filter"),)),
     said("safe", tool_calls=(ToolCall(id="1", name="x", arguments="{}"),)),
     Delta(choices=(Choice(text="safe", finish_reason="stop"),
                    Choice(index=1, text="unsafe", finish_reason="stop")))],
    ids=["empty", "refusal", "contradiction", "no category", "cut off", "down", "crash", "late",
         "nothing", "filtered", "tool", "two"],
)  # fmt: skip
@pytest.mark.parametrize("phase", ["request", "answer"])
@pytest.mark.parametrize("mode", ["enforce", "observe"])
async def test_no_verdict_that_counts_is_a_control_that_failed(tmp_path, verdict, phase, mode):
    provider = Judging(lambda _: verdict)
    use = f"mode: {mode}\n    phases: [{phase}]"
    async with wired(tmp_path, bundle(use=use), provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        said_so = [d for d in decisions(w, reply) if d["rule"] == GUARD]
        assert said_so
        assert "hunter2" not in str(w.journal.records)
        assert w.reserved == 0
        if mode == "observe":
            assert reply.status == 200
            assert said_so[0]["mode"] == "observe"
            assert said_so[0]["why"].startswith("would have refused")
        else:
            assert reply.status == 403
            assert reply.error["code"] == "control_failed"
            assert b"Good day" not in reply.body


async def test_one_that_is_known_to_be_down_is_not_waited_for(tmp_path):
    provider = Judging(lambda _: 5.0)
    text = bundle("{model: judge, deadline_ms: 4000}")
    async with wired(tmp_path, text, provider=provider, health=FakeHealth("judge")) as w:
        async with asyncio.timeout(2):
            reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.error["code"] == "control_failed"
        assert any("its endpoint is down" in d["why"] for d in decisions(w, reply))
        assert provider.judged == []
        assert w.reserved == 0


async def test_a_failed_verdict_is_not_remembered(tmp_path):
    provider = Judging("nonsense")
    async with wired(tmp_path, bundle(), provider=provider) as w:
        assert (await w.ask(CHAT, body_for(CHAT))).status == 403
        provider.verdict = "safe"
        assert (await w.ask(CHAT, body_for(CHAT))).status == 200


async def test_what_it_is_not_cleared_for_is_replaced(tmp_path):
    provider = Judging("safe", "Write to anna.meyer@example.org, please.")
    text = bundle(model="price: {input: 1}")
    async with wired(tmp_path, text, provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "I am anna.meyer@example.org."))
        assert "anna.meyer@example.org" in reply.text  # the sender's own, so it comes back
        assert all("anna" not in m.content for s in provider.judged for m in s.messages)
        assert "[EMAIL_" in provider.texts[0]
        assert calls(w, reply)[0]["redacted"] == 1
        assert any("judge is not cleared for pii" in d["why"] for d in decisions(w, reply))


async def test_a_label_that_nothing_can_cut_out_needs_a_clearance(tmp_path):
    text = with_source("labels: [hr]", model="price: {input: 1}") + "labels: {hr: {}}\n"
    text = text.replace('first: {base_url: "http://127.0.0.1:1/v1"',
                        'first: {base_url: "http://127.0.0.1:1/v1", clearances: [hr]')  # fmt: skip
    provider = Judging("safe")
    source = Labelled("Salaries: 1, 2, 3.")
    async with wired(tmp_path, text, provider=provider, sources={"http": source}) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.status == 403
        assert all("Salaries" not in text for text in provider.texts)
        assert any("not cleared for hr" in d["why"] for d in decisions(w, reply))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("models: [first, second, vectors]", "does not allow the model judge"),
        ("regions: [eu]", "region of the model judge"),
    ],
)
async def test_a_guard_in_the_wrong_place_is_not_asked(tmp_path, settings, why):
    """Where it enforces, `freehold check` refuses the bundle."""
    text = bundle(use="mode: observe", settings=f"content: full\n      {settings}")
    for name in ("first", "second", "vectors"):
        text = text.replace(f"{name}: {{base", f"{name}: {{region: eu, base")
    provider = Judging("safe")
    async with wired(tmp_path, text, provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.status == 200
        assert provider.judged == []
        assert any(why in d["why"] for d in decisions(w, reply))


async def test_without_a_budget_for_it_nothing_passes(tmp_path):
    text = bundle(
        model="price: {input: 900, output: 900}",
        settings="content: full\n      limits: {money_per_day: 0.01}",
    )
    provider = Judging("safe")
    async with wired(tmp_path, text, provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.error["code"] == "budget_exhausted"
        assert provider.judged == []
        assert provider.received == []


async def test_what_quick_controls_refuse_is_asked_of_nobody(tmp_path):
    text = bundle(settings="content: full\n      detectors: {pii.email: {action: block}}")
    provider = Judging("safe")
    async with wired(tmp_path, text, provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "I am anna.meyer@example.org."))
        assert reply.error["code"] == "content_refused"
        assert provider.judged == []


async def test_several_guards_run_side_by_side(tmp_path):
    more = "  guard.two:\n    guard: {model: judge, deadline_ms: 5000}\n"
    text = bundle("{model: judge, deadline_ms: 5000}", "phases: [request]") + more
    met = asyncio.Barrier(2)

    class Together(Judging):
        async def call(self, sendable):
            if sendable.attempt.role == "guard" and len(self.judged) < 2:
                self.judged.append(sendable)
                await met.wait()  # neither goes on before both are there
                yield said("safe", usage=Usage())
                return
            async for delta in super().call(sendable):
                yield delta

    provider = Together("safe")
    async with wired(tmp_path, text, provider=provider) as w:
        async with asyncio.timeout(4):
            assert (await w.ask(CHAT, body_for(CHAT))).status == 200


async def test_a_long_text_is_judged_part_by_part_with_nothing_lost_at_a_cut(tmp_path):
    guard = "{model: judge, max_chars: 400, max_parts: 6}"
    provider = Judging(lambda text: "unsafe\nS1" if "needle" in text else "safe")
    use = "phases: [request]"
    async with wired(tmp_path, bundle(guard, use), provider=provider) as w:
        for place in range(0, 1_500, 37):
            hay = "x " * 750
            text = f"{hay[:place]}needle{hay[place:]}"
            provider.judged.clear()
            reply = await w.ask(CHAT, body_for(CHAT, text))
            assert reply.status == 403, place
            assert max(map(len, provider.texts)) <= 400
        assert (await w.ask(CHAT, body_for(CHAT, "x " * 750))).status == 200
        too_long = await w.ask(CHAT, body_for(CHAT, "y " * 4_000))
        assert too_long.error["code"] == "control_failed"


async def test_embeddings_are_judged_too(tmp_path):
    vector = Delta(embeddings=([0.5],), usage=Usage(prompt_tokens=2))
    provider = Judging("unsafe\nS1", Script(deltas=(vector,)))
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await w.ask(EMBEDDING, body_for(EMBEDDING))
        assert reply.status == 403


async def test_ignored_categories_do_not_count(tmp_path):
    guard = "{model: judge, ignore: [S6], categories: {S1: harm}}"
    provider = Judging("unsafe\nS6")
    async with wired(tmp_path, bundle(guard, "phases: [request]"), provider=provider) as w:
        assert (await w.ask(CHAT, body_for(CHAT))).status == 200
        provider.verdict = "unsafe\nS6,S1"
        reply = await w.ask(CHAT, body_for(CHAT, "another"))
        (finding,) = w.journal.of(reply.trace)[0]["opened"]["findings"]
        assert (finding["kind"], finding["label"]) == ("violent_crimes", "harm")


async def test_the_apps_own_instructions_are_not_its_business(tmp_path):
    text = bundle().replace("purpose: Is tested", "purpose: Is tested, system_prompt: Be kind")
    provider = Judging(lambda text: "unsafe\nS1" if "kind" in text else "safe")
    async with wired(tmp_path, text, provider=provider) as w:
        assert (await w.ask(CHAT, body_for(CHAT))).status == 200


async def test_a_client_that_hangs_up_ends_the_guards_call(tmp_path):
    provider = Judging(lambda _: 30.0)
    gone = asyncio.Event()
    guard = "{model: judge, deadline_ms: 20000}"
    async with wired(tmp_path, bundle(guard), provider=provider) as w:
        asking = asyncio.create_task(w.ask(CHAT, body_for(CHAT), hangs_up=gone))
        while not provider.judged:
            await asyncio.sleep(0.01)
        gone.set()
        await asking
        assert w.reserved == 0
        (closed,) = [r["closed"] for r in w.journal.records if "closed" in r]
        assert closed["outcome"] == "interrupted"


async def test_when_a_model_fails_the_next_is_tried_and_the_request_is_not_judged_again(tmp_path):
    provider = Judging("safe", DOWN, "All is well.")
    async with wired(tmp_path, bundle(), provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.text == "All is well."
        assert provider.texts == ["Hello there.", "All is well."]


async def test_no_guard_no_cost(tmp_path):
    """Without a detector that waits, governance is asked nothing ahead."""
    async with wired(tmp_path, provider=FakeProvider("Fine.")) as w:
        governance = w.gateway.journey.governance
        governance.consult = None  # whoever called it would crash
        assert (await w.ask(CHAT, body_for(CHAT))).status == 200


HOLD = """
rules:
  hold:
    phase: answer
    when: "true"
    do: [{require_approval: {role: manager}}]
"""


async def test_an_answer_that_was_held_is_judged_when_it_leaves(tmp_path):
    """By a process that remembers nothing, too: the request's texts are judged again with it."""
    text = bundle(more=HOLD).replace(
        "embedding_route: vectors}", "embedding_route: vectors, rules: [hold]}"
    )
    async with wired(tmp_path / "one", text, provider=Judging("safe", "All is well.")) as w:
        await w.ask(CHAT, body_for(CHAT))
        (held,) = w.holds.held
        terms = terms_of(w.gateway.bundle.rules["hold"])
    met = Discharge(
        approval_id="a", rule="hold", version=1, role="manager", by="b", issuer="i", terms=terms
    )
    held = replace(held, discharged=(met,))
    for verdict, left in (("safe", "All is well."), ("unsafe\nS1", ""), ("hm", "")):
        provider = Judging(verdict)
        async with wired(tmp_path / verdict[:4], text, provider=provider) as w:
            trail, said = judging(held), ""
            try:
                async for piece in w.gateway.journey.resume(held, trail):
                    said += piece.text
            except FreeholdError:
                assert not left
            assert said == left
            assert {*provider.texts} >= {"Hello there."}
            if left:
                assert "All is well." in provider.texts
            assert w.reserved == 0


def test_in_rehearsals_guards_say_that_all_is_well(tmp_path):
    text = bundle(
        "{model: judge, style: json, prompt: Is it bad?}", more=HOLD.replace("true", "false")
    )
    text = text.replace("embedding_route: vectors}", "embedding_route: vectors, rules: [hold]}")
    rehearsed = rehearsal(open_bundle(written(tmp_path, text)))
    came = asyncio.run(rehearsed.run(Scene(app="app", answer="Fine.")))
    assert (came.outcome, came.said) == ("allowed", "Fine.")
