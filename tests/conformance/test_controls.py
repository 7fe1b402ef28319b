"""Every route × {stream, whole} × {control passes, refuses, crashes}, for every kind of control.

Whatever the control, the same things hold: what it objects to has not left, the status is none
that SDKs retry, the caller reads a public reason only, and the record says what happened.
"""

import asyncio
from typing import Any

import pytest

from freehold.core.ask import ToolCall
from freehold.core.errors import (
    AuditError,
    BudgetExhausted,
    ContextError,
    ProviderUnavailable,
    RateLimited,
    StorageError,
)
from freehold.core.handoffs import Choice, Usage
from freehold.core.ports import Delta
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, WORD, TellingSource, Wired, WordDetector, wired
from tests.conformance.wires import (
    CHAT,
    CHATS,
    EMBEDDING,
    ROUTES,
    TEXT_ROUTES,
    Reply,
    body_for,
    in_dialect,
)

pytestmark = pytest.mark.conformance

INTERNAL = "INTERNAL-DETAIL"
RETRIED = {408, 409, 429}
STATES = ["passes", "refuses", "crashes"]

on_routes = pytest.mark.parametrize(
    ("path", "stream"),
    ROUTES,
    ids=lambda v: v if isinstance(v, str) else "stream" if v else "whole",
)
on_text_routes = pytest.mark.parametrize(
    ("path", "stream"),
    TEXT_ROUTES,
    ids=lambda v: v if isinstance(v, str) else "stream" if v else "whole",
)
in_states = pytest.mark.parametrize("state", STATES)

VECTOR = Delta(embeddings=([0.5, 0.25],), usage=Usage(prompt_tokens=2), reported_model="fake-1")


def provider(path: str, answer: str = "Good day to you. All is well.") -> FakeProvider:
    """A model that answers on this route, in the smallest pieces when it streams."""
    if path == EMBEDDING:
        return FakeProvider(Script(deltas=(VECTOR,)))
    return FakeProvider(answer)


def app(extra: str = "", *, settings: str = "content: full", more: str = "") -> str:
    """The bundle with settings of the tenant, keys of the app and further sections."""
    text = BUNDLE.replace("content: full", settings)
    return text.replace("embedding_route: vectors}", f"embedding_route: vectors{extra}}}") + more


def detector(phase: str, mode: str = "enforce", more: str = "") -> str:
    use = f"{{action: block, mode: {mode}, phases: [{phase}]{more}}}"
    return app(settings=f"content: full\n      detectors: {{test.word: {use}}}")


def rule(
    phase: str,
    state: str,
    mode: str = "enforce",
    needs: str = "whole",
    *,
    more: str = "",
    do: str = "block: {}",
) -> str:
    when = {
        "passes": "false",
        "refuses": "true",
        # an error at evaluation, which no check at load can foresee
        "crashes": "1 / (request.turns - request.turns) > 0",
    }[state]
    return app(
        ", rules: [hard]",
        more=f"""
rules:
  hard:
    phase: {phase}
    when: "{when}"
    mode: {mode}
    needs: {needs}
    {more}
    do: [{{{do}}}]
    why: {INTERNAL}
    public: Our house rules do not allow this.
""",
    )


def source(required: bool) -> str:
    return app(
        ", sources: [facts]",
        more=f"""
sources:
  facts: {{type: http, url: "http://127.0.0.1:1/", public: true, required: {str(required).lower()},
    deadline_ms: 40}}
egress: {{allow: ["127.0.0.1:1"]}}
""",
    )


def check_refusal(w: Wired, reply: Reply, *, code: str = "", outcome: str = "denied") -> None:
    """What must hold for every refusal."""
    assert reply.status not in RETRIED, reply.body
    assert 400 <= reply.status < 500, reply.body
    error = reply.error
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"]
    assert error["type"]
    if code:
        assert error["code"] == code
    for hidden in (INTERNAL, WORD, "Traceback", "RuntimeError", "Good day"):
        assert hidden not in reply.body.decode()
    closed = w.journal.closed(reply.trace)
    assert closed["outcome"] == outcome == reply.headers["x-freehold-outcome"]
    assert closed["failure"]["slug"] == error["code"]
    assert closed["released_chars"] == 0
    assert w.reserved == 0


def check_answer(
    w: Wired,
    reply: Reply,
    path: str,
    text: str = "Good day to you. All is well.",
    *,
    strict: bool = False,
):
    assert reply.status == 200, reply.body
    if path == EMBEDDING:
        assert reply.json["data"][0]["embedding"] == [0.5, 0.25]
    else:
        assert reply.text == text
    assert reply.trace
    assert w.journal.closed(reply.trace)["outcome"] == "allowed"
    types = [r["type"] for r in w.journal.of(reply.trace)]
    assert types == (["opened", "closed"] if reply.streamed or strict else ["closed"])
    assert w.journal.opened(reply.trace)["app"], "one record has all of a whole answer"
    assert w.reserved == 0


def would_have(w: Wired, reply: Reply) -> bool:
    """Whether the record says what an observing control would have done."""
    records = w.journal.of(reply.trace)
    parts = [r[part] for r in records for part in ("opened", "closed") if part in r]
    decisions = [decision for part in parts for decision in part["decisions"]]
    return any(d["mode"] == "observe" and d["outcome"] == "deny" for d in decisions)


# -- detectors --


@on_routes
@in_states
async def test_request_detector(tmp_path, path, stream, state):
    crash = RuntimeError(INTERNAL) if state == "crashes" else None
    text = f"Tell me about {WORD}." if state == "refuses" else "Hello there."
    async with wired(
        tmp_path, detector("request"), provider=provider(path), detector=WordDetector(crash=crash)
    ) as w:
        reply = await w.ask(path, body_for(path, text, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refusal(
                w, reply, code="content_refused" if state == "refuses" else "control_failed"
            )
            assert reply.status == 403
            assert w.provider.received == []


@on_routes
@pytest.mark.parametrize("state", ["refuses", "crashes"])
async def test_request_detector_observes(tmp_path, path, stream, state):
    crash = RuntimeError(INTERNAL) if state == "crashes" else None
    async with wired(
        tmp_path,
        detector("request", "observe"),
        provider=provider(path),
        detector=WordDetector(crash=crash),
    ) as w:
        reply = await w.ask(path, body_for(path, f"About {WORD}.", stream=stream))
        check_answer(w, reply, path)
        assert would_have(w, reply)


@on_text_routes
@in_states
async def test_context_detector(tmp_path, path, stream, state):
    crash = RuntimeError(INTERNAL) if state == "crashes" else None
    text = source(False).replace(
        "content: full",
        "content: full\n      detectors: {test.word: {action: block, phases: [context]}}",
    )
    said_by_source = f"The price of {WORD} is 3." if state == "refuses" else "The price is 3."
    async with wired(
        tmp_path,
        text,
        provider=provider(path),
        detector=WordDetector(crash=crash),
        sources={"http": TellingSource(said_by_source)},
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refusal(w, reply)
            assert reply.status == 403
            assert w.provider.received == []


@on_text_routes
@in_states
@pytest.mark.parametrize("needs", ["span", "sentence", "whole"])
async def test_answer_detector(tmp_path, path, stream, state, needs):
    crash = RuntimeError(INTERNAL) if state == "crashes" else None
    answer = f"{WORD} is the word." if state == "refuses" else "Good day to you. All is well."
    async with wired(
        tmp_path,
        detector("answer"),
        provider=provider(path, answer),
        detector=WordDetector(needs, crash),
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refusal(w, reply)
            assert reply.status == 403
            assert len(w.provider.received) == 1  # and no other model was asked after a refusal


@on_text_routes
@pytest.mark.parametrize("state", ["refuses", "crashes"])
@pytest.mark.parametrize("needs", ["span", "sentence", "whole"])
async def test_answer_detector_observes(tmp_path, path, stream, state, needs):
    crash = RuntimeError(INTERNAL) if state == "crashes" else None
    answer = f"{WORD} is the word. All is well."
    async with wired(
        tmp_path,
        detector("answer", "observe"),
        provider=provider(path, answer),
        detector=WordDetector(needs, crash),
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_answer(w, reply, path, answer)
        assert would_have(w, reply)


@pytest.mark.parametrize(("needs", "left"), [("sentence", "One is fine. "), ("whole", "")])
async def test_a_streamed_answer_is_cut_before_the_sentence_at_fault(tmp_path, needs, left):
    async with wired(
        tmp_path,
        detector("answer"),
        provider=FakeProvider(f"One is fine. Two is {WORD} now. Three is never seen."),
        detector=WordDetector(needs),
    ) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=True))
        assert WORD not in reply.body.decode()
        assert reply.error["code"] == "content_refused"
        if left:
            assert reply.status == 200
            assert reply.text == left
            assert not reply.done
        else:
            assert reply.status == 403
        closed = w.journal.closed(reply.trace)
        assert closed["outcome"] == "denied"
        assert closed["released_chars"] == len(left)
        # the rest is not generated for nothing
        assert w.provider.closed == (1 if needs == "sentence" else 0)
        assert w.reserved == 0


# -- rules --


@on_routes
@in_states
async def test_request_rule(tmp_path, path, stream, state):
    async with wired(tmp_path, rule("request", state), provider=provider(path)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refusal(
                w, reply, code="policy_refused" if state == "refuses" else "control_failed"
            )
            assert reply.status == 403
            assert w.provider.received == []
            if state == "refuses":
                assert reply.error["message"].startswith("Our house rules")
                assert w.journal.closed(reply.trace)["failure"]["rule"] == "hard"


@on_routes
@pytest.mark.parametrize("state", ["refuses", "crashes"])
async def test_request_rule_observes(tmp_path, path, stream, state):
    async with wired(tmp_path, rule("request", state, "observe"), provider=provider(path)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_answer(w, reply, path)
        assert would_have(w, reply)


@on_text_routes
@in_states
@pytest.mark.parametrize("needs", ["sentence", "whole"])
async def test_answer_rule(tmp_path, path, stream, state, needs):
    async with wired(tmp_path, rule("answer", state, needs=needs), provider=provider(path)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
        else:
            check_refusal(
                w, reply, code="policy_refused" if state == "refuses" else "control_failed"
            )
            assert reply.status == 403
            assert len(w.provider.received) == 1


@on_text_routes
@pytest.mark.parametrize("state", ["refuses", "crashes"])
@pytest.mark.parametrize("needs", ["sentence", "whole"])
async def test_answer_rule_observes(tmp_path, path, stream, state, needs):
    async with wired(
        tmp_path, rule("answer", state, "observe", needs), provider=provider(path)
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_answer(w, reply, path)
        assert would_have(w, reply)


@on_text_routes
@pytest.mark.parametrize("state", ["holds", "crashes", "store is away"])
async def test_a_rule_that_holds(tmp_path, path, stream, state):
    text = rule("answer", "refuses").replace("block: {}", "require_approval: {role: manager}")
    async with wired(tmp_path, text, provider=provider(path)) as w:
        if state != "holds":
            w.holds.crash = RuntimeError(INTERNAL) if state == "crashes" else None
            w.holds.away = StorageError(INTERNAL)
        reply = await w.ask(path, body_for(path, stream=stream))
        assert "Good day" not in reply.body.decode()
        assert INTERNAL not in reply.body.decode()
        closed = w.journal.closed(reply.trace)
        assert closed["released_chars"] == 0
        assert w.reserved == 0
        if state == "holds":
            assert reply.status == 200
            assert "apr_1" in reply.text
            assert closed["outcome"] == "held"
            assert closed["held"]["approval_id"] == "apr_1"
            assert len(w.holds.held) == 1
        elif state == "crashes":
            check_refusal(w, reply, code="control_failed")
        else:
            assert reply.status == 503
            assert closed["outcome"] == "error"


# -- context --


@on_text_routes
@pytest.mark.parametrize("state", [*STATES, "is late"])
async def test_required_source(tmp_path, path, stream, state):
    crash: Exception | None = {
        "refuses": ContextError(INTERNAL), "crashes": RuntimeError(INTERNAL),
    }.get(state)  # fmt: skip
    telling = TellingSource("The price is 3.", crash, delay=5.0 if state == "is late" else 0.0)
    async with wired(
        tmp_path, source(True), provider=provider(path), sources={"http": telling}
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        if state == "passes":
            check_answer(w, reply, path)
            assert "The price is 3." in w.provider.received[0].messages[0].content
        else:
            check_refusal(w, reply)
            assert reply.status == 403
            assert w.provider.received == []


@on_text_routes
@pytest.mark.parametrize("crash", [ContextError(INTERNAL), RuntimeError(INTERNAL)])
async def test_a_source_that_is_not_required_may_fail(tmp_path, path, stream, crash):
    async with wired(
        tmp_path, source(False), provider=provider(path), sources={"http": TellingSource("", crash)}
    ) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_answer(w, reply, path)
        (entry,) = w.journal.opened(reply.trace)["context"]
        assert entry["error"]


# -- admission and money --


class Limits:
    """A limiter that refuses where it is told to."""

    def __init__(self, at: str, error: Exception) -> None:
        self._at = at
        self._error = error
        self._leases: dict[str, Any] = {}

    def admit(self, *_: Any) -> None:
        if self._at == "admit":
            raise self._error

    def lease(self, *_: Any) -> Any:
        if self._at == "lease":
            raise self._error

    def settle(self, *_: Any) -> None:
        if self._at == "settle":
            raise self._error


@on_routes
@pytest.mark.parametrize(
    ("at", "error", "status", "outcome"),
    [
        ("admit", RateLimited("600 a minute", retry_after_s=7), 429, "denied"),
        ("admit", RuntimeError(INTERNAL), 403, "denied"),
        ("lease", BudgetExhausted(INTERNAL), 403, "denied"),
        ("lease", RuntimeError(INTERNAL), 403, "denied"),
    ],
)
async def test_limiter(tmp_path, path, stream, at, error, status, outcome):
    async with wired(tmp_path, BUNDLE, provider=provider(path), limiter=Limits(at, error)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == status, reply.body
        assert INTERNAL not in reply.body.decode()
        assert reply.error["code"]
        assert w.provider.received == []
        assert reply.headers["x-freehold-outcome"] == outcome
        if status == 429:
            assert reply.headers["retry-after"] == "7"


@on_routes
async def test_a_settlement_that_crashes_hides_no_record(tmp_path, path, stream):
    limits = Limits("settle", RuntimeError(INTERNAL))
    async with wired(tmp_path, BUNDLE, provider=provider(path), limiter=limits) as w:
        limits.lease = lambda *_: "a lease"  # type: ignore[method-assign]
        reply = await w.ask(path, body_for(path, stream=stream))
        assert INTERNAL not in reply.body.decode()
        assert w.journal.closed(reply.trace)


@on_routes
async def test_a_book_of_keys_that_crashes(tmp_path, path, stream):
    async with wired(tmp_path, BUNDLE, provider=provider(path)) as w:
        w.keys.crash = RuntimeError(INTERNAL)
        reply = await w.ask(path, body_for(path, stream=stream))
        check_refusal(w, reply, code="control_failed")
        assert reply.status == 403
        assert w.provider.received == []


@on_routes
async def test_an_identity_verifier_that_crashes(tmp_path, path, stream):
    async with wired(tmp_path, BUNDLE, provider=provider(path)) as w:
        reply = await w.ask(
            path, body_for(path, stream=stream), headers=[(b"x-freehold-identity", b"a.b.c")]
        )
        check_refusal(w, reply, code="control_failed")
        assert w.provider.received == []
        assert "a.b.c" not in str(w.journal.records)


# -- the record --


@on_routes
@pytest.mark.parametrize("error", [AuditError(INTERNAL), OSError(28, INTERNAL)])
async def test_no_answer_without_its_record(tmp_path, path, stream, error):
    async with wired(tmp_path, BUNDLE, provider=provider(path)) as w:
        w.journal.failing["opened" if stream else "closed"] = error
        reply = await w.ask(path, body_for(path, stream=stream))
        assert not reply.streamed
        assert reply.status in (403, 503), reply.body
        for hidden in ("Good day", INTERNAL, "0.5"):
            assert hidden not in reply.body.decode()
        assert reply.error["code"] in ("audit_unavailable", "control_failed")
        if stream:
            assert w.journal.closed(reply.trace)["outcome"] in ("error", "denied")
        assert w.reserved == 0


@on_routes
@pytest.mark.parametrize("error", [AuditError(INTERNAL), OSError(28, INTERNAL)])
async def test_a_dead_journal_stops_everything_and_leaks_nothing(tmp_path, path, stream, error):
    async with wired(tmp_path, BUNDLE, provider=provider(path)) as w:
        w.journal.failing["*"] = error
        reply = await w.ask(path, body_for(path, stream=stream))
        assert not reply.streamed
        assert reply.status in (403, 503)
        for hidden in ("Good day", INTERNAL, "0.5"):
            assert hidden not in reply.body.decode()
        assert w.reserved == 0
        # and it is counted all the same
        assert sum(w.monitoring.snapshot()["requests"].values()) == 1
        w.journal.failing.clear()


@on_routes
async def test_a_closing_record_that_fails_gives_no_whole_answer(tmp_path, path, stream):
    async with wired(tmp_path, BUNDLE, provider=provider(path)) as w:
        w.journal.failing["closed"] = AuditError(INTERNAL)
        reply = await w.ask(path, body_for(path, stream=stream))
        assert INTERNAL not in reply.body.decode()
        assert reply.error["code"] == "audit_unavailable"
        if stream:
            assert not reply.done
        else:
            assert reply.status == 503
        assert w.reserved == 0
        w.journal.failing.clear()


@on_routes
async def test_a_refusal_is_not_told_when_the_journal_is_dead(tmp_path, path, stream):
    async with wired(tmp_path, rule("request", "refuses"), provider=provider(path)) as w:
        w.journal.failing["*"] = AuditError(INTERNAL)
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 503, "what is not written down is not told"
        assert reply.error["code"] == "audit_unavailable"
        w.journal.failing.clear()


@on_routes
async def test_strict_audit_waits_for_the_disk(tmp_path, path, stream):
    text = app(settings="content: full\n      audit: strict")
    async with wired(tmp_path, text, provider=provider(path)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_answer(w, reply, path, strict=True)
        assert w.journal.syncs == 1
        w.journal.failing["durable"] = AuditError(INTERNAL)
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 503
        assert "Good day" not in reply.body.decode()
        assert w.journal.closed(reply.trace)["outcome"] == "error"


async def test_monitoring_that_crashes_stops_nothing(tmp_path):
    async with wired(tmp_path, BUNDLE) as w:
        w.monitoring._count = _raise  # type: ignore[method-assign]
        reply = await w.ask(CHAT, body_for(CHAT))
        check_answer(w, reply, CHAT)


def _raise(*_: object) -> None:
    raise RuntimeError(INTERNAL)


# -- models that crash --


@on_routes
async def test_a_provider_that_crashes(tmp_path, path, stream):
    async with wired(tmp_path, BUNDLE, provider=FakeProvider(RuntimeError(INTERNAL))) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        check_refusal(w, reply, code="control_failed")


@pytest.mark.parametrize(
    ("path", "n"), [(CHAT, 1), (CHAT, 3), *((path, 1) for path in CHATS if path != CHAT)]
)
@pytest.mark.parametrize("stream", [False, True])
async def test_tool_calls_are_answers_too(tmp_path, path, stream, n):
    """A tool call is checked and recorded like text: it leaves with its record or not at all."""
    body = body_for(CHAT, stream=stream) | ({"n": n} if n > 1 else {})
    tools = [{"type": "function", "function": {"name": "look"}}]
    asked = in_dialect(path, body | {"tools": tools})
    call = ToolCall(id="c1", name="look", arguments=f'{{"what": "{WORD}"}}')
    choices = tuple(
        Choice(index=i, tool_calls=(call,), finish_reason="tool_calls") for i in range(n)
    )
    script = Script(deltas=(Delta(choices=choices),))
    async with wired(
        tmp_path, detector("answer"), provider=FakeProvider(script), detector=WordDetector()
    ) as w:
        check_refusal(w, await w.ask(path, asked), code="content_refused")
    allowed = ToolCall(id="c1", name="look", arguments='{"what": "shoes"}')
    script = Script(deltas=(said(tool_calls=[allowed], finish_reason="tool_calls"),))
    async with wired(tmp_path / "2", BUNDLE, provider=FakeProvider(script)) as w:
        reply = await w.ask(path, asked)
        assert reply.status == 200
        assert reply.calls == [("c1", "look", {"what": "shoes"})]
        closed = w.journal.closed(reply.trace)
        assert closed["output"], "what left is committed to, tool calls included"
        types = [r["type"] for r in w.journal.of(reply.trace)]
        assert types == (["opened", "closed"] if stream else ["closed"])


async def test_embeddings_are_committed_to(tmp_path):
    async with wired(tmp_path, BUNDLE, provider=provider(EMBEDDING)) as w:
        reply = await w.ask(EMBEDDING, body_for(EMBEDDING))
        assert w.journal.closed(reply.trace)["output"]


@on_routes
async def test_an_upstream_that_is_down_is_a_503(tmp_path, path, stream):
    async with wired(tmp_path, BUNDLE, provider=FakeProvider(ProviderUnavailable(INTERNAL))) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 503
        assert INTERNAL not in reply.body.decode()
        assert w.journal.closed(reply.trace)["outcome"] == "error"
        assert w.reserved == 0


async def test_nothing_stays_behind(tmp_path):
    """No task, no lease and no open record after all kinds of ends."""
    async with wired(tmp_path, BUNDLE) as w:
        before = len(asyncio.all_tasks())
        for path, stream in TEXT_ROUTES:
            await w.ask(path, body_for(path, stream=stream))
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == before
        assert w.reserved == 0
