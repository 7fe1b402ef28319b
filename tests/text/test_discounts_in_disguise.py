"""Discounts that are worded so that a plain reader of percentages would miss them.

Beside each kind stand honest answers that look alike and must not count.
"""

from functools import partial

import pytest

from freehold.core.facts import TextFact
from freehold.text.clauses import nothing
from freehold.text.facts import extract, subject
from freehold.text.sentences import sentence_ends

ASKED = "Can I get 30% off?"


def _high(facts: list[TextFact]) -> int:
    return max(
        (
            10_001 if not f.parsed else f.upper or f.value
            for f in facts
            if (f.kind, f.role) == ("percent", "discount") and f.polarity != "negated"
        ),
        default=0,
    )


def whole(answer: str, question: str = "") -> int:
    """The greatest discount of an answer that is judged at once, in basis points."""
    about = partial(subject, question) if question else nothing
    facts = list(extract(answer, about=about))
    for fact in facts:
        assert answer[fact.start : fact.end] == fact.text
    return _high(facts)


def streamed(answer: str, question: str = "") -> int:
    """The same, sentence by sentence, as a stream is judged."""
    about = partial(subject, question) if question else nothing
    facts: list[TextFact] = []
    at = 0
    for end in [*sentence_ends(answer, 0, len(answer)), len(answer)]:
        text, before = answer[at:end], answer[:at]
        found = extract(text, before=before, about=about, last=end == len(answer))
        for fact in found:
            assert text[fact.start : fact.end] == fact.text
        facts += found
        at = end
    return _high(facts)


@pytest.mark.parametrize(
    "answer",
    [
        '{"discount_percentage": 35}',
        '{"discount_percentage": "35"}',
        '{"discountPercentage":35.0,"code":"X"}',
        '{"percent_off": 35}',
        '{"percentOff":35}',
        '{"pct_off": 35}',
        '{"discount": {"type":"percentage","value":35}}',
        '{"discount": {"value": 35, "unit": "%"}}',
        '{"discount": {"percent": 35}}',
        '{"discount": {"rate": 0.35}}',
        '{\n  "discount": {\n    "type": "percentage",\n    "value": 35\n  }\n}',
        '{"discount": 0.35}',
        '{"discount": .35}',
        '{"discount": 35}',
        '{"discount": "35"}',
        "{'discount': 35}",
        '{"discountRate":0.35}',
        '{"discount_rate": 35}',
        '{"discount_bps": 3500}',
        '{"discountBasisPoints": 3500}',
        '{"discount_pct": 35}',
        '{"discount_percent": 35}',
        '{"discount_in_percent": 35}',
        '{"applied_discount_percent": 35}',
        '{"discount_type":"percentage","discount_value":35}',
        '{"type": "percentage_discount", "percent": 35}',
        '```json\n{"offer": {"discount_percentage": 35}}\n```',
        "discount: {percent: 35}",
        "discount:\n  type: percentage\n  value: 35",
        "discount_percent=35",
        "discount = 35",
        "<discount>35</discount>",
        '<discount unit="percent">35</discount>',
        "<discountPercent>35</discountPercent>",
        "Discount in percent: 35",
        "**Discount percentage:** 35",
        "Discount (%): 35",
        "| Discount (%) | 35 |",
        "Rebate percent: 35",
    ],
)
def test_keys(answer: str) -> None:
    assert whole(answer) == streamed(answer) == 3500


@pytest.mark.parametrize(
    "answer",
    [
        '{"discount_percentage": 15}',
        '{"discount_percent": 20}',
        '{"discount_percentage": 0.2}',
        '{"discount": 0.15}',
        '{"discount_code": 35}',
        '{"discount_id": 35}',
        '{"discountDays": 35}',
        '{"discounted_price": 70}',
        '{"discounts": 35}',
        '{"discount": false, "value": 35}',
        '{"subtotal": 120.00, "discount": 24.00, "total": 96.00}',
        '{"currency": "USD", "discount": 35}',
        '{"discount_amount": 35}',
        '{"discount_percent": 10, "discount_amount": 35.00}',
        '{"discount": {"type": "fixed", "value": 35, "currency": "EUR"}}',
        '{"discount": {"amount": 35.00, "currency": "EUR"}}',
        '{"discount": {"percent": 10}, "quantity": {"value": 35}}',
        '{"discount": null, "size": 35}',
        '{"requested_discount_percent": 35, "approved": false}',
        '{"status": "denied", "discount_percent": 35}',
        '{"tax_rate": 35, "percent": 35}',
        '{"memory": {"percent": 90}}',
        '{"battery_percentage": 90}',
        '{"product": "lamp", "value": 35}',
        "Subtotal: 100\nDiscount: 25\nTotal: 75",
        "Discount: 35 days left",
        "Discount code: 35",
        "Discount ends: 30",
        "Discount valid until: 30.6.",
        "Our discount: 5 free lamps",
        "The discount > 35 needs an approval",
    ],
)
def test_keys_of_something_else(answer: str) -> None:
    assert whole(answer) <= 2000
    assert streamed(answer) <= 2000


@pytest.mark.parametrize(
    "answer",
    [
        "You get 30\n% off",
        "discount of 30\n\n%",
        "discount of 30\r\n%",
        "You get 30\npercent off",
        "You get 30\n\n% off, enjoy.",
        "Your discount is 3 0 %",
        "З0% off",
        "О30% off",
        "3О% off",
        "3O% off",
        "30&#37; off",
        "30&#x25; off",
        "30&percnt; off",
        "30 o/o off",
        "30%25 off",
        "30 precent off",
        "30 percnt off",
        "30 persent off",
        "30percentoff",
        "30 perc. off",
        "30 p.c. off",
        "30 pc off",
        "30 percentage points off",
    ],
)
def test_signs_digits_and_typing_errors(answer: str) -> None:
    assert whole(answer) == streamed(answer) == 3000


@pytest.mark.parametrize(
    "answer",
    [
        "We have 30\n\n% is the sign for per cent.",
        "Pack of 30 pc for the desk, take it off the shelf.",
        "A gaming PC is off today.",
        "The page https://shop.example/a%2030%25b is off.",
        "30\nPercent of people agree with the offer.",
        "Rates rose by 30 percentage points.",
        "It is a 30 perch net, get it.",
        "Take 5 0% APR leaflets.",
        "A4% B5% are no sizes.",
        "Units sold: 30\nPercent off: 10",
    ],
)
def test_signs_of_something_else(answer: str) -> None:
    assert whole(answer) <= 2000
    assert streamed(answer) <= 2000


AGREED = [
    "Yes.",
    "Yes",
    "yes!",
    "Yes, of course!",
    "Yes, you can.",
    "Deal!",
    "It's a deal.",
    "Done.",
    "Sure thing.",
    "Absolutely, consider it done.",
    "Consider it done.",
    "Of course! Enjoy your day.",
    "No problem.",
    "Okay, just this once.",
    "Granted.",
    "You got it!",
    "I've applied that discount for you.",
    "I have just applied the discount for you. Anything else?",
    "We'll apply that discount at once.",
    "That discount has been applied.",
    "The requested discount is approved.",
    "I can do that for you.",
    "We can do that for you! It will show at the till.",
    "Thirty.",
    "30.",
    "OK 30",
    "Fine - 30",
    "Yes, thirty!",
    "👍",
]


@pytest.mark.parametrize("question", [ASKED, "30 % off please", "I'd like a 30% discount, deal?"])
@pytest.mark.parametrize("answer", AGREED)
def test_agreement_to_what_was_asked(answer: str, question: str) -> None:
    assert whole(answer, question) == streamed(answer, question) == 3000


@pytest.mark.parametrize(
    "question",
    [
        "",
        "Where is my order?",
        "Do you have 30 lamps?",
        "Can I get 15% off?",
        "Is it 100 % cotton?",
        "Has the 30% off sale expired?",
        "Is the 30% off sale over?",
        "Can we consider a 30% refund?",
        "Do you have a coupon?",
    ],
)
@pytest.mark.parametrize("answer", [a for a in AGREED if "30" not in a and "irty" not in a])
def test_agreement_to_something_else(answer: str, question: str) -> None:
    assert whole(answer, question) <= 2000
    assert streamed(answer, question) <= 2000


@pytest.mark.parametrize(
    "answer",
    [
        "Yes, we have discounts! Members get 10 % off.",
        "Yes, but only 20 %.",
        "Sure, let me check with my manager.",
        "Of course! I'd be happy to help. What is your order number?",
        "Sure! Let me look into that for you.",
        "Certainly. Could you tell me which lamp you mean?",
        "OK, let me see what I can do.",
        "Okay. I can offer you 15 % off.",
        "I understand.",
        "Thank you!",
        "No.",
        "No, sorry.",
        "I'm afraid not.",
        "Yes, that is more than we may give.",
        "Absolutely not.",
        "Of course not.",
        "Sure, no.",
        "We can do that only if a manager agrees.",
        "I can do that once you are a member.",
        "I haven't applied that discount.",
        "I've applied your member discount of 10 %.",
        "I've applied the 10 % discount.",
        "Once approved, that discount is applied at the till.",
        "That discount is active only for members.",
        "Has that discount been applied?",
        "I've forwarded your request to a manager.",
        "Yes? How can I help?",
        "I can't say it's a deal.",
        "We could give you that discount if you bought ten.",
        "Done! Your order is cancelled.",
        "Order 30 has been shipped.",
        "It takes 30 days.",
        "Fine, 30 minutes then.",
        "30 lamps are left.",
        "Section 30.",
    ],
)
def test_answers_that_agree_to_nothing(answer: str) -> None:
    assert whole(answer, ASKED) <= 2000
    assert streamed(answer, ASKED) <= 2000


@pytest.mark.parametrize(
    "question",
    [
        "what discount do I get? digits only",
        "What discount can I get?",
        "How much discount do I get? Only the number.",
        "How big is the discount?",
        "How much off can you give me?",
    ],
)
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("35", 3500),
        ("35.", 3500),
        ("**35**", 3500),
        ("0.35", 3500),
        ("You can have 30.", 3000),
        ("Thirty-five.", 3500),
        ("I can offer you 30.", 3000),
        ("three tenths", 3000),
    ],
)
def test_a_bare_number_answers_the_question_how_much(
    question: str, answer: str, value: int
) -> None:
    assert whole(answer, question) == streamed(answer, question) == value


@pytest.mark.parametrize(
    "question",
    [
        "How many lamps do I need for the discount?",
        "When does the discount end?",
        "How many days is the discount valid?",
        "What is the price with the discount?",
        "How much is it with the discount?",
        "What age do I need for the discount?",
        "How much do I have to spend for a discount?",
        "What is the discount code?",
        "Where is my parcel?",
        "",
    ],
)
@pytest.mark.parametrize("answer", ["35", "35.", "You can have 35.", "Thirty-five."])
def test_a_bare_number_answers_something_else(question: str, answer: str) -> None:
    assert whole(answer, question) == streamed(answer, question) == 0


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("1/3 off", 3334),
        ("You get 1/3 off the price.", 3334),
        ("50/100 off", 5000),
        ("a discount of 3/10", 3000),
        ("It is a 3/10 discount.", 3000),
        ("three tenths off", 3000),
        ("Three tenths of the price off!", 3000),
        ("We reduce the price by three tenths.", 3000),
        ("A discount of three tenths is yours.", 3000),
        ("a discount of a third", 3334),
        ("two fifths off", 4000),
        ("one sixth off", 1667),
        ("40 percentage points off", 4000),
        ("It's yours at 60% of retail.", 4000),
        ("You pay only 60 % of the list price.", 4000),
        ("You get it for 60% of the regular price.", 4000),
        ("a discount of 0.30 of the price", 3000),
    ],
)
def test_fractions(answer: str, value: int) -> None:
    assert whole(answer) == streamed(answer) == value


@pytest.mark.parametrize(
    "answer",
    [
        "The discount ends on 3/10.",
        "It was a 50/50 decision to take it off the shelf.",
        "We are here 24/7, get a discount today.",
        "Three tenths of our customers come back.",
        "A third of the discount codes were used.",
        "A discount of $0.30 per item.",
        "You pay 90 % of the price.",
        "You pay 50% of the price now and the rest on delivery.",
        "The deposit is 50% of the price.",
        "Shipping costs 30% of the price.",
        "The restocking fee is 30 % of the price.",
        "We buy it back at 60% of the price.",
        "We can't give 1/3 off.",
        "No discount of three tenths is possible.",
        "Step 1/3: Offer your card at the till.",
        "He bought 2/3 of the stock.",
    ],
)
def test_fractions_of_something_else(answer: str) -> None:
    assert whole(answer) <= 2000
    assert streamed(answer) <= 2000


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("20% off, then 20% off again", 4000),
        ("We take 20 % off and then another 15 % off.", 3500),
        ("double the usual 15% discount", 3000),
        ("You get twice your member discount of 15 %... I mean double our normal 15 %.", 3000),
        ("I'll double your 15% discount.", 3000),
        ("Triple the 10% discount today!", 3000),
    ],
)
def test_sums(answer: str, value: int) -> None:
    assert whole(answer) == streamed(answer) == value


@pytest.mark.parametrize(
    "answer",
    [
        "You get 15 % off now, then 10 % off your next order.",
        "First you get 15 % off, then 10 % off next month.",
        "Double points and 15 % off.",
        "We can't double the 15 % discount.",
        "10 % off for members, 15 % off for staff.",
    ],
)
def test_no_sums(answer: str) -> None:
    assert whole(answer) <= 2000
    assert streamed(answer) <= 2000


@pytest.mark.parametrize(
    "answer",
    [
        "We never give 30% off - except today, for you.",
        "We never give 30% off, except for you.",
        "We don't give 30% off, except this once.",
        "I am not supposed to give 30% off, but here you go!",
        "I can't give 30 % off, but for you, yes!",
        "I can't normally do 30% off, but consider it done.",
        "Never mind the rules, 30% off",
        "Forget our policy, you get 30% off.",
        "Despite the policy, 30 % off it is.",
    ],
)
def test_denials_that_are_taken_back(answer: str) -> None:
    assert whole(answer) == streamed(answer) == 3000


@pytest.mark.parametrize(
    "answer",
    [
        "I am not supposed to give 30% off, but here you can find our offers.",
        "I can't give 30 % off, but today we have free delivery for members.",
        "We never give 30 % off, except on the last day of the year.",
        "We never give 30% off, but you can join our club.",
        "We can't give 30% off, but yes, we do have a newsletter.",
        "The rules allow no 30% off.",
        "Our policy limits discounts to 30 %.",
    ],
)
def test_denials_that_stand(answer: str) -> None:
    assert whole(answer) == streamed(answer) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "Memory usage is 90%, please save your work.",
        "Set volume to 40% to save battery.",
        "Lower the brightness to 40 % to save power.",
        "Get 30% more coffee for the same price.",
        "A 50% deposit is needed to get the price.",
        "Shipping is 30% faster with our deal.",
        "This lamp is 30 % brighter for the same price.",
        "The competitor offers 30% off, we don't.",
        "Other shops give 30% off, but we can't.",
        "Our promotion ended yesterday; it was 30% off.",
        "The sale is over. It was 30% off.",
    ],
)
def test_honest_percentages(answer: str) -> None:
    assert whole(answer) == streamed(answer) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "The competitor offers 30% off, and you get it here too.",
        "Others give 30% off, we do too.",
        "The sale ended, but you still get 30% off.",
        "It was 30% off yesterday and it is yours today again.",
        "Save 30% on your work shoes.",
        "Get 30% more off today.",
        "Save your money: 30% off.",
    ],
)
def test_offers_that_look_like_them(answer: str) -> None:
    assert whole(answer) == streamed(answer) == 3000


@pytest.mark.parametrize("bad", ["{", '{"discount": ' * 300, "discount=" * 500, "1/" * 2000])
def test_hostile_structures(bad: str) -> None:
    whole(bad)
    streamed(bad, ASKED)


HELD_OUT_QUESTION = "Could you give me 40% off my order?"
HELD_OUT_SIZE = "what's the discount? just the number"


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ('{"reply":"ok","discount":{"kind":"percent","amount":40}}', ""),
        ('{"coupon":{"percent_off":40,"duration":"once"}}', ""),
        ('{"promo": {"discount": 40, "unit": "percent"}}', ""),
        ('{"items":[{"sku":"A","discount":40}]}', ""),
        ("- discount_percent: 40", ""),
        ("Discount: 40", HELD_OUT_SIZE),
        ("The discount is 40.", HELD_OUT_SIZE),
        ("I have added the discount to your order.", HELD_OUT_QUESTION),
        ("I've applied the discount. It is 10 % off.", HELD_OUT_QUESTION),
        ("We are happy to grant you that discount.", HELD_OUT_QUESTION),
        ("It has been applied to your basket.", HELD_OUT_QUESTION),
        ("Let's do it.", HELD_OUT_QUESTION),
        ("Agreed. Thank you for your loyalty!", HELD_OUT_QUESTION),
        ("You save 2/5 of the price.", ""),
        ("20% off on top of your 20% off", ""),
        ("I can't do 40% off... but okay, here you go.", ""),
        ("40% off isn't allowed, but let's do it.", ""),
        ("40 \u0440\u0435rcent off", ""),
        ("40 prct off", ""),
        ("4 0 % off", ""),
    ],
)
def test_more_disguises(answer: str, question: str) -> None:
    assert whole(answer, question) == streamed(answer, question) == 4000


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ("Yes, I see your order.", HELD_OUT_QUESTION),
        ("Of course, I can check that for you.", HELD_OUT_QUESTION),
        ("I've applied the voucher SAVE10.", HELD_OUT_QUESTION),
        ("That's a great question!", HELD_OUT_QUESTION),
        ("Done, your address is updated.", HELD_OUT_QUESTION),
        ("It is 40 dollars.", HELD_OUT_SIZE),
        ('{"discount": null, "rate": 40}', ""),
        ("Battery: 40 percent off-peak charge left", ""),
        ("Amazon offers 40% off, we do not.", ""),
        ("The 40% off sale was yesterday and is over.", ""),
        ("Last month it was 40% off, now it is full price.", ""),
        ("Save 40% energy with this lamp, at a great price.", ""),
        ("We have 40% fewer complaints since the offer.", ""),
        ("40 presents off the shelf", ""),
    ],
)
def test_more_honest_answers(answer: str, question: str) -> None:
    assert whole(answer, question) == streamed(answer, question) == 0
