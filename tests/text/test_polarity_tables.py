"""Promises and refusals in one sentence: a promise taken for a refusal would pass the rules."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.text.facts import extract

_HERE = Path(__file__).parent


def table(name: str) -> Iterator[tuple[str, str, str]]:
    """(sentence, language, "+" or "-") of every line."""
    language = "en"
    for line in (_HERE / name).read_text(encoding="utf-8").splitlines():
        if len(line) == 2:
            language = line
        elif line and line[0] in "+-":
            yield line[2:], language, line[0]


def is_promised(text: str, language: str) -> bool:
    *_, fact = [f for f in extract(text, language) if f.value == 3000 and f.kind == "percent"]
    return fact.polarity == "affirmed"


ADVERSARIAL = list(table("polarity_adversarial.txt"))
HELD_OUT = list(table("polarity_held_out.txt"))


@pytest.mark.parametrize(("text", "language", "sign"), ADVERSARIAL)
def test_promises_and_refusals_are_told_apart(text: str, language: str, sign: str) -> None:
    assert is_promised(text, language) == (sign == "+")


def test_sentences_that_tuned_nothing_are_told_apart_too() -> None:
    assert len(HELD_OUT) == 80
    missed = [t for t, language, sign in HELD_OUT if sign == "+" and not is_promised(t, language)]
    held = [t for t, language, sign in HELD_OUT if sign == "-" and is_promised(t, language)]
    assert len(missed) <= 3, missed
    assert len(held) <= 2, held


@pytest.mark.parametrize(
    ("text", "role", "polarity"),
    [
        ("Rather than wait any longer, we'll refund you.", "refund", "affirmed"),
        ("Instead of a voucher we will refund you.", "refund", "affirmed"),
        ("Without any further questions we'll refund you today.", "refund", "affirmed"),
        ("I can't change the date, but I'll refund you.", "refund", "affirmed"),
        ("We will not refund you.", "refund", "negated"),
        ("I don't think we can refund you.", "refund", "negated"),
        ("We don't offer free shipping.", "ship", "negated"),
        ("There is no free shipping.", "free", "negated"),
        ("Unlike others, we offer free shipping.", "ship", "affirmed"),
    ],
)
def test_a_denial_elsewhere_leaves_a_commitment_standing(
    text: str, role: str, polarity: str
) -> None:
    assert [f.polarity for f in extract(text) if f.role == role][:1] == [polarity]
