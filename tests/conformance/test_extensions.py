"""Every route × {stream, whole} × {passes, refuses, crashes, hangs}, for detectors that take their
time: a guard model and a package that somebody installed.
"""

import pytest

from tests.conformance.harness import WORD, TellingSource, Wired, wired
from tests.conformance.test_controls import (
    INTERNAL,
    VECTOR,
    check_answer,
    check_refusal,
    on_routes,
    on_text_routes,
    would_have,
)
from tests.conformance.wires import CHAT, EMBEDDING, Reply, body_for
from tests.stages.governance.guards.guarded import Judging, bundle
from tests.stages.governance.installed.packages import install

pytestmark = pytest.mark.conformance

STATES = ["passes", "refuses", "crashes", "hangs"]
FINE = "Good day to you. All is well."
SOURCE = """
sources:
  facts: {type: http, url: "http://127.0.0.1:1/", public: true}
egress: {allow: ["127.0.0.1:1"]}
"""
PACKAGE = f"""\
import time
from freehold.core.decisions import Finding

class It:
    id = "acme.word"
    version = "1"
    needs = "span"

    def __init__(self, state="passes"):
        self.state = state

    def detect(self, text, folded, where):
        if self.state == "crashes":
            raise RuntimeError("{INTERNAL}")
        if self.state == "hangs":
            time.sleep(5)
        at = text.find("{WORD}")
        if at < 0:
            return []
        return [Finding(detector=self.id, version="1", kind="word", label="word", where=where,
                        start=at, end=at + len("{WORD}"))]
"""

on_kinds = pytest.mark.parametrize("kind", ["guard", "installed"])
in_states = pytest.mark.parametrize("state", STATES)


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Makes a bundle with the detector in a state, and the provider that answers."""

    def make(kind: str, state: str, phase: str, mode: str, path: str, answer: str = FINE):
        use = f"mode: {mode}\n    action: block\n    phases: [{phase}]"
        verdicts = {"crashes": RuntimeError(INTERNAL), "hangs": 5.0}
        provider = Judging(
            lambda text: (
                verdicts.get(state, "unsafe\nS1" if WORD in text else "safe")
                if kind == "guard"
                else "safe"
            ),
            *([answer] if path != EMBEDDING else []),
        )
        if path == EMBEDDING:
            from freehold.testing.fakes import Script

            provider.then(Script(deltas=(VECTOR,)))
        # only what hangs is to be late: a busy machine is no part of this
        late = 80 if state == "hangs" else 5_000
        text = bundle(f"{{model: judge, deadline_ms: {late}}}", use)
        if kind == "installed":
            install(monkeypatch, tmp_path / "site", "acme_word", PACKAGE,
                    {"acme.word": "acme_word:It"})  # fmt: skip
            text = text.replace("guard.test:", "acme.word:").replace(
                f"guard: {{model: judge, deadline_ms: {late}}}",
                f"installed: {{deadline_ms: {late}, options: {{state: {state}}}}}",
            )
        return text, provider

    return make


def check_refused(w: Wired, reply: Reply, state: str) -> None:
    check_refusal(w, reply, code="content_refused" if state == "refuses" else "control_failed")
    assert reply.status == 403


@on_routes
@on_kinds
@in_states
async def test_on_requests(tmp_path, made, path, stream, kind, state):
    text, provider = made(kind, state, "request", "enforce", path)
    question = f"Tell me about {WORD}." if state == "refuses" else "Hello there."
    async with wired(tmp_path / "b", text, provider=provider) as w:
        reply = await w.ask(path, body_for(path, question, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refused(w, reply, state)
            assert provider.received == []


@on_text_routes
@on_kinds
@in_states
async def test_on_context(tmp_path, made, path, stream, kind, state):
    text, provider = made(kind, state, "context", "enforce", path)
    text = text.replace("embedding_route: vectors}", "embedding_route: vectors, sources: [facts]}")
    told = TellingSource(f"The price of {WORD} is 3." if state == "refuses" else "It costs 3.")
    async with wired(tmp_path / "b", text + SOURCE, provider=provider, sources={"http": told}) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refused(w, reply, state)
            assert provider.received == []


@on_text_routes
@on_kinds
@in_states
async def test_on_answers(tmp_path, made, path, stream, kind, state):
    answer = f"Good day. {WORD} is the word." if state == "refuses" else FINE
    text, provider = made(kind, state, "answer", "enforce", path, answer)
    async with wired(tmp_path / "b", text, provider=provider) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refused(w, reply, state)
            assert len(provider.received) == 1  # and no other model was asked after a refusal


@on_text_routes
@on_kinds
@pytest.mark.parametrize("state", ["refuses", "crashes", "hangs"])
@pytest.mark.parametrize("phase", ["request", "answer"])
async def test_observing(tmp_path, made, path, stream, kind, state, phase):
    answer = f"{WORD} is the word." if phase == "answer" else FINE
    text, provider = made(kind, state, phase, "observe", path, answer)
    async with wired(tmp_path / "b", text, provider=provider) as w:
        asked = f"About {WORD}." if phase == "request" else "About it."
        reply = await w.ask(path, body_for(path, asked, stream=stream))
        check_answer(w, reply, path, answer)
        assert would_have(w, reply)


@on_kinds
@pytest.mark.parametrize("state", ["refuses", "crashes", "hangs"])
async def test_late_terminates_a_stream_that_has_begun(tmp_path, made, kind, state):
    """The bundle accepts that text leaves before the verdict; then the stream ends in an error."""
    text, provider = made(kind, state, "answer", "enforce", CHAT, f"Good day. {WORD} it is. End.")
    text = text.replace("phases: [answer]", "phases: [answer]\n    late: terminate")
    async with wired(tmp_path / "b", text, provider=provider) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert reply.status == 200
        assert reply.text.startswith("Good day.")
        assert not reply.done
        assert reply.error["code"] in {"content_refused", "control_failed"}
        assert w.journal.closed(reply.trace)["outcome"] == "denied" or state != "refuses"
        whole = await w.ask(CHAT, body_for(CHAT, stream=False))
        check_refused(w, whole, state)
