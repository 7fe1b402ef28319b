"""Real answers of an airline's agent: what broke naive detectors stays found."""

import json
from pathlib import Path

import pytest

from freehold.core.facts import TextFact
from freehold.text.facts import extract

DIALOGUES = Path(__file__).parents[2].parent / "shared/data/dialogues/airline_gpt4o.jsonl"


@pytest.fixture(scope="module")
def answers() -> list[str]:
    if not DIALOGUES.exists():
        pytest.skip(f"no recorded dialogues at {DIALOGUES.name}")
    conversations = [json.loads(line) for line in DIALOGUES.read_text("utf-8").splitlines()]
    return [
        message["content"]
        for conversation in conversations
        for message in conversation["messages"]
        if message["role"] == "assistant" and message.get("content")
    ]


def test_every_dollar_sign_is_an_amount(answers: list[str]) -> None:
    for text in answers:
        money = [f for f in extract(text) if f.kind == "money"]
        assert len(money) == text.count("$")
        assert all(f.parsed and f.unit == "USD" and f.value >= 0 for f in money)


def test_numbers_that_identify_are_no_facts(answers: list[str]) -> None:
    for text in answers:
        for fact in extract(text):
            before = text[max(0, fact.start - 1) : fact.start]
            assert not before.isalnum(), fact
            assert "HAT" not in fact.text
            assert not text[max(0, fact.start - 10) : fact.start].endswith(("ending in ", "_"))


def test_every_iso_date_is_a_date(answers: list[str]) -> None:
    for text in answers:
        dates = {f.text for f in extract(text) if f.kind == "date"}
        assert {word.strip(".,:;()*") for word in text.split() if word.startswith("2024-")} <= dates


def test_refusals_are_never_promises(answers: list[str]) -> None:
    refusals = (
        "cannot be cancel",
        "cannot be modified",
        "I cannot cancel",
        "unable to process a refund",
    )
    for text in answers:
        for fact in extract(text):
            if fact.kind == "commitment" and any(r in fact.text for r in refusals):
                assert fact.polarity == "negated", fact


def commitments(text: str) -> list[tuple[str, str]]:
    return [(f.role, f.polarity) for f in extract(text) if f.kind == "commitment"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a payment taken is not a refund, a price difference no price match
        ("The payment for the price difference has been processed with your gift card.", []),
        ("The original payment has been applied to this trip.", []),
        # the airline is spoken of; nobody promises
        ("You can only cancel if the airline cancelled the flight.", []),
        # the means of payment is not what is given
        ("I'll continue with using your credit card ending in 1234.", []),
        # the question, not the deed
        (
            "Please confirm if you would like me to proceed with this upgrade.",
            [("change", "hypothetical")],
        ),
        # the head of the phrase names the deed
        (
            "The upgrade of reservation XY12 has been completed.",
            [("change", "affirmed")],
        ),
        ("I will now proceed with updating the reservations.", [("change", "affirmed")]),
        (
            "Two checked bags have been successfully added to your reservation.",
            [("change", "affirmed")],
        ),
        ("Refund: $12 has been processed back to your card.", [("refund", "affirmed")]),
        # news is no change
        ("I can't give real-time updates on delays.", []),
        # a proposal, and help: nobody has promised a result
        ("Let's proceed with changing the trip.", [("change", "hypothetical")]),
        ("I can help you with cancelling this trip.", [("cancel", "hypothetical")]),
        ("I can assist with compensation for some.", [("credit", "hypothetical")]),
        ("We're unable to help with refunds.", [("refund", "negated")]),
        ("I'd be happy to help you with your reservation.", []),
        # the next sentence is another one
        ("I can help with that. Please confirm the cancellation.", []),
        # a point in time
        ("That is closed after the booking is complete.", []),
        # where money goes, and what would come back
        ("Refunds will go to the original card within a week.", [("refund", "affirmed")]),
        ("The new fare is lower, and you would receive a refund.", [("refund", "affirmed")]),
        ("You would receive a refund if you had insurance.", [("refund", "hypothetical")]),
        # what the passenger may do, or has for nothing
        ("You are eligible to cancel this trip.", [("cancel", "hypothetical")]),
        ("You are not eligible to cancel this trip.", [("cancel", "negated")]),
        ("In this cabin you have two free checked bags.", [("free", "affirmed")]),
        ("There are 0 free checked bags in basic economy.", [("free", "negated")]),
        ("You get no complimentary upgrade.", [("free", "negated")]),
        ("Feel free to return your bags; 1 non-free bag is paid.", []),
    ],
)
def test_sentences_that_misled(text: str, expected: list[tuple[str, str]]) -> None:
    assert commitments(text) == expected


TABLE = """| Flight | Price | Seats | Date |
|---|---|---|---|
| HAT136 | $152 | 14 seats | 2024-05-20 |
| HAT039 | $1,003.50 | 1 seat | May 21st |
"""


def test_a_table() -> None:
    assert [(f.kind, f.value) for f in extract(TABLE)] == [
        ("money", 15_200),
        ("quantity", 14_000),
        ("date", 19_863),
        ("money", 100_350),
        ("quantity", 1000),
        ("date", 140),
    ]


def test_a_line_of_labels() -> None:
    found: tuple[TextFact, ...] = extract(
        "- **Economy Price:** $121\n- **Available Seats:** 12\n- Departure: 06:00 AM EST\n"
        "- Paid with gift_card_1234567 and certificate_8045380: $30"
    )
    assert [(f.kind, f.value, f.role) for f in found] == [
        ("money", 12_100, "price"),
        ("quantity", 12_000, "other"),
        ("money", 3000, "price"),
    ]
