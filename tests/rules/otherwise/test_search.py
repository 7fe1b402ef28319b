"""Changes that might keep a rule quiet: at least one of them does, and the sheet stays whole."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.counterfactual import Change
from freehold.rules.facts import complete
from freehold.rules.otherwise.edits import changed
from freehold.rules.otherwise.named import values_in
from freehold.rules.otherwise.search import candidates, unreadable
from freehold.rules.otherwise.words import amount, one, said
from freehold.rules.program import conditions


def percent(value: int, start: int, **more: Any) -> dict[str, Any]:
    usual = {
        "kind": "percent", "value": value, "upper": value, "unit": "bp", "start": start,
        "end": start + 3, "text": "", "polarity": "affirmed", "role": "discount", "parsed": True,
    }  # fmt: skip
    return usual | more


CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    (
        "request.chars > 500",
        {"request.chars": 800},
        {"with 500 or less characters in the request instead of 800"},
    ),
    (
        "1000 <= request.chars * 2 + 10",
        {"request.chars": 800},
        {"with 494 or less characters in the request instead of 800"},
    ),
    (
        "!principal.verified && request.code",
        {"principal.verified": False, "request.code": True},
        {
            "with an identity that a signed token verifies",
            "without program code in the request",
        },
    ),
    (
        '"pii" in request.labels || size(request.findings) > 1',
        {"request.labels": ["pii"], "request.findings": ["iban", "email"]},
        {"without data of the class pii and without the finding email"},
    ),
    (
        'principal.attributes.tier in ["basic", "trial"]',
        {"principal.attributes.tier": "basic"},
        {"with another tier than basic"},
    ),
    (
        '!(principal.roles.exists(r, r == "manager"))',
        {"principal.roles": ["clerk"]},
        {"with the role manager"},
    ),
    (
        '!answer.percents.all(p, p.upper <= 2000 || p.role == "share")',
        {"answer.percents": [percent(3000, 4), percent(5000, 20), percent(100, 30)]},
        {
            (
                "at 20 % or less instead of 30 % (answer at 4-7) and "
                "at 20 % or less instead of 50 % (answer at 20-23)"
            )
        },
    ),
    (
        "answer.json.total >= 100 && has(answer.json.note)",
        {"answer.json": {"total": 250, "note": "x"}},
        {"at 99 or less instead of 250 for total", "without note"},
    ),
    (
        'request.text.contains("bomb")',
        {"request.text": "A bomb, a bomb."},
        {"without the words of the request (request at 2-6)"},
    ),
    (
        'request.chars > (principal.attributes.tier == "gold" ? 900 : 100)',
        {"request.chars": 300, "principal.attributes.tier": "none"},
        {"with tier gold instead of none"},
    ),
]


@pytest.mark.parametrize(("when", "facts", "told"), CASES)
def test_what_is_found(when: str, facts: dict[str, Any], told: set[str]) -> None:
    phase: Any = "answer"
    rules = conditions((when,), phase)
    sheet = complete(rules.names, dict(facts))
    assert rules.run(sheet) == [True]
    good = {
        said(edit.change for edit in edits)
        for edits in candidates(when, sheet, values_in([when]))
        if rules.run(changed(sheet, edits)) == [False]
    }
    assert told <= good, good


OPERATORS = ("<", "<=", ">", ">=", "==", "!=")


@given(
    sign=st.sampled_from(OPERATORS),
    limit=st.integers(0, 10_000),
    value=st.integers(0, 10_000),
    factor=st.integers(1, 5),
    turned=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_boundary_is_the_nearest_value(
    sign: str, limit: int, value: int, factor: int, turned: bool
) -> None:
    mine = "request.chars" if factor == 1 else f"request.chars * {factor}"
    when = f"{limit} {sign} {mine}" if turned else f"{mine} {sign} {limit}"
    rules = conditions((when,), "request")
    facts = {"request.chars": value}
    if rules.run(facts) != [True]:
        return
    found = candidates(when, facts, {})
    if not found:  # nothing below zero is a length
        return
    sheet = changed(facts, found[0])
    assert rules.run(sheet) == [False]
    to = sheet["request.chars"]
    step = 1 if to > value else -1
    assert all(rules.run({"request.chars": each}) == [True] for each in range(value, to, step)[-5:])


@given(
    st.lists(st.tuples(st.integers(1, 9_000), st.booleans()), min_size=1, max_size=6, unique=True)
)
@settings(max_examples=80, deadline=None)
def test_every_record_at_fault_is_changed(values: list[tuple[int, bool]]) -> None:
    when = 'answer.percents.exists(p, p.role == "discount" && p.upper > 2000)'
    rules = conditions((when,), "answer")
    records = [
        percent(value, at * 10, role="discount" if mine else "share")
        for at, (value, mine) in enumerate(values)
    ]
    facts = {"answer.percents": records}
    if rules.run(facts) != [True]:
        return
    found = candidates(when, facts, {})
    assert [rules.run(changed(facts, edits)) for edits in found] == [[False]] * len(found)
    bound, gone = found
    assert {edit.change.to for edit in bound} == {2000}
    assert len(bound) == len(gone) == sum(mine and value > 2000 for value, mine in values)
    assert facts["answer.percents"] is records  # the sheet itself stays


def test_one_value_stands_in_several_lists() -> None:
    record = percent(30_000, 4, kind="money", unit="EUR", role="price")
    facts = {"answer.money": [record], "answer.ungrounded_money": [dict(record)]}
    (bound, *_) = candidates("answer.money.exists(m, m.upper > 10000)", facts, {})
    after = changed(facts, bound)
    assert after["answer.money"][0]["upper"] == 10_000
    assert after["answer.ungrounded_money"][0]["upper"] == 10_000
    assert said(edit.change for edit in bound).startswith("at 100.00 EUR or less instead of 300.00")


def test_phrases_that_nobody_could_read_are_taken_out() -> None:
    facts = {"answer.percents": [percent(0, 4, parsed=False), percent(500, 20)]}
    edits = unreadable(("answer.percents",), facts)
    assert changed(facts, edits)["answer.percents"] == [percent(500, 20)]


@pytest.mark.parametrize(
    "when",
    ['app.id == "shop"', 'principal.id == "bob"', 'request.operation == "chat"', "1 < 2", "x ~ y"],
)
def test_what_nobody_could_have_changed_is_not_told(when: str) -> None:
    facts = {"app.id": "shop", "principal.id": "bob", "request.operation": "chat"}
    assert candidates(when, facts, {}) == []


def test_words_of_caller_and_model_are_not_told() -> None:
    facts = {
        "request.text": "my secret plan",
        "tool.arguments": {"to": "mallory", "amount": 5},
        "tool.name": "send",
    }
    when = 'request.text.contains("secret") && tool.arguments.to == "mallory"'
    told = repr([[e.change for e in edits] for edits in candidates(when, facts, {})])
    assert "mallory" not in told
    assert "plan" not in told


def test_units_of_people() -> None:
    known = {
        (2_000, "bp"): "20 %",
        (15_000, "EUR"): "150.00 EUR",
        (900, "JPY"): "900 JPY",
        (172_800, "s"): "2 days",
        (20_611, "day"): "2026-06-07",
        (2_500, "thousandth"): "2.5",
        (650_000, "millionth"): "65 %",
        (1_500, ""): "1,500",
    }
    assert {key: amount(*key) for key in known} == known
    assert one(Change(fact="approval", to="auditor", how="with")) == (
        "with the approval of an auditor"
    )
