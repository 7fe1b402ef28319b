"""What an answer promises, did, refuses or only asks."""

import pytest

from freehold.text.facts import extract


def commitments(text: str, language: str = "en") -> list[tuple[str, str]]:
    return [(f.role, f.polarity) for f in extract(text, language) if f.kind == "commitment"]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("We will refund you.", "refund"),
        ("We'll gladly refund the full amount.", "refund"),
        ("I've refunded your card.", "refund"),
        ("I have gone ahead and refunded it.", "refund"),
        ("I went ahead and refunded it.", "refund"),
        ("I am refunding you now.", "refund"),
        ("I'll issue you a full refund.", "refund"),
        ("You'll receive a full refund.", "refund"),
        ("You will be refunded.", "refund"),
        ("You are entitled to a refund.", "refund"),
        ("Your refund has been processed.", "refund"),
        ("The refund will be processed to your card.", "refund"),
        ("Your refund is on its way.", "refund"),
        ("If your parcel is late, we'll refund you.", "refund"),
        ("I've cancelled your order.", "cancel"),
        ("I have canceled your order.", "cancel"),
        ("Your reservation has been successfully cancelled.", "cancel"),
        ("I'll proceed with canceling the reservation.", "cancel"),
        ("We shipped it yesterday.", "ship"),
        ("Your order has been shipped.", "ship"),
        ("We will replace the lamp.", "replace"),
        ("I'm happy to replace it.", "replace"),
        ("We can send you a replacement.", "replace"),
        ("We guarantee delivery by Friday.", "guarantee"),
        ("Delivery is guaranteed.", "guarantee"),
        ("I promise that it works.", "guarantee"),
        ("We'll waive the fee.", "waive"),
        ("The fee has been waived.", "waive"),
        ("A certificate worth $50 has been issued to you.", "credit"),
        ("You are eligible for a compensation certificate of $50.", "credit"),
        ("I can offer you a certificate as compensation.", "credit"),
        ("We have credited your account.", "credit"),
        ("We can match their price.", "price_match"),
        ("We'll price-match it.", "price_match"),
        ("Your flight has been successfully booked!", "book"),
        ("I've reserved a table.", "book"),
        ("I've updated your address.", "change"),
        ("The upgrade for reservation AB12 has been completed.", "change"),
        ("I'll add a bag to your reservation.", "change"),
        ("I will transfer you to a colleague.", "transfer"),
        ("Our support team will refund you.", "refund"),
    ],
)
def test_promises(text: str, role: str) -> None:
    assert commitments(text) == [(role, "affirmed")]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("I can't cancel it.", "cancel"),
        ("I can’t cancel it.", "cancel"),
        ("I cannot cancel it.", "cancel"),
        ("We will not refund you.", "refund"),
        ("We won't refund you.", "refund"),
        ("I'm unable to process a refund.", "refund"),
        ("I'm not able to waive the fee.", "waive"),
        ("Your reservation cannot be cancelled.", "cancel"),
        ("I haven't cancelled anything.", "cancel"),
        ("Delivery is not guaranteed.", "guarantee"),
        ("You are not eligible for a refund.", "refund"),
    ],
)
def test_refusals(text: str, role: str) -> None:
    assert commitments(text) == [(role, "negated")]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Would you like me to cancel it?", "cancel"),
        ("Do you want me to refund it?", "refund"),
        ("Shall I cancel it?", "cancel"),
        ("Can I book it?", "book"),
        ("Once you confirm, I'll proceed with the booking.", "book"),
        ("Please confirm, and I'll proceed with the booking.", "book"),
        ("Let me know your choice, and I'll book it.", "book"),
        ("I can transfer you to a colleague.", "transfer"),
        ("We might refund you.", "refund"),
        ("It can be cancelled at any time.", "cancel"),
        ("Once confirmed, I will proceed with the changes.", "change"),
        ("Tell me whether you are eligible for any compensation.", "credit"),
    ],
)
def test_suppositions(text: str, role: str) -> None:
    assert commitments(text) == [(role, "hypothetical")]


@pytest.mark.parametrize(
    "text",
    [
        "If you cancel, you may be charged.",
        "I need the reservation ID to proceed.",
        "The flight was canceled by the airline.",
        "The payment of $600 has been processed using the card on file.",
        "Your original payment has been applied.",
        "Let's use your gift card.",
        "I'll proceed with using your gift card instead.",
        "I can help you with that.",
        "What changes would you like to make to this reservation?",
        "Our refund policy is strict.",
        "Thanks for your order!",
        "",
    ],
)
def test_what_commits_nobody(text: str) -> None:
    assert [c for c in commitments(text) if c[1] == "affirmed"] == []


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Wir erstatten Ihnen den Betrag.", "de", ("refund", "affirmed")),
        ("Ich habe Ihre Bestellung storniert.", "de", ("cancel", "affirmed")),
        ("Wir können den Betrag leider nicht erstatten.", "de", ("refund", "negated")),
        ("Nous vous rembourserons demain.", "fr", ("refund", "affirmed")),
        ("Nous ne pouvons pas vous rembourser.", "fr", ("refund", "negated")),
        ("Le reembolsaremos el importe.", "es", ("refund", "affirmed")),
        ("No podemos reembolsar el importe.", "es", ("refund", "negated")),
    ],
)
def test_other_languages(text: str, language: str, expected: tuple[str, str]) -> None:
    assert commitments(text, language) == [expected]
