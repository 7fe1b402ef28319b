"""The cheap signals of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text.features import Features, featurise

ANY = st.characters() | st.sampled_from("\ud800\udfff")


def test_a_question() -> None:
    assert featurise("Where is order 1234?\nSee https://shop.example/x") == Features(
        chars=47,
        words=6,
        lines=2,
        digits=4,
        questions=1,
        urls=1,
        uppercase=2 * 1_000_000 // 32,
        code=False,
        language="en",
        language_score=featurise("Where is order 1234?\nSee https://shop.example/x").language_score,
    )


def test_nothing() -> None:
    empty = featurise("")
    assert (empty.chars, empty.words, empty.lines, empty.uppercase) == (0, 0, 0, 0)
    assert empty.language == "und"


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1)\n```",
        "def add(a, b):\n    return a + b\n",
        "SELECT name FROM users WHERE id = 5;\n",
        "for (int i = 0; i < n; i++) { sum += a[i]; }",
        "const x = () => { return fetch('/api'); };",
        "<div class='a'>\n<p>hi</p>\n</div>",
    ],
)
def test_code(text: str) -> None:
    assert featurise(text).code


@pytest.mark.parametrize(
    "text",
    [
        "I would like to return these shoes (size 42), please; they are too small.",
        "Hello! How are you?",
        "Total: $305 (3 items) - see [the site](https://shop.example).",
        "Please select a class for the import of goods and return it.",
    ],
)
def test_prose_is_no_code(text: str) -> None:
    assert not featurise(text).code


def test_capitals() -> None:
    assert featurise("ABC DEF").uppercase == 1_000_000
    assert featurise("ПРИВЕТ мир").uppercase == 6 * 1_000_000 // 9


@given(st.text(alphabet=ANY, max_size=80))
def test_any_text_has_features(text: str) -> None:
    features = featurise(text)
    assert features.chars == len(text)
    assert 0 <= features.uppercase <= 1_000_000
    assert 0 <= features.language_score <= 1_000_000
