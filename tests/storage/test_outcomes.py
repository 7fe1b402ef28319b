"""Outcomes are numbered in the order in which they were told; states give way to newer ones."""

from typing import Any

from freehold.core.outcomes import RouteState, Told
from freehold.storage.engine import Database
from freehold.storage.outcomes import StoredOutcomes


def told(exchange: str, value: int = 1_000_000, metric: str = "solved", **more: Any) -> Told:
    values: dict[str, Any] = {
        "tenant": "north", "app": "desk", "owner": "north", "route": "main", "model": "small",
        "teaches": True, "box": b"seen",
    }  # fmt: skip
    return Told(exchange_id=exchange, metric=metric, value=value, score=value, **(values | more))


def test_what_was_told_comes_back_in_order(database: Database) -> None:
    store = StoredOutcomes(database)
    assert store.last_number() == 0
    kept = store.tell([told("a"), told("b", 0), told("a", 500_000, "stars", teaches=False)])
    assert [(one.number, one.first_number) for one in kept] == [(1, 1), (2, 2), (3, 3)]
    assert store.since(0) == kept
    assert store.since(1, limit=1) == kept[1:2]
    assert store.one("a", "solved") == kept[0]
    assert store.one("a", "nobody's") is None
    assert sorted(one.number for one in store.of(["a", "a", "none"])) == [1, 3]
    assert store.behind("north", "main", 10) == kept[:2]
    assert store.last_number() == 3


def test_a_later_word_takes_the_place_of_the_earlier_one(database: Database) -> None:
    store = StoredOutcomes(database)
    store.tell([told("a"), told("b")])
    (again,) = store.tell([told("a", 0)])
    assert (again.number, again.first_number) == (3, 1)
    assert [(one.exchange_id, one.value) for one in store.since(0)] == [("b", 1_000_000), ("a", 0)]


def test_only_the_latest_are_behind_a_state(database: Database) -> None:
    store = StoredOutcomes(database)
    store.tell([told(str(n)) for n in range(5)] + [told("x", route="other"), told("y", model="")])
    assert [one.exchange_id for one in store.behind("north", "main", 2)] == ["3", "4"]


def state(**more: Any) -> RouteState:
    return RouteState(owner="north", route="main", policy=b"p", **more)


def test_a_newer_state_is_not_overwritten(database: Database) -> None:
    store = StoredOutcomes(database)
    store.save([state(mark=5, outcomes=5)], 5)
    store.save([state(mark=3, outcomes=3)], 3)
    (kept,) = store.states()
    assert (kept.mark, kept.outcomes) == (5, 5)
    replaced = store.replace(state(mark=2))
    assert replaced.generation == 1
    store.save([state(mark=9)], 9)  # by a process that has not heard of it
    (kept,) = store.states()
    assert (kept.generation, kept.policy, kept.outcomes) == (1, b"p", 0)
    assert store.generations() == {("north", "main"): 1}


def test_states_with_nothing_new_are_up_to_date_too(database: Database) -> None:
    store = StoredOutcomes(database)
    store.save([state(mark=2)], 2)
    store.save([RouteState(owner="south", route="main", mark=7)], 7)
    assert {one.owner: one.mark for one in store.states()} == {"north": 7, "south": 7}
