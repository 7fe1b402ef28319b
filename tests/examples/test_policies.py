"""The three policies of policy-corpus: all labelled decisions, and the prose's own edges."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from freehold.rules.decisions.cases import failures, read_cases
from freehold.rules.decisions.declare import from_cell
from freehold.rules.decisions.engines import InterpretedDecisions
from freehold.rules.decisions.kinds import plain
from freehold.rules.decisions.policy import Policy
from freehold.rules.decisions.reading import read_policy
from freehold.services.decisions import score_policy

NAMES = ("loan", "luggage", "time_off")


@pytest.fixture
def policies(repository: Path) -> Path:
    return repository / "examples" / "policies"


@pytest.mark.parametrize("name", NAMES)
def test_all_labelled_decisions(policies: Path, shared_data: Path, name: str) -> None:
    score = score_policy(policies / name, shared_data / "policies" / name / "decisions_100.csv")
    assert [str(p) for p in score.problems if p.severity == "error"] == []
    assert [(each.line, each.column) for each in score.disagreements] == []
    assert (score.matched, score.total) == (100, 100)


@pytest.mark.parametrize("name", NAMES)
def test_the_interpreted_engine_decides_the_same(
    policies: Path, shared_data: Path, name: str
) -> None:
    policy = read_policy(policies / name, InterpretedDecisions()).policy
    assert policy is not None
    cases = read_cases(shared_data / "policies" / name / "decisions_100.csv", policy)
    assert not [case.line for case in cases.rows if list(failures(policy, case))]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_compared(policies: Path, name: str) -> None:
    policy = read_policy(policies / name).policy
    assert policy is not None
    compared = {output.column: output.tolerance for output in policy.outputs if output.compared}
    assert compared == {
        "loan": {"eligibility": 0.0},
        "luggage": dict.fromkeys(("eligibility", "compliance_result", "fees"), 0.01),
        "time_off": dict.fromkeys(
            ("years_of_service", "fixed_holidays", "personal_choice_holidays", "vacation_weeks",
             "pst_hours", "total_time_off_days"),
            0.01,
        ),
    }[name]  # fmt: skip


def decide(policies: Path, name: str, **cells: Any) -> dict[str, Any]:
    policy = read_policy(policies / name).policy
    assert isinstance(policy, Policy)
    texts = {
        key: each if isinstance(each, str) else json.dumps(each) for key, each in cells.items()
    }
    case = {each.name: from_cell(each, texts.get(each.column, "")) for each in policy.inputs}
    decision = policy.decide(case)
    return {each.name: plain(each.kind, decision.values[each.name]) for each in policy.outputs}


APPLICANT = {
    "birth_date": "1990-01-01",
    "address": {"country": "US"},
    "credit_score": 600,
    "annual_income": 30000,
    "income_document": "pay_stub",
    "employment_status": "contractor",
    "is_financial_record_present": False,
    "monthly_debt_amount": 400,
    "monthly_gross_income": 1000,
}


@pytest.mark.parametrize(
    ("changed", "amount", "eligible"),
    [
        ({}, "5000", True),
        ({}, "50000", True),
        ({}, "4999.99", False),
        ({}, "50000.01", False),
        ({"birth_date": "2007-03-08"}, "9000", True),
        ({"birth_date": "2007-03-09"}, "9000", False),
        ({"credit_score": 599}, "9000", False),
        ({"annual_income": 29999.99}, "9000", False),
        ({"monthly_debt_amount": 400.01}, "9000", False),
        ({"monthly_debt_amount": 1, "monthly_gross_income": 0}, "9000", False),
        ({"income_document": None}, "9000", False),
        ({"income_document": "a promise"}, "9000", False),
        ({"employment_status": "unemployed"}, "9000", False),
        ({"employment_status": "self-employed"}, "9000", False),
        ({"address": {"country": "Canada"}}, "9000", False),
    ],
)
def test_the_edges_of_a_loan(
    policies: Path, changed: dict[str, Any], amount: str, eligible: bool
) -> None:
    found = decide(policies, "loan", applicant=APPLICANT | changed, loan_amount=amount)
    assert found["eligibility"] is eligible
    assert (found["interest_rate"] > 0) is eligible
    assert found["reason"].startswith("Loan approved with 15.00% APR.") is eligible


def test_a_co_signer_stands_in_for_age_alone(policies: Path) -> None:
    young = APPLICANT | {"birth_date": "2015-01-01"}
    signer = {"birth_date": "1980-01-01"}
    found = decide(policies, "loan", applicant=young, co_signer=signer, loan_amount="9000")
    assert found["eligibility"] is True
    poor = young | {"credit_score": 500}
    found = decide(policies, "loan", applicant=poor, co_signer=signer, loan_amount="9000")
    assert found["eligibility"] is False


def bag(storage: str, weight: float, *size: float) -> dict[str, Any]:
    height, width, depth = size or (10, 10, 10)
    return {"storage": storage, "weight": weight, "height": height, "width": width, "depth": depth}


@pytest.mark.parametrize(
    ("travel_class", "age", "bags", "fees", "moved", "cargo"),
    [
        ("Economy", "adult", [bag("checked", 23, 100, 50, 8)], 0, 0, 0),
        ("Economy", "adult", [bag("checked", 23.01, 100, 50, 8)], 75, 0, 0),
        ("First", "adult", [bag("checked", 32, 100, 50, 8)], 0, 0, 0),
        ("First", "adult", [bag("checked", 32.5, 100, 50, 8)], 75, 0, 1),
        ("Economy", "adult", [bag("checked", 5, 100, 50, 8.01)], 100, 0, 0),
        ("Economy", "adult", [bag("checked", 5, 150, 50, 4)], 100, 0, 1),
        ("Economy", "adult", [bag("checked", 5, 100, 50, 5)] * 3, 300, 0, 0),
        ("Economy", "child", [bag("checked", 5, 100, 50, 5)] * 3, 150, 0, 0),
        ("Economy", "adult", [bag("carry-on", 7, 55, 40, 23), bag("personal", 1)], 0, 0, 0),
        ("Economy", "adult", [bag("carry-on", 7.01)], 0, 1, 0),
        ("Business", "adult", [bag("carry-on", 12, 55, 40, 23)], 0, 0, 0),
        ("Business", "adult", [bag("carry-on", 5, 55.1, 40, 23)], 0, 1, 0),
        ("Business", "infant", [bag("checked", 9, 100, 50, 5)] * 3 + [bag("checked", 5)], 0, 0, 0),
        ("Business", "adult", [bag("checked", 9, 100, 50, 5)] * 2 + [bag("checked", 5)], 150, 0, 0),
        ("Economy", "adult", [], 0, 0, 0),
    ],
)
def test_the_edges_of_luggage(
    policies: Path,
    travel_class: str,
    age: str,
    bags: list[dict[str, Any]],
    fees: float,
    moved: int,
    cargo: int,
) -> None:
    found = decide(policies, "luggage", travel_class=travel_class, age_category=age, luggages=bags)
    assert found["fees"] == fees
    assert (len(found["moved_to_checked"]), len(found["cargo_items"])) == (moved, cargo)
    assert found["eligibility"] is found["compliance_result"] is (fees == 0)


@pytest.mark.parametrize(
    ("hired", "asked", "years", "weeks", "sick"),
    [
        ("2014-08-30", "2024-08-27", 10, 4, 48),
        ("2014-08-30", "2024-08-26", 9, 3, 48),
        ("2003-12-31", "2023-12-26", 20, 5, 48),
        ("2004-01-01", "2024-06-01", 20, 4, 48),
        ("2003-12-31", "2023-12-25", 19, 4, 48),
        ("2023-07-01", "2023-07-31", 0, 3, 3.95),
        ("2024-07-01", "2024-07-31", 0, 3, 3.93),
        ("2015-03-11", "", 10, 4, 48),
    ],
)
def test_the_edges_of_time_off(
    policies: Path, hired: str, asked: str, years: int, weeks: int, sick: float
) -> None:
    cells = {"employment_type": "regular full-time", "hire_date": hired, "request_date": asked}
    found = decide(policies, "time_off", **cells, supplemental="False")
    assert (found["years_of_service"], found["vacation_weeks"]) == (years, weeks)
    assert found["pst_hours"] == sick
    assert found["total_time_off_days"] == pytest.approx(12 + 5 * weeks + sick / 8, abs=0.0051)


def test_nothing_of_the_labelled_rows_is_in_the_policies(policies: Path, shared_data: Path) -> None:
    for name in NAMES:
        text = "".join(path.read_text() for path in (policies / name).iterdir())
        with (shared_data / "policies" / name / "decisions_100.csv").open(newline="") as file:
            cells = {cell for row in csv.reader(file) for cell in row if len(cell) > 60}
        assert not [cell for cell in cells if cell in text and "{" in cell]
