"""Labels that look wrong, labelers who always are, a new guideline: labelled again."""

from pathlib import Path

import numpy as np
import pytest

from freehold.core.decisions import MILLION
from freehold.core.errors import LabelError, RequestError
from freehold.core.labels import CHECK
from freehold.services.labelling import InHand, Nothing
from freehold.services.labelling_checks import unseen
from freehold.services.labelling_exchange import Exchange
from freehold.services.labelling_people import named
from freehold.services.labelling_words import Given
from freehold.storage.engine import Database
from tests.services.made_labels import Desk

QUEUES = """\
    queues:
      kinds:
        apps: [service]
        ask: [intent]
        classes: [refund, delivery]
        gold_share: 0.5
      answers:
        apps: [service]
        guideline: Be kind.
"""
TRUTH = ("refund", "delivery")


@pytest.fixture
def desk(tmp_path: Path, database: Database) -> Desk:
    return Desk(tmp_path, database, QUEUES)


def right(case_id: str) -> str:
    return TRUTH[int(case_id.rpartition("_")[2]) % 2]


def wrong(case_id: str) -> str:
    return TRUTH[1 - int(case_id.rpartition("_")[2]) % 2]


def vector(kind: int, number: int) -> bytes:
    dice = np.random.default_rng(number)
    made = np.zeros(16, dtype="<f4")
    made[kind * 8] = 1
    return (made + 0.1 * dice.standard_normal(16)).astype("<f4").tobytes()


def ask(desk: Desk, numbers: range) -> None:
    for number in numbers:
        kind = number % 2
        asked = ("Please give me my money back for", "When does the parcel come with")[kind]
        desk.case(number, asked=f"{asked} thing {number}?", vector=vector(kind, number))


def work(desk: Desk, who: str, most: int, *, wrongly: bool = False) -> list[InHand]:
    done: list[InHand] = []
    for _ in range(most):
        found = desk.service.next("kinds", named(who))
        if isinstance(found, Nothing):
            break
        case_id = found.case.case_id
        says = wrong(case_id) if wrongly else right(case_id)
        desk.service.label(found.task.task_id, named(who), Given(verdict="edit", intent=says))
        desk.clock.advance(1)
        done.append(found)
    return done


def know(desk: Desk, most: int) -> None:
    """Somebody labels, and somebody else says that it is known."""
    spec = desk.bundle.queues["kinds"]
    for found in work(desk, "ann", most):
        desk.desk.deciding.know(spec, found.case.case_id, named("chief"))
        desk.clock.advance(1)


def test_a_labeler_who_is_always_wrong_is_shown_and_discounted(desk: Desk) -> None:
    ask(desk, range(1, 25))
    know(desk, 12)
    ask(desk, range(25, 60))
    mal = work(desk, "mal", 24, wrongly=True)
    checks = [one for one in mal if one.task.queue.endswith(CHECK)]
    assert 5 <= len(checks) <= 12  # half of the work, less as soon as all were seen
    told = desk.desk.figures.agreement(desk.bundle.queues["kinds"])
    by_name = {one["name"]: one for one in told["labelers"]}
    assert by_name["mal"]["standing"] == "doubtful"
    assert by_name["mal"]["weight"] < 0.15
    assert "more often wrong than right" in by_name["mal"]["says"]
    assert f"0 of {len(checks)} right where the answer is known" in by_name["mal"]["says"]
    assert by_name["ann"]["standing"] == "trusted"
    assert by_name["ann"]["weight"] > 0.8
    golds = {one.case_id: one for one in desk.golds.gold(desk.bundle.queues["kinds"])}
    spoilt = [one.case.case_id for one in mal if one not in checks]
    assert spoilt
    assert all(golds[case_id].weight < MILLION // 6 for case_id in spoilt)
    # the weights are those of all that is known, also where only some are asked for
    some = desk.golds.gold(desk.bundle.queues["kinds"], spoilt[:1])
    assert some[0].weight == golds[spoilt[0]].weight
    again = desk.desk.again
    spec = desk.bundle.queues["kinds"]
    reopened = again.reopen(spec, again.by_labeler(spec, "mal"), named("chief"), "labeler")
    assert sorted(reopened) == sorted(spoilt)
    work(desk, "ann", 60)
    golds = {one.case_id: one for one in desk.golds.gold(spec)}
    assert {golds[case_id].intent == right(case_id) for case_id in spoilt} == {True}


def test_known_cases_look_like_any_other(desk: Desk) -> None:
    ask(desk, range(1, 9))
    know(desk, 4)
    ask(desk, range(9, 40))
    before = len(desk.golds.gold(desk.bundle.queues["kinds"]))
    done = work(desk, "bob", 12)
    checks = [one for one in done if one.task.queue.endswith(CHECK)]
    assert checks
    told = [desk.desk.task(one, named("bob")) for one in done]
    assert {one["queue"] for one in told} == {"kinds"}
    assert {frozenset(one) for one in told} == {frozenset(told[0])}
    given = desk.store.labels(labeler="bob")
    assert len(given) == 12
    assert desk.desk.figures.progress(desk.bundle.queues["kinds"], named("bob"))["yours"] == 12
    # a check teaches nothing, and moves no case
    assert len(desk.golds.gold(desk.bundle.queues["kinds"])) == before + 12 - len(checks)
    last = checks[-1]
    (undone,) = desk.back.undo(named("bob"), label_id=_label_of(desk, last).label_id)
    assert undone.case_id == last.case.case_id
    assert desk.given("kinds", "bob").task.task_id == last.task.task_id


def _label_of(desk: Desk, found: InHand) -> object:
    return next(
        one
        for one in desk.store.labels(found.task.queue, labeler="bob")
        if one.case_id == found.case.case_id
    )


def test_nobody_is_checked_by_what_they_have_said_themselves(desk: Desk) -> None:
    ask(desk, range(1, 5))
    know(desk, 4)
    spec = desk.bundle.queues["kinds"]
    assert unseen(desk.book, spec, named("ANN")) == []
    assert len(unseen(desk.book, spec, named("bob"))) == 4
    with pytest.raises(LabelError, match="labelled themselves"):
        desk.desk.deciding.know(spec, "case_1", named("ann"))


def test_a_label_that_fits_nothing_is_hinted_at_and_looked_at_again(desk: Desk) -> None:
    pytest.importorskip("cleanlab", reason="hints want the extra `learn`")
    ask(desk, range(1, 31))
    spec = desk.bundle.queues["kinds"]
    for _ in range(30):
        found = desk.given("kinds")
        case_id = found.case.case_id
        says = wrong(case_id) if case_id == "case_7" else right(case_id)
        desk.service.label(found.task.task_id, named("ann"), Given(verdict="edit", intent=says))
    (doubted,) = desk.desk.again.hints(spec)
    assert (doubted.case_id, doubted.given, doubted.likely) == ("case_7", "refund", "delivery")
    assert doubted.by == ("ann",)
    with pytest.raises(RequestError, match="Nobody has labelled"):
        desk.desk.again.reopen(spec, ["case_99"], named("chief"), "hint")
    assert desk.desk.again.reopen(spec, ["case_7"], named("chief"), "hint") == ["case_7"]
    assert desk.desk.again.reopen(spec, ["case_7"], named("chief"), "hint") == []
    assert desk.cases.cases["case_7"].state == "open"
    assert "case_7" not in {one.case_id for one in desk.golds.gold(spec)}
    assert desk.log[-1][0] == "label.reopened"
    desk.clock.advance(61)
    found = desk.given("kinds", "ann")  # who may say otherwise now
    assert found.case.case_id == "case_7"
    desk.service.label(found.task.task_id, named("ann"), Given(verdict="edit", intent="delivery"))
    assert len(desk.store.labels("kinds", case_ids=["case_7"])) == 2
    (gold,) = desk.golds.gold(spec, ["case_7"])
    assert (gold.intent, gold.settled) == ("delivery", "single")


def test_a_new_guideline_has_cases_labelled_again_and_keeps_the_old_labels(
    desk: Desk, tmp_path: Path
) -> None:
    from tests.services.made_labels import bundle_with

    desk.case(1)
    desk.label("answers", "ann", "correct")
    assert desk.desk.again.stale(desk.bundle.queues["answers"]) == []
    desk.bundle = bundle_with(tmp_path / "new", QUEUES.replace("Be kind.", "Be brief."))
    spec = desk.bundle.queues["answers"]
    assert desk.desk.again.stale(spec) == ["case_1"]
    desk.desk.again.reopen(spec, ["case_1"], named("chief"), "guideline")
    assert desk.golds.gold(spec) == []
    desk.clock.advance(61)
    desk.label("answers", "ann", "edit", answer="Order 1: tomorrow.")
    assert desk.desk.again.stale(spec) == []
    assert [one.answer for one in desk.golds.gold(spec)] == ["Order 1: tomorrow."]
    assert len(desk.store.labels("answers")) == 2
    assert desk.desk.figures.relabel(spec)  # the old one is still there to be read


@pytest.mark.parametrize("form", ["jsonl", "argilla", "label-studio"])
def test_what_was_decided_is_exported_and_never_read(desk: Desk, form: str) -> None:
    desk.case(1)
    desk.label("answers", "ann", "correct")
    spec = desk.bundle.queues["answers"]
    desk.desk.deciding.know(spec, "case_1", named("chief"), answer="It comes on Friday.")
    text = Exchange(desk.desk, "terminal").export(spec, form)
    assert "It comes on Friday." in text
    assert "chief" in text
    done = Exchange(desk.desk, "terminal").bring(spec, form, text)
    assert (done.labels, done.there) == (0, 1)


def test_whoever_agrees_agrees_with_what_they_were_shown(desk: Desk) -> None:
    from freehold.services.labelling_words import Suggestion

    desk.case(1)
    found = desk.given("answers")
    desk.book._suggest = lambda case, moment: Suggestion(answer="Another one.", by="own@v1")
    with pytest.raises(RequestError, match="has changed since"):
        desk.service.label(found.task.task_id, named("ann"), Given(verdict="correct"))
    label, _ = desk.service.label(found.task.task_id, named("ann"), Given(verdict="correct"))
    assert label.suggested == "own@v1"
