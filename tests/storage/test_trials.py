"""Where canaries stand and what trials saw, on SQLite and PostgreSQL."""

import pytest
from msgspec.structs import replace

from freehold.core.clock import Clock
from freehold.core.errors import StorageError
from freehold.core.trials import CanarySpec, Seen, ShadowSeen, Standing
from freehold.storage.engine import Database
from freehold.storage.trials import StoredTrials

SPEC = CanarySpec(model="new")
DAY_NS = 86_400_000_000_000


class Hands(Clock):
    """Hands that a test moves."""

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


def seen(number: int, stage: int = 0, at_ns: int | None = None) -> Seen:
    return Seen(
        exchange_id=f"x{number:03}",
        conversation=f"c{number:03}",
        trial=SPEC.id("main"),
        stage=stage,
        share=10_000,
        newcomer=bool(number % 2),
        failed=False,
        refused=False,
        took_ms=number,
        cost_nano=2**40,
        at_ns=number if at_ns is None else at_ns,
    )


def shadow(number: int, route: str = "main") -> ShadowSeen:
    return ShadowSeen(
        exchange_id=f"x{number}",
        tenant="main",
        route=route,
        model="new",
        before="old",
        outcome="allowed",
        words=500_000,
        rules=("a", "b"),
        at_ns=number,
    )


def test_one_that_nobody_moved_stands_at_its_first_stage(database: Database) -> None:
    trials = StoredTrials(database, Hands(0))
    trials.load()
    standing = trials.of(SPEC, "main")
    assert (standing.state, standing.stage, standing.share(SPEC)) == ("running", 0, 10_000)
    assert trials.all() == []


def test_of_two_who_move_it_at_once_one_wins_and_others_learn_of_it(database: Database) -> None:
    one, two = StoredTrials(database, Hands(0)), StoredTrials(database, Hands(0))
    known = one.of(SPEC, "main")
    assert one.move(known, replace(known, stage=1, since_ns=5, by="terminal:ann"))
    assert not two.move(known, replace(known, state="rolled_back"))
    assert two.of(SPEC, "main").stage == 0
    two.refresh()
    assert two.of(SPEC, "main") == one.of(SPEC, "main")
    assert [(s.stage, s.by) for s in two.all()] == [(1, "terminal:ann")]
    later = two.of(SPEC, "main")
    assert two.move(later, replace(later, state="rolled_back", since_ns=9, reason="slow"))
    assert two.all()[0].reason == "slow"


def test_what_is_seen_is_kept_once_and_read_by_stage(database: Database) -> None:
    trials = StoredTrials(database, Hands(0))
    trials.saw([seen(2), seen(1), seen(3, stage=1), seen(1)])
    trials.refresh()
    trials.saw([replace(seen(1), failed=True)])
    trials.refresh()
    found = trials.seen(SPEC.id("main"), 0, 0, 10)
    assert [one.exchange_id for one in found] == ["x001", "x002"]
    assert found[0] == seen(1), "what is known stays as it is"
    assert [one.at_ns for one in trials.seen(SPEC.id("main"), 0, 2, 10)] == [2]
    assert len(trials.seen(SPEC.id("main"), 1, 0, 10)) == 1


def test_only_conversations_that_began_in_the_stage_were_drawn_for_it(database: Database) -> None:
    trials = StoredTrials(database, Hands(0))
    old = replace(seen(1), conversation="old")
    again = [replace(seen(n, at_ns=n), conversation=c) for n, c in ((20, "old"), (21, "new"))]
    trials.saw([old, *again, replace(seen(22, at_ns=22), conversation="new")])
    trials.refresh()
    assert [one.took_ms for one in trials.seen(SPEC.id("main"), 0, 10, 10)] == [21, 22]


def test_comparisons_come_newest_first(database: Database) -> None:
    trials = StoredTrials(database, Hands(0))
    for number in range(3):
        trials.compared(shadow(number))
    trials.compared(shadow(9, route="other"))
    trials.refresh()
    assert [s.exchange_id for s in trials.shadows("main", 2)] == ["x2", "x1"]
    assert trials.shadows(None, 1) == [shadow(9, route="other")]


def test_while_the_store_is_away_nothing_is_lost(database: Database, monkeypatch) -> None:
    trials = StoredTrials(database, Hands(0))
    trials.saw([seen(number) for number in range(5)])
    trials.compared(shadow(1))
    known = trials.of(SPEC, "main")
    with monkeypatch.context() as away:
        away.setattr(database, "write", _away)
        with pytest.raises(StorageError):
            trials.refresh()
        assert trials.of(SPEC, "main") == known
    trials.saw([seen(7)])
    trials.refresh()
    numbers = [one.took_ms for one in trials.seen(SPEC.id("main"), 0, 0, 10)]
    assert numbers == [0, 1, 2, 3, 4, 7]
    assert len(trials.shadows(None, 5)) == 1


def _away() -> None:
    raise StorageError("away")


def test_standing_of_a_changed_trial_begins_anew() -> None:
    other = replace(SPEC, stages=(20_000,))
    assert other.id("main") != SPEC.id("main")
    assert Standing(trial="t", route="r", model="m", stage=7).share(other) == 20_000


def test_what_is_half_a_year_old_is_forgotten(database: Database) -> None:
    clock = Hands(400 * DAY_NS)
    trials = StoredTrials(database, clock)
    trials.saw([seen(1, at_ns=200 * DAY_NS), seen(2, at_ns=399 * DAY_NS)])
    trials.compared(shadow(1))
    trials.refresh()
    assert [one.exchange_id for one in trials.seen(SPEC.id("main"), 0, 0, 10)] == ["x002"]
    assert trials.shadows(None, 10) == []
    clock.now += 200 * DAY_NS
    trials.refresh()
    assert trials.seen(SPEC.id("main"), 0, 0, 10) == []
