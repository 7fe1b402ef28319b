"""Reading the names in an expression, and what is said about a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rules.declared import ATTRIBUTE_PREFIX, DECLARED, PHASES, Phase, default_of
from freehold.rules.engine import CompiledEngine, Engine, ExpressionError, InterpretedEngine
from freehold.rules.names import facts_in, mentions, reads_field, referenced
from freehold.rules.program import ConditionSet, check_expression, conditions


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("answer.percents.exists(p, p.value > 1)", {"answer.percents"}),
        ("answer.money.size() > 0 || answer.text == ''", {"answer.money", "answer.text"}),
        ("principal.attributes.tier == 'gold'", {"principal.attributes.tier"}),
        ("principal.attributes.tier.contains('g')", {"principal.attributes.tier"}),
        ("size(request.text) > request.chars", {"request.text", "request.chars"}),
        ("request . text\n . size() > 0", {"request.text"}),
        ("app.id == 'see answer.percents'", {"app.id"}),
        ('app.id == "say \\"answer.money\\" now"', {"app.id"}),
        ("app.id == r'\\' && answer.text != ''", {"app.id", "answer.text"}),
        ("app.id == '''it's answer.money'''", {"app.id"}),
        ("app.id == 'a' // and answer.percents", {"app.id"}),
        ("request.findings.exists(answer, answer == 'iban')", {"request.findings"}),
        ("answer.percents[0].money.text == ''", {"answer.percents"}),
        ("true", set()),
        ("", set()),
    ],
)
def test_facts_in(expression: str, names: set[str]) -> None:
    assert facts_in(expression) == names


def test_referenced_unites() -> None:
    assert referenced(["app.id == ''", "app.risk == ''"]) == {"app.id", "app.risk"}
    assert referenced([]) == set()


@given(st.text(max_size=60))
def test_reading_never_fails(text: str) -> None:
    for mention in mentions(text):
        assert text[mention.offset :].startswith(mention.parts[0])


@pytest.mark.parametrize(
    ("expression", "reads"),
    [
        ("answer.percents.exists(p, p.parsed && p.value > 1)", True),
        ("answer.percents.exists(p, p.value > 1)", False),
        ("answer.text.contains('p.parsed')", False),
        ("answer.percents.exists(parsed, parsed.value > 1)", False),
    ],
)
def test_reads_field(expression: str, reads: bool) -> None:
    assert reads_field(expression, "parsed") is reads


@pytest.mark.parametrize(
    ("expression", "phase", "said"),
    [
        (
            "answer.percent.size() > 0",
            "answer",
            "at character 1: unknown fact `answer.percent`; did you mean `answer.percents`?",
        ),
        (
            "true && answer.percents.size() > 0",
            "request",
            "at character 9: `answer.percents` is known only in phases answer, stream",
        ),
        (
            "context.sources.size() > 0",
            "source",
            "at character 1: `context.sources` is known only in phases request, route, answer",
        ),
        (
            "answr.percents.size() > 0",
            "answer",
            "undeclared reference to 'answr.percents'; did you mean `answer.percents`?",
        ),
        (
            "true &&\n  principal.role == 'x'",
            "request",
            "at line 2, character 3: unknown fact `principal.role`; did you mean `principal.roles",
        ),
        (
            "principal.attributes.teir == 'gold'",
            "request",
            "at character 1: undeclared attribute `teir`; did you mean `tier`?",
        ),
        (
            "principal.attributes.colour == 'red'",
            "request",
            "undeclared attribute `colour`; declare it under identity.attributes",
        ),
        (
            "request.chars > 20.0",
            "request",
            "facts are whole numbers (basis points, cents), so write 20, not 20.0",
        ),
        ("request.chars", "request", "gives int, not a yes or no"),
        ("request.labels", "request", "gives list(string), not a yes or no"),
        ("request.chars >", "request", "it ends too early"),
        ("stream.chars > 5", "answer", "`stream.chars` is known only in phase stream"),
        ("request.chars > > 1", "request", "at character 17: syntax error"),
        ("request.text.matches('[')", "request", "at character 22: matches() needs a regular"),
        (
            "request.text.startWith('a')",
            "request",
            "at character 14: unknown function `startWith`; did you mean `startsWith`?",
        ),
        ("timestamp(request.text) > timestamp('')", "request", "unknown function `timestamp`"),
        ("request == 1", "request", "unknown fact `request`"),
        ("request.text.size > 1", "request", "string"),
    ],
)
def test_what_is_said(
    expression: str, phase: Phase, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine in (CompiledEngine, InterpretedEngine):
        made: Engine = engine()
        monkeypatch.setattr("freehold.rules.program.default_engine", lambda made=made: made)
        error = check_expression(expression, phase, frozenset({"tier", "store"}))
        assert error is not None
        assert said in error, (made.name, error)


def test_nothing_is_said_about_a_good_one() -> None:
    for phase in PHASES:
        good = "principal.attributes.tier == 'gold' && request.text.matches('(?i)refund')"
        assert check_expression(good, phase, frozenset({"tier"})) is None
        assert check_expression(good, phase) is None


@pytest.mark.parametrize("fact", DECLARED, ids=lambda fact: fact.name)
def test_every_fact_compiles_in_its_phases_and_in_no_other(fact: object) -> None:
    assert isinstance(fact, type(DECLARED[0]))
    use = {
        "bool": fact.name,
        "int": f"{fact.name} > 1",
        "string": f"{fact.name} == 'x'",
        "strings": f"'x' in {fact.name}",
        "records": f"{fact.name}.exists(f, f.value > 1)",
        "origins": f"{fact.name}.exists(f, f.kind == 'address')",
        "json": f"has({fact.name}.amount)",
    }[fact.type]
    for phase in PHASES:
        error = check_expression(use, phase)
        assert (error is None) is (phase in fact.phases), error
        if error is None:
            assert conditions((use,), phase).run({fact.name: default_of(fact.name)}) == [False]


def test_a_loop_variable_may_have_the_name_of_a_root() -> None:
    expression = "answer.tools.exists(tool, tool == 'refund')"
    assert check_expression(expression, "answer") is None
    facts = {"answer.tools": ["look_up", "refund"]}
    assert conditions((expression,), "answer").run(facts) == [True]
    assert "unknown fact `tool.nmae`" in (check_expression("tool.nmae == 'x'", "tool_call") or "")


def test_attributes_default_to_nothing() -> None:
    assert default_of(ATTRIBUTE_PREFIX + "tier") == ""


def test_a_set_asks_for_no_more_than_it_needs() -> None:
    program = ConditionSet(("app.id == 'shop'", "app.risk == 'high'"), "request")
    assert program.names == {"app.id", "app.risk"}
    given_facts = {"app.id": "shop", "app.risk": "low", "app.tenant": object()}
    assert program.run(given_facts) == [True, False]


def test_a_missing_fact_is_an_error_not_a_no() -> None:
    program = ConditionSet(("principal.attributes.tier == 'gold'", "app.id == 'a'"), "request")
    assert program.run({"app.id": "a"}) == [None, True]


def test_conditions_are_compiled_once() -> None:
    assert conditions(("app.id == 'once'",), "request") is conditions(
        ("app.id == 'once'",), "request"
    )


def test_a_bad_expression_in_a_set_is_refused() -> None:
    with pytest.raises(ExpressionError, match="unknown fact"):
        ConditionSet(("true", "app.nobody == 1"), "request")
