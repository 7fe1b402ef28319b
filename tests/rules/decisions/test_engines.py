"""Both engines give a policy's expressions the same values, types and refusals."""

import pytest

from freehold.rules.decisions.engines import CompiledDecisions, InterpretedDecisions, NoValue
from freehold.rules.decisions.kinds import BOOLEAN, DATE, NUMBER, TEXT, Kind, day_number, records
from freehold.rules.language import ExpressionError

ENGINES = [CompiledDecisions(), InterpretedDecisions()]
VARIABLES = {
    "x": NUMBER,
    "a.b": NUMBER,
    "d": DATE,
    "numbers": Kind("list", NUMBER),
    "bags": records((("w", NUMBER), ("s", TEXT))),
    "t": TEXT,
    "given.x": BOOLEAN,
    "gone": NUMBER,
}
SCOPE = {
    "x": 99.0,
    "a.b": 0.1,
    "d": day_number("2004-02-29"),
    "numbers": [1.0, 2.5],
    "bags": [{"w": 4.0, "s": "a"}, {"w": 1.0, "s": "b"}],
    "t": "q",
    "given.x": True,
}


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x + 1", 100.0),
        ("a.b + 0.2 == 0.3", True),
        ("0.3 >= a.b + 0.2", True),
        ("!(a.b + 0.2 > 0.3) && x / 3 == 33", True),
        ("100 * 1.1 > 110", False),
        ("size(bags) > 1 && bags.size() == 2", True),
        ("bags[0].w", 4.0),
        ("x > 3 ? 1 : 2.5", 1.0),
        ("sum(bags.map(b, b.w))", 5.0),
        ("bags.filter(b, b.w + 1 > 2)", [{"w": 4.0, "s": "a"}]),
        ("sort_by(bags, 'w').map(b, b.s)", ["b", "a"]),
        ("take(reverse(bags), 1).map(b, b.s)", ["b"]),
        ("bags.exists(b, b.s in ['a'])", True),
        ("min(x, 3, a.b)", 0.1),
        ("max(numbers)", 2.5),
        ("average(numbers)", 1.75),
        ("round(2.345, 2)", 2.35),
        ("round(-2.5)", -3.0),
        ("floor(-0.5) + ceil(0.5)", 0.0),
        ("int(2.9)", 2.0),
        ("mod(10, 4)", 2.0),
        ("years(d, date('2025-02-28'))", 20.0),
        ("years(d, date('2025-03-01'))", 21.0),
        ("months(d, date('2004-03-29'))", 1.0),
        ("days(d, date('2004-03-01'))", 1.0),
        ("add_years(d, 1) == date('2005-02-28')", True),
        ("date('2004-03-01') - d", 1.0),
        ("d < date('2004-03-01')", True),
        ("days_in_year(d)", 366.0),
        ("string(75) + ' ' + text(14.90)", "75 14.9"),
        ("join(['a', 'b'], ', ') + upper(t)", "a, bQ"),
        ("number(' 12.5 ')", 12.5),
        ("given.x ? x : gone", 99.0),
        ("size(bags) + 1 > 2 && bags.size() * 2 == 4", True),
        ("t == 'r' && gone > 3", False),
        ("'5 - 3' + t == '5 - 3q'", True),
    ],
)
def test_values(engine: CompiledDecisions, text: str, value: object) -> None:
    assert engine.expression(text, VARIABLES).run(SCOPE) == value


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x / 0", "division by zero"),
        ("x / 0 - x / 0", "division by zero"),
        ("gone + 1", "missing"),
        ("bags.all(b, b.q > 1)", "field is missing"),
        ("average([])", "empty list"),
        ("min([])", "empty list"),
        ("date(t) > d", "isoformat"),
        ("x * 1e15", "beyond"),
    ],
)
def test_what_has_no_value_says_why(engine: CompiledDecisions, text: str, said: str) -> None:
    with pytest.raises(NoValue, match=said):
        engine.expression(text, VARIABLES).run(SCOPE)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x > 'a'", "does not take"),
        ("nope + 1", "undeclared reference to 'nope'"),
        ("x +", "too early"),
        ("x % 2", "write `mod"),
        ("x && true", "does not take"),
        ("years(d)", r"takes \(date, date\)|does not take"),
    ],
)
def test_what_does_not_compile(engine: CompiledDecisions, text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        engine.expression(text, VARIABLES)


def test_an_error_points_at_the_column_that_its_author_wrote() -> None:
    with pytest.raises(ExpressionError) as caught:
        ENGINES[0].expression("size(bags) + 1 > 2 && nope > 1", VARIABLES)
    assert caught.value.column == "size(bags) + 1 > 2 && nope > 1".index("nope") + 1
