"""Reply bodies: the SDK's own models read every one of them, whole and as a stream."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from freehold.core import errors
from freehold.core.ask import Ask, ToolCall
from freehold.core.errors import FreeholdError
from freehold.core.handoffs import Held, Released, Usage
from freehold.server.openai_replies import (
    DONE,
    KEEP_ALIVE,
    StreamReply,
    WholeReply,
    error_bytes,
    error_event,
    held_text,
    outcome_comment,
    usage_of,
)
from tests.stages import made

USAGE = Usage(prompt_tokens=7, completion_tokens=5)
CALLS = (
    ToolCall(id="call_1", name="look_up", arguments='{"sku": "7"}'),
    ToolCall(id="call_2", name="stock", arguments="{}"),
)
HELD = Held(approval_id="apr_1", role="manager", rule="cap", public="A discount over 20 %.")
END = Released(text="!", finish_reason="stop", usage=USAGE, model="large")


def whole(*pieces: Released, **asked: Any) -> bytes:
    reply = WholeReply(made.ask(model="hint", **asked), "0198-x", 1_700_000_000)
    for piece in pieces:
        reply.add(piece)
    return reply.body()


def stream(*pieces: Released, outcome: str = "allowed", **asked: Any) -> list[dict[str, Any]]:
    """The events' data, after checking how they are framed."""
    ask = made.ask(model="hint", stream=True, **asked)
    reply = StreamReply(ask, "0198-x", 1_700_000_000)
    wire = b"".join(reply.events(piece) for piece in pieces) + reply.end(outcome)
    assert wire.endswith(outcome_comment(outcome) + DONE)
    events = wire.removesuffix(outcome_comment(outcome) + DONE).split(b"\n\n")
    assert events.pop() == b""
    assert all(event.startswith(b"data: {") and b"\n" not in event for event in events)
    return [json.loads(event[6:]) for event in events]


def chunks(*pieces: Released, **asked: Any) -> list[ChatCompletionChunk]:
    return [ChatCompletionChunk.model_validate(e) for e in stream(*pieces, **asked)]


def strict(body: bytes, kind: Any) -> Any:
    """Read by the SDK's model, with every field present that it requires and none that is odd."""
    read = kind.model_validate_json(body)
    extra = [name for name in json.loads(body) if name not in kind.model_fields]
    assert extra == []
    return read


# -- whole -------------------------------------------------------------------------------------


def test_a_chat_completion() -> None:
    read = strict(whole(Released(text="Hello", model="large"), END), ChatCompletion)
    (choice,) = read.choices
    assert choice.message.content == "Hello!"
    assert choice.message.role == "assistant"
    assert (choice.finish_reason, choice.index) == ("stop", 0)
    assert choice.message.tool_calls is None
    assert (read.id, read.model, read.object) == ("chatcmpl-0198-x", "large", "chat.completion")
    assert read.created == 1_700_000_000
    assert (read.usage.prompt_tokens, read.usage.completion_tokens, read.usage.total_tokens) == (
        7, 5, 12,
    )  # fmt: skip


def test_tool_calls() -> None:
    end = Released(tool_calls=CALLS, finish_reason="tool_calls", model="large")
    (choice,) = strict(whole(end), ChatCompletion).choices
    assert choice.message.content is None
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls
    assert [(c.id, c.type, c.function.name) for c in calls] == [
        ("call_1", "function", "look_up"), ("call_2", "function", "stock"),
    ]  # fmt: skip
    assert [c.function.arguments for c in calls] == ['{"sku": "7"}', "{}"]
    (choice,) = strict(whole(Released(text="Wait.", model="m"), end), ChatCompletion).choices
    assert choice.message.content == "Wait."


def test_alternatives_in_their_order() -> None:
    pieces = [
        Released(index=1, text="b", finish_reason="stop", model="m"),
        Released(index=0, text="a", finish_reason="length", model="m", usage=USAGE),
    ]
    read = strict(whole(*pieces, n=2), ChatCompletion)
    assert [(c.index, c.message.content, c.finish_reason) for c in read.choices] == [
        (0, "a", "length"), (1, "b", "stop"),
    ]  # fmt: skip


def test_a_held_answer() -> None:
    piece = Released(held=HELD, finish_reason="content_filter", model="large")
    (choice,) = strict(whole(piece), ChatCompletion).choices
    assert choice.finish_reason == "content_filter"
    assert choice.message.content == held_text(HELD)
    assert "apr_1" in choice.message.content
    assert "manager" in choice.message.content


def test_without_usage_there_are_zeros() -> None:
    read = strict(whole(Released(text="x", finish_reason="stop")), ChatCompletion)
    assert read.usage.total_tokens == 0
    assert read.model == "hint"


def test_a_legacy_completion() -> None:
    read = strict(whole(Released(text="Once ", model="m"), END, operation="completion"), Completion)
    assert (read.id, read.object) == ("cmpl-0198-x", "text_completion")
    assert (read.choices[0].text, read.choices[0].finish_reason) == ("Once !", "stop")
    assert read.usage.total_tokens == 12
    held = Released(held=HELD, finish_reason="content_filter", model="m")
    read = strict(whole(held, operation="completion"), Completion)
    assert read.choices[0].text == held_text(HELD)


@pytest.mark.parametrize(
    "vectors",
    [
        ([0.1, 0.2], [0.3, 0.4]),
        tuple(base64.b64encode(struct.pack("<2f", a, b)).decode() for a, b in ((1, 2), (3, 4))),
    ],
)
def test_embeddings(vectors: tuple[Any, ...]) -> None:
    piece = Released(embeddings=vectors, usage=USAGE, model="e", finish_reason="stop")
    body = whole(piece, operation="embedding")
    data = json.loads(body)
    assert [entry["embedding"] for entry in data["data"]] == list(vectors)
    if isinstance(vectors[0], list):
        strict(body, CreateEmbeddingResponse)
    assert [entry["index"] for entry in data["data"]] == [0, 1]
    assert data["usage"] == {"prompt_tokens": 7, "total_tokens": 7}


def test_a_reply_to_nothing_is_still_a_reply() -> None:
    assert json.loads(whole(operation="embedding"))["data"] == []
    assert json.loads(whole())["choices"] == []


# -- streams -----------------------------------------------------------------------------------


def test_a_stream() -> None:
    read = chunks(Released(text="Hel", model="large"), Released(text="lo", model="large"), END)
    assert [c.choices[0].delta.content for c in read] == ["", "Hel", "lo", "!", None]
    assert [c.choices[0].delta.role for c in read] == ["assistant", None, None, None, None]
    assert [c.choices[0].finish_reason for c in read] == [None, None, None, None, "stop"]
    assert {(c.id, c.object, c.created, c.model) for c in read} == {
        ("chatcmpl-0198-x", "chat.completion.chunk", 1_700_000_000, "large")
    }
    assert all(c.usage is None for c in read)


def test_usage_comes_last_where_it_was_asked_for() -> None:
    events = stream(Released(text="x", model="large"), END, include_usage=True)
    assert all(event["usage"] is None for event in events[:-1])
    last = ChatCompletionChunk.model_validate(events[-1])
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 12
    assert last.model == "large"


def test_tool_calls_in_a_stream() -> None:
    end = Released(tool_calls=CALLS, finish_reason="tool_calls", model="m")
    read = chunks(end)
    calls = read[1].choices[0].delta.tool_calls
    assert calls is not None
    assert [(c.index, c.id, c.type) for c in calls] == [
        (0, "call_1", "function"), (1, "call_2", "function"),
    ]  # fmt: skip
    assert calls[0].function is not None
    assert calls[0].function.arguments == '{"sku": "7"}'
    assert read[-1].choices[0].finish_reason == "tool_calls"


def test_alternatives_in_a_stream() -> None:
    read = chunks(
        Released(index=0, text="a", model="m"), Released(index=1, text="b", model="m"),
        Released(index=0, finish_reason="stop", model="m"),
        Released(index=1, finish_reason="length", model="m"), n=2,
    )  # fmt: skip
    text = {0: "", 1: ""}
    for chunk in read:
        for choice in chunk.choices:
            text[choice.index] += choice.delta.content or ""
    assert text == {0: "a", 1: "b"}
    roles = [c.choices[0].index for c in read if c.choices[0].delta.role]
    assert roles == [0, 1]


def test_a_held_answer_in_a_stream() -> None:
    held = Released(held=HELD, finish_reason="content_filter", model="m")
    read = chunks(held, outcome="held")
    assert read[1].choices[0].delta.content == held_text(HELD)
    assert read[-1].choices[0].finish_reason == "content_filter"


def test_a_legacy_stream() -> None:
    events = stream(
        Released(text="Once", model="m"), END, operation="completion", include_usage=True
    )
    reasons = [c["finish_reason"] for event in events for c in event["choices"]]
    assert reasons == [None, "stop"]
    # The wire has null until the end, though the SDK's model would not say so.
    events[0]["choices"][0]["finish_reason"] = "stop"
    read = [Completion.model_validate(event) for event in events]
    assert "".join(c.choices[0].text for c in read if c.choices) == "Once!"
    assert read[-1].usage is not None


@pytest.mark.parametrize("reason", ["eos_token", "end_turn", "function_call"])
def test_an_upstreams_own_finish_reasons_become_known_ones(reason: str) -> None:
    end = Released(text="x", finish_reason=reason, model="m")
    assert strict(whole(end), ChatCompletion).choices[0].finish_reason == "stop"
    assert chunks(end)[-1].choices[0].finish_reason == "stop"


_pieces = st.lists(
    st.builds(
        Released,
        index=st.integers(0, 2),
        text=st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        tool_calls=st.sampled_from([(), CALLS]),
        model=st.sampled_from(["", "m"]),
        usage=st.sampled_from([None, USAGE]),
    ),
    max_size=8,
)


@given(_pieces, st.booleans())
def test_a_stream_says_what_a_whole_reply_says(pieces: list[Released], usage: bool) -> None:
    ends = [
        Released(index=i, finish_reason="stop", model="m")
        for i in sorted({p.index for p in pieces})
    ]
    spoken = [Released(index=p.index, text=p.text, model=p.model) for p in pieces]
    read = ChatCompletion.model_validate_json(whole(*spoken, *ends, n=3))
    text: dict[int, str] = {}
    for chunk in chunks(*spoken, *ends, n=3, include_usage=usage):
        for choice in chunk.choices:
            text[choice.index] = text.get(choice.index, "") + (choice.delta.content or "")
    assert text == {choice.index: choice.message.content for choice in read.choices}
    for piece in pieces:  # and no piece of any shape breaks the framing
        chunks(piece)


def test_no_line_of_an_answer_can_end_an_event() -> None:
    text = 'a\n\ndata: [DONE]\n\n"}\r\n\u2028\0'
    assert chunks(Released(text=text, model="m"))[1].choices[0].delta.content == text


# -- errors ------------------------------------------------------------------------------------


def all_errors() -> list[type[FreeholdError]]:
    found = [FreeholdError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_is_an_error_object(kind: type[FreeholdError]) -> None:
    error = kind.__new__(kind)
    Exception.__init__(error, "for operators")
    error.public, error.param = "What a caller may know.", None
    body = json.loads(error_bytes(error))
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"] == f"What a caller may know. ({kind.code})"
    assert "operators" not in str(body)
    event = error_event(error)
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert json.loads(event[6:]) == body


def test_comments_are_no_data() -> None:
    for comment in (KEEP_ALIVE, outcome_comment("allowed")):
        assert comment.startswith(b":")
        assert comment.endswith(b"\n\n")


def test_the_ask_is_what_the_fixtures_say() -> None:
    assert isinstance(made.ask(), Ask)


def test_cached_and_reasoning_tokens_are_told_where_there_are_any() -> None:
    plain = usage_of(Usage(prompt_tokens=7, completion_tokens=5))
    assert plain.keys() == {"prompt_tokens", "completion_tokens", "total_tokens"}
    told = usage_of(
        Usage(prompt_tokens=7, completion_tokens=5, cached_tokens=3, reasoning_tokens=2)
    )
    assert told["prompt_tokens_details"] == {"cached_tokens": 3}
    assert told["completion_tokens_details"] == {"reasoning_tokens": 2}
    assert told["total_tokens"] == 12
