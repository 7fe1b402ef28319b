"""What a canary's trial says: false alarms, power, and who moves it."""

import numpy as np
import pytest
from msgspec.structs import replace

from freehold.core.trials import CanarySpec, Guardrails, Seen, Standing
from freehold.services.canary_trials import Report, judge

SPEC = CanarySpec(model="new", stages=(100_000, 500_000, 1_000_000))
STANDING = Standing(trial=SPEC.id("main"), route="main", model="new")


def trial(
    seed: int, rows: int = 2_000, *, share: int = 100_000, errors: tuple[float, float] = (0.02,) * 2
) -> list[Seen]:
    """``errors``: of the models before it, and of the newcomer."""
    rng = np.random.default_rng(seed)
    newcomer = rng.random(rows) < share / 1_000_000
    failed = rng.random(rows) < np.where(newcomer, errors[1], errors[0])
    return [
        Seen(
            exchange_id=str(number),
            conversation=str(number),
            trial=STANDING.trial,
            stage=0,
            share=share,
            newcomer=bool(newcomer[number]),
            failed=bool(failed[number]),
            refused=False,
            took_ms=100,
            cost_nano=1,
            at_ns=number,
        )
        for number in range(rows)
    ]


def scored(seen: list[Seen], seed: int, old: float, new: float) -> dict[str, int]:
    rng = np.random.default_rng(seed)
    return {
        one.exchange_id: 1_000_000 * int(rng.random() < (new if one.newcomer else old))
        for one in seen
    }


def test_an_equal_newcomer_is_hardly_ever_rolled_back() -> None:
    verdicts = [judge(SPEC, STANDING, trial(seed), {}, bands=False).verdict for seed in range(60)]
    assert verdicts.count("roll_back") <= 3
    assert "advance" not in verdicts, "without outcomes, only a person knows"


def test_a_failing_newcomer_is_rolled_back_and_says_why() -> None:
    reports = [
        judge(SPEC, STANDING, trial(s, errors=(0.02, 0.4)), {}, bands=not s) for s in range(20)
    ]
    assert [report.verdict for report in reports].count("roll_back") >= 19
    assert reports[0].why.startswith("errors: ")
    (errors,) = [m for m in reports[0].measures if m.name == "errors"]
    assert errors.low > 0.02 < errors.worse_by
    assert errors.low <= 0.38 <= errors.high


def test_outcomes_take_it_further_or_back() -> None:
    half = replace(STANDING, stage=1)
    seen = trial(1, 3_000, share=500_000)
    good = judge(SPEC, half, seen, scored(seen, 2, 0.7, 0.72))
    assert (good.verdict, "surely not more than" in good.why) == ("advance", True)
    bad = judge(SPEC, half, seen, scored(seen, 3, 0.8, 0.5))
    assert (bad.verdict, bad.why.startswith("quality lost: ")) == ("roll_back", True)
    few = judge(SPEC, half, seen[:60], scored(seen[:60], 2, 0.7, 0.72))
    assert (few.verdict, "60 conversations are too few" in few.why) == ("wait", True)


def test_slow_and_refused_count_too() -> None:
    spec = replace(SPEC, guardrails=Guardrails(slow_ms=500))
    seen = trial(5, share=500_000)
    slow = [replace(one, took_ms=900 if one.newcomer else 100) for one in seen]
    assert judge(spec, STANDING, slow, {}).why.startswith("slow: ")
    refused = [replace(one, refused=one.newcomer) for one in seen]
    assert judge(spec, STANDING, refused, {}).why.startswith("refusals: ")


@pytest.mark.parametrize("state", ["promoted", "rolled_back"])
def test_what_is_over_is_over(state: str) -> None:
    over = replace(STANDING, state=state, reason="enough")
    report = judge(SPEC, over, trial(0, errors=(0.0, 1.0)), {})
    assert (report.verdict, report.why) == ("done", "enough")


def test_nothing_seen_and_nothing_to_compare_with() -> None:
    report: Report = judge(SPEC, STANDING, [], {})
    assert (report.verdict, report.measures, report.newcomers) == ("wait", (), 0)
    whole = judge(SPEC, replace(STANDING, stage=2), trial(0, share=1_000_000), {})
    assert "nothing to compare it with" in whole.why
    assert report.as_dict()["since"] is None


def test_a_long_trial_is_judged_quickly_enough_to_watch() -> None:
    report = judge(SPEC, STANDING, trial(7, 40_000), {})
    (errors,) = [m for m in report.measures if m.name == "errors"]
    assert errors.seen == 40_000
    assert errors.low <= 0 <= errors.high


def test_a_conversation_is_drawn_once_and_counts_once() -> None:
    """Somebody who goes on and on with a canary that fails them is one bad draw, not a thousand."""
    even = [replace(one, conversation=f"c{n % 40}") for n, one in enumerate(trial(8, 4_000))]
    stuck = {f"c{n}" for n in range(4)}
    rows = [
        replace(one, newcomer=one.conversation in stuck, failed=one.conversation in stuck)
        for one in even
    ]
    report = judge(SPEC, STANDING, rows, {})
    assert report.measures[0].seen == 40
    assert report.verdict == "wait"
    told = judge(SPEC, STANDING, rows, {one.exchange_id: 0 for one in rows[:200]})
    assert [m.seen for m in told.measures if m.name == "quality"] == [40]
