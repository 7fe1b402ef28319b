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
        ("first line\nsecond line", ["first line\nsecond line"]),
        ("We will\nrefund you. Good.", ["We will\nrefund you. ", "Good."]),
        ("We will \r\n  refund you. Good.", ["We will \r\n  refund you. ", "Good."]),
        ("We will\n**refund** you", ["We will\n**refund** you"]),
        ("We will\n- refund you", ["We will\n", "- refund you"]),
        ("We will\n12. refund you", ["We will\n", "12. refund you"]),
        ("- We will\n  refund you\n- or not", ["- We will\n  refund you\n", "- or not"]),
        ("# Half\nprice", ["# Half\n", "price"]),
        ("half\n## price", ["half\n", "## price"]),
        ("| half |\n| price |", ["| half |\n", "| price |"]),
        ("We will:\nrefund you", ["We will:\n", "refund you"]),
        ("half\n> price", ["half\n", "> price"]),
        ("half\n---\nprice", ["half\n", "---\n", "price"]),
        ("12 seats\nBags: 3\nTotal fare: 5", ["12 seats\n", "Bags: 3\n", "Total fare: 5"]),
        ("half\n**Price now:** 3", ["half\n", "**Price now:** 3"]),
        ("type: percentage\nvalue: 35", ["type: percentage\n", "value: 35"]),
        ("see port 8711\n$ export A", ["see port 8711\n", "$ export A"]),
        ("```json\n{}\n```\nhalf", ["```json\n", "{}\n", "```\n", "half"]),
        ("We will\n<b>refund</b> you", ["We will\n<b>refund</b> you"]),
        ("<a>1</a>\n<p>2</p>", ["<a>1</a>\n", "<p>2</p>"]),
        ("Approx.\nThirty", ["Approx.\n", "Thirty"]),
        ("a\n\n\nb", ["a\n\n\n", "b"]),
        ("You get 3\n0 % off", ["You get 3\n0 % off"]),
        ("It is 3\r\n0 % off", ["It is 3\r\n0 % off"]),
        ("You get 30\n% off", ["You get 30\n% off"]),
        ("You get thirty\npercent off", ["You get thirty\npercent off"]),
        ("Drei\u00dfig\nProzent", ["Drei\u00dfig\nProzent"]),
        ("It costs 30\n€ now", ["It costs 30\n€ now"]),
        ("It costs $\n30 now", ["It costs $\n30 now"]),
        ("You get 3\n\n0 % off", ["You get 3\n\n", "0 % off"]),
        ("No 3.\nPercent", ["No 3.\n", "Percent"]),
        ("This is $5\nThat", ["This is $5\nThat"]),
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
    alphabet=st.sampled_from(list("ab AB.!?…\"'”’)(]“\n\n\n\r  。é3%p€*_`#-+:$<|\\"))
    | st.characters(),
    max_size=60,
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
_LINES = st.lists(
    st.sampled_from(
        "\n|\n|\n|\r\n| |- |* |**|12|. |) |# |Bags|Total fare|: |:|a|will|<b>|<p|$ e|```|---|_|`|Z"
        "|, |refund|! |  |a b c d|Mr Li of the very long and|\u00a0|\\n".split("|")
    ),
    max_size=30,
).map("".join)


@given(_TEXT | _WORDS | _LINES, st.data())
def test_a_smaller_view_sees_a_prefix_of_the_ends(text: str, data: st.DataObject) -> None:
    limit = data.draw(st.integers(0, len(text)))
    ends = sentence_ends(text, 0, limit)
    assert sentence_ends(text, 0, len(text))[: len(ends)] == ends


@given(_TEXT | _WORDS | _LINES, st.data())
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


def test_many_line_ends_take_no_time() -> None:
    assert sentence_ends("a" + " \n" * 100_000, 0, 200_001) == []
