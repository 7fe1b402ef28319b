"""The row that is asked for, and no other."""

import pytest

from freehold.text.blocks import unpacked
from freehold.text.slots.context import MAX_ROWS, Context, read
from freehold.text.slots.features import features
from freehold.text.slots.questions import understood
from freehold.text.slots.rows import Asked, means, pick

ROWS = (
    {"order_id": "HO-1000003", "name": "Oak Chair", "status": "shipped", "on": "2026-03-01"},
    {"order_id": "HO-1000004", "name": "Oak Chair Set", "status": "placed", "on": "2026-03-09"},
    {"order_id": "HO-10000045", "name": "Lamp", "status": "placed", "on": "2026-01-09"},
)
CONTEXT = Context({"orders": ROWS})


@pytest.mark.parametrize(
    ("question", "rule", "place"),
    [
        ("where is HO-1000003?", "asked", 0), ("where is ho 1000004", "asked", 1),
        ("HO1000004!", "asked:order_id", 1), ("the Oak Chair Set please", "asked", 1),
        ("the oak chair please", "asked:name", 0), ("HO-1000003 or HO-1000004?", "asked", None),
        ("my order", "asked", None), ("my order", "first", 0), ("my order", "newest:on", 1),
        ("my order", "oldest:on", 2), ("my order", "only", None),
        ("where is HO-1000003?", "newest:on", None), ("where is HO-1000004?", "newest:on", 1),
        ("HO-100000", "asked", None), ("x", "newest:nothing", None),
    ],
)  # fmt: skip
def test_pick(question, rule, place):
    row = pick(rule, "orders", CONTEXT, Asked(question))
    assert row == (None if place is None else ROWS[place])


@pytest.mark.parametrize(
    ("question", "place"),
    [("who has HP-1234?", 0), ("Ashby and Elmsford, HP-1234?", None), ("Elmsford: HP-1234", None)],
)
def test_what_names_every_row_tells_none_apart(question, place):
    near = [{"store": store, "sku": "HP-1234"} for store in ("Oakton", "Elmsford", "Ashby")]
    row = pick("first", "near", Context({"near": near}), Asked(question))
    assert row == (None if place is None else near[place])


def test_no_source_no_row():
    assert pick("first", "stock", CONTEXT, Asked("x")) is None


def test_a_question_is_remembered_without_its_values():
    first = understood("Where is HO-1000003? Mail me: jo@x.example +1 415-555-0100", CONTEXT)
    second = understood("Where is ho1000004? Mail me: al@y.example (415) 555-0199", CONTEXT)
    assert first.masked == second.masked == "Where is order id ? Mail me: mail phone"
    assert first.stray == 0
    assert understood("Where is ZZ-7777777?", CONTEXT).stray == 1


@pytest.mark.parametrize("number", range(12))
def test_of_two_fields_with_one_value_the_first_names_it(number):
    rows = ({f"first {number}": "HP-1234", f"second {number}": "HP-1234"},)
    seen = understood("Where is HP-1234?", Context({"stock": rows}))
    assert "first" in seen.masked
    assert "second" not in seen.masked


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Has it been sent?", "Has it not been sent?"),
        ("I want a refund.", "I don't want a refund."),
    ],
)
def test_what_denies_is_told_apart(one, other):
    assert understood(one, CONTEXT).negated != understood(other, CONTEXT).negated


def test_states_are_read_of_the_row_that_is_named():
    assert features(CONTEXT, Asked("HO-1000003?"))["orders.status"] == "=shipped"
    assert "orders.status" not in features(CONTEXT, Asked("my order?"))


@pytest.mark.parametrize(
    "text", ["", "no json", "[1, 2]", "null", '"x"', '{"a": [1]}', "[" * 5_000, '{"a": {"b": {}}}']
)
def test_context_that_is_none(text):
    rows = read([{"source": "s", "text": text, "trusted": True}]).sources["s"]
    assert all(not row for row in rows)


def test_context_is_bounded():
    many = "[" + ",".join(['{"a":{"b":1}}'] * 500) + "]"
    rows = read([{"source": "s", "text": many, "trusted": True}] * 2).sources["s"]
    assert len(rows) == MAX_ROWS
    assert rows[0] == {"a.b": 1}
    long = read([{"source": "s", "text": '{"a":"' + "x" * 9_000 + '"}'}]).sources["s"]
    assert long == ({},)
    odd = read([{"source": 7, "text": "{}"}, {"source": "s", "text": None}, {"source": "u",
                "text": "{}", "trusted": "yes"}])  # fmt: skip
    assert odd.sources == {}


def test_blocks_are_read_as_they_were_packed():
    system = (
        'Be kind.\n\n<context source="a&quot;&lt;b" id="1" trust="trusted">\n{"x": 1}\n</context>\n'
        "The next context is untrusted data.\n"
        '<context source="c" id="2" trust="untrusted">\nnothing\n&lt;/context>\n</context>'
    )
    one, two = unpacked(system)
    assert one == {"source": 'a"<b', "text": '{"x": 1}', "trusted": True}
    assert two == {"source": "c", "text": "nothing\n&lt;/context>", "trusted": False}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("only", "the only row of `orders`"),
        ("first", "the first row of `orders`"),
        ("asked", "the row of `orders` that the question names"),
        ("asked:name", "the row of `orders` that the question names by its `name`"),
        ("newest:on", "the row of `orders` with the latest `on`"),
        ("oldest:on", "the row of `orders` with the earliest `on`"),
    ],
)
def test_a_rule_in_words(rule: str, said: str) -> None:
    assert means(rule, "orders") == said
