"""Look-alikes become what they pass for, and a text keeps what it contains."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text.compatible import compatible


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ｅｘｐｏｒｔ", "export"),
        ("𝐝𝐚𝐫𝐧 𝓭𝓪𝓻𝓷 ⓓⓐⓡⓝ", "darn darn darn"),
        ("ﬁre ™ ３０％", "fire TM 30%"),
        ("ﾃﾞｰﾀ", "テ\u3099ータ"),
        ("“so” – it’s", '"so" - it\'s'),
        ("5\u00a0€", "5 €"),
    ],
)
def test_they_become_what_they_pass_for(text: str, plain: str) -> None:
    assert compatible(text) == plain


@pytest.mark.parametrize("text", ["", "plain", "Grüße, Ñandú, œuvre", "Привет", "日本語の答え"])
def test_words_of_other_languages_stay_the_same_object(text: str) -> None:
    assert compatible(text) is text


def test_what_is_passed_over_has_nothing_to_fold() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) != "Cs":
            assert compatible(char) == compatible(f"{char}\uff41")[:-1], hex(code)


@given(st.text(), st.text(), st.text())
def test_what_contains_a_text_still_does(before: str, text: str, after: str) -> None:
    assert compatible(text) in compatible(before + text + after)
