import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.ask import ToolCall
from freehold.core.errors import ProviderError, ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Usage
from freehold.providers.openai_read import StreamReader, whole
from freehold.providers.sse import SseParser
from tests.providers.servers import DONE, chat, event, part


def read(body, *, n=1, inputs=None):
    return whole(body if isinstance(body, bytes) else orjson.dumps(body), n=n, inputs=inputs)


def choice(**fields):
    return {"index": 0, "finish_reason": "stop"} | fields


def test_hidden_reasoning_and_log_probabilities_are_left_behind():
    body = chat("Yes.", reasoning_content="SECRET", reasoning="SECRET", annotations=["SECRET"])
    body["choices"][0]["logprobs"] = {"content": [{"token": "SECRET"}]}
    body["system_fingerprint"] = "SECRET"
    assert "SECRET" not in repr(read(body))


def test_a_refusal_is_text():
    assert read(chat(None, refusal="I can not.")).choices[0].text == "I can not."


def test_parts_of_text_are_joined_and_thinking_is_left_out():
    content = [
        {"type": "thinking", "thinking": "SECRET"},
        {"type": "text", "text": "Hel"},
        {"type": "text", "text": "lo"},
    ]
    assert read(chat(content)).choices[0].text == "Hello"


@pytest.mark.parametrize(
    "message",
    [{"audio": {"data": "AAAA"}}, {"content": [{"type": "image_url", "image_url": {}}]}],
)
def test_what_no_control_reads_is_refused(message):
    body = chat()
    body["choices"][0]["message"] |= message
    with pytest.raises(ProviderRejected):
        read(body)


def test_tool_calls():
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"type": "function", "function": {"name": "g", "arguments": {"y": 2}}},
        {"id": "c", "function": {"name": "h"}},
    ]
    body = chat(None, tool_calls=calls)
    body["choices"][0]["finish_reason"] = None
    got = read(body).choices[0]
    assert got.tool_calls == (
        ToolCall(id="a", name="f", arguments='{"x": 1}'),
        ToolCall(id="call_1", name="g", arguments='{"y":2}'),
        ToolCall(id="c", name="h", arguments=""),
    )
    assert got.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("said", "means"),
    [("length", "length"), ("eos", "stop"), (None, "stop"), ("max_tokens", "length")],
)
def test_finish_reasons_are_from_a_closed_list(said, means):
    body = chat()
    body["choices"][0]["finish_reason"] = said
    assert read(body).choices[0].finish_reason == means


def test_a_completion():
    got = read({"choices": [choice(text="Once"), choice(index=1, text="Twice")]}, n=2)
    assert [c.text for c in got.choices] == ["Once", "Twice"]
    assert got.usage is None


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"total_tokens": 7}])
def test_nothing_counted(usage):
    assert read(chat() | {"usage": usage}).usage is None


@pytest.mark.parametrize(
    "usage",
    [
        '"many"', "[1]", "7", "true", '{"prompt_tokens": true}', '{"prompt_tokens": "3"}',
        '{"prompt_tokens": 3.0}', '{"prompt_tokens": 1, "completion_tokens": 2.5}',
        '{"prompt_tokens": 1e400}', '{"prompt_tokens": 5, "total_tokens": -1e999}',
        '{"prompt_tokens": -1}', '{"prompt_tokens": -1, "completion_tokens": 1}',
    ],
)  # fmt: skip
def test_counts_that_can_not_be_are_told_apart_from_none(usage):
    """Below zero, which no count can be: the inference stage then estimates and says so."""
    body = b'{"choices": [{"message": {"content": "a"}}], "usage": %b}' % usage.encode()
    assert read(body).usage.prompt_tokens == -1 or read(body).usage.completion_tokens == -1
    event = b'{"choices": [], "usage": %b}' % usage.encode()
    assert StreamReader(1).read([event]).usage == read(body).usage


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>busy</html>",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"index": 1, "message": {"content": "x"}}]}',
        b'{"choices": [{"index": -1, "message": {"content": "x"}}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}',
        b'{"error": {"message": "SECRET"}}',
        b'{"choices": [{"message": {"content": "SECRET\xff"}}]}',
        b'{"choices": "SECRET"}',
    ],
)
def test_malformed_answers(body):
    with pytest.raises(ProviderUnavailable) as caught:
        read(body, n=1)
    assert "SECRET" not in str(caught.value)


def test_embeddings_come_in_the_order_of_the_inputs():
    data = [{"index": 1, "embedding": "AACAPgAAgD8="}, {"index": 0, "embedding": [0.25, 1]}]
    got = read({"data": data, "model": "e", "usage": {"prompt_tokens": 3}}, inputs=2)
    assert got.embeddings == ([0.25, 1], "AACAPgAAgD8=")
    assert got.usage == Usage(prompt_tokens=3)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 1, "embedding": []}],
        [{"embedding": 5}],
        [{"embedding": []}, {"embedding": []}],
        [{"embedding": []}],
        [{"embedding": ""}],
        [{"embedding": None}],
        [{"embedding": [None]}],
        [{"embedding": [True]}],
        [{"embedding": [[1]]}],
        [{"embedding": ["SECRET", "text"]}],
        [{"embedding": "SECRET text, and no numbers"}],
        [{"embedding": "AAA="}],  # two bytes are no float
        [{"embedding": "AADAfw=="}],  # not a number
        "SECRET",
        {"embedding": [1]},
    ],
)
def test_malformed_embeddings(data):
    with pytest.raises(ProviderUnavailable) as caught:
        read({"data": data}, inputs=1)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("second", [[1], [1, 2, 3], "AACAPg=="])
def test_vectors_of_one_answer_are_of_one_length(second):
    with pytest.raises(ProviderUnavailable):
        read(
            {"data": [{"embedding": [0.5, 1]}, {"embedding": second, "index": 1}]},
            inputs=2,
        )


def streamed(*events, n=1, cuts=()):
    """What a stream says in all: texts, tool calls, finish reasons, usage, by choice."""
    stream = b"".join(event(e) if not isinstance(e, bytes) else e for e in events)
    parser, reader = SseParser(), StreamReader(n)
    edges = sorted([0, len(stream), *(min(cut, len(stream)) for cut in cuts)])
    deltas = [reader.read(parser.feed(stream[a:b])) for a, b in itertools.pairwise(edges)]
    deltas += [reader.read(parser.finish()), reader.finish()]
    texts, calls, reasons, usage = {}, {}, {}, None
    for delta in filter(None, deltas):
        usage = delta.usage or usage
        for c in delta.choices:
            texts[c.index] = texts.get(c.index, "") + c.text
            calls[c.index] = calls.get(c.index, ()) + c.tool_calls
            reasons[c.index] = c.finish_reason or reasons.get(c.index)
    return texts, calls, reasons, usage


def tool(index=None, id=None, name=None, arguments=None):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    call = {k: v for k, v in (("index", index), ("id", id)) if v is not None}
    return part(tool_calls=[call | {"function": function}])


USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
TALK = (
    part("", role="assistant"),
    part("Hel"),
    part("l\u00f6"),
    tool(0, "a", "f", ""),
    tool(0, arguments='{"x"'),
    tool(0, arguments=": 1}"),
    tool(1, "b", "g", "{}"),
    part(finish="tool_calls"),
    USAGE,
    DONE,
)
TALKED = (
    {0: "Hell\u00f6"},
    {
        0: (
            ToolCall(id="a", name="f", arguments='{"x": 1}'),
            ToolCall(id="b", name="g", arguments="{}"),
        )
    },
    {0: "tool_calls"},
    Usage(prompt_tokens=5, completion_tokens=2),
)


@given(st.lists(st.integers(0, 2000), max_size=10))
def test_a_stream_cut_anywhere_says_the_same(cuts):
    assert streamed(*TALK, cuts=cuts) == TALKED


def test_tool_calls_are_given_when_the_next_one_starts():
    reader = StreamReader(1)
    events = [orjson.dumps(e) for e in (tool(0, "a", "f", "{}"), tool(1, "b", "g", "{"))]
    assert reader.read(events[:1]) is None
    assert reader.read(events[1:]).choices[0].tool_calls[0].id == "a"


def test_calls_that_all_have_number_zero_are_told_apart_by_their_ids():
    events = (tool(0, "a", "f", "{}"), tool(0, "b", "g", "{}"), part(finish="tool_calls"))
    assert [c.name for c in streamed(*events)[1][0]] == ["f", "g"]


def test_calls_without_a_number():
    events = (tool(None, "a", "f", "{"), tool(None, None, None, "}"), part(finish="tool_calls"))
    assert [c.arguments for c in streamed(*events)[1][0]] == ["{}"]


def test_a_call_can_not_go_on_after_the_next_has_started():
    with pytest.raises(ProviderUnavailable):
        streamed(tool(0, "a", "f", "{"), tool(1, "b", "g", "{}"), tool(0, arguments="}"), DONE)


def test_too_many_calls():
    with pytest.raises(ProviderUnavailable):
        streamed(*(tool(i, f"c{i}", "f", "{}") for i in range(200)), DONE)


def test_without_a_done_mark_a_finish_reason_is_enough():
    assert streamed(part("a"), part(finish="stop"))[0] == {0: "a"}


def test_without_a_finish_reason_a_done_mark_is_enough():
    texts, calls, _, _ = streamed(part("a"), tool(0, "a", "f", "{}"), DONE)
    assert texts == {0: "a"}
    assert [c.name for c in calls[0]] == ["f"]


@pytest.mark.parametrize(
    ("events", "n"),
    [
        ((part("a"),), 1),
        ((), 1),
        ((part("a"), part(finish="stop"), part("b", index=1)), 2),
        ((part("a"), {"error": {"message": "SECRET"}}), 1),
        ((part("a"), b"data: SECRET\n\n"), 1),
        ((part("a", index=1), DONE), 1),
    ],
)
def test_half_a_stream_is_no_answer(events, n):
    with pytest.raises(ProviderUnavailable) as caught:
        streamed(*events, n=n)
    assert "SECRET" not in str(caught.value)


def test_reasoning_in_a_stream_is_left_behind():
    events = (part(reasoning_content="SECRET"), part("a", logprobs="SECRET"), part(finish="stop"))
    assert "SECRET" not in repr(streamed(*events))


def test_alternatives_do_not_mix():
    events = (part("a"), part("x", index=1), part("b"), part("y", index=1), DONE)
    assert streamed(*events, n=2)[0] == {0: "ab", 1: "xy"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "tool_calls",
                    "function",
                    "index",
                    "usage",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_or_refused(value):
    for reading in (
        lambda: whole(orjson.dumps(value), n=1),
        lambda: whole(orjson.dumps(value), n=1, inputs=1),
        lambda: StreamReader(1).read([orjson.dumps(value)]),
    ):
        try:
            reading()
        except ProviderError:
            continue


@pytest.mark.parametrize(
    ("reported", "kept"),
    [
        ("gpt-5.2-2026-01-01", True), ("meta-llama/Llama-3.3:free", True), ("@cf/meta/llama", True),
        ("claude-3-7@20250219", True), ("jane.roe@acme-corp.com", False), ("a b", False),
        ("x" * 129, False), ("m\n", False), ("é", False), ("<b>", False),
    ],
)  # fmt: skip
def test_a_model_reports_a_name_or_nothing(reported, kept):
    body = chat("hi") | {"model": reported}
    assert read(body).reported_model == (reported if kept else "")
    reader = StreamReader(1)
    said = {"model": reported, "choices": [{"delta": {"content": "x"}}]}
    delta = reader.read([orjson.dumps(said)])
    assert delta is not None
    assert delta.reported_model == (reported if kept else "")
