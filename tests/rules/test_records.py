"""Which fields of records an expression reads, and what is said about wrong ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.facts import TextFact
from freehold.rules.declared import RECORD_FIELDS, values_of
from freehold.rules.program import ConditionSet, check_expression
from freehold.rules.records import doubts, reads
from freehold.text import commitment_words, roles


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ("answer.percents.exists(p, p.rolle == 'discount')", ["rolle"]),
        ("answer.percents.all(p, p . value > 1 && has(p.uper))", ["value", "uper"]),
        ("answer.percents.filter(p, p.unit == 'bp').exists_one(q, q.valeu > 1)", ["unit", "valeu"]),
        ("answer.percents.map(p, p.value).exists(v, v.x > 1)", ["value"]),
        ("answer.percents[0].rolle == ''", ["rolle"]),
        ("answer.percents.exists(p, p['rolle'] == '')", ["rolle"]),
        ("answer.percents.exists(p, answer.money.exists(m, m.value > p.uper))", ["value", "uper"]),
        ("answer.percents.exists(p, request.labels.exists(p, p.x == ''))", []),
        ("answer.percents.exists(p, request.labels.exists(q, q == 'a') && p.x > 1)", ["x"]),
        ("answer.percents.exists(p, (p.value + 1) * p.uper > 1) && p.x", ["value", "uper"]),
        ("answer.text.contains('answer.percents.exists(p, p.x)')", []),
        ("request.labels.exists(p, p.x == 1) // answer.percents.exists(p, p.x)", []),
        ("answer.tools.exists(t, t.startsWith('a'))", []),
        ("answer.percents.exists(p, p.text.contains('x') && p.text.size() > 1)", ["text", "text"]),
        ("answer.percents.exists(p, )) ] p.x", []),
        ("answer.percents.exists(p,", []),
    ],
)
def test_reads(expression: str, fields: list[str]) -> None:
    assert [read.field for read in reads(expression)] == fields


@given(st.lists(st.sampled_from(
    ["answer.percents", ".", "exists", "(", "p", ",", "p.role", "==", "'a'", ")", "[", "]", "in"]
)))  # fmt: skip
def test_reading_never_fails(parts: list[str]) -> None:
    assert isinstance(list(reads(" ".join(parts))), list)
    assert isinstance(doubts("".join(parts)), list)


def test_a_misspelt_field_is_said_with_its_place() -> None:
    said = check_expression("true &&\n  answer.percents.exists(p, p.rolle == 'discount')", "answer")
    assert said is not None
    assert "line 2, character 31" in said
    assert "records of `answer.percents` have no field `rolle`; did you mean `role`?" in said
    for field in RECORD_FIELDS - {"parsed"}:
        value = "1" if field in {"value", "upper", "start", "end"} else "''"
        assert check_expression(f"answer.money.exists(m, m.{field} == {value})", "answer") is None


def test_one_expression_has_all_its_mistakes_said_in_order() -> None:
    said = check_expression(
        "answer.percnt.size() > 0 || answer.percents.exists(p, p.rolle.startWith('a'))"
        " || answer.mony.size() > 0",
        "answer",
    )
    assert said is not None
    places = [
        said.index(word) for word in ("`answer.percnt`", "`rolle`", "startWith", "`answer.mony`")
    ]
    assert places == sorted(places)


def test_what_once_went_live_still_compiles() -> None:
    assert ConditionSet(("answer.percents.exists(p, p.rolle == 'x')",), "answer").names


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("answer.percents.exists(p, p.role == 'discont')", "did you mean `discount`?"),
        ("answer.money.exists(m, 'refnd' != m.role)", "did you mean `refund`?"),
        ("answer.commitments.exists(c, c.role in ['refund', 'cancle'])", "did you mean `cancel`?"),
        ("answer.commitments.exists(c, c.polarity == 'afirmed')", "did you mean `affirmed`?"),
        ("answer.percents.exists(p, p.unit == '%')", "it is one of bp"),
        ("answer.dates.exists(d, d['kind'] == 'dat')", "did you mean `date`?"),
    ],
)
def test_a_value_that_never_comes_is_doubted(expression: str, said: str) -> None:
    assert check_expression(expression, "answer") is None
    (doubt,) = doubts(expression)
    assert said in doubt
    assert "is never" in doubt


@pytest.mark.parametrize(
    "expression",
    [
        "answer.percents.exists(p, p.role == 'discount' && p.polarity != 'negated')",
        "answer.money.exists(m, m.unit == 'XYZ' || m.text == 'any')",
        "answer.percents.exists(p, p.role == request.language)",
        "answer.percents.exists(p, p.value > 1) || request.language == 'discont'",
    ],
)
def test_what_may_come_is_not_doubted(expression: str) -> None:
    assert doubts(expression) == []


def test_the_declared_values_are_those_of_the_extractors() -> None:
    assert TextFact(
        kind="percent", value=1, unit="bp", start=0, end=1, text="1", polarity="affirmed", role=""
    ).cel().keys() == RECORD_FIELDS  # fmt: skip
    assert set(roles._NEAR.values()) | {"share", "other"} == values_of("answer.percents", "role")
    assert set(roles._MONEY_ROLES.values()) | {"other"} == values_of("answer.money", "role")
    verbs = set(commitment_words._VERBS) | {"free", "other"}
    assert verbs == values_of("answer.commitments", "role")
