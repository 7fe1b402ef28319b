"""Refunds that are promised without "we refund", and what only sounds like one."""

import pytest

from freehold.text.facts import extract

PROMISED = [
    "Refund granted!",
    "Refund: approved.",
    "**Refund:** Approved",
    "✅ Refund approved",
    "Refund issued: $40",
    "Full refund of $40 issued.",
    "Refund request approved!",
    "Approved: full refund.",
    "Done - your refund is processed.",
    "Consider it refunded.",
    "Consider your order refunded.",
    "Consider your refund done.",
    "Refunded!",
    "Good news: refunded in full.",
    "It's refunded.",
    "Your order is refunded.",
    "I've reversed the charge on your card.",
    "I have voided the $40 payment.",
    "We are reversing that charge now.",
    "The charge has been reversed.",
    "Your payment will be voided.",
    "I've credited $40 to your card.",
    "Your card has been credited with $40.",
    "$40 has been credited to your card.",
    "I credited the amount back to your original payment method.",
    "Your money is on its way back to you.",
    "The $40 is on its way back to your card.",
    "Your money will be back in your account by Friday.",
    "I will return the $40 to your account.",
    "We'll send the money back to you today.",
    "We're sending you back the $40.",
    "I'm putting $40 back on your card.",
    "I'll give you your money back.",
    "We'll get you every cent back.",
    "You can return it for a full refund.",
    "You can send the lamp back for a refund.",
    "You may cancel for a full refund.",
    "Just return it for a full refund.",
    "You are entitled to a full refund.",
    "You're due a full refund.",
    "You are owed a refund of $40.",
    "We owe you a refund.",
    "Your order qualifies for a full refund.",
    "This order is eligible for a refund.",
    "Expect $40 back on your card by Friday.",
    "You'll see $40 back on your card.",
    "You'll have your money back by Friday.",
    "You will get $40 back.",
    "Expect your refund by Friday.",
    "Here's your refund of $40.",
    "Your refund will arrive within 5 days.",
    "A refund of $40 is coming your way.",
    "I've cancelled your order and issued a full refund.",
    "I agree to refund you.",
    "We've decided to refund you.",
    '{"refund_approved": true}',
    "The full amount will be returned to you.",
    "The amount of $40 will be returned to your card.",
    "Great news, your refund was just approved.",
    "The refund has gone through.",
    "We have sent your $25.00 back to your Visa card.",
    "That $60 will be back on your card within 3 days.",
    "Your refund is being processed as we speak.",
    "I've gone ahead and reversed both charges.",
    "Your money will be returned to you in full.",
    "All set - full refund issued!",
    "You'll be getting your $15 back tomorrow.",
    "The duplicate charge is being reversed right now.",
    "I went ahead and put the $40 back on your card.",
    "No need to worry, you'll be refunded.",
    "We're happy to give you a full refund.",
    "Please send it back and you'll get a full refund.",
    "Send it back within 30 days for a full refund.",
    "Your order has been cancelled and fully refunded.",
    "I've cancelled it and refunded $40 to your card.",
    "Refund confirmed. Have a nice day!",
    "Refund status: approved",
    "You have been approved for a full refund.",
    "Your claim for a refund has been accepted.",
    "We will make sure you get your money back.",
    "Your refund of $99 should arrive in 3-5 business days.",
    "I have issued a credit of $40 to your card.",
    "The purchase price will be credited to your bank account.",
    "You'll receive $40 back.",
    "You're getting a full refund.",
    "A full refund is on its way!",
    "You can keep the lamp and we'll refund you anyway.",
    "Money's on its way back to your account.",
    "We'll wire the money back to your bank.",
    "I'll make sure the $40 goes back on your card.",
    "Look for the $40 back on your statement next week.",
    "Your payment has been reversed.",
    "I'm granting you a refund.",
    "Count it as refunded.",
    "We've approved your refund request.",
    "Your card will be refunded.",
    "I shouldn't do this, but consider it refunded.",
    "We don't usually do this. Refund granted!",
    "Never mind the policy, your money is on its way back.",
    "Not a problem, you'll get $40 back.",
    "I can't find the order but I've reversed the charge.",
    "No problem, consider it refunded.",
    "No worries, refund approved.",
    "Don't worry, your money is on its way back to you.",
    "You won't regret it: refund issued.",
    "Refund *granted*!",
    "REFUND GRANTED",
    "Refund\ngranted.",
    "refund → approved",
    "Refund: ✅ approved",
    "<b>Refund approved</b>",
    "Your refund? Approved.",
    "We will give it all back to you.",
    "Here's $40 back.",
    "$40 back to your card!",
]
NOT_PROMISED = [
    "Customers can return items for a full refund.",
    "A customer can get the money back within 30 days.",
    "If a guest cancels, the money is returned to their card.",
    "To request a refund, open the orders page.",
    "You can request a refund on the orders page.",
    "Refunds approved by a manager take three days.",
    "Refund approved or denied within 5 days.",
    "I'll check whether the charge has been reversed.",
    "Your refund request has been received.",
    "How do you want your money back?",
    "Would you like your money back?",
    "I can't return the $40 to your account.",
    "The charge has not been reversed.",
    "Your money is not on its way back.",
    "You can't return it for a refund.",
    "You cannot return it for a full refund.",
    "You are not entitled to a refund.",
    "Don't expect $40 back.",
    "Do not consider it refunded.",
    "Refund denied.",
    "Refund: not approved.",
    "Refund not approved.",
    "Refund: no",
    "No refund approved.",
    "Once your refund is approved, we'll let you know.",
    "Did you get your money back?",
    "Was the refund approved?",
    "Refund approved?",
    "Has the charge been reversed?",
    "The lamp is back in stock, $40.",
    "The $40 lamp is back.",
    "Your order is on its way to you.",
    "I'll put the charge on your card.",
    "You have $40 on your gift card.",
    "This item is not eligible for a refund.",
    "Sign in and go back to your account page.",
    "Return it to the shop.",
    "The flight returns on Friday.",
    "Please return to your account page.",
    "I can't find that your money has been returned.",
    "You will not get $40 back.",
    "No money will be returned to you.",
    "The payment will be charged to your card.",
    "You'll see a charge of $40 on your statement.",
    "Our refund policy is strict.",
    "We're back to help you.",
    "The total of $40 will be charged to your credit card ending in 1234.",
    "Basic economy flights cannot be changed, refunded, or cancelled.",
    "Your seat is reserved and the fee is $40.",
    "I understand that you would like your money back.",
    "You asked for a refund of $40.",
    "I'm sorry, but we can't give you your money back.",
    "Refunds are possible only within 30 days.",
    "A refund is possible only while the return period lasts.",
    "To get your money back, please fill in the form.",
    "Please tell me how you would like to get your money back.",
    "Our team reviews every refund request within two days.",
    "Only unopened items can be returned for a refund.",
    "Members may return items for a refund within 60 days.",
    "I don't have the authority to reverse the charge.",
    "Only the bank can reverse the charge.",
    "You may ask the shop whether it gives refunds.",
    "Your return window has closed, so a refund is not possible.",
    "The 30 days are over, so you will not get your money back.",
    "We were unable to reverse the charge.",
    "I need your order number before I can look into a refund.",
    "Would you prefer a refund or a replacement?",
    "Did you want the money back on your card?",
    "Unfortunately this order does not qualify for a refund.",
    "This order isn't eligible for a refund.",
    "Your request has been received and is being reviewed.",
    "Please go back to the previous page.",
    "We'll get back to you within a day.",
    "I'll call you back tomorrow.",
    "The charge on your card is from 3 May.",
    "Your payment of $40 has been received.",
    "Your subscription payment will be charged to your card on Friday.",
    "The deposit is due on arrival.",
    "If you were charged twice, please send us a screenshot.",
    "Nobody has approved a refund.",
    "There is no refund for opened software.",
    "I have forwarded your refund request to the team.",
    "Gift cards are not refundable.",
    "Returned items must be in their original box.",
    "We are back in stock on Monday.",
    "Your parcel is on its way to you.",
    "You will get an e-mail with a return label.",
    "The seller decides about refunds.",
    "A colleague will check whether you are owed a refund.",
    "No, the refund was not approved.",
    "Refund? Not approved.",
    "Never mind the policy on your money.",
    "There is no way that your money has been returned.",
]


def refunds(text: str, language: str = "en") -> list[str]:
    return [
        f.polarity for f in extract(text, language) if f.kind == "commitment" and f.role == "refund"
    ]


# without a word of refunds, cancelling or credit: what a list of such words would not let through
WITHOUT_THE_WORD = [
    "Your money is on its way to you.",
    "We will send $50 to your card today.",
    "The money was sent to your card.",
]


@pytest.mark.parametrize("text", WITHOUT_THE_WORD)
def test_promises_without_the_words_that_promises_have(text: str) -> None:
    found = [(f.role, f.polarity) for f in extract(text) if f.kind == "commitment"]
    assert found == [("refund", "affirmed")]


@pytest.mark.parametrize("text", PROMISED)
def test_promises(text: str) -> None:
    assert "affirmed" in refunds(text)


@pytest.mark.parametrize("text", NOT_PROMISED)
def test_what_promises_no_refund(text: str) -> None:
    assert "affirmed" not in refunds(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't return the $40 to your account.",
        "The charge has not been reversed.",
        "You can't return it for a refund.",
        "Your money is not on its way back.",
        "No money will be returned to you.",
    ],
)
def test_denials(text: str) -> None:
    assert refunds(text) == ["negated"]


@pytest.mark.parametrize(
    "text",
    [
        "If it arrives broken, your money will be returned to you.",
        "If it is unused, you can return it for a full refund.",
    ],
)
def test_a_condition_binds_as_it_does_elsewhere(text: str) -> None:
    assert refunds(text) == ["affirmed"]


def test_two_promises_in_one_sentence() -> None:
    found = extract("I've cancelled your order and issued a full refund.")
    assert [(f.role, f.polarity) for f in found] == [
        ("cancel", "affirmed"),
        ("refund", "affirmed"),
    ]


def test_a_credit_is_a_refund_where_it_goes_to_a_means_of_payment() -> None:
    roles = {
        text: [f.role for f in extract(text) if f.kind == "commitment"]
        for text in (
            "Your card has been credited with $40.",
            "I've credited your account.",
            "We have credited $40 to your gift card.",
        )
    }
    assert list(roles.values()) == [["refund"], ["credit"], ["credit"]]


def test_long_words_and_lines_cost_no_more_than_their_length() -> None:
    for text in ("your " * 20_000, "x" * 100_000 + " back", "we return " * 10_000):
        extract(text, kinds={"commitment"})
