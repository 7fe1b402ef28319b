"""What nobody sees is gone from a growing text, and how it arrives changes nothing."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.text.visible import Visible, visible

FAMILY = "\U0001f469\u200d\U0001f467 \u2764\ufe0f\u200d\U0001f525"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    "hidden",
    [
        "\u00ad", "\u034f", "\u061c", "\u115f", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e",
        "\u200f", "\u202a", "\u202e", "\u2060", "\u2064", "\u2065", "\u2069", "\u3164", "\ufeff",
        "\ufe0f", "\ufff4", "\U0001d173", "\U000e0041", "\U000e0101", "\U000e0181", "\x00", "\x08",
        "\x1b", "\u200b\u200d\u200b", "\u200d\u200d",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("left", "right"), [("acme", "-corp.com"), ("3", "0 % off"), ("٣", "٠٪")])
def test_hidden_characters_go(left: str, hidden: str, right: str) -> None:
    assert visible(left + hidden + right).text == left + right


@pytest.mark.parametrize(
    "text",
    [
        FAMILY,
        ENGLAND,
        "می\u200cخواهم",
        "क्\u200dष",
        "1\ufe0f\u20e3 first",
        "שלום\u200e C++",
        "a\tb\r\nc\n",
        "Grüße, 日本語\U000e0100 €",
    ],
)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    whole = visible(text)
    assert (whole.text, whole.removed) == (text, {})


def test_line_ends_in_disguise_part_words() -> None:
    assert visible("one\u2028two\x0bthree").text == "one\ntwo\nthree"


def test_a_tail_waits_for_what_follows_it() -> None:
    growing = Visible()
    assert growing.grow("\U0001f469\u200d", False) == "\U0001f469"
    assert growing.grow("\U0001f469\u200d\U0001f467", False) == "\U0001f469\u200d\U0001f467"
    assert growing.grow("\U0001f469\u200d\U0001f467\u200d", True).endswith("\U0001f467")
    assert growing.removed == {"zero_width": 1}


_CHARS = st.sampled_from(
    [*"a3 %\n\r", "\u200b", "\u200c", "\u200d", "\u200e", "\u2028", "\ufe0f", "\u20e3", "\u00ad",
     "\U0001f469", "\u2764", "\U0001f3f4", "\U000e0067", "\U000e007f", "م", "ی", "٣", "क", "\u094d",
     "\ud800", "é", "\x00"]
)  # fmt: skip


@given(st.lists(_CHARS, max_size=40), st.lists(st.integers(0, 40), max_size=12))
@example(["\u200e", "\ud800", "م"], [])
@example(["\u200e", "\n", "م"], [1])
def test_any_split_gives_the_same(chars: list[str], cuts: list[int]) -> None:
    text = "".join(chars)
    whole = visible(text)
    growing = Visible()
    states = [growing.grow(text[: min(c, len(text))], False) for c in sorted(cuts)]
    states.append(growing.grow(text, True))
    assert states[-1] == whole.text
    assert growing.removed == whole.removed
    for before, after in pairwise(states):
        assert after.startswith(before)
    assert visible(whole.text).text == whole.text
