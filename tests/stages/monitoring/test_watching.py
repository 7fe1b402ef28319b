"""Which readings are taken, of whom, and that neither names nor floods make them grow."""

import random
import re
from typing import Any

import pytest

from freehold.bundle.alerting import BUILT_IN
from freehold.core.alerts import EVERY, AlertSpec, Subject
from freehold.core.decisions import Finding
from freehold.core.trail import Call, Firing
from freehold.stages.monitoring import Monitoring
from freehold.stages.monitoring.metrics import CAP
from freehold.stages.monitoring.sample import Sample, switches
from freehold.stages.monitoring.series import MOST_A_TICK, OTHER, Mix, Numbers
from freehold.stages.monitoring.watching import MOST_SUBJECTS, Watching
from freehold.testing.fakes import FakeClock
from tests.audit_samples import answered, exchange

_LINE = re.compile(r'[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? -?[0-9.]+')
APP = Subject("app", "service")
PRINTS = {APP: "", Subject("route", "default"): "", Subject("model", "large"): ""}


def watching(*specs: AlertSpec) -> Watching:
    made = Watching()
    made.adopt(specs, PRINTS)
    return made


def spec(watch: Any, subject: Subject = APP, **more: Any) -> AlertSpec:
    return AlertSpec(name="a", watch=watch, subject=subject, **({"least": 0.2} | more))


def sample(**changes: Any) -> Sample:
    values: dict[str, Any] = dict.fromkeys(Sample._fields)
    values |= {
        "exchange_id": "x", "app": "service", "route": "default", "outcome": "allowed",
        "stream": False, "took_ns": 1_000_000, "failure": "", "spent_ns": {}, "waited_ns": {},
        "calls": [], "firings": [], "findings": [], "answer_findings": [], "intent": "",
        "candidates": (), "owner": ("north", "service"),
    }  # fmt: skip
    return Sample(**(values | changes))


def feed(made: Watching, samples: list[Sample]) -> None:
    for number, one in enumerate(samples):
        made.observe(one, number)
        if number % 50 == 49:
            made.tick()


def firing(rule: str) -> Firing:
    return Firing(rule=rule, version=1, phase="answer", fired=True, mode="enforce")


def test_another_mix_of_rules_is_noticed_and_the_same_one_is_not() -> None:
    chance = random.Random(3)
    rules = [firing("a"), firing("b"), firing("c")]

    def drawn(weights: list[int], count: int) -> list[Sample]:
        return [sample(firings=[chance.choices(rules, weights)[0]]) for _ in range(count)]

    alert = spec("rules")
    made = watching(alert)
    feed(made, drawn([6, 3, 1], 2_000))
    assert made.read(alert, APP, 0).holds is False
    feed(made, drawn([1, 3, 6], 320))
    holds, said = made.read(alert, APP, 0)
    assert holds
    assert "a 6" in said.replace("a 59%", "a 60%")
    series = made.series("rules", APP)
    assert isinstance(series, Mix)
    series.accept()
    feed(made, drawn([1, 3, 6], 600))
    assert made.read(alert, APP, 0).holds is False


def test_a_mix_goes_on_after_a_restart() -> None:
    made = watching(spec("outcomes"))
    feed(made, [sample(outcome=("allowed", "denied")[n % 4 == 0]) for n in range(1_400)])
    other = Watching()
    other.recall(made.baselines())
    other.adopt((spec("outcomes"),), PRINTS)
    feed(other, [sample()])
    first, second = made.series("outcomes", APP), other.series("outcomes", APP)
    assert first is not None
    assert second is not None
    before, after = first.change(), second.change()
    assert before is not None
    assert after is not None
    assert after.score < 1


def test_a_flood_is_looked_at_in_part() -> None:
    made = watching(spec("errors", Subject("app", EVERY)))
    for _ in range(5_000):
        made.observe(sample(), 0)
    series = made.series("errors", APP)
    assert isinstance(series, Numbers)
    assert series.total == MOST_A_TICK


def test_hostile_names_do_not_make_it_grow() -> None:
    made = Watching()
    made.adopt(BUILT_IN, PRINTS)
    for number in range(3 * MOST_SUBJECTS):
        made.observe(sample(app=f'x{number}"\n', route=f"r{number}"), 0)
    assert len(made._lenses) <= MOST_SUBJECTS + 3
    mix = Mix(made.series("outcomes", Subject("app", 'x0"\n')).watch)  # type: ignore[union-attr]
    for number in range(5_000):
        mix.room = 1
        mix.add(str(number))
    assert len(mix._reference) <= 51
    assert mix._reference[OTHER] > 0


def test_families_are_bounded_whatever_the_names_are() -> None:
    monitoring = Monitoring(clock=FakeClock())
    for number in range(2 * CAP):
        trail, _, one = exchange()
        answered(trail)
        trail.calls = [
            Call(attempt=1, model=f"m{number}\n\"}}", upstream_model="m", started_ns=0, ended_ns=5)
        ]  # fmt: skip
        trail.findings = [
            Finding(detector="d", version="1", kind=f"k{number}", label=f"l{number}", where="",
                    start=0, end=1)
        ]  # fmt: skip
        trail.firings = [firing(f"rule{number}")]
        monitoring.closed(trail, one, "allowed", 1)
    text = monitoring.render()
    assert 'model="other"' in text
    series = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(series) < 40 * CAP
    assert all(_LINE.fullmatch(line) for line in series)
    for family in ("freehold_rules_fired_total", "freehold_findings_total", "freehold_calls_total"):
        assert sum(line.startswith(family + "{") for line in series) <= CAP + 1


def test_what_made_a_second_call() -> None:
    def call(model: str, attempt: int, start: int, end: int, role: Any = "answer") -> Call:
        return Call(role=role, attempt=attempt, model=model, upstream_model=model,
                    started_ns=start, ended_ns=end)  # fmt: skip

    calls = [call("a", 1, 0, 5), call("g", 1, 1, 2, "guard"), call("a", 1, 6, 9),
             call("b", 2, 7, 20), call("c", 3, 21, 30)]  # fmt: skip
    assert switches(calls) == [("retry", "a", "a"), ("hedge", "a", "b"), ("fallback", "b", "c")]
    assert switches(calls[:1]) == []


def test_a_custom_model_that_abstains_has_not_failed() -> None:
    subject = Subject("model", "large")
    made = watching(spec("errors", subject, when="above", value=0.5, window_s=60))
    ends: list[Any] = ["unsure", "hung_up", "timeout", ""]
    calls = [
        Call(attempt=n, model="large", upstream_model="large", started_ns=0, ended_ns=1,
             error=kind and "why", error_kind=kind)
        for n, kind in enumerate(ends)
    ]  # fmt: skip
    assert [call.failed for call in calls] == [False, False, True, False]
    feed(made, [sample(calls=[call]) for call in calls for _ in range(10)])
    made.tick()
    found = made.series("errors", subject)
    assert isinstance(found, Numbers)
    assert found.level(600, 40, 1) == pytest.approx(1 / 3)


def test_an_exchange_nobody_finished_says_nothing_of_its_app() -> None:
    made = watching(spec("errors"), spec("latency"))
    feed(made, [sample(outcome="interrupted")] * 30)
    series = made.series("errors", APP)
    assert series is not None
    assert series.total == 0
    assert made.newest(APP, 2) == ("x", "x")


def test_what_people_say_of_answers_is_counted_and_watched() -> None:
    subject = Subject("model", "large")
    alert = spec("quality", subject, least=0.05, direction="down")
    monitoring = Monitoring(clock=FakeClock(), watching=watching(alert))
    for number in range(600):
        score = 900_000 if number < 400 else 400_000
        monitoring.learned(score, "feedback", model="large", route="default", app="service")
        monitoring.watching.tick()
    text = monitoring.render()
    assert 'freehold_feedback_total{model="large",source="feedback"} 600' in text
    assert 'freehold_quality_millionths_total{model="large",source="feedback"} 440000000' in text
    assert monitoring.watching.read(alert, subject, 0).holds


@pytest.mark.parametrize(("before", "after", "noticed"), [(0.5, 2.0, False), (0.5, 20.0, True)])
def test_what_is_slower_by_less_than_anybody_waits_is_not_noticed(
    before: float, after: float, *, noticed: bool
) -> None:
    slower = spec("latency", least=0.15)
    made = watching(slower)
    for ms in (before, after):
        for _ in range(10):
            feed(made, [sample(took_ns=int(ms * 1e6)) for _ in range(60)])
            made.tick()
    assert made.read(slower, APP, 0).holds is noticed
