"""Every text route × {stream, whole} × {passes, refuses, crashes} for controls that speak when text
has left: rules on sentences, rules of phase ``stream``, and those with ``late: terminate``.
"""

import pytest

from freehold.core.decisions import Needs
from freehold.testing.fakes import FakeProvider
from tests.conformance.harness import WORD, Wired, WordDetector, wired
from tests.conformance.test_controls import (
    INTERNAL,
    check_answer,
    check_refusal,
    detector,
    in_states,
    on_text_routes,
    provider,
    rule,
    would_have,
)
from tests.conformance.wires import CHAT, Reply, body_for

pytestmark = pytest.mark.conformance

GOOD = "Good day to you. All is well."
TEMPLATE = "Please ask in the shop."
LATE = "late: terminate"
CODES = {"refuses": "policy_refused", "crashes": "control_failed"}


def check_late(w: Wired, reply: Reply, code: str, text: str = GOOD) -> None:
    """A stream that ended when the control objected: what left is told, and who allowed it."""
    assert reply.status == 200
    assert reply.streamed
    assert text.startswith(reply.text)
    assert len(reply.text) > len(text) // 2
    assert reply.error["code"] == code
    assert not reply.done
    assert reply.body.endswith(b": freehold outcome=denied\n\n")
    assert INTERNAL not in reply.body.decode()
    closed = w.journal.closed(reply.trace)
    assert closed["outcome"] == "denied"
    assert closed["released_chars"] == len(reply.text)
    assert closed["failure"]["late"] is True
    assert closed["failure"]["slug"] == code
    (told,) = [d["why"] for d in closed["decisions"] if "late: terminate" in d["why"]]
    assert told.startswith(f"ended the stream when {len(reply.text)} characters had left")
    assert w.reserved == 0


@on_text_routes
@in_states
async def test_stream_rule(tmp_path, path, stream, state):
    async with wired(
        tmp_path, rule("stream", state, needs="sentence"), provider=provider(path)
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refusal(w, reply, code=CODES[state])
            assert len(w.provider.received) == 1


@on_text_routes
@pytest.mark.parametrize("state", ["refuses", "crashes"])
async def test_stream_rule_observes(tmp_path, path, stream, state):
    text = rule("stream", state, "observe", "sentence")
    async with wired(tmp_path, text, provider=provider(path)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_answer(w, reply, path)
        assert would_have(w, reply)


@on_text_routes
@in_states
@pytest.mark.parametrize("phase", ["answer", "stream"])
async def test_sentence_rewriting(tmp_path, path, stream, state, phase):
    do = f'rewrite: {{template: "{TEMPLATE}"}}'
    text = rule(phase, state, needs="sentence", do=do).replace("true", "answer.chars > 17")
    async with wired(tmp_path, text, provider=provider(path)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        elif state == "crashes":
            check_refusal(w, reply, code="control_failed")
        else:
            assert reply.text == f"Good day to you. {TEMPLATE}"
            closed = w.journal.closed(reply.trace)
            assert closed["outcome"] == "transformed"
            assert closed["released_chars"] == len(reply.text)


@on_text_routes
@in_states
async def test_redaction_by_a_rule(tmp_path, path, stream, state):
    answer = "Good day to you. It costs $20. All is well."
    text = rule("stream", state, needs="sentence", do="redact: {facts: [money]}")
    async with wired(tmp_path, text, provider=provider(path, answer)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path, answer)
        elif state == "crashes":
            check_refusal(w, reply, code="control_failed")
        else:
            assert reply.text == answer.replace("$20", "[money removed]")


@on_text_routes
@in_states
@pytest.mark.parametrize(
    "do", ["block: {}", "require_approval: {role: boss}", 'rewrite: {template: "No."}']
)
async def test_late_rule(tmp_path, path, stream, state, do):
    async with wired(
        tmp_path, rule("answer", state, more=LATE, do=do), provider=provider(path)
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        elif stream:
            check_late(w, reply, CODES[state])
            assert w.holds.held == []
        elif state == "crashes" or do.startswith("block"):
            check_refusal(w, reply, code=CODES[state])
            assert w.journal.closed(reply.trace)["failure"]["late"] is False
        elif do.startswith("rewrite"):
            assert reply.text == "No."
        else:
            assert w.journal.closed(reply.trace)["outcome"] == "held"


@on_text_routes
@pytest.mark.parametrize("state", ["refuses", "crashes"])
async def test_late_rule_observes(tmp_path, path, stream, state):
    async with wired(
        tmp_path, rule("answer", state, "observe", more=LATE), provider=provider(path)
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_answer(w, reply, path)
        assert would_have(w, reply)


@on_text_routes
@in_states
@pytest.mark.parametrize("action", ["block", "redact"])
async def test_late_detector(tmp_path, path, stream, state, action):
    crash = RuntimeError(INTERNAL) if state == "crashes" else None
    answer = f"{WORD} is the word. All is well." if state == "refuses" else GOOD
    text = detector("answer", more=", late: terminate").replace("block", action)
    async with wired(
        tmp_path, text, provider=provider(path, answer), detector=WordDetector("whole", crash)
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        elif stream:
            code = "content_refused" if state == "refuses" else "control_failed"
            check_late(w, reply, code, answer)
        elif state == "crashes" or action == "block":
            check_refusal(w, reply)
        else:
            assert reply.text == answer.replace(WORD, "[word removed]")


@pytest.mark.parametrize("needs", ["span", "sentence"])
async def test_late_means_nothing_for_a_detector_of_less(tmp_path, needs: Needs):
    answer = f"One is fine. Two is {WORD} now. Three is never seen."
    async with wired(
        tmp_path,
        detector("answer", more=", late: terminate"),
        provider=FakeProvider(answer),
        detector=WordDetector(needs),
    ) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert WORD not in reply.body.decode()
        assert reply.text == "One is fine. "
        assert w.journal.closed(reply.trace)["failure"]["late"] is False


@pytest.mark.parametrize(
    "when", ["1 / (stream.sentences - 2) > 5", "stream.sentences == 2", "stream.chars > 20"]
)
async def test_what_stops_in_mid_stream_stops_the_model_too(tmp_path, when):
    """The second of three sentences is at fault; the first has left, the third is not paid for."""
    text = rule("stream", "refuses", needs="sentence").replace('"true"', f'"{when}"')
    answer = "One is fine. Two is not so. Three is never seen, nor asked for."
    async with wired(tmp_path, text, provider=FakeProvider(answer)) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert reply.text == "One is fine. "
        crashes = "/" in when
        assert reply.error["code"] == CODES["crashes" if crashes else "refuses"]
        closed = w.journal.closed(reply.trace)
        assert closed["released_chars"] == len("One is fine. ")
        assert closed["failure"]["late"] is False
        assert w.provider.closed == 1
        assert w.reserved == 0


async def test_the_record_has_none_of_the_sentences_words(tmp_path):
    text = rule("stream", "refuses", "observe", "sentence").replace(
        "content: full", "content: none"
    )
    asks = text.replace('"true"', "\"stream.sentence.contains('kingfisher')\"")
    async with wired(tmp_path, asks, provider=FakeProvider("One. A kingfisher.")) as w:
        for stream in (False, True):
            reply = await w.ask(CHAT, body_for(CHAT, stream=stream))
            closed = w.journal.closed(reply.trace)
            facts = w.journal.opened(reply.trace)["facts"] | closed["facts"]
            assert facts["stream.sentence"] == {"chars": len("A kingfisher.")}
            assert "A kingfisher" not in str(w.journal.of(reply.trace))


async def test_the_record_has_the_times_that_a_rule_asked_for(tmp_path):
    text = rule("stream", "refuses", "observe", "sentence")
    asks = text.replace('"true"', '"stream.elapsed_ms > 86400000"')
    async with wired(tmp_path, asks, provider=FakeProvider("One. Two. Three.")) as w:
        for stream in (False, True):
            reply = await w.ask(CHAT, body_for(CHAT, stream=stream))
            closed = w.journal.closed(reply.trace)
            assert len(closed["pace_ms"]) == 3
            assert closed["pace_ms"] == sorted(closed["pace_ms"])
            facts = w.journal.opened(reply.trace)["facts"] | closed["facts"]
            assert facts["stream.elapsed_ms"] == closed["pace_ms"][-1]
    async with wired(tmp_path / "2", text, provider=FakeProvider("One. Two. Three.")) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert w.journal.closed(reply.trace)["pace_ms"] == []
