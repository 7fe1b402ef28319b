"""Where sentences end, whatever part of the text is in view."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text.sentences import sentence_ends, unsettled


def pieces(text: str) -> list[str]:
    ends = [0, *sentence_ends(text, 0, len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(ends) if a < b]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("One. Two", ["One. ", "Two"]),
        ("Really? Yes! Good… Fine.", ["Really? ", "Yes! ", "Good… ", "Fine."]),
        ('He said "No." Then he left.', ['He said "No." ', "Then he left."]),
        ("He asked. “Why?” Well.", ["He asked. ", "“Why?” ", "Well."]),
        ("It costs 12.50 now.", ["It costs 12.50 now."]),
        ("See approx. Thirty of them. Good.", ["See approx. Thirty of them. ", "Good."]),
        ("Mr. Smith is here. Hello.", ["Mr. Smith is here. ", "Hello."]),
        ("Take no. Seven, e.g. That one.", ["Take no. Seven, e.g. That one."]),
        ("Volcano. Seven.", ["Volcano. ", "Seven."]),
        ("first line\nsecond line", ["first line\n", "second line"]),
        ("Approx.\nThirty", ["Approx.\n", "Thirty"]),
        ("a\n\n\nb", ["a\n\n\n", "b"]),
        ("这是。那是！", ["这是。", "那是！"]),
        ("Etwa 30 %. Überall.", ["Etwa 30 %. ", "Überall."]),
        ("lower. case follows", ["lower. case follows"]),
        ("ends here. ", ["ends here. "]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert pieces(text) == sentences


def test_an_end_at_the_edge_of_view_is_not_yet_one() -> None:
    assert sentence_ends("One. ", 0, 5) == []
    assert sentence_ends("One. T", 0, 5) == []
    assert sentence_ends("One. T", 0, 6) == [5]


_TEXT = st.text(
    alphabet=st.sampled_from(list("ab AB.!?…\"'”’)(]“\n\n  。é3%")) | st.characters(), max_size=60
)
_WORDS = st.lists(
    st.sampled_from(
        [
            "approx.",
            "No.",
            "e.g.",
            "Hello",
            "world",
            ".",
            "!",
            "\n",
            '"',
            '."',
            "(",
            " ",
            "Z",
            "30 %",
        ]
    ),
    max_size=25,
).map(" ".join)


@given(_TEXT | _WORDS, st.data())
def test_a_smaller_view_sees_a_prefix_of_the_ends(text: str, data: st.DataObject) -> None:
    limit = data.draw(st.integers(0, len(text)))
    ends = sentence_ends(text, 0, limit)
    assert sentence_ends(text, 0, len(text))[: len(ends)] == ends


@given(_TEXT | _WORDS, st.data())
def test_reading_on_from_where_it_was_unsettled_finds_the_same(
    text: str, data: st.DataObject
) -> None:
    limits = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    ends: list[int] = []
    start = 0
    for limit in [*limits, len(text)]:
        new = sentence_ends(text, start, limit)
        ends += new
        start = unsettled(text, new[-1] if new else start, limit)
    assert ends == sentence_ends(text, 0, len(text))


def test_many_initials_take_no_time() -> None:
    text = "A. B. " * 40_000
    assert sentence_ends(text, 0, len(text)) == []
