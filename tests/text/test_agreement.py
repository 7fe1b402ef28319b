"""An answer that says only yes to a question that asks for a refund."""

import pytest

from freehold.text.facts import extract, subject

GRANTS = [
    "Yes.",
    "Granted.",
    "Done.",
    "Yes, of course!",
    "Sure thing!",
    "Absolutely.",
    "Of course, you can.",
    "Consider it done.",
    "I've taken care of that for you.",
    "Yes, that's approved.",
    "Will do.",
    "Okay.",
    "Yes - done!",
    "No problem!",
    "Ja.",
    "Oui, bien sûr.",
    "**Yes.**",
    "Yes",
    "Yes, we can do that.",
    "Yes 👍",
    "Yes. Please send it back.",
    "Hi Anna, yes, you can.",
    "Hello! Yes.",
    "Thanks for asking! Of course.",
    "Dear Sam,\n\nYes, of course.",
]
GRANTS_NOTHING = [
    "No.",
    "Yes, I understand.",
    "Yes, if it is unused.",
    "Yes?",
    "Sure, let me check.",
    "Okay, I'll look into it.",
    "I'm sorry, no.",
    "Yes, I can help you with that.",
    "Done deal? No.",
    "Of course you may ask.",
    "Yes, but only within 30 days.",
    "No problem finding it.",
    "Certainly not.",
    "I haven't done that.",
    "I need more details first. Can you tell me your order number? Is it 12? Yes.",
    "Hello! Yes, I see your order.",
    "The order is fine.",
    "All right, your order number please.",
    "Fine print: none.",
    "It was processed on Monday.",
    "Your order was approved.",
    "Thanks, done reading.",
]
ASKED = [
    "I want my money back",
    "Please refund order 12",
    "Refund me!",
    "When it arrived it was broken. Can I have my money back?",
    "Kann ich mein Geld zurück bekommen?",
    "Refund please",
    "Hi, what about a refund?",
]
NOT_ASKED = [
    "What's your refund policy?",
    "How do I get a refund?",
    "Do you give refunds?",
    "I don't want a refund",
    "When will I get my refund?",
    "Is the lamp blue?",
]


def promises(text: str, question: str) -> list[tuple[str, str]]:
    found = extract(text, about=lambda: subject(question))
    return [(f.role, f.polarity) for f in found if f.kind == "commitment"]


@pytest.mark.parametrize("text", GRANTS)
def test_words_that_grant_what_was_asked(text: str) -> None:
    assert ("refund", "affirmed") in promises(text, "Can I get a refund?")
    assert promises(text, "Is the lamp blue?") == []


@pytest.mark.parametrize("text", GRANTS_NOTHING)
def test_words_that_grant_nothing(text: str) -> None:
    assert ("refund", "affirmed") not in promises(text, "Can I get a refund?")


@pytest.mark.parametrize("question", ASKED)
def test_questions_that_ask_for_a_refund(question: str) -> None:
    assert "refund" in subject(question)


@pytest.mark.parametrize("question", NOT_ASKED)
def test_questions_that_ask_for_none(question: str) -> None:
    assert promises("Yes.", question) == []


def test_a_deed_is_needed_to_agree_to_a_cancellation() -> None:
    assert promises("Done.", "Please cancel my order") == [("cancel", "affirmed")]
    assert promises("Yes.", "Can you cancel my order?") == [("cancel", "hypothetical")]


def test_all_that_was_asked_is_granted() -> None:
    asked = "Please cancel my order and refund me"
    assert promises("Done.", asked) == [("cancel", "affirmed"), ("refund", "affirmed")]


def test_a_refund_that_is_asked_for_makes_a_percentage_no_discount() -> None:
    found = extract("Yes, 30 %.", about=lambda: subject("Can I get a refund?"))
    assert [f.role for f in found if f.kind == "percent"] != ["discount"]


def test_what_agrees_may_come_in_a_later_piece_only_as_a_deed() -> None:
    def later(text: str) -> list[str]:
        before = "I have looked at your order and at what you wrote about the broken lamp. "
        found = extract(text, before=before, about=lambda: subject("Can I get a refund?"))
        return [f.role for f in found if f.kind == "commitment"]

    assert later("Yes.") == []
    assert later("Granted.") == ["refund"]
