"""Clean text, within the bounds, and the very same object where nothing was to be cleaned."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.ask import Message, ToolCall
from freehold.core.errors import RequestTooLarge
from freehold.core.handoffs import Prepared
from freehold.core.limits import Limits
from freehold.core.trail import Trail
from freehold.stages.data_prep import DataPrep
from freehold.text.embedding import embed
from tests.stages import made


def prepare(*messages: Message | str, limit: int = 200_000, **asked: Any) -> tuple[Prepared, Trail]:
    trail = made.trail()
    app = made.app(limits=Limits(max_request_chars=limit))
    admitted = made.admitted(made.ask(*messages, **asked), app)
    return DataPrep()(admitted, trail), trail


def test_clean_text_stays_the_same_object() -> None:
    call = ToolCall(id="c", name="f", arguments='{"a": 1}')
    messages = (
        Message(role="system", content="Be kind.\n\tPlease."),
        Message(role="user", content="Grüße 👨‍👩‍👧"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content="", tool_call_id="c"),
    )
    prepared, trail = prepare(*messages)
    assert all(a is b for a, b in zip(prepared.messages, messages, strict=True))
    assert prepared.hidden == {}
    assert trail.decisions == []
    assert trail.spent_ns["data_prep"] > 0


def test_hidden_characters_are_taken_out_and_told() -> None:
    call = ToolCall(id="c", name="f", arguments='{"a": "x\u200by"}')
    prepared, trail = prepare(
        Message(role="system", content="a\u202eb"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="user", content="re\u200bfund\u200b \U000e0041"),
    )
    assert [m.content for m in prepared.messages] == ["ab", "", "refund "]
    assert prepared.messages[1].tool_calls[0] == ToolCall(id="c", name="f", arguments='{"a": "xy"}')
    assert prepared.query == "refund "
    assert prepared.hidden == {"bidi": 1, "zero_width": 3, "tag": 1}
    (decision,) = trail.decisions
    assert (decision.rule, decision.outcome) == ("hidden.unicode", "allow")
    assert decision.why.endswith("1 bidi, 1 tag, 3 zero_width")


def test_the_rest_of_a_message_stays() -> None:
    message = Message(role="tool", content="a\0b", name="n", tool_call_id="c")
    prepared, _ = prepare(message)
    assert prepared.messages[0] == Message(role="tool", content="ab", name="n", tool_call_id="c")


def test_text_is_composed() -> None:
    prepared, trail = prepare("cafe\u0301")
    assert prepared.messages[0].content == "café"
    assert prepared.hidden == {}
    assert trail.decisions == []


def test_text_that_grows_when_composed_is_not_cut() -> None:
    text = "\u0958\ufb2c" * 50  # composition exclusions: they decompose and stay so
    prepared, _ = prepare(text, limit=len(text))
    assert prepared.messages[0].content == unicodedata.normalize("NFC", text)
    assert "over_limit" not in prepared.hidden


# -- size --------------------------------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "f", "description": "x" * 80}}
LONG_CALL = ToolCall(id="", name="f", arguments="x" * 101)


@pytest.mark.parametrize(
    ("messages", "asked"),
    [
        (("x" * 101,), {}),
        (("x" * 60, "y" * 60), {}),
        ((Message(role="assistant", tool_calls=(LONG_CALL,)),), {}),
        (("x",), {"tools": (TOOL,)}),
        (("x",), {"response_format": {"type": "json_schema", "json_schema": {"a": "x" * 90}}}),
        (("x",), {"stop": ("x" * 101,)}),
        (("ü" * 101,), {}),
    ],
)  # fmt: skip
def test_more_than_the_app_takes(messages: tuple[Any, ...], asked: dict[str, Any]) -> None:
    with pytest.raises(RequestTooLarge) as caught:
        prepare(*messages, limit=100, **asked)
    assert caught.value.status == 413
    assert "takes 100" in caught.value.public
    prepare(*messages, limit=1_000, **asked)


def test_exactly_as_much_as_the_app_takes() -> None:
    assert prepare("x" * 100, limit=100)[0].query == "x" * 100


# -- the newest turn ---------------------------------------------------------------------------

SAID = Message(role="assistant", content="Hello.")
TOOLS = Message(role="assistant", tool_calls=(ToolCall(id="c", name="f", arguments="{}"),))
GIVEN = Message(role="tool", content="3", tool_call_id="c")
SYSTEM = Message(role="system", content="Be kind.")


@pytest.mark.parametrize(
    ("messages", "query"),
    [
        (("Hi",), "Hi"),
        (("Hi", SAID, "And?"), "And?"),
        (("Hi", SAID, "50 % off", "please"), "50 % off\nplease"),
        (("50 % off", SYSTEM, "please"), "50 % off\nplease"),
        (("Hi", SAID, "How many?", TOOLS, GIVEN), "How many?"),
        (("Hi", SAID), "Hi"),
        ((SYSTEM,), ""),
        ((SAID, "Hi"), "Hi"),
    ],
)
def test_what_the_user_said_since_the_last_answer(messages: tuple[Any, ...], query: str) -> None:
    assert prepare(*messages)[0].query == query


def test_every_input_of_an_embedding_counts() -> None:
    assert prepare("one", "two", operation="embedding")[0].query == "one\ntwo"


def test_features_are_of_the_query() -> None:
    features = prepare("Hello there", SAID, "Can I return this?")[0].features
    assert (features.chars, features.words, features.questions) == (18, 4, 1)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_cleaning_twice_is_cleaning_once(texts: list[str]) -> None:
    once, _ = prepare(*texts)
    twice, trail = prepare(*once.messages)
    assert all(a is b for a, b in zip(twice.messages, once.messages, strict=True))
    assert trail.decisions == []
    for message in once.messages:
        message.content.encode()


def test_only_an_app_that_reads_the_vector_pays_for_it() -> None:
    admitted = made.admitted(made.ask("where is my order?"), made.app())
    assert DataPrep()(admitted, made.trail()).vector is None
    admitted = made.admitted(made.ask("where is my order?"), made.app(embeds=True))
    vector = DataPrep()(admitted, made.trail()).vector
    assert vector.tobytes() == embed("where is my order?").tobytes()
