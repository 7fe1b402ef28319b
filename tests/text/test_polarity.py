"""Whether a clause affirms, denies or only supposes a value."""

import pytest

from freehold.text.facts import extract

AFFIRMED = [
    "We can offer you 30 % off.",
    "We offer not only 30 % but also free delivery.",
    "You get no less than 30 % off.",
    "You get nothing less than 30 % off.",
    "Why not take 30% off?",
    "Why don't you take 30 % off?",
    "Would you like a 30 % discount?",
    "Wouldn't you like 30 % off?",
    "Don't you want 30 % off?",
    "Can't we give you 30 % off?",
    "Don't miss 30 % off today!",
    "I won't hesitate to give you 30 % off.",
    "I can't wait to give you 30 % off.",
    "We never fail to give you 30 % off.",
    "I'm not unable to give you 30 % off.",
    "Not a problem, here is 30 % off.",
    "No problem, you get 30 % off.",
    "No worries! Take 30 % off.",
    "No, we can do better: take 30 % off.",
    "I can't change the date, but you get 30 % off.",
    "I can't change the date. You get 30 % off.",
    "I can't change the date, so I'll give you 30 % off.",
    "I cannot let you go without 30 % off.",
    "There are no fees and you get 30 % off.",
    "With no minimum purchase you get 30 % off.",
    "If you order today, you get 30 % off.",
    "If you order today we'll give you 30 % off.",
    "You get 30 % off, not available in stores.",
    "You get 30 % off that cannot be combined with other offers.",
    "A 30 % discount cannot be combined with vouchers, but it is yours.",
    "You get 30 % off items that aren't on sale.",
    "We give no more than 30 % off.",
    "Instead of a voucher, we give you 30 % off.",
    "Unfortunately it is late, however you get 30 % off.",
    "Here's 30 % off, don't tell anyone.",
    "You asked for 30 % and you got it.",
    "While we don't usually do this we'll give you 30 % off.",
    "Although we don't often do this you get 30 % off.",
    "Since it did not arrive on time I will give you 30 % off.",
    "As the old code cannot be used you get 30 % off.",
    "We can't add another code because you already get 30 % off.",
    "Customers who don't have a card get 30 % off.",
    "I can't stress enough that you get 30 % off.",
    "We can not only give 20 dollars but 30 % off.",
]
NEGATED = [
    "We can not offer 30 %.",
    "We cannot offer 30 %.",
    "We can't, at this time, offer 30 % off.",
    "We can’t offer 30 % off.",
    "No 30% discount is possible.",
    "There is no discount of 30 %.",
    "I'm unable to give you 30 % off.",
    "I am not able to give 30 % off.",
    "This isn't eligible for 30 % off.",
    "The lamp is not eligible for the 30 % discount.",
    "We won't give 30 % off.",
    "We don't offer 30 % off.",
    "We never give 30 % off.",
    "You buy it without 30 % off.",
    "It is impossible to give 30 % off.",
    "We decline to give 30 % off.",
    "It's the full price rather than 30 % off.",
    "Neither 30 % off nor a gift is possible.",
    "A 30 % discount isn't available.",
    "30 % off is not possible.",
    "A 30% discount on this order is unfortunately not possible.",
    "The 30 % discount cannot be given.",
    "30 % off is impossible.",
    "Nobody gets 30 % off.",
    "It is 20 euros, not 30 % off.",
    "We do not even give 30 % off to staff.",
    "I can't offer a price cut of 30 %.",
    "I don't think we can offer 30 % off.",
    "I'm not sure that we can offer 30 % off.",
    "As we can't verify your card we can't give you 30 % off.",
    "There's no way we can give you 30 % off.",
    "Since you are no member I cannot give you 30 % off.",
]
HYPOTHETICAL = [
    "If we offered 30 %, we would lose money.",
    "Suppose we gave 30 % off.",
    "We would have given 30 % off.",
    "Whether we give 30 % off is up to the manager.",
    "I understand that you asked for 30 %, but the price is fixed.",
    "I see that you want 30 % off, but the price is fixed.",
]


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        *((text, "affirmed") for text in AFFIRMED),
        *((text, "negated") for text in NEGATED),
        *((text, "hypothetical") for text in HYPOTHETICAL),
    ],
)
def test_polarity_of_an_offer(text: str, polarity: str) -> None:
    (fact,) = [f for f in extract(text) if f.kind == "percent"]
    assert fact.polarity == polarity


@pytest.mark.parametrize(
    ("text", "language", "polarity"),
    [
        ("Wir können Ihnen keinen Rabatt von 30 % gewähren.", "de", "negated"),
        ("Wir können Ihnen 30 % Rabatt leider nicht gewähren.", "de", "negated"),
        ("30 % Rabatt ist nicht möglich.", "de", "negated"),
        ("Sie erhalten nicht nur 30 % Rabatt, sondern auch ein Geschenk.", "de", "affirmed"),
        ("Sie erhalten 30 % Rabatt.", "de", "affirmed"),
        ("Wenn wir 30 % Rabatt gäben, wäre das zu viel.", "de", "hypothetical"),
        ("Nous ne pouvons pas offrir 30 % de remise.", "fr", "negated"),
        ("Aucune remise de 30 % n'est possible.", "fr", "negated"),
        ("Vous recevez 30 % de remise.", "fr", "affirmed"),
        ("No podemos ofrecer un descuento del 30 %.", "es", "negated"),
        ("Le ofrecemos un descuento del 30 %.", "es", "affirmed"),
        ("No solo un 30 % de descuento, también envío gratis.", "es", "affirmed"),
    ],
)
def test_polarity_in_other_languages(text: str, language: str, polarity: str) -> None:
    (fact,) = [f for f in extract(text, language) if f.kind == "percent"]
    assert fact.polarity == polarity


def test_two_offers_in_one_sentence_have_their_own_polarity() -> None:
    facts = extract("We can't give 30 % off, but we can give 20 % off rather than 10 % off.")
    assert [(f.value, f.polarity) for f in facts if f.kind == "percent"] == [
        (3000, "negated"),
        (2000, "affirmed"),
        (1000, "negated"),
    ]
