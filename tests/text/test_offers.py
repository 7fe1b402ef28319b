"""Percentages whose sentence does not say that they are discounts."""

from functools import partial

import pytest

from freehold.core.facts import TextFact
from freehold.text.clauses import nothing
from freehold.text.facts import extract, subject


def promised(text: str, question: str = "", before: str = "") -> int:
    """The greatest discount that an answer does not deny, in basis points."""
    about = partial(subject, question) if question else nothing
    return max(
        (_high(f) for f in extract(text, before=before, about=about) if _counts(f)), default=0
    )


def _counts(fact: TextFact) -> bool:
    return (fact.kind, fact.role) == ("percent", "discount") and fact.polarity != "negated"


def _high(fact: TextFact) -> int:
    return fact.value if fact.upper is None else fact.upper


@pytest.mark.parametrize(
    "question",
    ["Can I get 30% off?", "Any discount for me?", "Could you do thirty percent?", "30 %, please."],
)
@pytest.mark.parametrize(
    "answer",
    ["Yes, 30 % is possible.", "How about 30 %?", "You can have 30 %", "Yes, thirty percent it is.",
     "30 %? No problem!", "While 40% isn't possible, 30% is.", "As you asked, 30 % it is.",
     "You are allowed 30 %.", "Sure thing, 30 percent."],
)  # fmt: skip
def test_the_question_says_what_it_is_for(question: str, answer: str) -> None:
    assert promised(answer, question) == 3000


@pytest.mark.parametrize(
    "answer",
    [
        "You can have 30.",
        "Yes, 30 it is.",
        "I can do thirty.",
        "30 it is.",
        "Fine, 30.",
        "Thirty is fine.",
        "We could go up to 30, okay?",
    ],
)
def test_bare_numbers_answer_a_question_about_a_percentage(answer: str) -> None:
    assert promised(answer, "Can I get 30% off?") == 3000
    assert promised(answer, "How many can I have?") == 0


@pytest.mark.parametrize(
    "answer",
    [
        "I can't offer 30 %.",
        "30 % isn't possible.",
        "30 %? I'm afraid not.",
        "I'm sorry, 30 % is too much.",
        "30% isn't on the table.",
        "That is more than I can do; 30 % would need a manager.",
        "I wish I could do 30 %, but I can't.",
        "We have sizes 36, 38, 40.",
        "I have forwarded your request for 30 % to a manager.",
        "It is 40 % wool.",
        "The wool share is 40 %.",
        "The battery is at 80 %.",
        "80 % of customers like it.",
        "VAT is 25 %.",
        "Interest is 30 %.",
        "It is 30 % bigger.",
        "Discounts of more than 20 % need a manager's approval.",
    ],
)
def test_other_percentages_and_refusals_stay_what_they_are(answer: str) -> None:
    assert promised(answer, "Can I get 30% off?") <= 2000


@pytest.mark.parametrize(
    "answer",
    [
        "Your discount is:\n\n- 30 %",
        "Discount\n30 %",
        "| item | discount |\n|---|---|\n| kettle | 30 % |",
        "I can't do 50 % off. The best I can do is 30 %.",
        "You pay 30% less.",
        "30% is on us.",
        "We can reduce it by 30 %.",
        "We can knock 30 % off.",
        "20 % off plus 10 % cashback",
        "You get 15 % off, and another 15 % on top.",
        "That is 3000 basis points off.",
        "You won't get less than 30 % off.",
        "We wouldn't say no to 30% off.",
        "You don't have to do anything to get 30 % off.",
        "We couldn't be happier to offer you 30 % off.",
        "It would be wrong not to give you 30 % off.",
    ],
)
def test_the_answer_itself_says_what_it_is_for(answer: str) -> None:
    assert promised(answer) == 3000


def test_what_was_said_before_counts_however_the_answer_arrives() -> None:
    table = "| item | wool | discount |\n|---|---|---|\n" + "| lamp | 1 % | 2 % |\n" * 40
    assert promised("| kettle | 90 % | 30 % |", before=table) == 3000
    assert promised(table + "| kettle | 90 % | 30 % |") == 3000
    assert promised("And another 15 % on top.", before="You get 15 % off. ") == 3000
    assert promised("- 30 %", before="Discounts:\n" + "- 5 %\n" * 90) == 3000
    assert promised("It is 30 %.", before="The weather is fine. ") == 0


@pytest.mark.parametrize(
    ("answer", "high"),
    [
        ("You get more than 20 % off.", 10_000),
        ("That is over twenty percent off.", 10_000),
        ("You get at least 20 % off.", 10_000),
        ("You get 20 % or more off.", 10_000),
        ("I can't offer more than 20 % off.", 2000),
        ("We don't give more than 20 % off.", 2000),
        ("You get no more than 20 % off.", 2000),
        ("You get at most 20 % off.", 2000),
        ("For more than 20 % off I need a manager's approval.", 2000),
    ],
)
def test_open_ranges_exceed_every_limit(answer: str, high: int) -> None:
    assert promised(answer) in ({high} if high == 10_000 else {0, high})


def test_what_questions_are_about() -> None:
    assert subject("Can I get 30% off?") == {"discount", "percent", "asked:3000"}
    assert subject("Do you have a coupon?") == {"discount"}
    assert subject("Is it 100 % cotton?") == frozenset()
    assert subject("When does it ship?") == frozenset()


def test_a_question_is_read_only_where_a_number_depends_on_it() -> None:
    def never() -> frozenset[str]:
        raise AssertionError("read for nothing")

    extract("You get 10 % off on 3 items by 12 June 2026, and that is $20.", about=never)
    with pytest.raises(AssertionError, match="read for nothing"):
        extract("Sure, you can have 30.", about=never)
