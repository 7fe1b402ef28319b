"""What an expert sees first, and why."""

from random import Random

import numpy as np
import pytest

from freehold.core.cases import Case, Moment, Read
from freehold.core.decisions import MILLION
from freehold.learning.selection import Candidate, candidate, doubt, group, order
from freehold.text.embedding import embed

DAY = 86_400 * 10**9
NOW = 1_000 * DAY


def case(name: str, text: str, **more: object) -> Candidate:
    vector = embed(text) if text else None
    return Candidate(case_id=name, text=text, vector=vector, **{"at_ns": NOW, **more})


def many() -> list[Candidate]:
    asks = ["where is my {}", "I want my money back for the {}", "does the {} come in blue"]
    things = "kettle lamp sofa tent bike jacket phone drill desk toaster".split()
    return [
        case(f"case_{a}_{t}", ask.format(thing), doubt=100_000 * (1 + (a + t) % 10))
        for a, ask in enumerate(asks)
        for t, thing in enumerate(things)
    ]


def test_what_asks_the_same_is_one_task() -> None:
    cases = [
        case("case_1", "Where is my order 4711?", at_ns=NOW - 3),
        case("case_2", "where is my order 12", at_ns=NOW - 2),
        case("case_3", "So where is my order 99?", at_ns=NOW - 1),
        case("case_4", "I don't want to cancel my order"),
        case("case_5", "I want to cancel my order"),
        case("case_6", ""),
        case("case_7", ""),
    ]
    groups = {one.lead.case_id: [s.case_id for s in one.similar] for one in group(cases)}
    assert groups == {
        "case_3": ["case_2", "case_1"], "case_4": [], "case_5": [], "case_6": [], "case_7": [],
    }  # fmt: skip
    shuffled = Random(1).sample(cases, len(cases))
    assert group(shuffled) == group(cases)
    (first, *_) = order(cases[:3], 5, now_ns=NOW)
    assert first.similar == ("case_2", "case_1")
    assert "and 2 similar" in first.why


def test_the_first_ones_are_of_different_kinds() -> None:
    chosen = order(many(), 3, now_ns=NOW)
    assert {one.case_id.split("_")[1] for one in chosen} == {"0", "1", "2"}
    assert [one.score for one in chosen] == sorted((one.score for one in chosen), reverse=True)
    assert order(Random(2).sample(many(), 30), 3, now_ns=NOW) == chosen, "their order is no reason"


def test_what_labels_cover_comes_last() -> None:
    covered = [one.vector for one in many() if one.case_id.startswith("case_0")]
    chosen = order(many(), 20, now_ns=NOW, labelled=covered)
    assert not any(one.case_id.startswith("case_0") for one in chosen)
    assert all(0 < one.new <= 1 for one in chosen)


def test_with_labels_enough_doubt_decides() -> None:
    sure = case("case_a", "where is my kettle", doubt=100_000)
    unsure = case("case_b", "do you sell gift cards", doubt=900_000)
    more = [case(f"case_{n}", f"where is my {t}", doubt=100_000) for n, t in enumerate(["lamp"])]
    early = order([sure, unsure, *more], 1, now_ns=NOW, labels=0)
    late = order([sure, unsure, *more], 1, now_ns=NOW, labels=1_000)
    assert early[0].case_id != "case_b", "at first, what stands for more cases"
    assert late[0].case_id == "case_b"
    assert late[0].why.startswith("90% doubt about the answer")


def test_worth_and_age() -> None:
    plain = case("case_1", "where is my kettle")
    dear = case("case_2", "do you sell gift cards", value=3 * MILLION)
    old = case("case_3", "which cards do you take", at_ns=NOW - 28 * DAY)
    chosen = order([plain, old, dear], 3, now_ns=NOW, labels=1_000)
    assert [one.case_id for one in chosen] == ["case_2", "case_1", "case_3"]
    assert "worth 3 times the usual" in chosen[0].why
    assert chosen[2].fresh == pytest.approx(0.25)
    assert "counts 25% for its age" in chosen[2].why


def test_a_tenth_is_drawn_at_random() -> None:
    cases = many()[:25] + [
        case(f"case_r{n}", f"question {word} of a draw", doubt=100_000, reasons=("random:2%",))
        for n, word in enumerate("one other third".split())
    ]
    chosen = order(cases, 20, now_ns=NOW, labels=1_000)
    drawn = [n for n, one in enumerate(chosen) if one.why.startswith("drawn at random")]
    assert drawn == [9, 19]
    assert not any(
        one.why.startswith("drawn") for one in order(cases, 20, now_ns=NOW, audit_every=0)
    )


def test_cases_without_texts_and_nothing_at_all() -> None:
    bare = [case(f"case_{n}", "", doubt=200_000 * n) for n in (1, 2, 3)]
    assert [one.case_id for one in order(bare, 9, now_ns=NOW, labels=1_000)] == [
        "case_3", "case_2", "case_1",
    ]  # fmt: skip
    assert order([], 5, now_ns=NOW) == []
    assert order(bare, 0, now_ns=NOW) == []
    assert len(order([*bare, *many()], 33, now_ns=NOW)) == 33
    assert order(many(), 2, now_ns=NOW, labelled=[np.ones(3, np.float32)]), "of another embedding"


def test_a_case_becomes_a_candidate() -> None:
    moment = Moment(
        asked=(
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "reply"},
            {"role": "user", "content": "where is it"},
        ),
        vector=(embed("where is it") * 3).astype("<f4").tobytes(),
    )
    plain = Case(
        case_id="case_1", exchange_id="e", conversation="c", owner="o", tenant="t", app="a",
        route="r", reasons=("low_confidence:0.4",), uncertainty=600_000, value=2 * MILLION, at_ns=5,
    )  # fmt: skip
    made = candidate(Read(case=plain, moment=moment))
    assert (made.text, made.doubt, made.value, made.at_ns) == ("where is it", 600_000, 2_000_000, 5)
    assert made.vector is not None
    assert np.allclose(made.vector, embed("where is it"), atol=1e-6)
    erased = candidate(Read(case=plain, moment=None, fate="erased"))
    assert (erased.text, erased.vector) == ("", None)
    damaged = candidate(Read(case=plain, moment=Moment(vector=b"\0\0\0")))
    assert damaged.vector is None


@pytest.mark.parametrize(
    ("reasons", "uncertainty", "expected"),
    [
        (("feedback:helpful",), 0, 900_000),
        (("random:1%",), 0, 100_000),
        (("random:1%", "rule:limit"), 300_000, 500_000),
        (("rule:limit",), 700_000, 700_000),
        (("success",), 9 * MILLION, MILLION),
    ],
)
def test_doubt_is_the_models_or_that_of_whoever_corrected_it(
    reasons, uncertainty, expected
) -> None:
    one = Case(
        case_id="c", exchange_id="e", conversation="c", owner="o", tenant="t", app="a", route="r",
        reasons=reasons, uncertainty=uncertainty,
    )  # fmt: skip
    assert doubt(one) == expected
