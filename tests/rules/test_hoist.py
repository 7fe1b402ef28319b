"""Patterns that are written out mean the same whether the engine or we compile them."""

import pytest

from freehold.rules.declared import types_of
from freehold.rules.engine import default_engine
from freehold.rules.hoist import hoist
from freehold.rules.names import referenced
from freehold.rules.program import ConditionSet

TEXTS = ("", "My LAWYER will call", "lawyers", "order HO-1234567 please", 'say "yes"', "naïve İ")
EXPRESSIONS = (
    r'request.text.matches("(?i)\\blawyer\\b")',
    r"request.text.matches(r'HO-[0-9]{7}')",
    r'!request.text.matches("a") && request.text.matches("^.{3,}$")',
    "request.text.matches('say \"yes\"')",
    "request.text == \"request.text.matches('a')\"",
    '"lawyer".matches("law") && request.text.size() > 3',
    'request.percents.exists(p, p.text.matches("3")) || request.text.matches("(?i)CALL$")',
    'request.text.matches("na.ve")',
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("text", TEXTS)
def test_the_verdict_is_the_engines_own(expression: str, text: str) -> None:
    facts = {"request.text": text, "request.percents": [{"text": "30 %"}]}
    plain = default_engine().compile((expression,), types_of(referenced((expression,))))
    assert ConditionSet((expression,), "request").run(facts) == plain.run(
        {name: facts[name] for name in referenced((expression,))}
    )


def test_equal_patterns_are_matched_once() -> None:
    same = 'request.text.matches("a")'
    hoisted = hoist((same, f"!{same} || {same}"), {"request.text": "string"})
    assert hoisted.expressions == ("matched_0", "!matched_0 || matched_0")
    assert len(hoisted.matches) == 1


@pytest.mark.parametrize(
    "expression",
    [
        'request.percents.exists(p, p.text.matches("a"))',
        'request.text == "matches(\\"a\\")"',
        "request.text.matches(request.model)",
        '"x".matches("x")',
    ],
)
def test_other_uses_stay_with_the_engine(expression: str) -> None:
    types = types_of(referenced((expression,)))
    assert hoist((expression,), types).matches == ()


def test_a_missing_fact_is_no_match_but_an_error() -> None:
    rule = ConditionSet(('principal.attributes.tier.matches("gold")',), "request")
    assert rule.run({}) == [None]
    assert rule.run({"principal.attributes.tier": "gold"}) == [True]
