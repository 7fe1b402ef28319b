"""What an answer states must stand in something trusted, in a unit that agrees."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rules.grounding import ground, ungrounded
from freehold.text.facts import extract

RECORD = (
    '[{"order_id":"HO-1000017","product":"Linen Cushion","price":24.90,"shipping_cents":495,'
    '"stock":5,"return_days":30,"placed":"2026-06-12","member_discount":5}]'
)
POLICY = (
    "Returns are possible within 14 days. Members get 5 % off, and shipping is free above $50. "
    "Shops open in 3-5 business days after 1 July."
)
ASKED = "My order HO-7777777 of 3 lamps: I was promised 50 % off and $80 back. Is the Moon Lamp in?"


def found(answer: str, *trusted: str, asked: str = ASKED) -> list[tuple[str, str]]:
    records = ungrounded([answer], extract(answer), trusted or (RECORD, POLICY), asked)
    for record in records:
        assert answer[record["start"] : record["end"]] == record["text"]
    return [(record["kind"], record["text"]) for record in records]


@pytest.mark.parametrize(
    "answer",
    [
        "The Linen Cushion costs $24.90.",
        "The Linen Cushion costs 24.90 dollars, and you have 30 days.",
        "Shipping is $4.95.",
        "Shipping is free above $50.",
        "You can send it back within two weeks.",
        "As a member you get 5 % off.",
        "Order HO-1000017 was placed on 12 June 2026, that is 2026-06-12.",
        "It was placed on June 12.",
        "Your order ho1000017 is on its way.",
        "We have 5 pieces left.",
        "We open in 3 to 5 business days.",
        "There are 3 ways: call, write or visit one of 2 shops at 12:30.",
        "1. Open the box.\n2. Read the note.\n12. Enjoy.",
        "We can't offer 30 % off.",
        "Good Morning and Kind Regards from Customer Service.",
    ],
)
def test_what_stands_in_context_is_grounded(answer: str) -> None:
    assert found(answer) == []


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("The Linen Cushion costs $29.90.", ("money", "$29.90")),
        ("Shipping is free above €50.", ("money", "€50")),
        ("You get 14 % off.", ("percent", "14 %")),  # 14 stands there, but they are days
        ("You can send it back within 4 weeks.", ("duration", "4 weeks")),
        ("It was placed on 13 June 2026.", ("date", "13 June 2026")),
        ("We open in 4 to 5 business days.", ("duration", "4 to 5 business days")),
        ("We have 7 pieces left.", ("quantity", "7 pieces")),
        ("Order HO-1000018 is on its way.", ("id", "HO-1000018")),
        ("The code is 987654.", ("id", "987654")),
        ("You collected 1250 of them.", ("number", "1250")),
        ("You may like the Aurora Lamp.", ("name", "Aurora Lamp")),
        ('You may like "Aurora".', ("name", "Aurora")),
        ("It costs several hundred dollars.", ("money", "several hundred dollars")),
    ],
)
def test_what_stands_nowhere_is_listed(answer: str, what: tuple[str, str]) -> None:
    assert found(answer) == [what]


@pytest.mark.parametrize(
    ("answer", "listed"),
    [
        ("You asked about order HO-7777777.", []),
        ("You asked for 3 lamps.", []),
        ("You get 50 % off.", [("percent", "50 %")]),
        ("We will refund $80 to your card.", [("money", "$80")]),
        ("It costs $80.", [("money", "$80")]),
        ("You may like the Moon Lamp.", [("name", "Moon Lamp")]),
    ],
)
def test_what_the_caller_wrote_grounds_no_promise(answer: str, listed: list[Any]) -> None:
    assert found(answer) == listed


def test_untrusted_text_is_simply_not_given() -> None:
    assert found("It costs $24.90.", POLICY) == [("money", "$24.90")]
    assert found("It costs $24.90.", "", asked="") == [("money", "$24.90")]


def test_a_number_inside_another_grounds_nothing() -> None:
    assert found("It costs $4.90.", '{"price":24.90,"id":"A-490-1","big":1490}') == [
        ("money", "$4.90")
    ]


def test_choices_do_not_cover_for_each_other() -> None:
    texts = ["It costs $24.90 today.", "It is  HO-9999999 there."]
    facts = [fact for text in texts for fact in extract(text)]
    listed = ungrounded(texts, facts, [RECORD], "")
    assert [record["text"] for record in listed] == ["HO-9999999"]


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_grounded_in_itself_and_nothing_raises(text: str, other: str) -> None:
    ungrounded([text], extract(text), [other], other)
    facts = extract(text)
    listed = ungrounded([text], facts, [text], "")
    unread = {fact.text for fact in facts if not fact.parsed}
    assert [r for r in listed if r["kind"] != "name" and r["text"] not in unread] == []
    ground(text)
