"""A trained head as a model."""

import json

import numpy as np
import pytest

from freehold.core.ask import Message
from freehold.core.local import Known
from freehold.text import vectors
from freehold.text.heads import Header, pack, vector_of
from freehold.text.local import make

LOUD = "my order never came and I want my money back"
QUIET = "where do I find chairs"


@pytest.fixture(scope="module")
def head():
    """One label, whose weights are what stands in one text and not in the other."""
    weights = np.zeros((1, vectors.SIZE), np.int8)
    loud, quiet = vector_of(LOUD), vector_of(QUIET)
    weights[0, loud.words] = 20
    weights[0, quiet.words] = -20
    header = Header(
        name="t",
        vector=vectors.VERSION,
        bits=vectors.BITS,
        labels=("complaint",),
        scales=(0.05,),
        shifts=(0.0,),
    )
    return pack(header, weights)


def answer(model, text):
    return model.answer([Message(role="user", content=text)])


def test_it_answers_with_the_label_as_json(head):
    model = make("classifier", head)
    loud, quiet = answer(model, LOUD), answer(model, QUIET)
    assert json.loads(loud.text) == {"label": "complaint"}
    assert json.loads(quiet.text) == {"label": None}
    assert loud.confidence > 500_000
    assert quiet.confidence > 500_000
    assert model.quick


def test_it_answers_in_words_that_somebody_gave_it(head):
    options = json.dumps(
        {"answers": {"complaint": "A person will call you."}, "otherwise": "Fine."}
    )
    model = make("classifier", head, options)
    assert answer(model, LOUD).text == "A person will call you."
    assert answer(model, QUIET).text == "Fine."


def test_without_words_for_it_there_is_no_answer(head):
    model = make("classifier", head, '{"otherwise": "Fine."}')
    said = Known(text="", confidence=0, nearest="complaint", why="left_to_others")
    assert answer(model, LOUD) == said


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_has_no_label(head, text):
    said = Known(text="", confidence=0, why="no_question")
    assert answer(make("classifier", head), text) == said


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"answers": {"praise": "x"}}, "no label `praise`"),
        ({"answers": []}, "each label a text"),
        ({"otherwise": 1}, "is a text"),
        ({"threshold": 1}, "no option `threshold`"),
    ],
)
def test_what_is_wrong_with_an_option_is_said(head, options, wrong):
    with pytest.raises(ValueError, match=wrong):
        make("classifier", head, json.dumps(options))


@pytest.mark.parametrize("data", [b"", b"x" * 100])
def test_no_head(data):
    with pytest.raises(ValueError, match=r"."):
        make("classifier", data)


def test_no_such_kind():
    with pytest.raises(ValueError, match="no installed package offers a model `oracle`"):
        make("oracle", b"")
