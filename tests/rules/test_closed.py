"""Comparisons that compile, and that nobody can mean."""

import pytest

from freehold.rules.closed import slips, strays
from freehold.rules.plain_logic import excluded

KNOWN = {
    "app.id": ("counter", "exports"),
    "answer.model": ("large", "small"),
    "context.sources": (),
    "answer.labels": ("pii", "secret"),
    "app.tenants": ("chain", "north"),
}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('app.risk == "extreme"', '`app.risk` is never "extreme"; it is one of high, limited'),
        ('request.operation == "chats"', 'never "chats"; did you mean `chat`?'),
        ('app.id == "b"', '`app.id` is never "b"; it is one of counter, exports'),
        ('"countr" != app.id', "did you mean `counter`?"),
        ('app.id in ["counter", "export"]', "did you mean `exports`?"),
        ('!(answer.model == "medium") && answer.chars > 3', '`answer.model` is never "medium"'),
        ('"stock" in context.sources', "the bundle declares none"),
        ('answer.labels.exists(l, l == "pi")', "did you mean `pii`?"),
        ('app.tenants.filter(t, t == "south").size() > 0', '`app.tenants` is never "south"'),
        ('app.tenants[0] == "x" || app.id == "b"', '`app.id` is never "b"'),
    ],
)
def test_a_value_that_a_fact_never_has(expression: str, said: str) -> None:
    (found,) = strays(expression, KNOWN)
    assert said in found


@pytest.mark.parametrize(
    "expression",
    [
        'app.id == "counter" && app.risk == "high" && request.operation != "embedding"',
        'principal.id == "b" || principal.attributes.tier == "gold"',
        'request.text == "app.id == \\"b\\""',
        'answer.percents.exists(p, p.role == "b")',  # fields are looked at elsewhere
        'answer.tools.exists(l, l == "pi")',
        "app.id.matches('b')",
        'app.id == "b" ? [1][',  # can't be read
    ],
)
def test_what_may_be_is_left_alone(expression: str) -> None:
    assert strays(expression, KNOWN) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("answer.percents.exists(p, p.upper > 20)",
         "`p.upper > 20` compares with 0.2 %; percentages are basis points, so 20 % is 2000"),
        ("request.percents.exists(p, 15 <= p.value)", "0.15 %"),
        ("answer.percents[0].value == 5", "5 % is 500"),
        ("tool.money.exists(m, m.value > 50)", "compares with 0.50; money is in minor units"),
        ("answer.ungrounded_money.exists(m, m.upper >= 99)", "so 99 is 9900"),
        ("answer.quantities.exists(q, q.value > 5)", "compares with 0.005"),
        ("answer.percents.filter(p, p.parsed).exists(p, p.upper > 20)", "20 % is 2000"),
    ],
)  # fmt: skip
def test_a_number_in_another_unit(expression: str, said: str) -> None:
    (found,) = slips(expression)
    assert said in found


@pytest.mark.parametrize(
    "expression",
    [
        "answer.percents.exists(p, p.upper > 2000)",
        "answer.percents.exists(p, p.upper > 0 || p.value == 1)",
        "answer.percents.exists(p, p.start > 20)",
        "answer.money.exists(m, m.value > 500)",
        "answer.durations.exists(d, d.value > 60)",
        "size(answer.percents) > 20 && answer.chars > 20",
        "tool.arguments.lines.exists(p, p.value > 20)",
    ],
)
def test_other_numbers_are_left_alone(expression: str) -> None:
    assert slips(expression) == []


def test_what_is_closed_for_all_bundles_is_known_to_the_plain_logic() -> None:
    assert excluded('app.risk != "high" && app.risk != "limited" && app.risk != "minimal"')
    assert excluded('app.id != "high" && app.id != "limited"') is None
