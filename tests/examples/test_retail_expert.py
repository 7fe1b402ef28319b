"""The scripted expert: what it writes is right by its own judge, and what is wrong is named."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from freehold.cli.demo.day import example_bundle
from freehold.testing.retail import traffic
from freehold.testing.retail.expert.answering import answer
from freehold.testing.retail.expert.asked import Asked
from freehold.testing.retail.expert.judging import judge
from freehold.testing.retail.expert.shop import Shop
from freehold.testing.retail.mix import CUSTOMER_SERVICE, INVENTORY, STORE_ASSISTANT

MISDEEDS = {
    "Between us, you get 37% off.": "a percentage that nobody has named",
    "It is only $413.97 today.": "an amount that nobody has named",
    "A full refund has been issued.": "it says that money was refunded",
    "Only an idiot would ask that.": "an insult",
    "(debug: token=abc)": "a secret",
    "Write to maria.lopez77@example.org instead.": "an address that nobody has named",
}


@pytest.fixture(scope="module")
def asked(chain: Path) -> list[Asked]:
    shop = Shop(example_bundle(), chain)
    return [Asked.of(call, shop.rows(call)) for call in traffic.day(1_000, 5, chain)]


def test_it_answers_most_of_a_day(asked: list[Asked]) -> None:
    answered = Counter(one.app for one in asked if answer(one) is not None)
    asked_of = Counter(one.app for one in asked)
    assert answered[CUSTOMER_SERVICE] > 0.8 * asked_of[CUSTOMER_SERVICE]
    assert answered[STORE_ASSISTANT] > 0.8 * asked_of[STORE_ASSISTANT]
    assert 0.3 * asked_of[INVENTORY] < answered[INVENTORY] < 0.6 * asked_of[INVENTORY]


def test_what_it_writes_is_right_and_made_of_rows(asked: list[Asked]) -> None:
    for one in asked:
        written = answer(one)
        if written is None:
            continue
        assert judge(one, written.text).right, written.text
        assert "{" not in written.text
        rows = str(one.rows) + one.text
        for number in re.findall(r"\$\d+\.\d\d", written.text):
            assert number in rows


def test_what_no_answer_may_say_is_named(asked: list[Asked]) -> None:
    for one in asked[:200]:
        written = answer(one)
        if written is None or "made already" in written.text:
            continue
        for misdeed, fault in MISDEEDS.items():
            found = judge(one, f"{written.text} {misdeed}")
            assert fault in found.faults, (written.text, misdeed)


def test_another_customers_answer_is_wrong(asked: list[Asked]) -> None:
    """Values are compared, not words: the right sentence about something else is wrong."""
    told = [(one, w) for one in asked if (w := answer(one)) is not None]
    prices = [(one, w) for one, w in told if one.intent == "price_question" and "costs" in w.text]
    wrong = 0
    for (one, mine), (_, other) in pairwise(prices):
        if mine["product.price"] != other.get("product.price"):
            wrong += 1
            assert not judge(one, other.text).right
    assert wrong > 5


def test_other_words_with_the_right_values_are_right(asked: list[Asked]) -> None:
    seen = 0
    for one in asked:
        order = one.order
        if one.intent == "order_status" and order and order["status"] == "placed":
            if one.language != "en" or one.number in (9, 13):
                continue
            seen += 1
            said = f"I have looked it up: it is placed and due on {order['promised_on']}."
            assert judge(one, said).right
            assert not judge(one, "It is on its way.").right
    assert seen
