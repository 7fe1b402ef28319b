"""One vector of a text: the same for the same words, with places that lead back into it."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from freehold.text.vectors import MAX_CHARS, SIZE, parts, vector

ANY = st.text(st.characters() | st.sampled_from("\ud800\udfff  \n"), max_size=400)


@given(ANY)
def test_any_text_has_one(text: str) -> None:
    seen = vector(text)
    for columns, places in ((seen.chars, seen.char_places), (seen.words, seen.word_places)):
        assert len(columns) == len(places)
        assert not len(columns) or int(columns.max()) < SIZE
        assert not len(places) or int(places.max()) < seen.length
    assert seen.offsets[0] == 0
    assert seen.offsets[-1] == len(text)
    assert bool((np.diff(seen.offsets) >= 0).all())


def test_case_digits_and_blanks_do_not_matter() -> None:
    one, other = vector("Where is  order\n4471?"), vector("where IS order 9020?")
    assert one.words.tolist() == other.words.tolist()
    assert one.chars.tolist() == other.chars.tolist()


def test_a_word_has_its_column_wherever_it_stands() -> None:
    alone = vector("refund").words[0]
    inside = vector("I want a refund today")
    place = inside.word_places[inside.words.tolist().index(alone)]
    assert inside.offsets[place] == len("I want a ")


def test_long_texts_come_in_parts_that_overlap_and_cover_all() -> None:
    text = "abcdefgh" * 6000
    some = parts(text)
    assert all(text[at : at + len(part)] == part and len(part) <= MAX_CHARS for at, part in some)
    assert all(before[0] + len(before[1]) > after[0] for before, after in pairwise(some))
    assert some[-1][0] + len(some[-1][1]) == len(text)
