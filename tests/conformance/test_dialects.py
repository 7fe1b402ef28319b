"""One conversation, asked on every wire: models, records and counts can't tell them apart, and each
wire says in its own way what came of it.
"""

import itertools
from typing import Any

import orjson
import pytest

from freehold.core.ask import ToolCall
from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Usage
from freehold.core.ports import Delta
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, KEY, Wired, wired
from tests.conformance.wires import (
    CHAT,
    CHATS,
    COMPLETION,
    EMBEDDING,
    ENDS,
    MESSAGES,
    RESPONSES,
    Reply,
    body_for,
    in_dialect,
)

pytestmark = pytest.mark.conformance

SCHEMA = {"type": "object", "properties": {"sku": {"type": "string"}}}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": "…", "parameters": SCHEMA}}
    for name in ("stock", "order")
]
TALK: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "You sell coats."},
        {"role": "user", "content": "How many of 4711 are there? Mail me: jane@corner-mail.org"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "c1", "type": "function",
                 "function": {"name": "stock", "arguments": '{"sku":"4711"}'}},
                {"id": "c2", "type": "function",
                 "function": {"name": "stock", "arguments": '{"sku":"4712"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "tool", "tool_call_id": "c2", "content": "0"},
        {"role": "assistant", "content": "There are three."},
        {"role": "user", "content": "Order one."},
    ],
    "tools": TOOLS,
    "temperature": 0.5,
    "top_p": 0.9,
}  # fmt: skip
USED = Usage(prompt_tokens=10, completion_tokens=5)
CALLS = (
    ToolCall(id="n1", name="order", arguments='{"sku": "4711"}'),
    ToolCall(id="n2", name="stock", arguments=""),
)


def talks(stream: bool) -> dict[str, dict[str, Any]]:
    """The conversation as each wire's clients write it."""
    bodies = {path: in_dialect(path, TALK | {"stream": stream}) for path in CHATS}
    bodies[CHAT]["max_tokens"] = 1_024
    if stream:
        bodies[CHAT]["stream_options"] = {"include_usage": True}
    bodies[RESPONSES]["max_output_tokens"] = 1_024
    first = bodies[MESSAGES]["messages"].pop(0)
    return bodies | {MESSAGES: bodies[MESSAGES] | {"system": first["content"]}}


def answering(*calls: ToolCall) -> FakeProvider:
    text = () if calls else (said("One is ", finish_reason=None), said("on its way."))
    last = (said(tool_calls=calls, finish_reason="tool_calls"),) if calls else ()
    return FakeProvider(Script(deltas=(*text, *last, Delta(usage=USED))))


def told(w: Wired, reply: Reply) -> dict[str, Any]:
    """What the record says, without what is of one exchange only."""
    opened, closed = w.journal.opened(reply.trace), w.journal.closed(reply.trace)
    names = ("findings", "labels", "candidates", "features", "firings")
    counts = ("cost_nano", "prompt_tokens", "completion_tokens", "released_chars", "outcome")
    return {name: opened.get(name) for name in names} | {name: closed[name] for name in counts}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_and_the_record_can_not_tell_the_wires_apart(tmp_path, stream):
    async with wired(tmp_path, BUNDLE, provider=answering()) as w:
        replies = {path: await w.ask(path, body) for path, body in talks(stream).items()}
        assert {r.text for r in replies.values()} == {"One is on its way."}
        assert {r.tokens for r in replies.values()} == {(10, 5)}
        records = [told(w, reply) for reply in replies.values()]
        assert records[0]["cost_nano"] == 20_000
        assert all(record == records[0] for record in records)
        asks = [sent.plan.ruled.admitted.ask for sent in w.provider.received]
        for sent, ask in zip(w.provider.received, asks, strict=True):
            # placeholders are keyed with the conversation, which begins alike on every wire
            assert sent.messages == w.provider.received[0].messages
            assert "jane@" not in str(sent.messages)
            assert (ask.messages, ask.tools) == (asks[0].messages, asks[0].tools)
            assert (ask.options, ask.max_tokens) == (asks[0].options, asks[0].max_tokens)
        routes = [w.journal.opened(r.trace)["request"]["route"] for r in replies.values()]
        assert routes == list(CHATS)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", CHATS)
async def test_several_tool_calls(tmp_path, path, stream):
    async with wired(tmp_path, BUNDLE, provider=answering(*CALLS)) as w:
        reply = await w.ask(path, talks(stream)[path])
        assert reply.status == 200
        if path == MESSAGES:  # arguments of nothing are an object of nothing there
            assert reply.calls == [("n1", "order", {"sku": "4711"}), ("n2", "stock", {})]
            last = reply.events[-2]["delta"] if stream else reply.json
            assert last["stop_reason"] == "tool_use"
        else:
            assert b'"n2"' in reply.answered
        assert reply.done is stream


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("arguments", ['["sku"]', "7", "null"])
async def test_arguments_that_are_no_object_are_an_error_where_there_is_no_form_for_them(
    tmp_path, stream, arguments
):
    call = ToolCall(id="n1", name="order", arguments=arguments)
    setting = "content: full\n      tools: {untrusted: observe}"
    async with wired(
        tmp_path, BUNDLE.replace("content: full", setting), provider=answering(call)
    ) as w:
        reply = await w.ask(MESSAGES, talks(stream)[MESSAGES])
        assert reply.status >= 400
        assert b"tool_use" not in reply.body
        assert not reply.done
        assert w.reserved == 0


FINISHES = {
    "stop": ("stop", "end_turn", "completed", None),
    "length": ("length", "max_tokens", "incomplete", "max_output_tokens"),
    "content_filter": ("content_filter", "refusal", "incomplete", "content_filter"),
    "of its own": ("stop", "end_turn", "completed", None),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("finish", FINISHES)
@pytest.mark.parametrize("path", CHATS)
async def test_why_an_answer_ends(tmp_path, path, stream, finish):
    script = Script(deltas=(said("All is well.", finish_reason=finish), Delta(usage=USED)))
    async with wired(tmp_path, BUNDLE, provider=FakeProvider(script)) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        chat, messages, status, details = FINISHES[finish]
        if path == CHAT:
            choices = [e["choices"][0] for e in reply.events if e != "[DONE]"] if stream else (
                reply.json["choices"]
            )  # fmt: skip
            assert choices[-1]["finish_reason"] == chat
        elif path == MESSAGES:
            last = reply.events[-2]["delta"] if stream else reply.json
            assert (last["stop_reason"], last["stop_sequence"]) == (messages, None)
        else:
            last = reply.events[-1]["response"] if stream else reply.json
            assert last["status"] == status
            assert (last["incomplete_details"] or {}).get("reason") == details
            assert last["output"][0]["status"] == status


HOLDS = """
rules:
  hard:
    phase: PHASE
    when: "true"
    do: [{require_approval: {role: manager}}]
    public: A manager looks at this.
"""
NOTICE = "A manager looks at this."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["request", "answer"])
@pytest.mark.parametrize("path", CHATS)
async def test_what_is_held_says_so_in_the_words_of_its_wire(tmp_path, path, stream, phase):
    ruled = BUNDLE.replace("route: main,", "route: main, rules: [hard],")
    text = HOLDS.replace("PHASE", phase)
    async with wired(tmp_path, ruled, text, provider=FakeProvider("Good day.")) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 200
        assert reply.text.startswith(NOTICE)
        assert "apr_1" in reply.text
        assert reply.done is stream
        assert "Good day" not in reply.body.decode()
        assert w.journal.closed(reply.trace)["outcome"] == "held"
        if not stream:
            assert reply.headers["x-freehold-approval"] == "apr_1"
        if path == MESSAGES:
            last = reply.events[-2]["delta"] if stream else reply.json
            assert last["stop_reason"] == "refusal"
            assert last["stop_details"]["explanation"] == reply.text
        elif path == RESPONSES:
            last = reply.events[-1]["response"] if stream else reply.json
            assert last["status"] == "incomplete"
            assert last["incomplete_details"] == {"reason": "content_filter"}


# -- streams --


def order(path: str, reply: Reply) -> list[str]:
    """The kinds of a stream's events, each run of one kind once."""
    kinds = [e.get("type", "chunk") if isinstance(e, dict) else e for e in reply.events]
    return [kind for kind, _ in itertools.groupby(kinds)]


async def test_the_events_of_messages(tmp_path):
    async with wired(tmp_path, BUNDLE, provider=answering()) as w:
        reply = await w.ask(MESSAGES, talks(True)[MESSAGES])
        assert order(MESSAGES, reply) == [
            "message_start", "content_block_start", "content_block_delta", "content_block_stop",
            "message_delta", "message_stop",
        ]  # fmt: skip
        lines = reply.body.decode().split("\n\n")
        names = [line.split("\n")[0] for line in lines if line.startswith("event: ")]
        assert names == [f"event: {event['type']}" for event in reply.events]
        start = reply.events[0]["message"]
        assert start["usage"]["input_tokens"] > 0, "an estimate, for those who read it only there"
        assert start["content"] == []
        assert reply.events[-2]["usage"]["output_tokens"] == 5
        assert b": freehold outcome=" in reply.body


async def test_the_events_of_responses(tmp_path):
    async with wired(tmp_path / "calls", BUNDLE, provider=answering(*CALLS)) as w:
        reply = await w.ask(RESPONSES, talks(True)[RESPONSES])
        call = [
            "response.output_item.added", "response.function_call_arguments.delta",
            "response.function_call_arguments.done", "response.output_item.done",
        ]  # fmt: skip
        begin = ["response.created", "response.in_progress"]
        assert order(RESPONSES, reply) == [*begin, *call, *call, "response.completed"]
        assert [e["sequence_number"] for e in reply.events] == list(range(len(reply.events)))
        items = [e["item"] for e in reply.events if e["type"] == "response.output_item.done"]
        assert reply.events[-1]["response"]["output"] == items
        assert {e["response"]["id"] for e in reply.events if "response" in e} == {
            f"resp_{reply.trace}"
        }
    async with wired(tmp_path / "text", BUNDLE, provider=answering()) as w:
        reply = await w.ask(RESPONSES, body_for(RESPONSES, stream=True))
        message = [
            "response.output_item.added", "response.content_part.added",
            "response.output_text.delta", "response.output_text.done",
            "response.content_part.done", "response.output_item.done",
        ]  # fmt: skip
        assert order(RESPONSES, reply) == [*begin, *message, "response.completed"]


BROKEN = Script(
    deltas=(said("All was well. ", finish_reason=None), said("And th", finish_reason=None)),
    failure=ProviderUnavailable("upstream says INTERNAL"),
)


@pytest.mark.parametrize("path", [MESSAGES, RESPONSES])
async def test_a_stream_that_breaks_ends_in_the_way_of_its_wire(tmp_path, path):
    provider = FakeProvider(BROKEN, "This must not be said as well.")
    async with wired(tmp_path, BUNDLE, provider=provider) as w:
        reply = await w.ask(path, body_for(path, stream=True))
        kinds = order(path, reply)
        assert kinds[-1] == "error"
        assert not {*kinds} & {*ENDS}
        assert reply.error["code"] == "provider_unavailable"
        assert reply.text == "All was well. And th"[: len(reply.text)]
        if path == RESPONSES:
            failed = reply.events[-2]
            assert failed["type"] == "response.failed"
            assert failed["response"]["status"] == "failed"
            assert failed["response"]["error"]["code"] == "provider_unavailable"
            said_so_far = failed["response"]["output"][0]["content"][0]["text"]
            assert said_so_far == reply.text
            assert reply.events[-1]["code"] == "provider_unavailable"


async def test_a_refusal_after_a_sign_of_life_begins_and_ends_a_response(tmp_path):
    slow = Script(deltas=(said("Good day."),), first_delay=0.1)
    ruled = BUNDLE.replace("route: main,", "route: main, rules: [hard],")
    text = HOLDS.replace("PHASE", "answer").replace(
        "require_approval: {role: manager}", "block: {}"
    )
    async with wired(
        tmp_path, ruled, text, provider=FakeProvider(slow), door={"keep_alive_s": 0.02}
    ) as w:
        for path in (MESSAGES, RESPONSES):
            reply = await w.ask(path, body_for(path, stream=True))
            assert reply.status == 200
            assert reply.error["code"] == "policy_refused"
            assert reply.text == ""
            assert not reply.done


# -- errors, keys and models, in the words of each wire --


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"x-api-key", KEY.encode())], 200),
        ([(b"authorization", b"Bearer " + KEY.encode())], 200),
        ([(b"x-api-key", KEY.encode()), (b"authorization", b"Bearer " + KEY.encode())], 200),
        ([(b"x-api-key", b"other"), (b"authorization", b"Bearer " + KEY.encode())], 400),
        ([(b"x-api-key", KEY.encode()), (b"api-key", b"other")], 400),
        ([(b"x-api-key", KEY.encode()), (b"x-api-key", KEY.encode())], 400),
        ([(b"x-api-key", b"other")], 401),
        ([(b"x-api-key", b"")], 401),
        ([], 401),
    ],
)
@pytest.mark.parametrize("path", [CHAT, COMPLETION, EMBEDDING, MESSAGES, RESPONSES])
async def test_a_key_comes_in_one_way(tmp_path, path, headers, status):
    async with wired(tmp_path, BUNDLE) as w:
        reply = await w.ask(path, body_for(path), key=None, headers=headers)
        assert (reply.status if path != EMBEDDING or status != 200 else 200) == status
        if status == 401:
            assert reply.error["type"] == "authentication_error"


@pytest.mark.parametrize("path", [*CHATS, f"{MESSAGES}/count_tokens"])
async def test_bodies_that_do_not_come_as_they_should(tmp_path, path):
    body = orjson.dumps(body_for(path if path in CHATS else MESSAGES))
    async with wired(tmp_path / "late", BUNDLE, door={"body_timeout_s": 0.05}) as w:
        late = await w.ask(path, chunks=[body[:9], body[9:]], late=True)
        assert w.provider.received == []
    async with wired(tmp_path / "others", BUNDLE) as w:
        packed = await w.ask(path, body, headers=[(b"content-encoding", b"gzip")])
        large = await w.ask(path, b"{}", headers=[(b"content-length", b"9" * 12)])
        longer = await w.ask(path, chunks=[b"x" * (1 << 20)] * 9)
        assert w.provider.received == []
    assert [r.status for r in (late, packed, large, longer)] == [400, 400, 413, 413]
    for reply in (late, packed, large, longer):
        assert reply.error["code"]
        assert ("request_id" in reply.json) is (MESSAGES in path)


async def test_anthropics_errors_have_its_shape(tmp_path):
    version = [(b"anthropic-version", b"2023-06-01")]
    async with wired(tmp_path, BUNDLE) as w:
        replies = [
            await w.ask(MESSAGES, b"{"),
            await w.ask(MESSAGES, body_for(MESSAGES), key="nobody's"),
            await w.ask(MESSAGES, body_for(MESSAGES), headers=[(b"anthropic-version", b"1999")]),
            await w.ask(MESSAGES, method="GET"),
            await w.ask("/v1/messages/batches", headers=version),
            await w.ask("/v1/models/none", method="GET", headers=version),
            await w.ask(f"{MESSAGES}/count_tokens", b"{}"),
            await w.ask(f"{MESSAGES}/count_tokens", b"{}", key="nobody's"),
        ]
        for reply in replies:
            assert reply.json["type"] == "error"
            assert reply.json["request_id"] == reply.trace
            assert reply.json["error"]["type"].endswith("_error")
        assert [r.status for r in replies] == [400, 401, 400, 405, 404, 404, 400, 401]


async def test_models_in_both_dialects(tmp_path):
    version = [(b"anthropic-version", b"2023-06-01")]
    async with wired(tmp_path, BUNDLE) as w:
        ours = (await w.ask("/v1/models", method="GET")).json
        theirs = (await w.ask("/v1/models", method="GET", headers=version)).json
        assert [m["id"] for m in ours["data"]] == [m["id"] for m in theirs["data"]]
        assert ours["object"] == "list"
        assert (theirs["has_more"], theirs["first_id"]) == (False, "auto")
        one = (await w.ask("/v1/models/first", method="GET", headers=version)).json
        assert (one["type"], one["id"]) == ("model", "first")


async def test_a_count_asks_no_model_and_grows_with_the_prompt(tmp_path):
    path = f"{MESSAGES}/count_tokens"
    async with wired(tmp_path, BUNDLE) as w:
        counts = []
        for messages in ("Hi", "Hi " * 500):
            reply = await w.ask(path, {"messages": [{"role": "user", "content": messages}]})
            assert reply.json["estimated"] is True
            counts.append(reply.json["input_tokens"])
        assert 1 < counts[0] < 20 < 300 < counts[1]
        assert w.provider.received == []
        assert w.journal.records[1:] == [], "nothing was decided"
