"""Cut anywhere through the real door: what rules on sentences replace and cut out never leaves, and
what the bundle lets leave first ends where it should.
"""

import asyncio

import pytest

from freehold.server.anthropic_replies import PING
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, wired
from tests.conformance.test_streams import PROMISE, Cut, every_cut
from tests.conformance.wires import CHAT, TEXTS, body_for

pytestmark = pytest.mark.conformance

RULED = BUNDLE.replace("route: main, embedding", "route: main, rules: [cap], embedding")
TEMPLATE = "Discounts are given in the shop."
CAP = """
rules:
  cap:
    phase: PHASE
    when: answer.percents.exists(p, p.upper > 2000)
    needs: NEEDS
    late: LATE
    do: [DO]
"""
REWRITE = f'{{rewrite: {{template: "{TEMPLATE}"}}}}'


def ruled(do: str, *, phase: str = "answer", needs: str = "sentence", late: str = "buffer") -> str:
    rules = CAP.replace("PHASE", phase).replace("NEEDS", needs).replace("LATE", late)
    return RULED + rules.replace("DO", do)


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("phase", ["answer", "stream"])
async def test_the_sentence_at_fault_is_replaced(tmp_path, path, phase):
    async with wired(tmp_path, ruled(REWRITE, phase=phase), provider=Cut(PROMISE)) as w:
        expected = f"It is in stock today. {TEMPLATE} Shall I order it?"
        assert (await w.ask(path, body_for(path))).text == expected
        for reply in await every_cut(w, PROMISE, path):
            assert reply.text == expected
            assert "30 %" not in reply.body.decode()
            assert reply.done
            assert w.journal.closed(reply.trace)["outcome"] == "transformed"


@pytest.mark.parametrize("phase", ["answer", "stream"])
async def test_a_fact_is_cut_out(tmp_path, phase):
    do = "{redact: {facts: [percent]}}"
    async with wired(tmp_path, ruled(do, phase=phase), provider=Cut(PROMISE)) as w:
        for reply in await every_cut(w, PROMISE):
            assert reply.text == PROMISE.replace("30 %", "[percent removed]")
            assert "30" not in reply.text


async def test_a_rule_on_the_stream_blocks(tmp_path):
    async with wired(tmp_path, ruled("{block: {}}", phase="stream"), provider=Cut(PROMISE)) as w:
        for reply in await every_cut(w, PROMISE):
            assert "30 %" not in reply.body.decode()
            assert reply.error["code"] == "policy_refused"
            if reply.streamed:
                assert reply.text == "It is in stock today. "


@pytest.mark.parametrize("do", ["{block: {}}", "{require_approval: {role: boss}}", REWRITE])
async def test_what_is_late_ends_every_stream_and_holds_nothing_back(tmp_path, do):
    text = ruled(do, needs="whole", late="terminate")
    async with wired(tmp_path, text, provider=Cut(PROMISE)) as w:
        replies = await every_cut(w, PROMISE)
        for reply in replies:
            assert reply.error["code"] == "policy_refused"
            assert PROMISE.startswith(reply.text if reply.streamed else "")
            closed = w.journal.closed(reply.trace)
            assert closed["failure"]["late"] is bool(closed["released_chars"])
        # letter by letter, all but the last word was out
        assert len(replies[-1].text) >= len(PROMISE) - len(" it?")


# -- signs of life, and clients that go away --


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("needs", ["sentence", "whole"])
async def test_what_is_held_back_shows_signs_of_life(tmp_path, path, needs):
    """The model speaks all the time; a control that buffers lets comments out, and nothing else."""
    words = tuple(said(f"{word} ", finish_reason=None) for word in "and so it goes on for".split())
    slow = Script(deltas=(*words, said("ever.")), delays=(0.02,))
    async with wired(
        tmp_path,
        ruled("{block: {}}", needs=needs),
        provider=FakeProvider(slow),
        door={"keep_alive_s": 0.03},
    ) as w:
        reply = await w.ask(path, body_for(path, stream=True))
        assert reply.text == "and so it goes on for ever."
        bodies = [m["body"] for m in reply.sent if m["type"] == "http.response.body"]
        signs = [n for n, body in enumerate(bodies) if body in (b": keep-alive\n\n", PING)]
        assert len(signs) >= 2
        assert signs == list(range(len(signs))), "they came first, while everything was held back"


@pytest.mark.parametrize("late", ["buffer", "terminate"])
async def test_a_client_that_hangs_up_on_a_control_of_the_whole(tmp_path, late):
    slow = Script(deltas=(said("It is so. " * 20, finish_reason=None), said("x")), delays=(0, 30))
    text = ruled("{block: {}}", needs="whole", late=late)
    async with wired(tmp_path, text, provider=FakeProvider(slow)) as w:
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, gone.set)
        before = len(asyncio.all_tasks())
        await w.ask(CHAT, body_for(CHAT, stream=True), hangs_up=gone)
        (closed,) = [r["closed"] for r in w.journal.records if "closed" in r]
        assert closed["outcome"] == "interrupted"
        assert bool(closed["released_chars"]) == (late == "terminate")
        assert w.provider.closed == 1
        assert w.reserved == 0
        assert len(asyncio.all_tasks()) == before
