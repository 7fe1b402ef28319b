"""Who is drawn for a canary, and that they stay with it."""

from freehold.core.trials import CanarySpec, Standing, draw, lot

SPEC = CanarySpec(model="new", stages=(10_000, 250_000, 1_000_000))


def standing(stage: int = 0, state: str = "running") -> Standing:
    return Standing(trial=SPEC.id("main"), route="main", model="new", stage=stage, state=state)


def newcomers(where: Standing, count: int = 4_000) -> set[str]:
    return {c for c in map(str, range(count)) if draw(SPEC, where, c).newcomer}


def test_shares_are_met_and_nobody_who_has_the_newcomer_loses_it_on_the_way_up() -> None:
    first, second = newcomers(standing(0)), newcomers(standing(1))
    assert 20 <= len(first) <= 65
    assert 880 <= len(second) <= 1_120
    assert first < second < newcomers(standing(2))
    assert len(newcomers(standing(2))) == 4_000


def test_promoted_takes_all_and_rolled_back_none() -> None:
    assert len(newcomers(standing(0, "promoted"))) == 4_000
    assert newcomers(standing(2, "rolled_back")) == set()
    assert draw(SPEC, standing(1), "7").share == 250_000


def test_another_trial_draws_others() -> None:
    other = CanarySpec(model="newer", stages=SPEC.stages)
    assert SPEC.id("main") != other.id("main") != SPEC.id("side")
    again = Standing(trial=other.id("main"), route="main", model="newer", stage=1)
    drawn = {c for c in map(str, range(4_000)) if draw(other, again, c).newcomer}
    both = drawn & newcomers(standing(1))
    assert 190 <= len(both) <= 320, "a quarter of a quarter, not the same people every time"


def test_a_lot_is_spread_evenly_and_takes_any_name() -> None:
    lots = sorted(lot("a", str(number)) for number in range(2_000))
    assert lots[0] >= 0
    assert lots[-1] < 1_000_000
    assert 460_000 < lots[1_000] < 540_000
    assert lot("\ud800") == lot("\ud800")
    assert lot("ab", "c") != lot("a", "bc")
