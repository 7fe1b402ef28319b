"""What a reader sees of a text, and where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.facts import TextFact
from freehold.text.facts import extract
from freehold.text.views import View, plain, unmarked, with_partner


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("We will\nrefund you", "We will refund you"),
        ("We will \r\n   refund you", "We will refund you"),
        ("We will<br>refund you", "We will refund you"),
        ("We   will\trefund", "We will refund"),
        ("We&nbsp;will&#160;refund&#xA0;you", "We will refund you"),
        ("We&rsquo;ll pay &euro;5", "We\u2019ll pay \u20ac5"),
        (r"We will\nrefund\r\nyou\tnow", "We will refund you now"),
        (r"We\u2019ll\u00a0pay", "We\u2019ll pay"),
        (r"We will\\nrefund", "We will refund"),
        ("**half** __price__ `now`", "half price now"),
        ("*half* _price_, w*i*ll", "half price, will"),
        ("***half*** <b>price</b>", "half price"),
        (r"one\n\ntwo\n- three", "one\n\ntwo\n- three"),
    ],
)
def test_marks_do_not_part_words(text: str, seen: str) -> None:
    view = plain(text)
    assert view is not None
    assert view.text.replace("\\n", "\n") == seen


@pytest.mark.parametrize(
    "text",
    [
        "half price",
        "one\n\ntwo",
        "one\n- two\n* three",
        "one\n1. two",
        "# one\ntwo",
        "| one |\n| two |",
        "one.\ntwo",
        "one:\n  two",
        "3 * 4 * 5 and 3*4",
        "snake_case_word",
        "AT&T & Co &c",
        "a < b and <discount>3</discount>",
        "30\n% off, 3\n0 % off",
        '{\n  "a": 3\n}',
        "&lt;b&gt; &quot; \\u0022",
        "  one\n\n    two",
    ],
)
def test_what_parts_stays(text: str) -> None:
    view = plain(text)
    assert view is None or view.text == text


_TEXT = st.lists(
    st.sampled_from(
        [
            *"ab 3*_`&\\<\n\t",
            "**",
            "\\n",
            "\r\n",
            "&nbsp;",
            "<b>",
            "- ",
            "\\u0041",
            "half price",
            "  ",
        ]
    ),
    max_size=30,
).map("".join)


@given(_TEXT)
def test_every_stretch_of_a_view_has_its_place(text: str) -> None:
    view = plain(text)
    if view is None:
        return
    last = (0, 0)
    for at, char in enumerate(view.text):
        start, end = view.span(at, at + 1)
        assert start < end <= len(text)
        assert (start, end) == last or last[1] <= start  # what a stretch became has its place
        if end - start == 1 and not char.isspace():
            assert text[start] == char
        assert view.span(0, at + 1) == (view.span(0, 1)[0], end)
        last = (start, end)


@given(_TEXT)
def test_a_fact_is_told_as_it_stands(text: str) -> None:
    for fact in extract(text):
        assert 0 <= fact.start < fact.end <= len(text)
        assert fact.text == text[fact.start : fact.end]


def test_secrets_are_looked_for_without_marks() -> None:
    view = unmarked("a **sk-pro**j `x` *y*")
    assert view.text == "a sk-proj x *y*"
    assert view.span(2, 9) == (4, 13)


def test_replacements_have_one_place() -> None:
    view = View("a--b", [(1, 3, "xyz")])
    assert view.text == "axyzb"
    assert [view.span(i, i + 1) for i in range(5)] == [(0, 1), (1, 3), (1, 3), (1, 3), (3, 4)]
    assert view.span(0, 2) == (0, 3)


def test_a_mark_keeps_its_partner() -> None:
    assert with_partner("a **half** price", 4, 16) == (2, 16)
    assert with_partner("will **refund** it", 0, 13) == (0, 15)
    assert with_partner("**half price**", 2, 12) == (2, 12)
    assert with_partner("ha**lf", 0, 6) == (0, 6)


def told(text: str) -> list[tuple[str, str, str]]:
    return [(f.kind, f.role, f.polarity) for f in extract(text)]


REFUND = [("commitment", "refund", "affirmed")]
DISCOUNT = [("percent", "discount", "affirmed")]


@pytest.mark.parametrize(
    "text",
    [
        "We will\nrefund you in full.",
        "You get your money\nback.",
        "We will **refund** you",
        "We _will_ refund you",
        "We *will* refund you",
        "We will `refund` you",
        '{"message":"We will\\nrefund you"}',
        "We&nbsp;will refund you",
        "We\u00a0will\u202frefund you",
        "We will, of course, refund you.",
        "We will, as a gesture of goodwill, send the money back to you.",
        "We have, as promised, refunded you.",
        "Thank you for your patience\nRefund approved\nYours",
    ],
)
def test_a_promise_behind_marks_and_line_ends(text: str) -> None:
    assert told(text) == REFUND


@pytest.mark.parametrize(
    "text",
    [
        "half\nprice",
        "a quarter\noff",
        "**half** price",
        "a **third** off",
        '{"message":"It is half\\nprice"}',
        "half&nbsp;price",
        "You get **30** % off",
        "You get thirty\npercent off",
        "Our policy has a limit\nYou can have 35 % off",
    ],
)
def test_a_discount_behind_marks_and_line_ends(text: str) -> None:
    assert told(text) == DISCOUNT


def amount(text: str) -> list[tuple[int, str, bool]]:
    return [(f.value, f.unit, f.parsed) for f in extract(text)]


@pytest.mark.parametrize("text", ["500\neuros", "$\n500", "five\nhundred dollars", "**500** USD"])
def test_amounts_behind_line_ends(text: str) -> None:
    ((value, _, parsed),) = amount(text)
    assert (value, parsed) == (50_000, True)


def test_durations_behind_line_ends() -> None:
    assert amount("14\ndays") == [(14 * 86_400, "day", True)]


def affirmed(text: str) -> list[TextFact]:
    return [f for f in extract(text) if f.polarity == "affirmed"]


@pytest.mark.parametrize(
    "text",
    [
        "**No** refunds",
        "We do **not** refund you",
        "We will *not*\nrefund you",
        "We can\u2019t\noffer you **30 %** off",
        "We will not, of course, refund you.",
        "We offer no\ndiscount of 30 %",
        "- half\n- price",
        "half\n\nprice",
        "| half |\n| price |",
        "# Half\nprice",
        "1. half\n2. price",
        "What we will do:\n- refund policy",
    ],
)
def test_what_is_no_promise_stays_none(text: str) -> None:
    assert affirmed(text) == []


def test_the_whole_line_of_a_label_stands_alone() -> None:
    facts = extract("Seats: 12\nBags: 3\nTotal fare: $5\nRooms left: 4")
    assert [f.text for f in facts if f.kind == "quantity"] == ["Seats: 12", "Bags: 3"]
