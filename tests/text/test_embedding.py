"""Alike texts have vectors that point alike."""

import numpy as np
import pytest

from freehold.text import embedding
from freehold.text.embedding import DIMS, embed

HOSTILE = [
    "",
    " ",
    "\n\n",
    "!!!",
    "\ud800",
    "\U0001f600" * 50,
    "a",
    "字" * 300,
    "\x00\x01",
    "7" * 99,
]


@pytest.mark.parametrize("text", [*HOSTILE, "where is my order?", "long text " * 20_000])
def test_every_text_has_a_vector_of_length_one_or_zero(text):
    found = embed(text)
    assert found.shape == (DIMS,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert float(found @ found) == pytest.approx(1, abs=1e-4) or not found.any()


def test_the_same_text_has_the_same_vector():
    assert embed("where is my order?").tobytes() == embed("where is my order?").tobytes()


def test_alike_texts_are_nearer_than_others():
    asked = embed("Where is my order? It should have come on Monday.")
    alike = embed("my order has not come, where is it")
    other = embed("Write a sonnet about the sea at night.")
    assert asked @ alike > asked @ other + 0.1


def test_what_is_beyond_the_limit_changes_nothing():
    text = "a question about the price of apples " * 200
    assert np.array_equal(embed(text), embed(text[: embedding.MAX_CHARS]))
