"""``python -m benchmarks.rules``: what it times is what it says."""

import json

import pytest

from benchmarks import rules
from freehold.core.trail import Trail
from freehold.rules.program import check_expression
from freehold.stages.policy.verdicts import RuleSet
from tests.stages import made


def test_the_rules_are_different_compile_and_read_facts_that_are_there() -> None:
    several = rules.rules(100)
    assert len({rule.when for rule in several}) == 100
    assert [check_expression(rule.when, "answer") for rule in several[:10]] == [None] * 10
    judged = RuleSet(several, "answer")
    sheet = rules.facts()
    assert judged.names <= sheet.keys()
    assert sheet["answer.percents"]
    trail: Trail = made.trail()
    judged.judge(sheet, trail, {})
    assert len(trail.firings) == 100
    assert not any(firing.fired or firing.errored for firing in trail.firings)


def test_one_object_with_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert rules.main(["--json", "--repeats", "3"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["rules"]) == ["5", "50", "100"]
    for each in result["rules"].values():
        assert set(each) == {
            "judged_us",
            "judged_least_us",
            "together_us",
            "one_by_one_us",
            "ratio",
        }
        assert min(each.values()) > 0


def test_a_missed_aim_is_said() -> None:
    figures = {"judged_us": 61.0, "judged_least_us": 3.0, "together_us": 1.0, "one_by_one_us": 2.0,
               "ratio": 0.1}  # fmt: skip
    result = {"machine": "m", "repeats": 1, "load": 0.5, "rules": {"100": figures}}
    assert "for 100 rules is MISSED: 61.0" in rules.table(result)
    figures["judged_us"] = 60.0
    assert "is met: 60.0" in rules.table(result)
    page = f"a\n{rules.BEGIN}\nold\n{rules.END}\nb\n"
    assert "old" not in rules.written(page, result)
    assert rules.written(page, result).endswith(f"{rules.END}\nb\n")
    with pytest.raises(SystemExit):
        rules.written("no marks", result)
