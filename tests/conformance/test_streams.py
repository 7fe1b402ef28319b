"""Nothing that a control objects to leaves on a stream, however the model cuts its answer, and a
model that breaks off is replaced unseen or not at all.
"""

from collections.abc import AsyncGenerator, Callable

import pytest

from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Sendable, Usage
from freehold.core.ports import Delta
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, Wired, wired
from tests.conformance.wires import CHAT, TEXTS, Reply, body_for

pytestmark = pytest.mark.conformance

EMAIL = "jane.roe@harbor-mail.com"
PHONE = "+49 30 901820"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
LEAKS = {
    "email": (f"Please write to {EMAIL}, she knows more. Bye.", EMAIL),
    "two e-mails": (f"Ask {EMAIL} or x@y.org; both read it", EMAIL),
    "phone": (f"Call her on {PHONE} before noon. Thanks!", PHONE),
    "aws key": (f"Use {KEY_ID} for the upload.\nDone.", KEY_ID),
    "card": ("The card 4111 1111 1111 1111 was charged, I think.", "4111 1111 1111 1111"),
    "iban": ("Pay to DE89 3704 0044 0532 0130 00 please. Soon.", "DE89 3704 0044 0532 0130 00"),
    "many scripts": (f"好的，请写信给 {EMAIL}。谢谢 👩‍👩‍👧!", EMAIL),
}
PROMISE = "It is in stock today. We can give you 30 % off that coat. Shall I order it?"


class Cut:
    """``Provider`` that says one text in the pieces that ``cuts`` make of it."""

    def __init__(self, text: str | Callable[[Sendable], str], cuts: tuple[int, ...] = ()) -> None:
        self.text = text
        self.cuts = cuts
        self.received: list[Sendable] = []

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        self.received.append(sendable)
        text = self.text if isinstance(self.text, str) else self.text(sendable)
        at = 0
        for cut in (*self.cuts, len(text)):
            if text[at:cut]:
                yield said(text[at:cut], finish_reason=None)
            at = cut
        yield said()
        yield Delta(usage=Usage(prompt_tokens=1, completion_tokens=1))


async def every_cut(w: Wired, text: str, path: str = CHAT) -> list[Reply]:
    """The replies for the text unsplit, cut in two at every position, and letter by letter."""
    replies = []
    everywhere = [(), *((i,) for i in range(1, len(text))), tuple(range(1, len(text)))]
    for cuts in everywhere:
        w.provider.cuts = cuts
        replies.append(await w.ask(path, body_for(path, stream=True)))
    return replies


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("name", LEAKS)
async def test_cut_anywhere_a_leak_is_taken_out(tmp_path, name, path):
    text, protected = LEAKS[name]
    async with wired(tmp_path, BUNDLE, provider=Cut(text)) as w:
        whole = await w.ask(path, body_for(path))
        assert protected not in whole.text
        assert "removed]" in whole.text
        for reply in await every_cut(w, text, path):
            assert reply.text == whole.text
            assert protected not in reply.body.decode()
            assert reply.done
            assert w.journal.closed(reply.trace)["outcome"] == "transformed"


RULE = """
rules:
  big-discount:
    phase: answer
    when: answer.percents.exists(p, p.upper > 2000)
    needs: NEEDS
    do: [{block: {}}]
"""
RULED = BUNDLE.replace("route: main, embedding", "route: main, rules: [big-discount], embedding")


@pytest.mark.parametrize(("needs", "left"), [("sentence", "It is in stock today. "), ("whole", "")])
async def test_cut_anywhere_a_promise_is_stopped(tmp_path, needs, left):
    async with wired(tmp_path, RULED + RULE.replace("NEEDS", needs), provider=Cut(PROMISE)) as w:
        replies = await every_cut(w, PROMISE)
        for reply in replies:
            assert "30 %" not in reply.body.decode()
            assert reply.error["code"] == "policy_refused"
            if reply.streamed:
                assert reply.text == left
            closed = w.journal.closed(reply.trace)
            assert closed["outcome"] == "denied"
            assert closed["released_chars"] == (len(left) if reply.streamed else 0)
        if needs == "sentence":
            # unsplit, the answer comes at once with its end and is refused as a whole
            assert sum(reply.streamed for reply in replies) > len(PROMISE) // 2
        else:
            assert not any(reply.streamed for reply in replies)


@pytest.mark.parametrize("needs", ["sentence", "whole"])
async def test_cut_anywhere_a_promise_is_held(tmp_path, needs):
    rule = RULE.replace("NEEDS", needs).replace("block: {}", "require_approval: {role: manager}")
    async with wired(tmp_path, RULED + rule, provider=Cut(PROMISE)) as w:
        for reply in await every_cut(w, PROMISE):
            assert "30 %" not in reply.body.decode()
            assert reply.status == 200
            outcome = w.journal.closed(reply.trace)["outcome"]
            if outcome == "held":
                assert "stock" not in reply.text, "what is held leaves nothing"
                assert "(apr_" in reply.text
                assert reply.events[-2]["choices"][0]["finish_reason"] == "content_filter"
            else:  # a sentence has left, and can't be held back any more
                assert (needs, outcome) == ("sentence", "denied")
                assert reply.text == "It is in stock today. "


async def test_cut_anywhere_a_placeholder_comes_back_as_what_it_stands_for(tmp_path):
    def echo(sendable: Sendable) -> str:
        said_to_model = sendable.messages[-1].content
        assert EMAIL not in said_to_model
        return f"I sent it to {said_to_model.split()[-1]} as you wished."

    async with wired(tmp_path, BUNDLE, provider=Cut(echo)) as w:
        body = {"messages": [{"role": "user", "content": f"Send it to {EMAIL}"}], "stream": True}
        for cuts in [(), *((i,) for i in range(1, 60)), tuple(range(1, 80))]:
            w.provider.cuts = cuts
            reply = await w.ask(CHAT, body)
            assert reply.text == f"I sent it to {EMAIL} as you wished."


# -- models that break off --

ASK = {"messages": [{"role": "user", "content": f"Mail {EMAIL} about it"}]}


def cleared(first: str, second: str) -> str:
    """Two models with the clearances given."""
    text = BUNDLE
    for name, labels in (("first", first), ("second", second)):
        text = text.replace(f"{name}: {{base_url", f"{name}: {{clearances: [{labels}], base_url")
    return text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("first", "second"), [("pii", ""), ("", "pii"), ("", "")])
async def test_the_next_model_gets_only_what_it_may_see(tmp_path, stream, first, second):
    provider = FakeProvider(ProviderUnavailable("down"), "It is done.")
    async with wired(tmp_path, cleared(first, second), provider=provider) as w:
        reply = await w.ask(CHAT, {**ASK, "stream": stream})
        assert reply.status == 200
        assert reply.text == "It is done."
        one, two = provider.received
        assert (one.attempt.model.id, two.attempt.model.id) == ("first", "second")
        assert (EMAIL in one.messages[-1].content) == (first == "pii")
        assert (EMAIL in two.messages[-1].content) == (second == "pii")
        calls = w.journal.closed(reply.trace)["calls"]
        assert [call["model"] for call in calls] == ["first", "second"]
        assert calls[0]["error"]
        assert calls[1]["error"] == ""
        assert w.reserved == 0


async def test_a_model_that_breaks_off_before_anything_left_is_replaced_unseen(tmp_path):
    """A rule needs the whole answer, so half of one has not left: another model may take over."""
    broken = Script(
        deltas=(said(f"We give 30 % off, write to {EMAIL} or", finish_reason=None),),
        failure=ProviderUnavailable("gone"),
    )
    provider = FakeProvider(broken, "All is well.")
    rule = RULE.replace("NEEDS", "whole")
    async with wired(tmp_path, RULED + rule, provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert reply.text == "All is well."
        assert reply.done
        closed = w.journal.closed(reply.trace)
        # what the first one said was never an answer
        assert closed["outcome"] == "allowed"
        assert closed["answer_findings"] == []
        assert [c["model"] for c in closed["calls"]] == ["first", "second"]


@pytest.mark.parametrize("path", TEXTS)
async def test_a_model_that_breaks_off_afterwards_ends_the_stream_with_an_error(tmp_path, path):
    broken = Script(
        deltas=(said("All was well. ", finish_reason=None), said("And th", finish_reason=None)),
        failure=ProviderUnavailable("upstream says INTERNAL"),
    )
    provider = FakeProvider(broken, "This must not be said as well.")
    async with wired(tmp_path, BUNDLE, provider=provider) as w:
        reply = await w.ask(path, body_for(path, stream=True))
        assert reply.status == 200
        assert reply.text == "All was well. And th"[: len(reply.text)]
        assert reply.text.startswith("All was well.")
        assert reply.error["code"] == "provider_unavailable"
        assert "INTERNAL" not in reply.body.decode()
        assert not reply.done
        assert len(provider.received) == 1
        closed = w.journal.closed(reply.trace)
        assert closed["outcome"] == "error"
        assert closed["released_chars"] == len(reply.text)
        assert w.reserved == 0


async def test_all_models_down_is_worth_a_retry_even_if_the_last_could_not_take_it(tmp_path):
    text = BUNDLE.replace("second: {", "second: {context_window: 256, max_output_tokens: 100, ")
    provider = FakeProvider(ProviderUnavailable("down"))
    async with wired(tmp_path, text, provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "long " * 1000))
        assert len(provider.received) == 1
        assert reply.status == 503


# -- signs of life --


@pytest.mark.parametrize("path", TEXTS)
async def test_a_slow_model_gets_signs_of_life_out(tmp_path, path):
    slow = Script(deltas=(said("Good "), said("day.")), first_delay=0.12, delays=(0.0, 0.12))
    async with wired(
        tmp_path, BUNDLE, provider=FakeProvider(slow), door={"keep_alive_s": 0.03}
    ) as w:
        reply = await w.ask(path, body_for(path, stream=True))
        assert reply.text == "Good day."
        assert reply.signs >= 3
        assert reply.done


async def test_a_refusal_after_a_sign_of_life_is_an_event(tmp_path):
    slow = Script(deltas=(said(PROMISE),), first_delay=0.1)
    rule = RULE.replace("NEEDS", "whole")
    async with wired(
        tmp_path, RULED + rule, provider=FakeProvider(slow), door={"keep_alive_s": 0.03}
    ) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert reply.status == 200
        assert reply.error["code"] == "policy_refused"
        assert reply.text == ""
        assert w.journal.closed(reply.trace)["outcome"] == "denied"


async def test_a_quick_stream_gets_no_comment(tmp_path):
    async with wired(tmp_path, BUNDLE) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert not reply.signs
