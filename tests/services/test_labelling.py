"""People get cases, say what is right, take it back, and two never work on one by accident."""

from pathlib import Path

import pytest

from freehold.core.errors import LabelError, NotFound, RequestError, TaskTaken
from freehold.services.labelling import Nothing
from freehold.services.labelling_people import named
from freehold.services.labelling_words import Given, opened
from freehold.storage.engine import Database
from tests.services.made_labels import QUEUES, Desk, asker, expert

ONE_QUEUE = "    queues:\n      answers: {apps: [service]}\n"


@pytest.fixture
def desk(tmp_path: Path, database: Database) -> Desk:
    return Desk(tmp_path, database)


def test_the_next_case_is_the_one_worth_most_and_stays_in_hand(desk: Desk) -> None:
    desk.case(1, reasons=("random",), asked="Do you sell garden chairs?")
    desk.case(2, value=3_000_000)
    desk.case(3, reasons=("rule:x",), asked="My invoice is wrong, please send another one.")
    first = desk.given("answers")
    assert first.case.case_id == "case_2"
    assert first.chosen is not None
    assert "worth 3 times" in first.chosen.why
    assert first.suggestion.answer == "Order 2 comes tomorrow."
    assert first.suggestion.by == "small@1"
    assert desk.given("answers").task == first.task
    assert desk.given("answers", "bob").case.case_id == "case_3"
    shown = [entry for entry in desk.log if entry[0] == "label.shown"]
    assert [(actor, details["case"]) for _, actor, _, details in shown] == [
        ("ann", "case_2"), ("bob", "case_3"),
    ]  # fmt: skip


def test_a_label_is_kept_sealed_and_comes_to_gold(desk: Desk) -> None:
    desk.case(1)
    found = desk.given("answers")
    desk.clock.advance(7)
    answer = "Ann's order comes on Friday."
    label, standing = desk.service.label(
        found.task.task_id, named("ann"), Given(verdict="edit", answer=answer, comment="sure")
    )
    assert standing.task.state == "settled"
    assert desk.cases.cases["case_1"].state == "labelled"
    assert (label.took_ms, label.guideline) == (7_000, desk.bundle.queues["answers"].digest)
    assert b"Friday" not in label.box
    (gold,) = desk.golds.gold(desk.bundle.queues["answers"])
    assert (gold.answer, gold.rejected) == (answer, "Order 1 comes tomorrow.")
    entry = desk.log[-1]
    assert entry[:3] == ("label.given", "ann", label.label_id)
    assert "Friday" not in str(desk.log)
    assert entry[3]["verified"] is False
    desk.keys.erase(asker(1))
    assert desk.golds.gold(desk.bundle.queues["answers"]) == []


def test_skips_go_to_others_and_then_to_somebody_who_decides(desk: Desk) -> None:
    desk.case(1)
    desk.label("answers", "ann", "skip")
    assert isinstance(desk.service.next("answers", named("ann")), Nothing)
    assert desk.cases.cases["case_1"].state == "open"
    found = desk.label("answers", "bob", "skip")
    standing = desk.store.standing(found.task.task_id)
    assert standing is not None
    assert standing.task.state == "escalated"
    assert isinstance(desk.service.next("answers", named("eve")), Nothing)


def test_two_read_a_case_without_knowing_of_each_other(desk: Desk) -> None:
    desk.case(1)
    desk.label("pairs", "ann", "edit", answer="It is late.", intent="refund")
    second = desk.given("pairs", "bob")
    assert second.suggestion.answer == "Order 1 comes tomorrow."
    assert second.suggestion.intent == "delivery"
    desk.label("pairs", "bob", "correct")
    (one,) = desk.golds.settled(desk.bundle.queues["pairs"])
    assert one.outcome.state == "disputed"
    assert desk.golds.gold(desk.bundle.queues["pairs"]) == []


def test_an_open_second_read_shows_the_first(tmp_path: Path, database: Database) -> None:
    queues = QUEUES.replace("overlap: 2", "overlap: 2\n        second_read: open")
    desk = Desk(tmp_path, database, queues)
    desk.case(1)
    desk.label("pairs", "ann", "edit", answer="It is late.", intent="refund")
    second = desk.label("pairs", "bob", "correct")
    assert (second.suggestion.answer, second.suggestion.by) == ("It is late.", "ann")
    (gold,) = desk.golds.gold(desk.bundle.queues["pairs"])
    assert (gold.answer, gold.intent, gold.settled) == ("It is late.", "refund", "agreed")
    assert gold.rejected == "Order 1 comes tomorrow."


def test_what_one_queue_has_settled_another_still_wants(desk: Desk) -> None:
    desk.case(1)
    desk.label("answers", "ann", "correct")
    assert isinstance(desk.service.next("answers", named("bob")), Nothing)
    assert desk.given("kinds", "ann").case.case_id == "case_1"


def test_cases_that_are_not_for_a_queue_stay_away(desk: Desk) -> None:
    desk.case(1, reasons=("random",))
    desk.case(2, tenant="chain")
    desk.case(3, app="other")
    assert isinstance(desk.service.next("pairs", named("ann")), Nothing) is False
    assert {c.case_id for c in desk.service.plans.waiting(desk.bundle.queues["pairs"])} == {
        "case_2"
    }
    assert {c.case_id for c in desk.service.plans.waiting(desk.bundle.queues["kinds"])} == {
        "case_1"
    }


def test_people_reach_the_cases_of_their_tenants_and_have_roles(desk: Desk) -> None:
    desk.case(1, tenant="chain")
    desk.case(2, tenant="north")
    north = expert("ann", tenant="north")
    assert desk.given("answers", north).case.case_id == "case_2"
    task = desk.given("answers", expert("bob")).task
    with pytest.raises(NotFound):
        desk.service.label(task.task_id, north, Given(verdict="correct"))
    with pytest.raises(NotFound):
        desk.service.next("answers", expert("eve", "nothing"))
    with pytest.raises(LabelError, match="expert"):
        desk.service.next("answers", expert("sue", "senior"))
    with pytest.raises(NotFound, match="answers, kinds, pairs"):
        desk.service.next("nowhere", named("ann"))


def test_names_do_where_the_queue_says_so_only(tmp_path: Path, database: Database) -> None:
    queues = QUEUES.replace("labelers: expert", "labelers: expert\n        identity: verified")
    desk = Desk(tmp_path, database, queues)
    desk.case(1)
    assert [q.name for q in desk.service.queues(named("ann"))] == ["kinds", "pairs"]
    assert desk.given("answers", expert("ann")).case.case_id == "case_1"
    for name in ("", "  ", "a\x1b[31m", "x" * 201):
        with pytest.raises(LabelError):
            named(name)


def test_time_runs_out_and_somebody_else_goes_on(desk: Desk) -> None:
    desk.case(1)
    mine = desk.given("answers")
    assert isinstance(desk.service.next("answers", named("bob")), Nothing)
    desk.clock.advance(15 * 60 + 1)
    assert desk.given("answers", "bob").task.task_id == mine.task.task_id
    with pytest.raises(TaskTaken, match="somebody else"):
        desk.service.label(mine.task.task_id, named("ann"), Given(verdict="correct"))
    assert desk.back.release(mine.task.task_id, named("bob"))
    desk.service.label(mine.task.task_id, named("ann"), Given(verdict="correct"))
    with pytest.raises(TaskTaken, match="labelled this case already"):
        desk.service.label(mine.task.task_id, named("ann"), Given(verdict="correct"))
    with pytest.raises(TaskTaken, match="settled"):
        desk.service.label(mine.task.task_id, named("bob"), Given(verdict="correct"))


def test_undo_takes_the_last_back_and_it_is_in_hand_again(desk: Desk) -> None:
    desk.case(1)
    desk.case(2)
    first = desk.label("answers", "ann", "correct")
    second = desk.label("answers", "ann", "reject")
    (undone,) = desk.back.undo(named("ann"))
    assert undone.case_id == second.case.case_id
    assert desk.given("answers").case.case_id == second.case.case_id
    assert desk.cases.cases[second.case.case_id].state == "open"
    with pytest.raises(NotFound):
        desk.back.undo(named("bob"))
    (label,) = desk.store.labels("answers")
    with pytest.raises(NotFound):
        desk.back.undo(named("bob"), label_id=label.label_id)
    desk.back.undo(named("ann"), label_id=label.label_id)
    assert desk.cases.cases[first.case.case_id].state == "open"
    assert [kind for kind, *_ in desk.log].count("label.undone") == 2


def test_what_others_stand_behind_is_not_taken_back(desk: Desk) -> None:
    desk.case(1)
    desk.label("pairs", "ann", "correct")
    desk.label("pairs", "bob", "correct")
    first, last = desk.store.labels("pairs")
    with pytest.raises(LabelError, match="settled"):
        desk.back.undo(named("ann"), label_id=first.label_id)
    (undone,) = desk.back.undo(named("bob"))
    assert undone.label_id == last.label_id


def test_tasks_are_handed_on(desk: Desk) -> None:
    desk.case(1)
    desk.case(2)
    task = desk.given("answers").task
    with pytest.raises(LabelError):
        desk.back.hand(task.task_id, expert("eve"), "eve")
    desk.back.hand(task.task_id, named("ann"), "Bob")
    assert desk.given("answers").task.task_id != task.task_id
    assert desk.given("answers", "Bob").task.task_id == task.task_id
    desk.back.hand(task.task_id, expert("sue", "senior"), "")
    assert desk.log[-1][0] == "label.handed"


def test_a_day_has_a_budget(tmp_path: Path, database: Database) -> None:
    desk = Desk(tmp_path, database, QUEUES.replace("labelers: expert", "per_day: 2"))
    for number in range(4):
        desk.case(number)
    desk.label("answers", "ann", "correct")
    desk.given("answers", "bob")
    found = desk.service.next("answers", named("ann"))
    assert found == Nothing("Today's 2 labels are given, or in hand.")
    desk.clock.advance(86_400)
    assert desk.given("answers")


def test_cases_whose_texts_are_gone_are_passed_over(desk: Desk) -> None:
    desk.case(1, value=9_000_000)
    desk.case(2)
    desk.keys.erase(asker(1))
    assert desk.given("answers").case.case_id == "case_2"
    desk.keys.erase(asker(2))
    assert isinstance(desk.service.next("answers", named("ann")), Nothing)
    desk.case(3)
    desk.clock.advance(60)
    task = desk.given("answers").task
    desk.keys.erase(asker(3))
    with pytest.raises(NotFound, match="gone"):
        desk.service.label(task.task_id, named("ann"), Given(verdict="correct"))


def test_that_an_answer_is_right_is_not_said_of_another_answer(desk: Desk) -> None:
    for number, answer in enumerate(["Yes, we do.", "No, never.", "yes,  we do."]):
        desk.case(number, asked="Do you sell lamps?", released=answer)
    first = desk.given("answers")
    others = tuple(f"case_{n}" for n in range(3) if f"case_{n}" != first.case.case_id)
    given = Given(verdict="correct", alike=others)
    desk.service.label(first.task.task_id, named("ann"), given)
    said = {label.case_id for label in desk.store.labels("answers")}
    assert len(said) == (1 if first.suggestion.answer == "No, never." else 2)
    assert ("case_1" in said) == (first.case.case_id == "case_1")


def test_what_is_written_for_one_order_is_not_said_of_another(desk: Desk) -> None:
    for number in (1, 2):
        desk.case(number)
    first = desk.given("answers")
    shown = int(first.case.case_id.removeprefix("case_"))
    other = f"case_{3 - shown}"
    given = Given(verdict="edit", answer=f"Order {shown} is in Bonn.", alike=(other,))
    desk.service.label(first.task.task_id, named("ann"), given)
    assert {label.case_id for label in desk.store.labels("answers")} == {first.case.case_id}


def test_the_same_is_said_of_several_at_once_and_taken_back_at_once(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.case(number)
    desk.case(4, app="other")
    first = desk.given("answers")
    others = tuple(c for c in ("case_1", "case_2", "case_3") if c != first.case.case_id)
    with pytest.raises(RequestError, match="is like it"):
        desk.service.label(
            first.task.task_id, named("ann"), Given(verdict="correct", alike=("case_4",))
        )
    assert desk.store.labels("answers") == []
    given = Given(verdict="correct", alike=others)
    label, _ = desk.service.label(first.task.task_id, named("ann"), given)
    golds = {gold.case_id: gold.answer for gold in desk.golds.gold(desk.bundle.queues["answers"])}
    assert golds == {f"case_{n}": f"Order {n} comes tomorrow." for n in (1, 2, 3)}
    assert {one.alike for one in desk.store.labels("answers")} == {"", label.label_id}
    assert len(desk.back.undo(named("ann"))) == 3
    assert desk.golds.gold(desk.bundle.queues["answers"]) == []


def test_a_correction_that_somebody_gave_is_suggested(desk: Desk) -> None:
    desk.case(1, correction="Order 1 is here.")
    found = desk.label("answers", "ann", "correct")
    assert found.suggestion.by == "correction"
    (gold,) = desk.golds.gold(desk.bundle.queues["answers"])
    assert (gold.answer, gold.rejected) == ("Order 1 is here.", "Order 1 comes tomorrow.")


@pytest.mark.parametrize(
    ("queue", "given", "why"),
    [
        ("answers", Given(verdict="fine"), "one of"),
        ("answers", Given(verdict="edit"), "right answer"),
        ("answers", Given(verdict="edit", answer=" \n"), "right answer"),
        ("answers", Given(verdict="edit", answer="x" * 200_001), "200,000"),
        ("answers", Given(verdict="edit", answer="\ud800"), "no text"),
        ("answers", Given(verdict="correct", answer="Another."), "`edit`"),
        ("answers", Given(verdict="reject", answer="Another."), "`edit`"),
        ("answers", Given(verdict="correct", intent="refund"), "no intent"),
        ("answers", Given(verdict="correct", rating=3), "no rating"),
        ("answers", Given(verdict="correct", comment="x" * 4_001), "4,000"),
        ("kinds", Given(verdict="edit", intent="weather"), "no intent 'weather'"),
        ("kinds", Given(verdict="edit"), "right intent"),
        ("kinds", Given(verdict="correct", intent="refund"), "`edit`"),
        ("kinds", Given(verdict="reject", intent="refund"), "`edit`"),
        ("kinds", Given(verdict="correct", answer="x"), "no answer"),
    ],
)
def test_what_is_no_label_changes_nothing(desk: Desk, queue: str, given: Given, why: str) -> None:
    desk.case(1)
    task = desk.given(queue).task
    with pytest.raises(RequestError, match=why):
        desk.service.label(task.task_id, named("ann"), given)
    assert desk.store.labels(queue) == []
    assert desk.given(queue).task == task


def test_a_rating_is_asked_for_where_the_queue_wants_one(
    tmp_path: Path, database: Database
) -> None:
    queues = QUEUES.replace("labelers: expert", "ask: [answer, rating]")
    desk = Desk(tmp_path, database, queues)
    desk.case(1)
    task = desk.given("answers").task
    for wrong in (None, 0, 6, float("nan"), float("inf")):
        with pytest.raises(RequestError, match="from 1 to 5"):
            desk.service.label(task.task_id, named("ann"), Given(verdict="correct", rating=wrong))
    desk.service.label(task.task_id, named("ann"), Given(verdict="correct", rating=4.5))
    (gold,) = desk.golds.gold(desk.bundle.queues["answers"])
    assert gold.rating == 4_500_000


def test_an_edit_that_changes_nothing_is_an_agreement(desk: Desk) -> None:
    desk.case(1)
    desk.label("answers", "ann", "edit", answer="Order 1 comes tomorrow.")
    (label,) = desk.store.labels("answers")
    assert (label.verdict, label.box) == ("correct", b"")


def test_none_of_the_classes_is_a_class_of_its_own(desk: Desk) -> None:
    desk.case(1)
    desk.label("kinds", "ann", "reject")
    assert [one.intent for one in desk.store.labels("kinds")] == ["none"]


def test_who_dies_before_the_case_is_told_harms_nothing(desk: Desk) -> None:
    desk.case(1)
    found = desk.given("answers")
    move = desk.cases.move
    desk.cases.move = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        desk.service.label(found.task.task_id, named("ann"), Given(verdict="correct"))
    desk.cases.move = move  # type: ignore[method-assign]
    assert desk.cases.cases["case_1"].state == "open"
    assert isinstance(desk.service.next("answers", named("bob")), Nothing)
    assert len(desk.golds.gold(desk.bundle.queues["answers"])) == 1


def test_what_is_written_is_held_to_what_its_tenant_keeps(desk: Desk) -> None:
    for number in (1, 2):
        desk.case(number)
    desk.case(3, asked="My invoice is wrong, please send another one.", value=9_000_000)
    said = "Mail jane@example.com."
    other = desk.label("answers", "ann", "escalate", comment=said)
    decided = Given(verdict="edit", answer=said, comment=said)
    desk.desk.deciding.decide(other.task.task_id, named("bob"), decided)
    found = desk.given("answers")
    other_one = "case_2" if found.case.case_id == "case_1" else "case_1"
    given = Given(verdict="edit", answer=said, comment=said, alike=(other_one,))
    desk.service.label(found.task.task_id, named("ann"), given)
    for label in desk.store.labels("answers"):
        words = opened(label, desk.keys.find)
        assert words is not None
        assert words.comment == "Mail [email]."
        assert words.answer == ("" if label.verdict == "escalate" else "Mail [email].")


@pytest.mark.parametrize("queues", [QUEUES, ONE_QUEUE], ids=["several", "one"])
def test_only_what_wants_a_label_waits(tmp_path: Path, database: Database, queues: str) -> None:
    desk = Desk(tmp_path, database, queues)
    desk.case(1)
    desk.case(2, asked="My invoice is wrong, please send another one.")
    desk.case(3, seal_key="", box=b"")
    spec = desk.bundle.queues["answers"]
    assert desk.desk.figures.progress(spec, named("bob"))["waiting"] == 2
    desk.label("answers", "ann", "escalate")
    told = desk.desk.figures.progress(spec, named("bob"))
    assert (told["waiting"], told["escalated"]) == (1, 1)
