"""The gate sees the bundle as a gateway would, were the version under judgement the live one."""

from pathlib import Path

import pytest

from freehold.app.deployed import with_deployed
from freehold.core.training import Example
from freehold.learning.datasets import MemoryDataset
from freehold.learning.gate import Criterion
from freehold.learning.gate.evaluating import Report
from tests.services.test_gate import ASKS, BUNDLE, TRUTH, Home, row, rows

ORDERS = """\
sources:
  orders: {type: sql, url: "sqlite:o.db", query: "SELECT :c AS c",
           bind: {c: principal.attributes.tier}, labels: [ledgers]}
labels: {ledgers: {redactable: false}}
"""
PIECE = {"source": "orders", "text": '{"id": 1}', "trusted": True}
REFUND = {**TRUTH, ASKS[0]: "You get a refund."}


def of(report: Report, name: str) -> Criterion:
    (found,) = [one for one in report.criteria if one.name == name]
    return found


def sensitive(own: str = "clearances: [ledgers]", rented: str = "") -> str:
    """Each request has data for which models need a clearance."""
    text = BUNDLE.replace("rules: [no-refund, watched]", "rules: [no-refund], sources: [orders]")
    text = text.replace("price: {output: 1000}", f"price: {{output: 1000}}\n    {own}")
    text = text.replace('v1"}}', f'v1"{rented}}}}}')
    return text + ORDERS


def seen(number: int = 16, tenant: str = "north") -> list[Example]:
    return [row(n, tenant, pieces=(PIECE,)) for n in range(number)]


def test_answers_that_only_it_may_give_are_judged(tmp_path: Path) -> None:
    """Nothing of it is live yet, and no other model may see the data."""
    home = Home(tmp_path, seen(), sensitive())
    report = home.judge(home.add(REFUND)).report
    assert report.notes == ()
    assert of(report, "new_violations").why.startswith(
        "2 of its 16 answers that controls saw break what today's keep: no-refund (2)"
    )
    passed = home.judge(home.add(TRUTH)).report
    assert (of(passed, "new_violations").measured, passed.passed) == (0, True)


def test_what_today_is_refused_keeps_every_rule(tmp_path: Path) -> None:
    """That the answer of then would break the rule as well is no excuse: nobody gets it today."""
    some = [row(n, pieces=(PIECE,), rejected="A refund for you.") for n in range(16)]
    home = Home(tmp_path, some, sensitive())
    assert home.judge(home.add(REFUND)).report.broken == {"no-refund": 2}
    (tmp_path / "more").mkdir()
    cleared = Home(tmp_path / "more", some, sensitive(rented=", clearances: [ledgers]"))
    assert cleared.judge(cleared.add(REFUND)).report.broken == {}


def test_rules_that_name_the_model_judge_it(tmp_path: Path) -> None:
    text = BUNDLE.replace("[no-refund, watched]", "[no-code]").replace(
        "  shut: {",
        """  no-code: {phase: answer, do: [{block: {}}], public: No.,
    when: 'answer.model == "answers" && answer.text.contains("11")'}
  shut: {""",
    )
    home = Home(tmp_path, rows(), text)
    assert home.judge(home.add(TRUTH)).report.broken == {"no-code": 2}


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ("clearances: []", "not cleared for ledgers 16"),
        ("clearances: [ledgers]\n    share: none", "the tenant does not get this model 16"),
    ],
)
def test_one_that_the_route_never_asks_is_not_let_in(tmp_path: Path, own: str, why: str) -> None:
    text = sensitive(own, ", clearances: [ledgers]")
    if "share" in own:
        text = text.replace("    share: down\n", "")
    home = Home(tmp_path, seen(), text)
    report = home.judge(home.add(TRUTH)).report
    assert report.notes == (
        f"16 examples never come to it ({why}), so what is said today counts for them",
    )
    assert report.coverage is not None
    assert report.coverage.value == 0
    rules = of(report, "new_violations")
    assert (rules.measured, rules.met) == (None, False)
    assert "the route asks other models wherever it has an answer (16; " in rules.why


def test_where_the_route_asks_others_today_s_answer_counts(tmp_path: Path) -> None:
    """A rule of the route takes two of the eight questions from it; there it may be wrong."""
    text = BUNDLE.replace(
        "routes: {customer: {candidates: [rented]}}",
        "routes: {customer: {candidates: [rented], rules: [{id: thorough,"
        " when: 'request.words > 7', only: [rented], why: It wants care.}]}}",
    )
    long = [
        Example(
            id=f"case_long_{n}",
            messages=({"role": "user", "content": f"{ASKS[n % 8]} if you please"},),
            split="test", tenant="north", app="service", answer="The desk knows.", rejected="",
        )
        for n in range(6)
    ]  # fmt: skip
    told = {**TRUTH, **{f"{ask} if you please": "The code is 0." for ask in ASKS}}
    home = Home(tmp_path, [*rows(), *long], text)
    report = home.judge(home.add(told)).report
    (note,) = report.notes
    assert note.startswith("6 examples never come to it (ruled out by thorough: It wants care. 6)")
    assert not [one for one in report.changed if one.way == "worse"]
    assert report.accuracy is not None
    assert (report.accuracy.value, report.accuracy.examples) == (1.0, 16)
    assert report.passed


def test_what_a_cascade_doubts_is_the_next_model_s_to_answer(tmp_path: Path) -> None:
    text = BUNDLE.replace(
        "routes: {customer: {candidates: [rented]}}",
        "routes: {customer: {candidates: [rented, large], cascade: {checks: [abstain]}}}",
    ).replace("models: {", 'models: {large: {base_url: "http://127.0.0.1:9/v1"}, ')
    told = {**TRUTH, ASKS[0]: "I don't know, I am sorry."}
    home = Home(tmp_path, rows(), text)
    report = home.judge(home.add(told)).report
    (note,) = report.notes
    assert note.startswith("2 examples never come to it (the route doubts it, and asks the next")


def test_on_a_route_that_learns_it_is_asked(tmp_path: Path) -> None:
    """Who comes first there hangs on outcomes and chance: what may be asked, is asked in time."""
    text = BUNDLE.replace(
        'rented: {base_url: "http://127.0.0.1:9/v1"}',
        'rented: {base_url: "http://127.0.0.1:9/v1", price: {input: 20, output: 90}},'
        ' other: {base_url: "http://127.0.0.1:9/v1", price: {input: 20, output: 90}}',
    )
    route = "{candidates: [rented, other], objective: {policy: learned}, learn: {metric: solved}"
    text = text.replace("{candidates: [rented]", f"{route}, max_attempts: 1")
    text = text.replace("price: {output: 1000}", "price: {output: 0}")
    text = text.replace("custom_models:", "metrics: {solved: {type: boolean}}\ncustom_models:")
    home = Home(tmp_path, rows(), text)
    report = home.judge(home.add(REFUND)).report
    assert (report.notes, report.broken) == ((), {"no-refund": 2})


def test_what_is_cut_out_of_a_request_for_it_is_no_fault_of_its_answer(tmp_path: Path) -> None:
    """The rented model is cleared for what its callers write, the own one is not."""
    text = BUNDLE.replace('v1"}}', 'v1", clearances: [pii]}}')
    home = Home(tmp_path, [], text)
    asked = "my mail is jo.bloggs@harbor.example, what is the code"
    said = {"role": "user", "content": asked}
    examples = [
        Example(id=f"case_{n}", messages=(said,), split="test", tenant="north", app="service",
                answer="The code is 7.", rejected="I do not know.")
        for n in range(16)
    ]  # fmt: skip
    home.dataset = MemoryDataset("answers", examples, owner="chain")
    report = home.judge(home.add({asked: "The code is 7."})).report
    assert (report.broken, report.notes, report.passed) == ({}, (), True)


def test_the_report_names_the_bundle_that_was_rehearsed(tmp_path: Path) -> None:
    home = Home(tmp_path, rows())
    version = home.add(TRUTH)
    gated = home.judge(version)
    found = home.registry.find(version)
    foreseen = with_deployed(tmp_path, tmp_path / "bundle", found)
    assert gated.about["rehearsed"] == foreseen.hash != gated.about["bundle"]
    assert foreseen.models["answers"].version == found.name
    assert home.told[-1][3]["rehearsed"] == foreseen.hash
