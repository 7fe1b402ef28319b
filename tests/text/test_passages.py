"""A text is known again by its stretches, however it is dressed; other words are others."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.text.passages import MOST, passages, passages_in_json

SAID = "You earn 91234 dollars, on project Nightjar."


def shared(one: str, other: str) -> set[str]:
    return passages(one).keys() & passages(other).keys()


def test_the_same_words_in_another_dress() -> None:
    for other in (
        "**You** earn _91234_ dollars, on project   Nightjar!",
        "> you earn 91234 dollars on project nightjar",
        "Ｙou earn 91234 dollars, on project Nightjar.",
        "You ea\u200brn 91234 dollars, on project Nightjar.",
        f'Please translate: "{SAID}" Thank you.',
        f"Some other words first. {SAID} And some behind it.",
        f"First line\n\n{SAID}\r\nLast line",
    ):
        assert shared(SAID, other), other


def test_other_words_are_another_stretch() -> None:
    for other in (
        "You earn 91235 dollars, on project Nightjar.",
        "What do I earn on project Nightjar, in dollars?",
        "Hello.",
        "",
    ):
        assert not shared(SAID, other), other


def test_a_short_stretch_counts_only_with_digits() -> None:
    assert passages("Yes, that is so.") == {}
    assert passages("At 10 on day 2.") == {}
    assert list(passages("91,234 EUR")) == ["91234eur"]
    assert list(passages("€ 1.091.234,00")) == ["109123400"]
    assert passages("你的工资是每年九万一千美元") != {}, "characters that are words count as such"


def test_a_sentence_of_a_paragraph_is_known_by_itself() -> None:
    paragraph = f"Thank you for asking about it. {SAID} It is paid on the last day of each month."
    assert shared(paragraph, SAID)
    assert shared(paragraph, paragraph.upper())
    assert shared(
        "The figures: 12.5 % more for everybody in the team",
        "12.5 % more for everybody in the team",
    )


def test_texts_in_json_are_known_outside_of_it() -> None:
    call = (
        '{"to": "ada", "body": {"text": ["You earn 91234 dollars,\\non project Nightjar today."]}}'
    )
    assert passages_in_json(call).keys() & passages("You earn 91234 dollars").keys()
    assert passages_in_json("{not JSON at all, but long enough to count").keys()


def test_a_text_of_many_lines_has_a_bounded_number() -> None:
    text = "\n".join(f"Line number {n} of a long table" for n in range(5_000))
    assert MOST <= len(passages(text)) <= MOST + 50


@given(st.text(max_size=400), st.text(max_size=50))
def test_lines_stay_what_they_are_wherever_they_stand(text: str, before: str) -> None:
    line = " ".join(text.split())
    found = passages(line)
    assert found.keys() <= passages(f"{before}\n{line}\n{before}").keys()


@given(st.text(max_size=300))
def test_no_text_and_no_json_breaks_it(text: str) -> None:
    for each in (*passages(text), *passages_in_json(text)):
        assert each == each.casefold() or not each.isascii()
