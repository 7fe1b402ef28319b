"""Approved answers: the right one, or none."""

import json

import pytest

from freehold.core.ask import Message
from freehold.core.local import Beside, Known
from freehold.text.local import make
from freehold.text.local.learned import VECTORS

ROWS = [
    {
        "questions": ["When do you open?", "opening hours", "what time do you open on Sunday"],
        "answer": "We open at nine.",
    },
    {
        "questions": ["Where is my order?", "track my parcel", "has my package shipped"],
        "answer": "See your orders page.",
    },
    {
        "questions": ["How do I return an item?", "return policy", "can I send it back"],
        "answer": "Within 30 days.",
    },
    {
        "questions": ["who won the match", "write me a poem", "what is the capital of France"],
        "answer": None,
    },
]


def lines(rows=ROWS):
    return "\n".join(json.dumps(row) for row in rows).encode()


def asked(text, *before):
    return [*before, Message(role="user", content=text)]


@pytest.fixture(scope="module")
def responder():
    return make("responder", lines())


WORD_FOR_WORD = ["We open at nine.", "See your orders page.", "Within 30 days."]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("when do you open?", "We open at nine."),
        ("WHERE is  my order", "See your orders page."),
        ("Return policy!", "Within 30 days."),
    ],
)
def test_a_question_word_for_word_is_certain(responder, text, answer):
    said = responder.answer(asked(text))
    assert (said.text, said.confidence) == (answer, 1_000_000)
    assert said.nearest == f"answer-{WORD_FOR_WORD.index(answer) + 1}"


def test_a_question_in_other_words_is_less_certain(responder):
    said = responder.answer(asked("at what time do you open on a Sunday, please?"))
    assert said.text == "We open at nine."
    assert 0 < said.confidence <= 1_000_000 * 10 // 11  # nine questions can show no more


def test_what_is_far_from_every_question_is_never_sure(responder):
    for text in ("quantum chromodynamics lecture notes", "xyzzy", "42", "\u4f60\u597d"):
        said = responder.answer(asked(text))
        assert not said.text or said.confidence < 500_000


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "?" * 50, "x" * 100_000])
def test_what_is_no_question_has_no_answer(responder, text):
    assert responder.answer(asked(text)).text == ""


def test_within_a_conversation_it_keeps_silent_unless_told(responder):
    before = [Message(role="user", content="Hello"), Message(role="assistant", content="Hi")]
    assert responder.answer(asked("When do you open?", *before)).text == ""
    talker = make("responder", lines(), '{"follow_ups": true}')
    assert talker.answer(asked("When do you open?", *before)).text == "We open at nine."


def test_nobody_asked(responder):
    assert responder.answer([]) == Known(text="", confidence=0, why="no_question")
    newest = Message(role="tool", content="When do you open?", tool_call_id="c")
    assert responder.answer([newest]).text == ""


def test_answers_are_never_made_up(responder):
    answers = {row["answer"] for row in ROWS} | {""}
    for text in ("return my order", "open the parcel on Sunday", "send back", "poem about orders"):
        assert responder.answer(asked(text)).text in answers - {None}


@pytest.mark.parametrize(
    ("data", "options", "wrong"),
    [
        (b"", "{}", "no answer"),
        (b"nonsense", "{}", "line 1"),
        (b'\n{"questions": [], "answer": "x"}', "{}", "line 2: it has no question"),
        (b'{"questions": ["a b"], "answer": " "}', "{}", "a text, or null"),
        (b'{"questions": ["a b"], "answer": "x", "more": 1}', "{}", "line 1"),
        (b'{"question": ["a b"], "answer": "x"}', "{}", "line 1"),
        (b"\xff", "{}", "line 1"),
        (
            b'{"questions": ["a b"], "answer": "x"}\n{"questions": ["A  b?"], "answer": "y"}',
            "{}",
            "two answers for one question",
        ),
        (b'{"questions": ["a b"], "answer": "x"}', '{"threshold": 1}', "no option `threshold`"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(data, options, wrong):
    with pytest.raises(ValueError, match=wrong):
        make("responder", data, options)


LEARNED = (
    b'{"alpha":50000,"bound":1,"chances":[[1,900000]],"line":500000,'
    b'"responder":"freehold-responder-3","vectors":"VECTORS"}\n'
    b'{"answer":["It is ",0,"."],"group":0,"slots":[{"any":[{"field":"x","form":"text:",'
    b'"rule":"only","source":"s"}]}],"template":"t1"}\n'
    b'{"question":{"masked":"What is it now?"},"template":"t1"}\n'
).replace(b"VECTORS", VECTORS.encode())


def test_a_learned_file_is_told_by_its_first_line():
    model = make("responder", LEARNED)
    beside = Beside(pieces=({"source": "s", "text": '{"x": "{0} [0]"}', "trusted": True},))
    said = model.answer_beside([Message(role="user", content="What is it now?")], beside)
    assert said.text == "It is {0} [0]."
    assert said.confidence == 900_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"t1"}\n{"question"', b'"t2"}\n{"question"'), (b"responder-3", b"responder-9"),
        (VECTORS.encode(), b"0"), (b'"It is ",0', b'"It is ",1'), (b'"line":500000', b'"line":"x"'),
        (b'"any":[{', b'"all":[{'), (b'{"question"', b"{"), (b'"group":0', b'"group":0,"run":"x"'),
    ],
)  # fmt: skip
def test_a_learned_file_that_is_wrong_says_so(old, new):
    assert old in LEARNED
    with pytest.raises(ValueError, match=r"line \d|question|responder|other vectors|answers"):
        make("responder", LEARNED.replace(old, new))


def test_a_learned_file_has_no_options():
    with pytest.raises(ValueError, match="follow_ups"):
        make("responder", LEARNED, '{"follow_ups": true}')
