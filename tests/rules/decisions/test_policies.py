"""Whole policies: what is read, what is refused, and what is decided about a case."""

from pathlib import Path
from typing import Any

import pytest

from freehold.bundle.problems import Problem
from freehold.rules.decisions.declare import from_json
from freehold.rules.decisions.engines import CompiledDecisions, DecisionEngine, InterpretedDecisions
from freehold.rules.decisions.kinds import plain
from freehold.rules.decisions.policy import Failure, Policy
from freehold.rules.decisions.reading import read_policy

HEAD = """\
policy: 1
inputs:
  age: {type: integer, min: 0}
  income: {type: number, optional: true}
  tier: {type: text, one_of: [gold, silver]}
  items:
    type: list
    default: []
    fields:
      kind: text
      price: {type: number, optional: true}
"""
CASE = {"age": 30, "income": 1000, "tier": "gold"}


def write(folder: Path, body: str, **files: str) -> Path:
    (folder / "policy.yaml").write_text(HEAD + body, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path, body: str, **files: str) -> list[Problem]:
    return list(read_policy(write(folder, body, **files)).problems)


def policy(folder: Path, body: str, engine: DecisionEngine | None = None, **files: str) -> Policy:
    read = read_policy(write(folder, body, **files), engine)
    assert read.policy is not None, "\n".join(map(str, read.problems))
    return read.policy


def decide(made: Policy, **case: Any) -> dict[str, Any]:
    given = {each.name: from_json(each, (CASE | case).get(each.name)) for each in made.inputs}
    decision = made.decide(given)
    return {
        output.name: value if isinstance(value, Failure) else plain(output.kind, value)
        for output in made.outputs
        for value in [decision.values[output.name]]
    }


def test_hits_of_a_table(tmp_path: Path) -> None:
    steps = "values:\n" + "".join(
        f"  {hit}: {{table: {{hit: {hit}, inputs: {{age: , tier: }}, outputs: {{points: number}},"
        f" default: 0, rows: [{{age: '>= 18', points: 1}}, {{age: '>= 30', points: 2}},"
        f" {{tier: silver, points: '= age / 10'}}]}}}}\n"
        for hit in ("first", "all", "sum", "min", "max", "count")
    )
    outputs = "outputs:\n" + "".join(
        f"  {hit}: {hit}.points\n" for hit in ("first", "all", "sum", "min", "max", "count")
    )
    made = policy(tmp_path, steps + outputs)
    assert decide(made, age=35, tier="silver") == {
        "first": 1, "all": [1, 2, 3.5], "sum": 6.5, "min": 1, "max": 3.5, "count": 3,
    }  # fmt: skip
    assert decide(made, age=3, tier="gold") == {
        "first": 0, "all": [0], "sum": 0, "min": 0, "max": 0, "count": 0,
    }  # fmt: skip


ITEMS = """\
values:
  rated:
    for_each: items
    as: item
    values:
      cost: "given.item.price ? item.price : 10"
      fee:
        table:
          inputs: {kind: item.kind, price: cost}
          outputs: {fee: number, note: text}
          rows:
            - {kind: "a, b", price: "[0..10)", fee: 1, note: small}
            - {kind: "a, b", fee: "= cost * 0.1", note: large}
          default: {fee: 5, note: other}
    where: item.kind != "free"
  few: take(sort_by(rated, "cost"), 2)
outputs:
  fees: sum(rated.map(r, r.fee.fee))
  notes: rated.map(r, r.fee.note)
  cheapest: few.map(r, r.cost)
  counts: size(rated.filter(r, r.kind == "a"))
"""


@pytest.mark.parametrize(
    "engine", [CompiledDecisions(), InterpretedDecisions()], ids=lambda e: e.name
)
def test_decisions_about_the_items_of_a_list(tmp_path: Path, engine: DecisionEngine) -> None:
    made = policy(tmp_path, ITEMS, engine)
    items = [
        {"kind": "a", "price": 25.5},
        {"kind": "free"},
        {"kind": "b", "price": 3},
        {"kind": "x", "price": None},
    ]
    assert decide(made, items=items) == {
        "fees": 8.55,
        "notes": ["large", "small", "other"],
        "cheapest": [3, 10],
        "counts": 1,
    }


CHAINED = """\
values:
  cheap: items.filter(i, !has(i.price) || i.price < 5)
  again:
    for_each: cheap
    as: one
    values:
      parts:
        for_each: items
        as: other
        where: other.kind == one.kind
      known: given.one.price
      twice:
        table:
          inputs: {price: one.price}
          outputs: {by: number}
          rows: [{price: missing, by: 1}, {price: given, by: "= one.price * size(parts)"}]
outputs:
  known: again.map(a, a.known)
  by: sum(again.map(a, a.twice.by))
  first: again.filter(a, a.known).map(a, a.parts[0].kind)
"""


@pytest.mark.parametrize(
    "engine", [CompiledDecisions(), InterpretedDecisions()], ids=lambda e: e.name
)
def test_lists_made_of_lists(tmp_path: Path, engine: DecisionEngine) -> None:
    made = policy(tmp_path, CHAINED, engine)
    items = [{"kind": "a"}, {"kind": "b", "price": 2.5}, {"kind": "b", "price": 9}]
    assert decide(made, items=items) == {"known": [False, True], "by": 6, "first": ["b"]}


RULES = """\
constants: {start: 2025-03-08, limits: [1, 2]}
values:
  reasons:
    all:
      - {when: age < 18, then: too young}
      - {when: "!given.income", then: "= 'no income of ' + tier"}
      - {when: has(income) && income < 500, then: poor}
  share:
    value: "income * 0.33333"
    round: 2
    min: 10
    max: 300
  both:
    type: {fee: number, until: date}
    first:
      - {when: tier == "gold", then: {fee: 1, until: "= add_years(start, 1)"}}
      - otherwise: {fee: 2, until: 2030-01-01}
  message: {text: "{tier}: {share:2} ({{{both.until}}})"}
outputs:
  ok: size(reasons) == 0
  reasons:
  share: {value: share, when: age >= 18}
  until: both.until
  message: {value: message, compare: false}
"""


@pytest.mark.parametrize(
    "engine", [CompiledDecisions(), InterpretedDecisions()], ids=lambda e: e.name
)
def test_rules_shaping_dates_and_templates(tmp_path: Path, engine: DecisionEngine) -> None:
    made = policy(tmp_path, RULES, engine)
    assert decide(made) == {
        "ok": True,
        "reasons": [],
        "share": 300,
        "until": "2026-03-08",
        "message": "gold: 300.00 ({2026-03-08})",
    }
    young = decide(made, age=17, income=100, tier="silver")
    assert young["reasons"] == ["too young", "poor"]
    assert (young["share"], young["until"]) == (None, "2030-01-01")


def test_a_missing_value_fails_only_what_rests_on_it_and_names_the_root(tmp_path: Path) -> None:
    made = policy(tmp_path, RULES)
    found = decide(made, income=None)
    assert found["reasons"] == ["no income of gold"]
    assert found["until"] == "2026-03-08"
    assert isinstance(found["share"], Failure)
    assert "`share`" in found["share"].said
    assert "income" in found["share"].said or "missing" in found["share"].said


def said(found: list[Problem], code: str) -> list[str]:
    return [str(problem) for problem in found if problem.code == code]


TABLE = """\
values:
  t:
    table:
      hit: {hit}
      inputs: {{age: , tier: }}
      outputs: {{fee: number}}
      rows:
{rows}
outputs: {{fee: t.fee}}
"""


def table(hit: str, *rows: str) -> str:
    return TABLE.format(hit=hit, rows="\n".join(f"        - {{{row}}}" for row in rows))


def test_overlaps_and_gaps_are_named_with_an_example(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        table("unique", 'age: "< 18", fee: 1', 'age: "[17..65)", tier: gold, fee: 2',
              'age: ">= 66", fee: 3'),
    )  # fmt: skip
    (overlap,) = said(found, "table.overlap")
    assert overlap.startswith("policy.yaml:20:")
    assert "row 2 of `t` overlaps row 1: both match age 17, tier gold" in overlap
    (gap,) = said(found, "table.gap")
    assert "error: no row of `t` is sure to match for age 18, tier silver" in gap


def test_whole_numbers_and_declared_values_leave_no_gap(tmp_path: Path) -> None:
    rows = (
        'age: "<= 17", fee: 1',
        'age: ">= 18", tier: gold, fee: 2',
        'age: "> 17", tier: silver, fee: 3',
    )
    assert problems(tmp_path, table("unique", *rows)) == []


def test_a_row_that_can_never_match_is_a_warning(tmp_path: Path) -> None:
    rows = ('age: "< 18", fee: 1', 'age: ">= 18", fee: 2', 'age: "[10..30]", tier: gold, fee: 3')
    found = problems(tmp_path, table("first", *rows))
    (shadowed,) = said(found, "table.shadowed")
    assert "policy.yaml:21:" in shadowed
    assert "warning: row 3 of `t` can never match: row 1 and row 2 come first" in shadowed
    assert [problem.severity for problem in found] == ["warning"]
    impossible = problems(tmp_path, table("first", 'age: "< 0", fee: 1', "fee: 2"))
    assert "the declared values exclude it" in said(impossible, "table.shadowed")[0]


def test_rows_with_a_condition_cover_nothing(tmp_path: Path) -> None:
    rows = ("when: age > 3, fee: 1", 'age: "< 50", fee: 2')
    found = problems(tmp_path, table("first", *rows))
    assert said(found, "table.shadowed") == []
    assert "age 50" in said(found, "table.gap")[0]
    made = policy(tmp_path, table("first", *rows))
    assert decide(made, age=60)["fee"] == 1
    assert decide(made, age=2)["fee"] == 2


def test_two_rows_at_once_fail_where_one_may_match(tmp_path: Path) -> None:
    made = policy(tmp_path, table("unique", "when: age > 3, fee: 1", "fee: 2"))
    assert decide(made, age=1)["fee"] == 2
    assert "match at once" in decide(made, age=5)["fee"].said


def test_tables_from_csv_say_their_own_lines(tmp_path: Path) -> None:
    body = """\
tables:
  fees: {hit: unique, inputs: {age: , tier: }, outputs: {fee: number}, file: fees.csv}
values: {t: {table: fees}}
outputs: {fee: t.fee}
"""
    good = 'id,age,tier,fee\nyoung,< 18,-,1\nold,>= 18,"gold, silver",= age * 2\n'
    assert decide(policy(tmp_path, body, fees=good), age=20)["fee"] == 40
    bad = "age,tier,fee,oops\n< x,-,1,\n>= 18,bronze,abc,\n1,2\n"
    text = "\n".join(map(str, problems(tmp_path, body, fees=bad)))
    assert "fees.csv:2:1: error: column `age`: `x` is no number" in text
    assert "fees.csv:3:2: error: column `tier`: `bronze` is not among" in text
    assert "fees.csv:3:3: error: output `fee`: `abc` is no number" in text
    assert "fees.csv:2:4: error: unknown column `oops`" in text
    assert "fees.csv:4:1: error: 2 cells under 4 columns" in text
    outside = body.replace("fees.csv", "../fees.csv")
    assert "not inside the folder" in str(problems(tmp_path, outside)[0])


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ("a: agee > 3", "13:6", "nothing here is called `agee`; did you mean `age`?"),
        ("a: size(item)", "13:6", "nothing here is called `item`; did you mean `items`?"),
        ("a: z + 1\n  z: 2", "13:6", "it is defined further below; move it up"),
        ("a: age + tier", "13:6", "`+` does not take"),
        ("a: items.filter(i, i.prise > 2)", "13:6", "no field `prise`; did you mean `price`?"),
        ("a: sqroot(age)", "13:6", "there is no function `sqroot`"),
        ("a: items.price", "13:6", "write `items.map(i, i.field)`"),
        ("a: income == null", "13:6", "ask `given.NAME`"),
        ("a: {value: age, rond: 2}", "13:19", "unknown key `rond`; did you mean `round`?"),
        ("a: {value: age, round: two}", "13:26", "write `round: 2`"),
        ("a: {value: age, type: text}", "13:14", "is declared a text, but its value is a integer"),
        ("a: {first: [{when: age, then: 1}]}", "13:22", "gives integer, not boolean"),
        ("a: {first: [{then: 1}]}", "13:15", "a rule needs `when:` and `then:`"),
        ("a: {text: 'x {age'}", "13:13", "a brace without its other half"),
        ("a: {first: [{otherwise: age}, {otherwise: 1}]}\n  b: gold", "14:6", "write `'gold'`"),
        ("a: {type: number, first: [{otherwise: age * 2}]}", "13:41", "or `= …` and an expression"),
        ("a: {value: age, round: 99}", "13:26", "write `round: 2`"),
        ("a: age > 3 and tier == 'gold'", "13:6", "`and` is no CEL here; write `&&`"),
        ("a: tier in ('gold', 'silver')", "13:6", "a list stands in `[` and `]`"),
        ("a: age = 3", "13:6", "write `==` to compare"),
        ("a: {table: nowhere}", "13:14", "there is no table `nowhere`"),
        ("a: {for_each: age, values: {b: 1}}", "13:17", "gives integer, not list"),
        ("age: 3", "13:3", "there is a `age` already"),
        ("a: {value: 1, table: t}", "13:3", "`a` is value and table at once"),
        ("a:", "13:5", "an expression is wanted here"),
    ],
)  # fmt: skip
def test_mistakes_have_their_place_and_a_way_out(
    tmp_path: Path, values: str, place: str, message: str
) -> None:
    body = f"values:\n  {values}\noutputs:\n  x: age\n"
    found = [p for p in problems(tmp_path, body) if p.severity == "error"]
    text = "\n".join(map(str, found))
    assert f"policy.yaml:{place}: error: " in text
    assert message in text


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    body = "color: red\nvalues:\n  a: agee\n  b: {table: t}\noutputs:\n  x: nothing_such\n"
    found = problems(tmp_path, body)
    assert [problem.line for problem in found] == [12, 14, 15, 17]


def test_a_value_that_nothing_uses_is_a_warning(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "values:\n  a: age\noutputs:\n  x: age\n")
    assert (found.code, found.severity, found.line) == ("decision.unread", "warning", 13)


def test_a_text_that_names_a_value_is_a_warning(tmp_path: Path) -> None:
    body = "values:\n  a: {first: [{otherwise: age}]}\noutputs:\n  x: a\n"
    (found,) = problems(tmp_path, body)
    assert (found.severity, found.suggestion) == ("warning", "write `= age` if you mean the value")


def test_declared_limits_go_with_their_types(tmp_path: Path) -> None:
    text = HEAD.replace("income: {type: number", "income: {type: boolean, min: 0, one_of: [a]")
    (tmp_path / "policy.yaml").write_text(text + "outputs:\n  x: age\n")
    found = read_policy(tmp_path).problems
    assert [problem.code for problem in found] == ["shape.choice"] * 2


def test_numbers_that_leave_the_exact_range_have_no_value(tmp_path: Path) -> None:
    body = """\
values:
  far: {value: "income * 1000000000", round: 9}
  late: {type: date, value: "date('2025-01-01') + income * 100000"}
outputs: {far: far, late: {type: date, value: late}}
"""
    made = policy(tmp_path, body)
    found = decide(made, income=900000)
    assert found["far"] == 900000000000000
    assert decide(made, income=10**9)["far"].said.endswith("which is not exact any more")
    assert found["late"] == 90000020089


def test_a_folder_without_a_policy(tmp_path: Path) -> None:
    read = read_policy(tmp_path)
    assert read.policy is None
    assert "policy.yaml: error: can't be read" in str(read.problems[0])
    (tmp_path / "policy.yaml").write_text("- 1\n")
    assert "no mapping" in str(read_policy(tmp_path).problems[0])
    (tmp_path / "policy.yaml").write_text("a: [\n")
    assert read_policy(tmp_path).problems[0].code == "yaml.syntax"
