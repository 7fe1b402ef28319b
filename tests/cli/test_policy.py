"""``freehold policy test`` and ``simulate``, as a rule's owner types them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.services.bundles import write_starter


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_starter(tmp_path / "bundle", "simulator")
    return tmp_path / "bundle"


def run(bundle: Path, *arguments: str) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(main, ["policy", command, "--bundle", str(bundle), *rest])


def test_the_starters_own_tests_pass(bundle: Path) -> None:
    told = run(bundle, "test")
    assert told.exit_code == 0
    assert "ok     discount-needs-a-manager: half price" in told.stdout
    assert "0 failed" in told.stderr
    assert "Without a test" not in told.stderr


def test_a_test_that_fails_ends_with_one(bundle: Path) -> None:
    path = bundle / "rules.yaml"
    path.write_text(path.read_text("utf-8").replace("> 2000)", "> 9000)"), "utf-8")
    told = run(bundle, "test", "discount-needs-a-manager")
    assert told.exit_code == 1
    assert "FAILED discount-needs-a-manager: half price: it did not fire" in told.stdout
    as_json = json.loads(run(bundle, "test", "--json").stdout)
    assert (as_json["failed"], as_json["untested"]) == (1, [])
    assert run(bundle, "test", "discount").exit_code == 1


def test_simulate_tells_decisions(bundle: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    answer.write_text("A third off for you!", encoding="utf-8")
    told = run(bundle, "simulate", "--app", "assistant", "--answer", f"@{answer}")
    assert told.exit_code == 0
    assert "discount-needs-a-manager v1 fired: require_approval" in told.stdout
    assert "The caller reads: This offer needs a manager's approval first." in told.stdout
    principal = '{"id": "ann", "roles": ["manager"], "attributes": {"tier": "gold"}}'
    more = ("--principal", principal, "--request", "Hello?", "--stream", "--json")
    as_json = json.loads(run(bundle, "simulate", "--app", "assistant", *more).stdout)
    assert (as_json["outcome"], as_json["said"]) == ("allowed", "Hello.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--app", "nobody"), "no app 'nobody'"),
        (("--app", "assistant", "--context", "orders"), "is not SOURCE=TEXT"),
        (("--app", "assistant", "--context", "stock=5"), "no source 'stock'"),
        (("--app", "assistant", "--answer", "@/nowhere/at/all"), "can't be read"),
        (("--app", "assistant", "--principal", "{"), "not a principal"),
        (("--app", "assistant", "--principal", '{"role": "x"}'), "not a principal"),
        ((), "Missing option '--app'"),
    ],
)
def test_what_is_wrong_is_said(bundle: Path, arguments: tuple[str, ...], said: str) -> None:
    told = run(bundle, "simulate", *arguments)
    assert told.exit_code in (1, 2)
    assert said in told.stderr


INVARIANTS = """
invariants:
  no-big-discount:
    when: >-
      answer.percents.exists(p, p.role == "discount" && p.polarity == "affirmed" && p.upper > LIMIT)
    must: require_approval
    role: manager
"""


def test_prove_tells_a_proof_from_facts_that_break_it(bundle: Path) -> None:
    pytest.importorskip("z3", reason="the prover is an extra")
    path = bundle / "invariants.yaml"
    path.write_text(INVARIANTS.replace("LIMIT", "2000"), "utf-8")
    told = run(bundle, "prove")
    assert told.exit_code == 0
    assert told.stdout.startswith(
        "proved  no-big-discount in assistant by discount-needs-a-manager in "
    )
    path.write_text(INVARIANTS.replace("LIMIT", "1000"), "utf-8")
    told = run(bundle, "prove", "no-big-discount")
    assert told.exit_code == 1
    assert "fails   no-big-discount in assistant" in told.stdout
    assert "answer.percents = [{" in told.stdout
    as_json = json.loads(run(bundle, "prove", "--json").stdout)
    assert (as_json["ok"], as_json["proofs"][0]["status"]) == (False, "fails")
    assert as_json["never_fire"] == []
    assert run(bundle, "prove", "no-discount").exit_code == 1


def test_observing_rules_and_other_roles_prove_nothing(bundle: Path) -> None:
    pytest.importorskip("z3", reason="the prover is an extra")
    (bundle / "invariants.yaml").write_text(
        INVARIANTS.replace("LIMIT", "2000").replace("role: manager", "role: director"), "utf-8"
    )
    assert run(bundle, "prove").exit_code == 1
    rules = bundle / "rules.yaml"
    dead = (
        "\n  dead: {phase: answer, when: answer.chars < 3 && answer.chars > 4, do: [{block: {}}]}\n"
    )
    rules.write_text(rules.read_text("utf-8").rstrip() + dead, "utf-8")
    assert "never   dead: no facts can make it fire" in run(bundle, "prove").stdout
