"""Nobody gets what somebody else has in hand, and of two labels at once one is first."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from freehold.core.cases import Case
from freehold.core.labels import Label, Standing, Task, TaskState
from freehold.storage.cases import StoredCases
from freehold.storage.engine import Database
from freehold.storage.labels import StoredLabels

MINUTE = 60_000_000_000


def task(case: str = "c1", **more: Any) -> Task:
    values = {"task_id": f"tsk_{case}", "queue": "q", "owner": "chain", "tenant": "north"}
    return Task(**(values | {"case_id": case, "app": "a"} | more))


def label(who: str, case: str = "c1", **more: Any) -> Label:
    values = {"label_id": f"lbl_{who}_{case}", "queue": "q", "verdict": "correct", "at_ns": 1}
    return Label(**(values | {"case_id": case, "labeler": who} | more))


def enough(task: Task, labels: Any) -> TaskState:
    return "settled" if len(labels) >= task.wanted else "open"


def put(store: StoredLabels, given: Label, now: int = 1) -> Standing | None:
    return store.put(given, now, enough, lambda: "evt")


def test_a_task_is_in_one_hand_until_its_time_is_over(database: Database) -> None:
    store = StoredLabels(database)
    mine = store.reserve(task(), "ann", 0, MINUTE)
    assert mine is not None
    assert [seat.labeler for seat in mine.seats] == ["ann"]
    assert store.reserve(task(task_id="another"), "bob", 1, MINUTE) is None
    again = store.reserve(task(), "ann", 2, 2 * MINUTE)
    assert again is not None
    assert (again.seats[0].since_ns, again.seats[0].until_ns) == (0, 2 * MINUTE)
    assert [s.task.case_id for s in store.in_hand("q", "ann", 3)] == ["c1"]
    late = store.reserve(task(), "bob", 2 * MINUTE, 3 * MINUTE)
    assert late is not None
    assert late.task.task_id == "tsk_c1"
    assert store.in_hand("q", "ann", 2 * MINUTE) == []


def test_overlap_gives_it_to_several_but_to_nobody_twice(database: Database) -> None:
    store = StoredLabels(database)
    shared = task(wanted=2)
    assert store.reserve(shared, "ann", 0, MINUTE)
    assert store.reserve(shared, "bob", 0, MINUTE)
    assert store.reserve(shared, "eve", 0, MINUTE) is None
    assert put(store, label("ann"))
    assert put(store, label("Ann")) is None
    assert store.reserve(shared, "ANN", 2, MINUTE) is None
    done = put(store, label("bob"))
    assert done is not None
    assert (done.task.state, done.seats) == ("settled", ())
    assert store.reserve(shared, "eve", 2, MINUTE) is None
    assert [one.labeler for one in store.labels("q")] == ["ann", "bob"]


def test_a_label_after_its_time_counts_unless_another_was_faster(database: Database) -> None:
    store = StoredLabels(database)
    assert store.reserve(task(), "ann", 0, MINUTE)
    assert put(store, label("ann"), 5 * MINUTE)
    assert store.reserve(task("c2"), "ann", 0, MINUTE)
    assert store.reserve(task("c2"), "bob", 2 * MINUTE, 3 * MINUTE)
    assert put(store, label("ann", "c2"), 2 * MINUTE) is None
    assert put(store, label("nobody", "c3")) is None


def test_what_the_ledger_refuses_is_not_kept(database: Database) -> None:
    store = StoredLabels(database)
    store.reserve(task(), "ann", 0, MINUTE)

    def full() -> str:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        store.put(label("ann"), 1, enough, full)
    assert store.labels("q") == []
    assert put(store, label("ann"))
    with pytest.raises(OSError, match="no room"):
        store.undo(label("ann"), 2, MINUTE, enough, full)
    assert len(store.labels("q")) == 1


def test_undo_opens_it_again_in_the_same_hand(database: Database) -> None:
    store = StoredLabels(database)
    store.reserve(task(), "ann", 0, MINUTE)
    put(store, label("ann"))
    undone = store.undo(label("ann"), 5, MINUTE, enough, lambda: "evt")
    assert undone is not None
    assert (undone.task.state, undone.labels) == ("open", ())
    assert [seat.labeler for seat in undone.seats] == ["ann"]
    assert store.undo(label("ann"), 6, MINUTE, enough, lambda: "evt") is None
    assert store.labels("q") == []
    (kept,) = store.labels("q", undone=True)
    assert kept.undone
    assert store.label(kept.label_id) == kept
    assert put(store, label("ann", label_id="second"), 7)


def test_handed_tasks_are_for_one_person(database: Database) -> None:
    store = StoredLabels(database)
    store.reserve(task(), "ann", 0, MINUTE)
    assert store.hand("tsk_c1", "bob", 1)
    assert store.in_hand("q", "ann", 2) == []
    assert [s.task.handed for s in store.in_hand("q", "bob", 2)] == ["bob"]
    assert store.reserve(task(), "ann", 2, MINUTE) is None
    assert store.reserve(task(), "bob", 2, MINUTE)
    assert store.hand("tsk_c1", "", 3)
    assert store.reserve(task(), "ann", 4, MINUTE)
    assert not store.hand("none", "bob", 1)


def test_released_tasks_are_free_at_once(database: Database) -> None:
    store = StoredLabels(database)
    store.reserve(task(), "ann", 0, MINUTE)
    assert store.count("q", 0, 1) == 1
    assert store.release("tsk_c1", "ann")
    assert not store.release("tsk_c1", "ann")
    assert store.count("q", 0, 1) == 0
    assert store.reserve(task(), "bob", 1, MINUTE)


def test_many_cases_at_once(database: Database) -> None:
    store = StoredLabels(database)
    ids = [f"c{n}" for n in range(1_100)]
    for case in ids[:3]:
        store.reserve(task(case), "ann", 0, MINUTE)
        put(store, label("ann", case))
    found = store.standings("q", ids)
    assert sorted(found) == ["c0", "c1", "c2"]
    assert len(store.labels(case_ids=ids)) == 3
    assert [s.task.case_id for s in store.tasks("q", ("open",))] == []
    assert len(store.tasks("q", ("settled",), limit=2)) == 2


def test_of_many_at_once_each_case_goes_to_one(database: Database) -> None:
    store = StoredLabels(database)
    start, people = Barrier(6), [f"person {n}" for n in range(6)]

    def work(who: str) -> list[str]:
        start.wait(timeout=60)
        cases = [f"c{n}" for n in range(8)]
        mine = [task(case, task_id=f"{who} {case}") for case in cases]
        return [one.case_id for one in mine if store.reserve(one, who, 0, MINUTE)]

    with ThreadPoolExecutor(6) as pool:
        taken = [case for some in pool.map(work, people) for case in some]
    assert sorted(taken) == [f"c{n}" for n in range(8)]


def test_of_two_labels_at_once_one_is_kept(database: Database) -> None:
    store = StoredLabels(database)
    store.reserve(task(), "ann", 0, 1)
    start = Barrier(4)

    def work(who: str) -> bool:
        start.wait(timeout=60)
        return put(store, label(who), 5) is not None

    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(work, ["ann", "bob", "eve", "sue"]))
    assert kept.count(True) == 1
    assert len(store.labels("q")) == 1


_PROCESS = """
import os, sys
from freehold.core.cases import Case
from freehold.core.labels import Task
from freehold.storage.cases import StoredCases
from freehold.storage.engine import connect
from freehold.storage.labels import StoredLabels
url, who = sys.argv[1:]
store, mine = StoredLabels(connect(url)), []
for n in range(12):
    task = Task(task_id=f"{who}{n}", queue="q", case_id=f"c{n}", owner="o", tenant="t", app="a")
    if store.reserve(task, who, 0, 60_000_000_000):
        mine.append(f"c{n}")
print(*mine, flush=True)
os.kill(os.getpid(), 9)
"""


def test_processes_share_no_case_and_what_a_killed_one_held_comes_back(
    database: Database, store_url: str
) -> None:
    command = [sys.executable, "-c", _PROCESS, store_url]
    children = [subprocess.Popen([*command, w], stdout=subprocess.PIPE) for w in ("ann", "bob")]
    taken = [case for one in children for case in one.communicate(timeout=100)[0].decode().split()]
    assert all(one.returncode == -9 for one in children)
    assert sorted(taken) == sorted(f"c{n}" for n in range(12))
    store = StoredLabels(database)
    assert store.reserve(task("c0"), "eve", MINUTE - 1, 2 * MINUTE) is None
    assert store.reserve(task("c0"), "eve", MINUTE, 2 * MINUTE)


def test_a_reopened_task_keeps_its_labels_and_counts_none_of_them(database: Database) -> None:
    store = StoredLabels(database)
    store.reserve(task(), "ann", 0, MINUTE)
    assert not store.reopen("tsk_c1", 5, lambda: "evt")
    put(store, label("ann", at_ns=7))
    said: list[str] = []
    assert store.reopen("tsk_c1", 5, lambda: said.append("x") or "evt")
    assert not store.reopen("tsk_c1", 6, lambda: said.append("x") or "evt")
    assert said == ["x"]
    (standing,) = store.tasks("q")
    assert (standing.task.state, len(standing.labels), standing.counted) == ("open", 1, ())
    assert store.reserve(task(), "ann", 9, MINUTE)
    again = put(store, label("ann", label_id="lbl_2", at_ns=9), 9)
    assert again is not None
    assert [one.label_id for one in again.counted] == ["lbl_2"]


def test_a_queue_is_counted_by_the_store(database: Database) -> None:
    store = StoredLabels(database)
    for number, who in enumerate(("ann", "bob", "ann")):
        case = f"c{number}"
        store.reserve(task(case), who, 0, MINUTE)
        put(store, label(who, case, at_ns=10 * number + 1, took_ms=number + 1, guideline="g"))
    store.reserve(task("c9", queue="q:check"), "ann", 0, MINUTE)
    store.put(
        label("ann", "c9", queue="q:check", verdict="edit", at_ns=30), 30,
        lambda _task, _labels: "open", lambda: "evt",
    )  # fmt: skip
    counts = store.counts("q", "ann", "g", 20)
    assert counts.states == {"settled": 3}
    assert counts.verdicts == {"correct": 3, "edit": 1}
    assert (counts.today, counts.yours, counts.yours_today, counts.outdated) == (2, 3, 2, 1)
    assert counts.median_ms == 2
    assert store.counts("other", "ann", "g", 0).median_ms is None


def test_of_a_forgotten_case_a_count_is_left_and_no_word(database: Database) -> None:
    store, cases = StoredLabels(database), StoredCases(database)
    cases.add([_case("c1"), _case("c2")])
    for case in ("c1", "c2", "c3"):
        store.reserve(task(case), "ann", 0, MINUTE)
    put(store, label("ann", "c1", box=b"sealed", seal_key="k"))
    put(store, label("ann", "c3", box=b"sealed", seal_key="k"))
    store.reserve(task("c4"), "bob", 0, MINUTE)
    assert store.prune() == 1
    assert store.prune() == 0
    boxes = {one.case_id: (one.box, one.seal_key, one.verdict) for one in store.labels("q")}
    assert boxes == {"c1": (b"sealed", "k", "correct"), "c3": (b"", "", "correct")}
    assert {one.task.case_id for one in store.tasks("q")} == {"c1", "c2", "c3"}
    assert store.in_hand("q", "bob", 1) == []


def _case(case_id: str) -> Case:
    return Case(
        case_id=case_id, exchange_id=f"ex_{case_id}", conversation="con", owner="chain",
        tenant="north", app="a", route="main", reasons=("random",),
    )  # fmt: skip
