"""Standing measures hold for what they name, and until their time is over."""

from freehold.core.standing import Measure, StandingMeasures
from freehold.testing.fakes import FakeClock


def test_nothing_stands_in_the_way_at_first() -> None:
    standing = StandingMeasures(FakeClock())
    assert standing.excluded("main", "small", "") == ""
    assert standing.demoted("main", "small", "") == ""
    assert standing.floor("main") == 0


def test_a_model_is_stopped_where_the_measure_says() -> None:
    clock = FakeClock()
    standing = StandingMeasures(clock)
    until = clock.now_ns() + 60_000_000_000
    standing.adopt(
        [
            Measure(
                id="m1", kind="stop", route="main", model="small", intent="refund",
                by="alert bad", until_ns=until,
            )
        ]
    )  # fmt: skip
    said = standing.excluded("main", "small", "refund")
    assert said.startswith("stopped for refund by alert bad until 2026-01-01T00:01:00")
    assert standing.excluded("main", "small", "greeting") == ""
    assert standing.excluded("main", "large", "refund") == ""
    assert standing.excluded("other", "small", "refund") == ""
    assert standing.demoted("main", "small", "refund") == ""
    clock.advance(60)
    assert standing.excluded("main", "small", "refund") == ""


def test_the_highest_floor_counts_and_lasts_until_somebody_clears_it() -> None:
    clock = FakeClock()
    standing = StandingMeasures(clock)
    one = Measure(id="m1", kind="raise_floor", route="main", floor=700_000, by="alert a")
    standing.adopt([one, Measure(id="m2", kind="raise_floor", floor=600_000, by="alert b")])
    assert standing.floor("main") == 700_000
    assert standing.floor("other") == 600_000
    clock.advance(10**6)
    assert standing.floor("main") == 700_000
    standing.adopt(())
    assert standing.floor("main") == 0


def test_demoted_says_by_whom() -> None:
    standing = StandingMeasures(FakeClock())
    standing.adopt([Measure(id="m1", kind="demote", model="small", by="alert slow")])
    said = standing.demoted("any", "small", "")
    assert said == "put behind the others by alert slow until somebody clears it"
    assert standing.excluded("any", "small", "") == ""
