"""What is asked almost like an approved question and means something else gets no wrong answer."""

import pytest

from freehold.core.training import TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers.responder import ResponderTrainer
from freehold.learning.trainers.responder_calibration import STRANGERS, Tried, draw
from freehold.text.local import make
from freehold.text.slots.context import Context
from freehold.text.slots.doubts import Words, agreement
from freehold.text.slots.rows import Asked, names_other
from tests.learning.trainers.taught import asked, beside, example, order, orders, said_of

THINGS = ("Oak Chair", "Pine Table", "Birch Shelf", "Elm Bench", "Ash Stool", "Larch Bed")
TOWNS = ("Leeds", "York", "Hull", "Ripon", "Whitby", "Selby")
HOURS = ("Mon 08:00-20:00", "Mon 09:00-19:00", "Mon 10:00-18:00", "Mon 07:00-21:00")


def ware(name, stock=7, treated=0):
    return {"sku": f"W-{len(name)}{sum(map(ord, name))}", "name": name, "stock": stock,
            "treated": treated}  # fmt: skip


def shop(town, hours):
    return {"store": f"House of {town}", "city": town, "hours": hours}


def taught():
    """Stock, treatment and hours, some dozens of each; and orders."""
    made = []
    for number in range(48):
        name, town = THINGS[number % 6], TOWNS[number % 5]
        own = shop(TOWNS[(number + 1) % 6], HOURS[number % 4])
        there = shop(town, HOURS[(number + 1) % 4])
        goods = ware(name, 3 + number)
        rows = {"goods": goods, "own-store": own}
        answer = f"We have {3 + number} of the {name}."
        made.append(example(f"s{number}", f"How many {name} do you have?", rows, answer))
        answer = f"No, the {name} is not treated."
        made.append(example(f"t{number}", f"Is the {name} treated?", rows, answer))
        answer = f"{own['store']} is open {own['hours']}."
        rows = {"own-store": own}
        made.append(example(f"o{number}", "What are the hours of my store?", rows, answer))
        answer = f"{there['store']} is open {there['hours']}."
        rows = {"stores-in-town": there, "own-store": own}
        asks = f"What are the hours of the store in {town}?"
        made.append(example(f"h{number}", asks, rows, answer))
    return [*made, *orders(90, 0)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    out = tmp_path_factory.mktemp("near")
    job = TrainingJob(model="answers", out=out, options={})
    rows = [
        type(one)(**{n: getattr(one, n) for n in one.__struct_fields__} | {"split": split})
        for at, one in enumerate(taught())
        for split in ("validation" if at % 5 == 4 else "train",)
    ]
    made = ResponderTrainer().train(MemoryDataset("d", rows), job, lambda *_, **__: None)
    return make("responder", (out / made.file).read_bytes())


MINE = {"orders": order(5_555_555, "shipped", "2027-01-09")}
TWO = {"orders": [MINE["orders"], order(5_555_556, "placed", "2027-02-03")]}
YORK, HULL = shop("York", HOURS[0]), shop("Hull", HOURS[2])


@pytest.mark.parametrize(
    ("question", "rows", "answer"),
    [
        ("where is my order HO-5555555?", MINE, said_of(MINE["orders"])),
        ("where is my order HO-5555556?", TWO, said_of(TWO["orders"][1])),
        ("How many Elm Bench do you have?", {"goods": ware("Elm Bench", 90)},
         "We have 90 of the Elm Bench."),
        ("Is the Elm Bench treated?", {"goods": ware("Elm Bench")},
         "No, the Elm Bench is not treated."),
        ("What are the hours of my store?", {"own-store": YORK},
         f"House of York is open {HOURS[0]}."),
        ("What are the hours of the store in Hull?", {"stores-in-town": HULL, "own-store": YORK},
         f"House of Hull is open {HOURS[2]}."),
    ],
)  # fmt: skip
def test_it_answers_what_was_approved(model, question, rows, answer):
    assert model.answer_beside(asked(question), beside(**rows)).text == answer


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        # a word that denies
        ("where is my order not HO-5555555?", MINE),
        ("I am not asking where my order HO-5555555 is.", MINE),
        ("HO-5555555 is not my order. Where is mine?", MINE),
        # another than the one that is there
        ("where is my other order?", MINE),
        ("where is my other order?", TWO),
        ("where is my order?", TWO),
        # two questions in one
        ("where is my order HO-5555555, and can I still return it?", MINE),
        ("where is my order HO-5555555? What are the hours of my store?", MINE),
        ("where are my orders HO-5555555 and HO-5555556?", TWO),
        # another language
        ("Wo ist meine Bestellung HO-5555555?", MINE),
        ("Où est ma commande HO-5555555 ?", MINE),
        # somebody else's, or unknown
        ("where is my order HO-7777777?", MINE),
        ("where is my order HO-7777777?", TWO),
        ("where is my order 7777777?", MINE),
        ("where are HO-5555555 and HO-7777777?", MINE),
        # nothing there
        ("where is my order HO-5555555?", {}),
        ("where is my order HO-5555555?", {"orders": []}),
        ("How many Elm Bench do you have?", {}),
        # none is not some, and what was always so was never asked otherwise
        ("How many Elm Bench do you have?", {"goods": ware("Elm Bench", 0)}),
        ("Is the Elm Bench treated?", {"goods": ware("Elm Bench", 5, 1)}),
        # a thing of another source, or of a longer name, is another thing
        ("How many Elm Bench do you have?",
         {"goods": ware("Ash Stool"), "catalogue": ware("Elm Bench")}),
        ("How many Elm Bench Set do you have?",
         {"goods": ware("Elm Bench"), "catalogue": ware("Elm Bench Set")}),
        # one's own store is not the one in town
        ("What are the hours of my store?", {"stores-in-town": HULL}),
        ("What are the hours of the store in Hull?", {"own-store": YORK}),
        ("What are the hours of the store in Hull?", {"own-store": YORK, "stores-in-town": YORK}),
    ],
)  # fmt: skip
def test_a_near_miss_is_left_to_others(model, question, rows):
    assert model.answer_beside(asked(question), beside(**rows)).text == ""


@pytest.mark.parametrize(
    ("question", "other"),
    [("Is Elm Bench there?", True), ("Is Ash Stool there?", False), ("Is it there?", False),
     ("Is the Ash Stool Set there?", True)],
)  # fmt: skip
def test_another_row_is_named(question, other):
    rows = {"goods": (ware("Ash Stool"),), "all": (ware("Elm Bench"), ware("Ash Stool Set"))}
    assert names_other(rows["goods"][0], Context(rows), Asked(question)) is other


def test_what_is_near_agrees_by_how_near_it_is():
    assert agreement([]) == 0.0
    assert agreement([(0.9, True), (0.9, False)]) == 0.5
    assert agreement([(0.9, True), (0.3, False)]) == 1.0
    assert agreement([(0.9, True), (0.8, False)]) > agreement([(0.9, True), (0.85, False)])


def test_strange_words_count_by_how_rare_they_are_and_slips_do_not():
    words = Words([("a", ["where", "is", "it"]), ("b", ["cancel", "it"])] * 3)
    assert words.strange(["where", "is", "it"], ["a"]) == 0.0
    assert words.strange(["whree", "is", "it"], ["a"]) == 0.0
    assert 0 < words.strange(["is", "it", "cancel"], ["a"]) < 0.7
    assert words.strange(["cancel"], ["a"]) == words.strange(["zebra"], ["a"]) == 1.0
    assert words.strange([], ["a"]) == 0.0


def test_the_last_answers_may_not_be_mostly_wrong():
    """Though all together would be right often enough."""
    good = [Tried(900_000 - n, right=True) for n in range(200)]
    bad = [Tried(500_000 - n, right=n % 3 == 1) for n in range(12)]
    line = draw([*good, *bad], 300, 0.1, others=STRANGERS)
    assert line.line == good[-1].score
    assert draw([Tried(100_000, right=True)] * 200, 300, 0.1, others=STRANGERS).line == 160_000
    assert not draw([Tried(900_000, right=True)] * 20, 30, 0.01, others=STRANGERS).proved


@pytest.mark.parametrize(("others", "line"), [(0, 900_000), (10, 530_000), (20, 160_000)])
def test_what_was_left_to_others_shows_how_far_it_may_go(others: int, line: int) -> None:
    """Examples that were all answered tell nothing of what must not be."""
    tried = [Tried(100_000 + 9_000 * number, right=True) for number in range(100)]
    assert draw(tried, 100 + others, 0.05, others=others).line == line
