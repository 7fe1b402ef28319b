"""Both engines give the same verdict on every expression, errors included."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.rules.engine import (
    CompiledEngine,
    Engine,
    ExpressionError,
    FactType,
    InterpretedEngine,
    default_engine,
)

TYPES: dict[str, FactType] = {
    "answer.percents": "records",
    "answer.chars": "int",
    "answer.text": "string",
    "principal.roles": "strings",
    "principal.verified": "bool",
    "principal.attributes.tier": "string",
    "app.id": "string",
}
DISCOUNT = {
    "value": 3000,
    "upper": 3000,
    "role": "discount",
    "polarity": "affirmed",
    "parsed": True,
    "rate": 2.5,
    "nothing": None,
}
TAX = {"value": 700, "upper": 700, "role": "tax", "polarity": "affirmed", "parsed": True}
FACTS: dict[str, Any] = {
    "answer.percents": [DISCOUNT, TAX],
    "answer.chars": 12,
    "answer.text": "Señor, 30 % off",
    "principal.roles": ["clerk", "manager"],
    "principal.verified": True,
    "app.id": "shop",
}  # `principal.attributes.tier` is missing: naming it is an error

VERDICTS: list[tuple[str, bool | None]] = [
    # the rules that this field keeps naming
    ("answer.percents.exists(p, p.role == 'discount' && p.value > 2000)", True),
    ("answer.percents.exists(p, p.role == 'discount' && p.value > 3000)", False),
    ("answer.percents.exists(p, p.value > 2000) && !('manager' in principal.roles)", False),
    ("answer.percents.all(p, p.polarity == 'affirmed')", True),
    ("answer.percents.filter(p, p.role == 'tax').size() == 1", True),
    ("answer.percents.exists_one(p, p.value > 2000)", True),
    ("answer.percents.exists_one(p, p.value > 1)", False),
    ("answer.percents.map(p, p.value) == [3000, 700]", True),
    ("answer.percents.map(p, p.value > 1000, p.role) == ['discount']", True),
    ("answer.percents.exists(p, principal.roles.exists(r, r == p.role))", False),
    # strings
    ("answer.text.contains('30 %')", True),
    ("answer.text.startsWith('Señor')", True),
    ("answer.text.endsWith('off')", True),
    ("answer.text.matches('[0-9]+ %')", True),
    ("answer.text.matches('^[0-9]+')", False),
    ("answer.text.matches('(?i)SEÑOR')", True),
    ("answer.text.size() == 15", True),
    ("size(app.id) == 4", True),
    ("app.id == \"shop\" && app.id < 'shopper'", True),
    ("'\\u0073hop' == app.id", True),
    ("r'\\d' == '\\\\d'", True),
    ("'a' + 'b' == 'ab'", True),
    ("'''a'b''' == \"a'b\"", True),
    # lists, maps, in, has
    ("'clerk' in principal.roles", True),
    ("!('owner' in principal.roles)", True),
    ("principal.roles[1] == 'manager'", True),
    ("principal.roles + ['x'] == ['clerk', 'manager', 'x']", True),
    ("app.id in ['shop', 'stock']", True),
    ("has(answer.percents[0].upper)", True),
    ("has(answer.percents[0].lower)", False),
    ("'value' in answer.percents[0]", True),
    ("answer.percents[0]['value'] == 3000", True),
    ("{'a': 1}.a == 1", True),
    ("[].size() == 0", True),
    ("[1, 'a', true].exists(x, x == 'a')", True),
    ("answer.percents[0].nothing == null", True),
    # ternaries, precedence, literals
    ("principal.verified ? answer.chars > 10 : answer.chars > 20", True),
    ("answer.chars > 20 ? false : true", True),
    ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9", True),
    ("answer.chars -1 == 11", True),
    ("-7 / 2 == -3 && -7 % 3 == -1 && 7 / -2 == -3", True),
    ("0x10 == 16 && 1e3 == 1000.0 && .5 == 0.5", True),
    ("!!principal.verified && --1 == 1", True),
    ("1 < 2 == true", True),
    ("true || false && false", True),
    ("answer.chars > 10 // a comment", True),
    ("answer . chars\n  > 10", True),
    ("double(answer.chars) > 11.5 && int('12') == 12 && string(12) == '12'", True),
    # numbers of a record are dynamic: int and double meet at run time
    ("answer.percents[0].rate > 2.0 && answer.percents[0].value > 2999.5", True),
    ("answer.percents[0].value == 3000.0", True),
    ("answer.percents[0].value == 'x'", False),
    ("answer.percents[0].parsed == 1", False),
    # errors are values: they spread …
    ("principal.attributes.tier == 'gold'", None),
    ("principal.attributes.tier != 'gold'", None),
    ("!(principal.attributes.tier == 'gold')", None),
    ("principal.attributes.tier in ['gold']", None),
    ("principal.attributes.tier.contains('g')", None),
    ("answer.percents[0].missing == 1", None),
    ("answer.percents[9].value == 1", None),
    ("answer.percents[0].role > 1", None),
    ("answer.percents[0].value && true", None),
    ("!answer.percents[0].value", None),
    ("answer.percents[0].value", None),
    ("answer.percents[0].value.x == 1", None),
    ("has(answer.percents[0].value.x)", None),
    ("answer.chars / 0 == 1", None),
    ("9223372036854775807 + answer.chars > 0", None),
    ("answer.percents.filter(p, p.missing > 1).size() == 0", None),
    ("answer.percents.exists_one(p, p.missing > 1)", None),
    ("answer.percents.exists(p, p.missing > 1)", None),
    ("answer.percents.all(p, p.missing > 1)", None),
    ("principal.attributes.tier == 'gold' ? true : true", None),
    ("int(answer.text) == 1", None),
    ("false || answer.chars / 0 == 1", None),
    ("true && answer.chars / 0 == 1", None),
    # … until a decisive value absorbs them, on either side
    ("false && principal.attributes.tier == 'gold'", False),
    ("principal.attributes.tier == 'gold' && false", False),
    ("true || principal.attributes.tier == 'gold'", True),
    ("principal.attributes.tier == 'gold' || true", True),
    ("answer.percents.exists(p, p.rate > 2.0 || p.value == 3000)", True),
    ("answer.percents.exists(p, p.rate > 2.0)", True),
    ("answer.percents.all(p, p.rate < 2.0)", False),
    ("true ? principal.verified : answer.chars / 0 == 1", True),
]

REFUSED = [
    "",
    "1 +",
    "answer.chars >",
    "answer.chars",
    "answer.text + 'a'",
    "principal.roles",
    "answer.chars > 2.0",
    "answer.chars == '12'",
    "answer.chars > '12'",
    "answer.chars in principal.roles",
    "answer.chars && true",
    "!answer.chars",
    "-answer.text == 'a'",
    "answer.text - 'a' == 'b'",
    "principal.verified ? 1 : 'a'",
    "answer.chars ? true : false",
    "1 == null",
    "answer.text.contains(1)",
    "answer.text.contains('a', 'b')",
    "answer.chars.contains('a')",
    "size(answer.chars) == 1",
    "answer.text[0] == 'S'",
    "principal.roles['a'] == 'b'",
    "principal.roles.exists(r, r.name == 'x')",
    "principal.roles.exists(1, true)",
    "principal.roles.exists(r.x, true)",
    "principal.roles.exists(r, r)",
    "principal.verified.exists(r, true)",
    "has(answer.chars)",
    "has(app.id.x)",
    "unknown == 1",
    "answer.percent.size() > 0",
    "answer.chars.foo == 1",
    "foo(answer.chars)",
    "answer.text.foo()",
    "answer.chars == 3u",
    "answer.chars < 9223372036854775808",
    "'\\q' == 'q'",
    "{'a': 1} == {'a': 1.0}",
    "answer.text == 'unclosed",
    "true), dyn(false",
    "answer.chars > 1 answer.chars > 2",
]


@pytest.fixture(params=[CompiledEngine, InterpretedEngine], scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.param()
    return made


@pytest.mark.parametrize(("expression", "verdict"), VERDICTS)
def test_verdict(engine: Engine, expression: str, verdict: bool | None) -> None:
    assert engine.compile([expression], TYPES).run(FACTS) == [verdict]


def test_one_error_spoils_no_other_verdict(engine: Engine) -> None:
    expressions = [expression for expression, _ in VERDICTS]
    program = engine.compile(expressions, TYPES)
    assert program.run(FACTS) == [verdict for _, verdict in VERDICTS]


def test_without_errors_all_run_as_one(engine: Engine) -> None:
    plain = [(expression, v) for expression, v in VERDICTS if v is not None]
    program = engine.compile([expression for expression, _ in plain], TYPES)
    assert program.run(FACTS) == [verdict for _, verdict in plain]


def test_no_expression_no_verdict(engine: Engine) -> None:
    assert engine.compile([], {}).run({}) == []


def test_evaluation_leaves_the_facts_alone(engine: Engine) -> None:
    facts = {**FACTS, "p": "mine"}
    engine.compile(["answer.percents.exists(p, p.value > 1)"], TYPES).run(facts)
    assert facts == {**FACTS, "p": "mine"}


@pytest.mark.parametrize("expression", REFUSED)
def test_refused_at_compile_time(engine: Engine, expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        engine.compile(["true", expression], TYPES)
    assert str(caught.value).strip()
    assert "\n" not in str(caught.value)


def test_both_engines_say_where(engine: Engine) -> None:
    with pytest.raises(ExpressionError) as caught:
        engine.compile(["true &&\n  nobody == 1"], TYPES)
    assert str(caught.value) == "at line 2, character 3: undeclared reference to 'nobody'"


def test_the_interpreted_engine_names_what_it_lacks() -> None:
    with pytest.raises(ExpressionError, match="duration"):
        InterpretedEngine().compile(["duration('1h') > duration('1m')"], {})


def test_deep_nesting_is_an_error_and_no_crash(engine: Engine) -> None:
    with pytest.raises(ExpressionError):
        engine.compile(["(" * 5_000 + "true" + ")" * 5_000], {})


def test_the_compiled_engine_is_preferred() -> None:
    assert default_engine().name == "cel-expr-python"


def test_the_interpreted_engine_steps_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    default_engine.cache_clear()
    try:
        assert default_engine().name == "cel-python"
    finally:
        default_engine.cache_clear()


_numbers = st.sampled_from(
    ["answer.chars", "0", "1", "12", "-3", "3000", "p.value", "p.upper", "p.missing", "p.rate"]
)
_texts = st.sampled_from(
    ["app.id", "answer.text", "'shop'", "'tax'", "p.role", "principal.attributes.tier", "''"]
)
_atoms = st.one_of(
    st.sampled_from(["true", "false", "principal.verified", "p.parsed", "p.value", "has(p.rate)"]),
    st.builds("{} {} {}".format, _numbers, st.sampled_from("== != < <= > >=".split()), _numbers),
    st.builds("{} {} {}".format, _texts, st.sampled_from("== != < >".split()), _texts),
    st.builds("{} in {}".format, _texts, st.sampled_from(["principal.roles", "['shop', 'x']"])),
    st.builds("{}.{}({})".format, _texts, st.sampled_from(["contains", "endsWith"]), _texts),
    st.builds("{} {} {} > {}".format, _numbers, st.sampled_from("+-*/%"), _numbers, _numbers),
)
_expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("answer.percents.exists(p, {})".format, inner),
        st.builds("answer.percents.all(p, {})".format, inner),
        st.builds("answer.percents.filter(p, {}).size() == 1".format, inner),
    ),
    max_leaves=6,
)


@given(_expressions)
@example("answer.percents.filter(p, answer.chars == p.gone).size() == 1 && app.id < p.role")
def test_random_expressions_agree(inner: str) -> None:
    expression = f"answer.percents.exists(p, {inner})"
    results: list[object] = []
    for each in (CompiledEngine(), InterpretedEngine()):
        try:
            results.append(each.compile([expression], TYPES).run(FACTS))
        except ExpressionError:
            results.append("refused")
    assert results[0] == results[1], expression


def test_a_rule_that_loops_too_often_errs_by_itself() -> None:
    """The compiled engine gives up after ten thousand turns; that is one rule's failure."""
    record = {"value": 1, "upper": 1}
    pairs = "answer.percents.exists(a, answer.percents.exists(b, a.value + b.value == 7))"
    types: dict[str, FactType] = {"answer.percents": "records", "answer.chars": "int"}
    program = CompiledEngine().compile([pairs, "answer.chars > 5"], types)
    assert program.run({"answer.percents": [record] * 50, "answer.chars": 6}) == [False, True]
    assert program.run({"answer.percents": [record] * 200, "answer.chars": 6}) == [None, True]


@pytest.mark.parametrize("value", [2**70, None, object(), "\ud800"])
def test_what_is_no_value_of_cel_is_an_error_and_no_crash(value: Any) -> None:
    program = CompiledEngine().compile(["answer.chars > 5", "true"], {"answer.chars": "int"})
    assert program.run({"answer.chars": value}) == [None, True]
