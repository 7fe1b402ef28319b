"""A library's readers ask in many ways, with greetings and asides: questions quite unlike
those of the retail example, with other sources, other states, other words.
"""

import random
from datetime import date, timedelta

import orjson

from freehold.core.training import Example

OPENERS = ("", "", "Hello,", "Good day,", "Dear library,", "Hi there!", "One question:")
CLOSERS = ("", "", "Thanks a lot.", "Please answer soon.", "Yours, Ada", "I am in a hurry!", "Bye")
ASIDES = (
    "",
    "",
    "You can write to me at {mail} as well.",
    "My daughter reads a lot, by the way.",
    "Could you call me under {phone}, please?",
)
TITLES = ("Silent Harbour", "The Glass Orchard", "Winter Tales", "A Brief Night", "Salt and Iron")
KINDS = {
    "due": ("When do I have to bring back {title}?", "until when may I keep {title}",
            "How long can I still read {title}?"),
    "renew": ("Please renew {title} for me.", "May I keep {title} a while longer?"),
    "fee": ("What do I owe you?", "How high are my fees at the moment?"),
    "card": ("My card is lost, what now?", "Somebody took my purse with the card in it."),
    "quiet": ("Is there a quiet room for groups?", "Where can four of us work undisturbed?"),
    "poem": ("Write me a poem about {title}.", "What did the critics say about {title}?"),
}  # fmt: skip


def told(kind, loan, reader):
    """What a librarian writes; nothing for what is left to others."""
    back = date.fromisoformat(loan["due_on"])
    if kind == "due" and loan["state"] == "overdue":
        return f"{loan['title']} was due on {back:%B} {back.day}; please bring it back."
    if kind == "due":
        return f"You may keep {loan['title']} until {back:%B} {back.day}."
    if kind == "renew" and loan["reserved"]:
        return f"I'm sorry, somebody is waiting for {loan['title']}."
    if kind == "renew":
        return f"{loan['title']} can be renewed in your account until {back:%B} {back.day}."
    return {
        "fee": f"You owe us {reader['fees']}.",
        "card": "We have to block the card: please come to the desk with your passport.",
        "quiet": "There is a room for groups on the upper floor; the desk has its key.",
    }.get(kind, "")


def slip(text, dice):
    """With a letter twice, here and there."""
    if dice.random() > 0.12:
        return text
    at = dice.randrange(3, len(text) - 3)
    return text[:at] + text[at] + text[at:]


def readers(count, seed):
    """So many questions, each of another reader."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        day = date(2026, 3, 1) + timedelta(days=dice.randrange(90))
        loans = [
            {
                "loan_id": f"L-{dice.randrange(10**6, 10**7)}",
                "title": title,
                "due_on": (day + timedelta(days=7 * at)).isoformat(),
                "state": dice.choice(("lent", "lent", "overdue")),
                "reserved": dice.random() < 0.4,
                "shelf": dice.choice(("adult", "youth", "music", "maps")),
            }
            for at, title in enumerate(dice.sample(TITLES, 2))
        ]
        reader = {"reader": f"R{dice.randrange(10**4, 10**5)}", "fees": f"${dice.randrange(90)}.50"}
        kind = dice.choice(sorted(KINDS))
        loan = dice.choice(loans)
        core = slip(dice.choice(KINDS[kind]), dice)
        aside = dice.choice(ASIDES).format(mail=f"r{number}@mail.example", phone="+1 415-555-0134")
        said = (dice.choice(OPENERS), core.replace("{title}", loan["title"]), aside)
        question = " ".join(part for part in (*said, dice.choice(CLOSERS)) if part)
        sources = {"loans": loans, "reader": reader}
        made.append(
            Example(
                id=f"{seed}-{number}",
                conversation=f"{seed}-{number}",
                messages=({"role": "user", "content": question},),
                pieces=tuple(
                    {"source": name, "text": orjson.dumps(rows).decode(), "trusted": True}
                    for name, rows in sources.items()
                ),
                answer=told(kind, loan, reader),
                split="validation" if number % 5 == 4 else "train",
            )
        )
    return made
