"""Proofs over expressions; each answer is also put to the engine itself where it gives facts."""

from typing import Any

import pytest

from freehold.rules.declared import default_of
from freehold.rules.program import conditions
from freehold.rules.prove import can_hold, implies

pytest.importorskip("z3", reason="the prover is an extra")

OVER = (
    'answer.percents.exists(p, p.role == "discount" && p.polarity != "negated" && p.upper > 2000)'
)
RECORD = {
    "kind": "percent", "value": 0, "upper": 0, "unit": "bp", "start": 0, "end": 0, "text": "",
    "polarity": "affirmed", "role": "other", "parsed": True,
}  # fmt: skip


def put_to_the_engine(expression: str, example: Any) -> bool | None:
    """What the real engine says for the facts of an example."""
    program = conditions((expression,), "answer")
    facts = {}
    for name in program.names:
        value = example.get(name, default_of(name))
        if isinstance(value, list):
            value = [RECORD | item if isinstance(item, dict) else item for item in value]
        facts[name] = value
    return program.run(facts)[0]


@pytest.mark.parametrize(
    ("when", "rules"),
    [
        (OVER, [OVER]),
        (OVER, [('answer.percents.exists(x, x.upper > 1500 && x.role in ["discount", "other"])'
                ' && true'), "request.turns > 100"]),
        (OVER, ['answer.percents.exists(p, p.polarity == "affirmed" && p.upper > 1000)',
                'answer.percents.exists(p, p.polarity == "hypothetical")']),
        ("request.turns > 3 && request.turns < 10", ["request.turns > 3"]),
        ("answer.percents.all(p, p.upper <= 10)", ["!answer.percents.exists(p, p.upper > 10)"]),
        ('"a" in context.sources', ["size(context.sources) >= 1"]),
        ("size(context.sources) > 2", ["size(context.sources) > 1"]),
        ("answer.percents.exists_one(p, p.upper > 5)", ["size(answer.percents) > 0"]),
        ("answer.percents.filter(p, p.upper > 5).size() > 1", ["size(answer.percents) > 1"]),
        ('request.text.startsWith("abc")', ['request.text.contains("bc")']),
        ('request.text.matches("x") && request.code', ['request.text.matches("x")']),
        ('principal.attributes.tier == "gold"', ['principal.attributes.tier != "silver"']),
        ("answer.percents.exists(p, p.value > 7)", ["answer.percents.exists(p, p.upper > 7)"]),
        ('(principal.attributes.tier == "a" ? 5 : 7) < 6', ['principal.attributes.tier == "a"']),
    ],
)  # fmt: skip
def test_what_always_holds_is_proved(when: str, rules: list[str]) -> None:
    verdict = implies(when, rules)
    assert verdict.holds is True
    assert verdict.by


@pytest.mark.parametrize(
    ("when", "rules"),
    [
        (OVER, []),
        (OVER, [OVER.replace("2000", "2001")]),
        (OVER, [OVER.replace("p.upper", "p.value")]),
        (OVER, [OVER.replace('p.polarity != "negated"', 'p.polarity == "affirmed"')]),
        (OVER, [OVER + ' && principal.attributes.tier != "platinum"']),
        (OVER, [OVER + " && size(answer.percents) < 3"]),
        (OVER, ["answer.percents.all(p, p.upper > 2000)"]),
        ("answer.chars > 5", ["answer.chars > 6", 'answer.model == "x"']),
        ('"a" in context.sources', ['"b" in context.sources']),
        ("size(answer.percents) > 4", ["size(answer.percents) > 5"]),
        ("request.code", ["!request.code"]),
    ],
)
def test_what_breaks_it_is_shown_and_really_does(when: str, rules: list[str]) -> None:
    verdict = implies(when, rules)
    assert verdict.holds is False
    assert verdict.by == ()
    assert put_to_the_engine(when, verdict.example) is True
    assert not any(put_to_the_engine(rule, verdict.example) for rule in rules)


def test_what_is_not_read_may_be_anything() -> None:
    verdict = implies('request.text.matches("x")', ['request.text.matches("y")'])
    assert verdict.holds is False
    assert verdict.example == {
        'request.text.matches("x")': True,
        'request.text.matches("y")': False,
    }
    assert verdict.unread == (
        'request.text.matches("x"): `matches()` is not read',
        'request.text.matches("y"): `matches()` is not read',
    )
    inside = 'answer.percents.exists(p, p.text.matches("x") && p.upper > 5)'
    assert implies(inside, ["answer.percents.exists(p, p.upper > 4)"]).holds
    assert implies(inside, ['answer.percents.exists(p, p.text.matches("x"))']).holds
    assert implies("request.chars / 2 > 3", ["request.chars > 3"]).holds is False  # "/" is not read


def test_conditions_that_no_facts_meet() -> None:
    assert can_hold(OVER).holds is True
    assert can_hold("request.chars > 5 && request.chars < 3").holds is False
    assert can_hold('answer.percents.exists(p, p.role == "discout")').holds is False
    assert can_hold("answer.percents.exists(p, p.value > p.upper)").holds is False
    assert can_hold("request.chars < 0").holds is False


def test_facts_of_tool_calls_are_proved_over() -> None:
    big = 'tool.name == "refund" && tool.money.exists(m, m.upper > 10000)'
    assert implies(big, ["tool.money.exists(m, m.upper > 5000)"]).holds is True
    found = implies(big, ['tool.money.exists(m, m.upper > 20000) && tool.name == "refund"'])
    assert found.holds is False
    assert found.example["tool.name"] == "refund"
    assert can_hold('tool.name == "a" && tool.name == "b"').holds is False


@pytest.mark.parametrize(
    "said",
    [
        "tool.arguments.amount > 5",
        "has(tool.arguments.cc)",
        'tool.untrusted.exists(u, u.kind == "address")',
        "answer.json.total > 5",
    ],
)
def test_what_has_no_declared_shape_may_be_anything_and_is_the_same_everywhere(said: str) -> None:
    same = implies(said, [said])
    assert same.holds is True
    assert len(same.unread) == 1, "and the proof says on what it rests"
    assert implies(said, ["false"]).holds is False
    assert can_hold(said).holds is not False


def test_facts_with_few_values_have_no_others() -> None:
    assert can_hold('app.risk == "extreme"').holds is False
    assert can_hold('request.operation == "chats"').holds is False
    assert can_hold('app.id == "b"').holds is True
    assert implies('app.risk != "high" && app.risk != "limited"', ['app.risk == "minimal"']).holds
