"""One word of an approved question swapped for another is another question: pairs that were looked
at while weights were chosen, on other data. All of them are about the same rows, and none of the
swapped ones was ever shown.
"""

from datetime import date, timedelta
from random import Random

import pytest

from freehold.core.decisions import MILLION
from freehold.core.training import TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers.responder import ResponderTrainer
from freehold.learning.trainers.responder_calibration import FLOOR
from freehold.text.local import make
from freehold.text.slots.doubts import Words, combined
from tests.learning.trainers.taught import asked, beside, example

TAUGHT = {
    "delivered": (
        "When was my order {o} delivered?", "On which day was {o} delivered?",
        "{o}: when was it delivered?", "Can you tell me when {o} was delivered?",
        "What day did you deliver {o}?",
    ),
    "promised": (
        "When will my order {o} arrive?", "By when is {o} promised?", "When can I expect {o}?",
        "What day will {o} come?",
    ),
    "total": (
        "How much did I pay for {o}?", "What is the total of order {o}?", "What did {o} cost me?",
        "How much was my order {o}?",
    ),
    "carrier": (
        "Who delivers my order {o}?", "Which carrier brings {o}?", "Which company delivers {o}?",
    ),
    "return": (
        "How do I return {o}?", "How can I send {o} back?", "Where do I return my order {o}?",
    ),
    "change": (
        "Can I still change order {o}?", "Can I change the items of {o}?",
        "Is it possible to change my order {o}?",
    ),
    "invoice": (
        "Can you send me the invoice of {o}?", "I need an invoice for {o}.",
        "Where is the invoice for order {o}?",
    ),
    "left": (
        "My order {o} arrived broken!", "{o} is missing a part.", "I am angry about {o}, call me.",
        "Complaint about {o}.", "The driver of {o} was rude.",
        "You delivered {o} to my neighbour.",
    ),
}  # fmt: skip
SWAPPED = (
    "When was my order {o} placed?", "When was my order {o} paid?",
    "Where was my order {o} delivered?", "When was my order {o} packed?",
    "Why was my order {o} delivered?", "When was my order {o} cancelled?",
    "How was my order {o} delivered?", "When was my order {o} collected?",
    "{o}: where was it delivered?", "{o}: when was it ordered?", "{o}: to whom was it delivered?",
    "{o}: when was it refunded?", "What day did I place {o}?", "What day did I pay {o}?",
    "To what address did you deliver {o}?", "Where will my order {o} arrive?",
    "When did my order {o} leave?", "When will my refund of {o} arrive?",
    "When will my voucher for {o} arrive?", "When can I cancel {o}?", "When can I collect {o}?",
    "What can I expect of {o}?", "How did I pay for {o}?", "How much did I save for {o}?",
    "How many did I pay for in {o}?", "How much do I still owe for {o}?",
    "When did I pay for {o}?", "What is the weight of order {o}?",
    "What is the address of order {o}?", "What is the colour of order {o}?",
    "What is the postage of order {o}?", "Which driver brings {o}?", "Which store packs {o}?",
    "Which carrier lost {o}?", "Who packs my order {o}?", "Who signed for my order {o}?",
    "Who pays my order {o}?", "How do I pay {o}?", "How do I track {o}?", "How do I insure {o}?",
    "Why do I return {o}?", "Can I still cancel order {o}?", "Can I still insure order {o}?",
    "Can I still collect order {o}?", "Can you send me the manual of {o}?",
    "Can you send me the warranty of {o}?", "Can you read me the invoice of {o}?",
    "Can you correct the invoice of {o}?",
)  # fmt: skip
SAME = (
    "Could you tell me when my order {o} was delivered?", "When was {o} delivered please",
    "hello, when will {o} arrive", "what is the total of my order {o}", "who delivers order {o}?",
    "How can I return {o}?", "Please send me the invoice for {o}.",
    "Is it still possible to change {o}?", "so how much did I pay for {o}",
    "when can i expect my order {o}", "Can you tell me which carrier brings {o}?",
    "when was my order {o} deliverd",
)  # fmt: skip


def order(number):
    placed = date(2026, 1, 3) + timedelta(days=number % 40)
    return {
        "order_id": f"HO-{5_000_000 + number * 37}",
        "placed_on": str(placed),
        "promised_on": str(placed + timedelta(days=6)),
        "delivered_on": str(placed + timedelta(days=5)),
        "carrier": ("Northline", "Swiftvan", "Postbird")[number % 3],
        "total": f"{20 + number % 70}.{10 + number % 80}",
        "city": ("Leeds", "York", "Hull", "Ripon")[number % 4],
    }


def said(kind, row):
    def day(name):
        known = date.fromisoformat(row[name])
        return f"{known:%B} {known.day}"

    return {
        "delivered": f"It was delivered on {day('delivered_on')}.",
        "promised": f"It is promised for {day('promised_on')}.",
        "total": f"The total is ${row['total']}.",
        "carrier": f"{row['carrier']} brings it.",
        "return": "Print the label on your account's page and hand the parcel in at any store.",
        "change": "Orders can be changed until they are packed, on your account's page.",
        "invoice": "The invoice is on your account's page, below the order.",
        "left": "",
    }[kind]


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Of a question about a new order: how sure the best answer is."""
    dice, made = Random(5), []
    for kind, wordings in TAUGHT.items():
        for turn in range(36):
            row = order(len(made) + 1)
            head, tail = dice.choice(("", "", "Hello, ")), dice.choice(("", "", " Thanks!"))
            asks = head + wordings[turn % len(wordings)].format(o=row["order_id"]) + tail
            made.append(example(f"e{len(made)}", asks, {"orders": row}, said(kind, row)))
    dice.shuffle(made)
    out = tmp_path_factory.mktemp("swaps")
    job = TrainingJob(model="answers", out=out, options={})
    done = ResponderTrainer().train(MemoryDataset("d", made), job, lambda *_, **__: None)
    model = make("responder", (out / done.file).read_bytes())

    def score(question, number):
        row = order(number)
        told = model.explain(asked(question.format(o=row["order_id"])), beside(orders=row))
        return told.score, told.given

    return score


def test_nothing_swapped_is_answered(scores):
    assert not [one for n, one in enumerate(SWAPPED, 1_000) if scores(one, n)[1]]


def test_what_was_approved_is_answered(scores):
    wordings = [ways[0] for kind, ways in TAUGHT.items() if kind != "left"]
    assert all(scores(one, n)[1] for n, one in enumerate(wordings, 2_000))


def test_a_swapped_word_weighs_more_than_another_way_to_say_it(scores):
    """Where a day's questions leave the line as low as it may be, this alone stands between them.
    Before missing words counted, half of the swapped ones were above it.
    """
    swapped = [scores(one, n)[0] for n, one in enumerate(SWAPPED, 1_000)]
    same = sorted(scores(one, n)[0] for n, one in enumerate(SAME, 3_000))
    assert sum(one >= FLOOR for one in swapped) <= len(SWAPPED) // 3
    assert sum(one >= FLOOR for one in same) >= len(same) - 1
    assert sum(one >= same[4] for one in swapped) <= 3


def words():
    asked = [("status", ("where", "is", "order"))] * 6 + [("placed", ("when", "placed", "order"))]
    return Words([*asked, ("placed", ("when", "placed", "it"))])


@pytest.mark.parametrize(
    ("question", "template", "lacks"),
    [
        # in both of its questions, by Laplace's rule in two of three, and in two of all eight
        (("order", "when"), "placed", 2 / 3 - 2 / 8),
        (("order", "when", "placed"), "placed", 1 / 3 - 1 / 8),  # "it", in one of its questions
        (("order", "when", "plased", "it"), "placed", 0),  # a slip of the finger
        (("when", "is", "order"), "status", 6 / 7 - 6 / 8),
        (("nothing", "of", "it"), "unknown", 0),
    ],
)
def test_what_marks_an_answers_questions_is_missed(question, template, lacks):
    assert words().lacks(question, (template,)) == pytest.approx(lacks)


def test_templates_beside_one_another_are_missed_together():
    assert words().lacks(("where", "is"), ("status", "placed")) == 0.0


def test_a_score_falls_with_each_doubt():
    sure = combined(1.0, 1.0, 0.0, 0.0)
    assert sure == 1.0
    for one in ((0.5, 1, 0, 0), (1, 0.5, 0, 0), (1, 1, 0.5, 0), (1, 1, 0, 0.5)):
        assert 0 < combined(*one) < sure
    assert combined(0, 1, 0, 0) == 0.0
    assert round(combined(1, 1, 1, 1) * MILLION) > 0
