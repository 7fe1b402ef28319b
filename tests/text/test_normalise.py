"""Hidden characters go, what scripts and emoji need stays, and folding keeps offsets."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text.normalise import fold, normalise

ANY = st.characters() | st.sampled_from("\ud800\udfff")

FAMILY = "👩\u200d👩\u200d👧"
WALES = "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"


@pytest.mark.parametrize(
    ("text", "clean", "removed"),
    [
        ("plain\ttext\nhere", "plain\ttext\nhere", {}),
        ("", "", {}),
        ("a\r\nb\rc", "a\nb\nc", {}),
        ("dis\u200bcount", "discount", {"zero_width": 1}),
        ("dis\u00adcount\ufeff", "discount", {"zero_width": 2}),
        ("a\u202eb\u202cc\u2066d\u2069", "abcd", {"bidi": 4}),
        ("a\x00b\x1bc\x7f", "abc", {"control": 3}),
        ("a\x0bb\x0cc\u2028d\u0085e", "a\nb\nc\nd\ne", {"control": 4}),
        ("a\U000e0041\U000e0042b", "ab", {"tag": 2}),
        ("a\ufe01\ufe02b", "ab", {"variation": 2}),
        ("x😀\U000e0100\U000e0101", "x😀", {"variation": 2}),
        ("a\ud800b", "a\ufffdb", {"surrogate": 1}),
        ("a\ufdd0\uffffb", "ab", {"noncharacter": 2}),
        ("o\u200d\u200dk", "ok", {"zero_width": 2}),
        ("e\u200b\u0301", "é", {"zero_width": 1}),
        ("e\u0301", "é", {}),
        ("Å", "Å", {}),
    ],
)
def test_what_goes(text: str, clean: str, removed: dict[str, int]) -> None:
    result = normalise(text)
    assert (result.text, result.removed) == (clean, removed)


@pytest.mark.parametrize(
    "text",
    [
        FAMILY,
        WALES,
        "❤\ufe0f and ☎\ufe0e",
        "1\ufe0f\u20e3",
        "می\u200cخواهم",
        "क\u094d\u200dष",
        "\u200fשלום\u200f abc",
        "葛\U000e0100城市",
    ],
)
def test_what_stays(text: str) -> None:
    assert normalise(text).text == text
    assert normalise(text).removed == {}


def test_the_limit_is_reported() -> None:
    result = normalise("x" * 50, max_chars=20)
    assert (len(result.text), result.removed) == (20, {"over_limit": 30})


def test_a_cut_leaves_no_half_emoji_joiner() -> None:
    assert normalise(FAMILY, max_chars=2).text == "👩"


@given(st.text(alphabet=ANY, max_size=60), st.integers(0, 30))
def test_normalising_twice_changes_nothing(text: str, limit: int) -> None:
    for once in (normalise(text), normalise(text, max_chars=limit)):
        again = normalise(once.text)
        assert (again.text, again.removed) == (once.text, {})
        assert unicodedata.is_normalized("NFC", once.text)
        once.text.encode()


HIDDEN = "\u200b\u200d\u200c\ufe0f\ufe01\u202e\u0301\U000e0041\x00\r\n\u2028\U0001f3f4\U000e007f"


@given(st.text(alphabet=st.sampled_from(HIDDEN + "ae1👩ی葛"), max_size=30))
def test_normalising_hidden_mixtures_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once.text) == type(once)(once.text, {})


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("２０％ ＯＦＦ", "20% OFF"),
        ("٣٠٪", "30%"),
        ("५०", "50"),
        ("𝟑𝟎", "30"),
        ("③⓪ ²", "30 2"),
        ("a–b—c−d‐e", "a-b-c-d-e"),
        ("a\u00a0b\u202fc\u3000d", "a b c d"),
        ("can’t “quote” „x‟", 'can\'t "quote" "x"'),
        ("a＠b﹫c", "a@b@c"),
        ("ｄｅｆ．x", "def.x"),
        ("İıſK", "IisK"),
        ("ß é ł 日 😀", "ß é ł 日 😀"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(alphabet=ANY, max_size=80))
def test_folding_keeps_every_offset(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert len(fold(text).lower()) == len(text)
    assert fold(fold(text)) == fold(text)
