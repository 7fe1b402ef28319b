"""Counted together, exchanges add up to what they do one by one."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.features import Features
from freehold.core.handoffs import Candidate, Usage
from freehold.core.trail import Call, Firing
from freehold.stages.monitoring.families import Families
from freehold.stages.monitoring.sample import Sample
from tests.stages.monitoring.test_watching import sample

NS = st.integers(0, 90_000_000_000)
NAMES = st.sampled_from(["a", "b"])


@st.composite
def calls(draw: Any) -> list[Call]:
    return [
        Call(
            attempt=draw(st.integers(1, 2)), model=draw(NAMES), upstream_model="m",
            role=draw(st.sampled_from(["answer", "guard"])), started_ns=0,
            first_ns=draw(st.none() | NS), ended_ns=draw(st.none() | NS),
            usage=draw(st.none() | st.builds(Usage, prompt_tokens=st.integers(0, 99))),
            cost_nano=draw(st.integers(0, 5)),
            error_kind=draw(st.sampled_from(["", "timeout", "hung_up"])),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]  # fmt: skip


@st.composite
def exchanges(draw: Any) -> Sample:
    fired = st.builds(
        Firing, rule=NAMES, version=st.just(1), phase=st.just("answer"), fired=st.booleans(),
        mode=st.just("enforce"),
    )  # fmt: skip
    chosen = st.builds(
        Candidate, model=NAMES, score=st.just(1), propensity=st.just(1),
        lost=st.sampled_from(["", "late"]), filtered=st.booleans(),
    )  # fmt: skip
    stages = st.dictionaries(st.sampled_from(["admit", "policy", "audit"]), NS)
    return sample(
        app=draw(NAMES), outcome=draw(st.sampled_from(["allowed", "denied"])), took_ns=draw(NS),
        failure=draw(st.sampled_from(["", "FH-POL-001"])), stream=draw(st.booleans()),
        spent_ns=draw(stages), waited_ns=draw(stages), calls=draw(calls()),
        firings=draw(st.lists(fired, max_size=3)), candidates=draw(st.lists(chosen, max_size=2)),
        intent=draw(st.sampled_from(["", "refund"])),
        features=draw(st.none() | st.builds(Features, chars=st.integers(0, 60_000))),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(exchanges(), max_size=12), st.integers(1, 40))
def test_together_as_one_by_one(some: list[Sample], times: int) -> None:
    together, apart = Families(), Families()
    together.count(some * times)
    for one in some * times:
        apart.count([one])
    assert list(together.render()) == list(apart.render())
    assert together.own_ns == apart.own_ns
    assert together.window.quantiles() == apart.window.quantiles()


def test_one_that_can_not_be_counted_spoils_no_other() -> None:
    made = Families()
    broken = sample(app="broken", calls=[object()])
    assert made.count([broken, sample(took_ns="long", app="odd"), sample(), sample()]) == 2
    assert made.requests.values["service", "allowed", "false"] == 2
