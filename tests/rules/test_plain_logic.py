"""What is said of conditions without a solver is true of them; what is not seen is not said."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.rules import prove
from freehold.rules.plain_logic import always, excluded, implied, is_constant, together_always
from freehold.rules.program import ConditionSet

NEVER = [
    "false",
    "1 > 2",
    "answer.chars > 5 && answer.chars < 3",
    "answer.chars < 0",
    "3 < answer.chars && answer.chars == 2",
    "answer.chars > 2 && answer.chars < 4 && answer.chars != 3",
    "answer.chars == 3 && answer.chars != 3",
    "answer.text == 'a' && answer.text == 'b'",
    "answer.text == 'a' && !(answer.text == 'a')",
    "request.code && !request.code",
    "answer.text.contains('a') && !answer.text.contains('a')",
    "'x' in principal.roles && !('x' in principal.roles)",
    "request.language in ['de', 'fr'] && request.language in ['en']",
    "request.language in ['de'] && !(request.language in ['de', 'en'])",
    "answer.percents.exists(p, p.role == 'discount' && p.role == 'share')",
    "answer.percents.exists(p, p.polarity == 'perhaps')",
    "answer.percents.exists(p, p.upper > 2000 && p.upper <= 2000)",
    "answer.percents.exists(p, p.upper < 0)",
    "answer.percents.exists(p, false)",
    "answer.percents.exists_one(p, p.value > 1 && p.value < 1)",
    "!answer.percents.all(p, p.value > 1 || p.value <= 1)",
    "answer.percents.all(p, p.upper < 5) && answer.percents.exists(q, q.upper > 7)",
    "size(answer.tools) == 0 && answer.tools.exists(t, t == 'x')",
    "answer.chars > 5 ? answer.chars < 3 : answer.chars > 9",
    "(answer.chars > 5 && answer.chars < 3) || (request.code && !request.code)",
]
MAY_BE = [
    "true",
    "answer.chars > 5 && answer.chars < 7",
    "answer.dates.exists(d, d.value < 0)",
    "answer.money.exists(m, m.value < 0)",
    "answer.percents.all(p, p.upper < 0)",
    "answer.percents.exists(p, p.role == 'share') && answer.percents.exists(p, p.role == 'rate')",
    "answer.percents.exists(p, p.value > 5) && answer.percents.exists(p, p.value < 3)",
    "answer.percents.exists(p, p.text == 'x')",
    "answer.text.matches('a') && answer.text.matches('b')",
    "answer.percents[0].value > 5 && answer.percents[0].value < 3",  # not read
    "not CEL at all (",
    "has(answer.percents[0].value)",
]


@pytest.mark.parametrize("expression", NEVER)
def test_what_is_never_true_is_told_with_its_reason(expression: str) -> None:
    why = excluded(expression)
    assert why
    assert always(f"!({expression})")
    assert not always(expression)


@pytest.mark.parametrize("expression", MAY_BE)
def test_what_may_be_true_is_not_called_never(expression: str) -> None:
    assert excluded(expression) is None


@pytest.mark.parametrize(
    "expression",
    ["answer.chars >= 0", "request.code || !request.code", "answer.chars > 5 || answer.chars <= 5",
     "size(answer.tools) >= 0", "true || answer.chars > 5"],
)  # fmt: skip
def test_what_is_always_true(expression: str) -> None:
    assert always(expression)
    assert excluded(expression) is None


def test_one_within_another() -> None:
    assert implied("answer.chars > 500", "answer.chars > 5")
    assert not implied("answer.chars > 5", "answer.chars > 500")
    wide = "answer.percents.exists(q, q.upper > 2000)"
    assert implied("answer.percents.exists(p, p.upper > 5000 && p.role == 'discount')", wide)
    assert not implied(wide, "answer.percents.exists(p, p.upper > 2000 && p.role == 'discount')")
    assert implied("request.code && answer.chars > 5", "answer.chars > 3 || request.turns > 9")
    assert together_always("answer.chars > 5", "!(answer.chars > 5)")
    assert together_always(wide, "answer.percents.all(p, p.upper <= 2000)")
    assert not together_always("answer.chars > 5", "answer.chars < 5")


def test_what_is_too_long_is_left_alone() -> None:
    many = " && ".join(f"(answer.chars > {n} || request.turns > {n})" for n in range(40))
    assert excluded(many) is None
    assert not always(many)
    assert excluded("!" * 300 + "true") is None


def test_a_written_constant() -> None:
    assert is_constant("true")
    assert not is_constant("answer.chars >= 0")


# -- against what the engine and the solver say --

RECORD = {"unit": "bp", "parsed": True, "text": "x", "kind": "percent", "start": 0, "end": 1}
NUMBERS = st.integers(-2, 6)


def _atoms() -> st.SearchStrategy[str]:
    signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    number = st.builds("answer.chars {} {}".format, signs, NUMBERS)
    turned = st.builds("{} {} answer.chars".format, NUMBERS, signs)
    text = st.builds(
        "request.language {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("ab")
    )
    within = st.builds("request.language in ['{}', 'c']".format, st.sampled_from("ab"))
    role = st.sampled_from(["role == 'discount'", "role != 'share'", "role in ['rate', 'other']"])
    inner = st.one_of(
        st.builds("p.{}".format, role),
        st.builds("p.upper {} {}".format, signs, NUMBERS),
    )
    body = st.recursive(
        inner,
        lambda x: st.builds("({} {} {})".format, x, st.sampled_from(["&&", "||"]), x),
        max_leaves=3,
    )
    loop = st.builds(
        "answer.percents.{}(p, {})".format, st.sampled_from(["exists", "all", "exists_one"]), body
    )
    size = st.builds("size(answer.percents) {} {}".format, signs, NUMBERS)
    return st.one_of(number, turned, text, within, loop, size, st.just("request.code"))


EXPRESSIONS = st.recursive(
    _atoms(),
    lambda x: st.one_of(
        st.builds("({} {} {})".format, x, st.sampled_from(["&&", "||"]), x),
        st.builds("!({})".format, x),
        st.builds("({} ? {} : {})".format, x, x, x),
    ),
    max_leaves=6,
)
ROLES = st.sampled_from(["discount", "share", "rate", "other"])
RECORDS = st.lists(
    st.builds(
        lambda role, value: RECORD | {"role": role, "value": value, "upper": value,
                                      "polarity": "affirmed"},
        ROLES, st.integers(0, 6),
    ),
    max_size=3,
)  # fmt: skip
FACTS = st.fixed_dictionaries(
    {
        "answer.chars": st.integers(0, 6),
        "request.language": st.sampled_from("abc"),
        "request.code": st.booleans(),
        "answer.percents": RECORDS,
    }
)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, st.lists(FACTS, min_size=4, max_size=4))
def test_no_facts_say_otherwise(expression: str, several: list[dict[str, Any]]) -> None:
    program = ConditionSet([expression], "answer")
    verdicts = {program.run(facts)[0] for facts in several}
    if excluded(expression) is not None:
        assert True not in verdicts
    if always(expression):
        assert False not in verdicts


@settings(max_examples=120, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS, st.lists(FACTS, min_size=4, max_size=4))
def test_no_facts_deny_an_implication(one: str, other: str, several: list[dict[str, Any]]) -> None:
    program = ConditionSet([one, other], "answer")
    pairs = [tuple(program.run(facts)) for facts in several]
    if implied(one, other):
        assert (True, False) not in pairs
    if together_always(one, other):
        assert (False, False) not in pairs


@settings(max_examples=80, deadline=None)
@given(EXPRESSIONS)
def test_the_solver_agrees(expression: str) -> None:
    if excluded(expression) is not None:
        assert prove.can_hold(expression).holds is False
