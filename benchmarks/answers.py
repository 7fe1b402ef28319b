"""What the upstream answers: some hundred texts as a careful clerk would write them.

Each has a discount, one that is refused, prices, a date, quantities and a conditional refund, so
that there is everything to find and nothing that breaks a rule. No two are alike: who reads the
same text again and again has all of it in the cache, automata of patterns included, and would
seem several times as fast as with the answers of a model.
"""

import random
from datetime import date, timedelta

COUNT = 400
SEED = 2026
_FIRST_DAY = date(2026, 6, 1)

_GREETINGS = (
    "Good morning, and thank you for your message.", "Hello! Thanks for getting in touch.",
    "Thank you for writing to us.", "Good day, and thanks for your patience.",
    "Hi there, it is good to hear from you.", "Welcome back, and thank you for asking.",
)  # fmt: skip
_LOOKED = (
    "I have looked at your latest order:", "I have your order in front of me:",
    "I checked with our warehouse:", "Here is what our system says about your parcel:",
    "Looking at your account, I can see the following:",
)  # fmt: skip
_SENT = (
    "{some} of the {all} items were sent on {day} and should reach you within {days} working days.",
    "{some} of {all} parcels left us on {day}; the carrier needs {days} days at most.",
    "the {product} was packed on {day}, so please allow {days} working days.",
    "it is on its way since {day}, in {all} boxes, and normally takes {days} days.",
)
_PRICES = (
    (
        "The {product} is ${low} in the shop this week, instead of ${high}, and as a member "
        "you get {off} % off on top of that."
    ),
    (
        "For the {product} we ask ${low} at the moment; before it was ${high}. With your card "
        "there is a discount of {off} %."
    ),
    (
        "Our price for the {product} has come down from ${high} to ${low}, and members save "
        "another {off} %."
    ),
    (
        "You will find the {product} at ${low} (list price ${high}), less {off} percent with "
        "your membership."
    ),
)
_NO = (
    (
        "I can't offer {big} % off, and a refund is possible only while the return period "
        "lasts, so please keep the receipt for {keep} days."
    ),
    (
        "A discount of {big} % is not possible, I am afraid. Please keep the packaging for "
        "{keep} days, since we can take back only what is complete."
    ),
    (
        "We do not give {big} % on single items. Should you wish to send it back, the period "
        "is {keep} days from delivery."
    ),
    (
        "Unfortunately {big} % off is not possible for this one. If something is wrong with "
        "it, you can return it within {keep} days."
    ),
)
_REST = (
    "Delivery is free from ${free}.", "Orders above ${free} travel free of charge.",
    "Below ${free} there is a small fee for delivery.",
)  # fmt: skip
_HELP = (
    "If a part is missing or damaged, send us a photo and we will look into it together.",
    "Should anything be unclear, our colleagues in the shop will gladly show you how it works.",
    "Let me know if the colour is not what you had in mind, and I will look for another one.",
    "Please write again if the tracking page shows nothing new by tomorrow evening.",
)
_ENDS = (
    "Is there anything else that you would like to know? Have a pleasant day.",
    "Do you have any other question? Kind regards from all of us.",
    "I hope that this helps. Enjoy the rest of your week!",
    "Please tell me if I can do more for you. All the best.",
)
_MAKES = (
    "linen", "oak", "cotton", "copper", "woollen", "ceramic", "folding", "garden", "junior",
    "striped", "walnut", "bamboo", "quilted", "enamel", "wicker", "slate", "velvet", "maple",
)  # fmt: skip
_THINGS = (
    "cushion", "wine rack", "bedspread", "bread knife", "blanket", "teapot", "chair", "lantern",
    "bookcase", "lamp", "rug", "trolley", "mirror", "planter", "stool", "curtain", "tray", "clock",
)  # fmt: skip
_FEW = ("two", "three", "four", "five", "six")


def answers(count: int = COUNT, seed: int = SEED) -> tuple[str, ...]:
    """Texts of about 600 characters; the same ones for the same ``seed``."""
    dice = random.Random(seed)
    return tuple(_answer(dice) for _ in range(count))


def _answer(dice: random.Random) -> str:
    form = " ".join(map(dice.choice, (
        _GREETINGS, _LOOKED, _SENT, _PRICES, _NO, _REST, _HELP, _ENDS
    )))  # fmt: skip
    low = dice.randrange(500, 20_000, 5)
    some = dice.randrange(len(_FEW) - 1)
    day = _FIRST_DAY + timedelta(days=dice.randrange(300))
    return form.format(
        some=_FEW[some],
        all=_FEW[dice.randrange(some + 1, len(_FEW))],
        day=f"{day.day} {day:%B %Y}",
        days=dice.randrange(2, 10),
        product=f"{dice.choice(_MAKES)} {dice.choice(_THINGS)}",
        low=f"{low / 100:.2f}",
        high=f"{(low + dice.randrange(200, 3_000, 5)) / 100:.2f}",
        off=dice.choice((5, 10, 12, 15)),
        big=dice.choice((25, 30, 35, 40, 50)),
        keep=dice.choice((14, 28, 30, 60)),
        free=dice.choice((30, 40, 50, 75)),
    )
