"""Labelled rows: what cells may say, what is wrong with them, and when an outcome agrees."""

from pathlib import Path
from typing import Any

import pytest

from freehold.rules.decisions.cases import agrees, expected_value, read_cases
from freehold.rules.decisions.kinds import day_number
from freehold.rules.decisions.policy import Failure, Output, Policy
from freehold.rules.decisions.reading import read_policy

POLICY = """\
policy: 1
tolerance: 0.01
inputs:
  who: {type: object, fields: {born: date, "score": {type: number, column: Score}}}
  spare: {type: object, optional: true, fields: {born: date}}
  paid: {type: boolean, column: "Paid?"}
  tags: {type: list, of: text, default: []}
  rate: {type: number, default: 1.5}
outputs:
  number: rate
  text: {value: "text(rate)"}
  ok: paid
  day: {value: who.born, type: date}
  tags: {value: tags, any_order: true}
  hidden: {value: rate, compare: false}
"""
HEADER = "who,spare,Paid?,tags,rate,number,text,ok,day,tags_out\n"


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    text = POLICY.replace("any_order: true", "any_order: true, column: tags_out")
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    read = read_policy(tmp_path)
    assert read.policy is not None, read.problems
    return read.policy


def rows(folder: Path, policy: Policy, text: str) -> tuple[list[Any], list[str]]:
    file = folder / "cases.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    found = read_cases(file, policy)
    return list(found.rows), list(map(str, found.problems))


def test_cells_become_typed_values(tmp_path: Path, policy: Policy) -> None:
    who = '"{""born"": ""1990-01-02T10:00:00"", ""Score"": ""7.5"", ""more"": [1]}"'
    python = "\"{'born': '1990-01-02', 'Score': 7}\""
    text = "\ufeff" + HEADER + f"{who},,TRUE,\"['a', 'b']\",,1.5,1.5,yes,1990-01-02,[]\n"
    text += f"{python},,no,,2,2,2,0,1990-01-02,\n\n"
    found, said = rows(tmp_path, policy, text)
    assert said == []
    assert found[0].inputs == {
        "who": {"born": day_number("1990-01-02"), "score": 7.5},
        "spare": None,
        "paid": True,
        "tags": ["a", "b"],
        "rate": 1.5,
    }
    assert found[1].inputs["paid"] is False
    assert found[1].inputs["tags"] == []
    assert [case.line for case in found] == [2, 3]


def test_everything_wrong_with_the_cells_is_said_at_once(tmp_path: Path, policy: Policy) -> None:
    text = HEADER + '"{""born"": ""soon""}",,maybe,"[1, ",x,abc,,y,,\n"{}",1\n'
    _, said = rows(tmp_path, policy, text)
    text = "\n".join(said)
    assert "cases.csv:2:1: error: column `who`: `born`: `soon` is no date" in text
    assert "cases.csv:2:3: error: column `Paid?`: `paid`: `maybe` is not true or false" in text
    assert "cases.csv:2:4: error: column `tags`: no JSON" in text
    assert "cases.csv:2:5: error: column `rate`: `x` is no number" in text
    assert "cases.csv:2:6: error: column `number`: `abc` is no number" in text
    assert "cases.csv:3:1: error: 2 cells under 10 columns" in text


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "who,Paid,number,text,ok,day,tags_out",
            "the column `Paid?`, which the policy needs",
        ),
        ("who,Paid?,number,text,ok,day", "the column `tags_out`"),
        ("who,who,Paid?,number,text,ok,day,tags_out", "column `who` stands twice"),
    ],
)
def test_columns_that_are_missing_or_there_twice(
    tmp_path: Path, policy: Policy, header: str, said: str
) -> None:
    _, found = rows(tmp_path, policy, header + "\n")
    assert any(said in each for each in found)


def test_a_broken_file(tmp_path: Path, policy: Policy) -> None:
    assert "no CSV" in rows(tmp_path, policy, 'a,"b\n')[1][0]
    assert "no row of data" in rows(tmp_path, policy, HEADER)[1][0]
    assert "not UTF-8" in rows(tmp_path, policy, b"\xff\xfe")[1][0]  # type: ignore[arg-type]
    assert "can't be read" in str(read_cases(tmp_path / "none.csv", policy).problems[0])


@pytest.mark.parametrize(
    ("output", "cell", "got", "same"),
    [
        ("number", "10.38", 10.379999999999999, True),
        ("number", "27.34", 27.35, True),
        ("number", "27.34", 27.3501, False),
        ("number", "", None, True),
        ("number", "", 0.0, False),
        ("number", "0", None, False),
        ("text", "", "", True),
        ("text", " a ", "a", True),
        ("text", "a", "A", False),
        ("ok", "False", False, True),
        ("ok", "1", False, False),
        ("ok", "", False, False),
        ("day", "1970-01-02", 1.0, True),
        ("tags", '["b", "a"]', ["a", "b"], True),
        ("tags", "['a', 'a']", ["a", "b"], False),
        ("tags", "", [], True),
        ("number", "1", Failure("no"), False),
    ],
)
def test_when_an_outcome_agrees(
    policy: Policy, output: str, cell: str, got: object, same: bool
) -> None:
    wanted: Output = next(each for each in policy.outputs if each.name == output)
    assert agrees(wanted, expected_value(wanted, cell), got) is same
