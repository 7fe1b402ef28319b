"""Recorded choices under a draft of their route, against a truth that is known."""

import numpy as np
import pytest
from msgspec.structs import replace

from freehold.core.routes import LearnSpec, ObjectiveSpec, RouteSpec
from freehold.services.route_log import KEPT_CLIENT, KEPT_STAYED
from freehold.services.route_replay import replay
from freehold.services.route_report import from_log, hull
from tests.services.made_choices import COST, World


def route(*candidates: str, **objective: object) -> RouteSpec:
    return RouteSpec(
        id="main",
        candidates=candidates or ("small", "large"),
        objective=ObjectiveSpec(**({"policy": "learned", "explore": 0} | objective)),
        learn=LearnSpec(metric="solved"),
    )


def test_another_price_moves_requests_and_the_estimates_hold_the_truth() -> None:
    held = 0
    for seed in range(12):
        world = World(seed=seed)
        told = replay(world.rows, route(nano_per_success=50_000))
        # 0.02 of success for 19,000 nano-units is not worth it, 0.55 is
        truth = float(np.mean(np.where(world.hard, world.large, world.small)))
        assert told.quality is not None
        assert told.cost_nano is not None
        assert told.quality.verdict == "better"
        assert told.quality.ess > 200
        held += told.quality.dr.low <= truth <= told.quality.dr.high
        cost = float(np.mean(np.where(world.hard, COST["large"], COST["small"])))
        assert told.cost_nano.dr.value == pytest.approx(cost, rel=0.05)
        assert told.models["large"][1] == pytest.approx(world.hard.mean(), abs=0.02)
        assert told.without_support == {}
    assert held >= 9


def test_the_same_route_is_no_difference() -> None:
    rows = [replace(row, model=row.model) for row in World().rows]
    told = replay(rows, route("small", "large", explore=1_000_000))
    assert told.quality is not None
    same = replay(World().rows, route(policy="static"))
    assert same.quality is not None
    assert same.models["small"][1] == 1.0
    assert same.quality.verdict == "worse"
    assert same.cost_nano is not None
    assert same.cost_nano.verdict == "better"
    assert same.took_ms is not None
    assert same.took_ms.dr.value == pytest.approx(100, abs=60)


def test_a_floor_and_a_ceiling_on_money() -> None:
    world = World()
    floored = replay(world.rows, route(nano_per_success=1_000, quality_floor=700_000))
    assert floored.models["large"][1] == pytest.approx(world.hard.mean(), abs=0.03)
    paced = replay(world.rows, route(nano_per_request=6_000))
    assert paced.cost_nano is not None
    assert paced.cost_nano.dr.value == pytest.approx(6_000, rel=0.25)


def test_who_was_never_tried_is_named_and_gives_no_verdict() -> None:
    rows = [
        replace(row, allowed=(replace(row.allowed[0], propensity=1_000_000),
                              replace(row.allowed[1], propensity=0)))
        for row in World().rows
        if row.model == "small"
    ]  # fmt: skip
    told = replay(rows, route("large", "small", policy="static"))
    assert told.without_support == {"large": 1.0}
    assert told.quality is not None
    assert told.quality.verdict.startswith("no verdict: 100% of its choices were never tried")
    unknown = replay(World().rows, route("newcomer", "small", policy="static"))
    assert unknown.unknown == ("newcomer",)


def test_too_little_evidence_is_said() -> None:
    told = replay(World(rows=150).rows, route(nano_per_success=50_000))
    assert told.quality is not None
    assert "200 are needed" in told.quality.verdict
    assert told.as_dict()["quality"]["verdict"].startswith("no verdict")


def test_what_was_settled_stays_and_what_is_unknown_is_left_out() -> None:
    rows = World(rows=600).rows
    rows[0] = replace(rows[0], kept=KEPT_CLIENT)
    rows[1] = replace(rows[1], kept=KEPT_STAYED)
    rows[2] = replace(rows[2], scores={"other": 0})
    told = replay(rows, route(nano_per_success=50_000))
    assert told.requests == 598
    assert told.kept == {KEPT_CLIENT: 1, KEPT_STAYED: 1}
    assert told.quality is not None
    assert told.quality.rows == 597
    assert told.cost_nano is not None
    assert told.cost_nano.rows == 598
    elsewhere = replay(rows, route("unheard-of"))
    assert elsewhere.requests == 0
    assert sum(elsewhere.kept.values()) == 600
    assert (elsewhere.quality, elsewhere.cost_nano) == (None, None)
    empty = replay([], route())
    assert (empty.requests, empty.moved, empty.as_dict()["quality"]) == (0, 0.0, None)


def test_a_curve_from_the_log() -> None:
    world = World(rows=3_000, floor=0.4)
    curve = from_log(world.rows, route(), least_ess=200)
    assert curve is not None
    assert curve.oracle is None
    assert curve.best.name == "large"
    singles = {point.name: point for point in curve.models}
    assert singles["small"].quality == pytest.approx(float(world.small.mean()), abs=0.05)
    assert singles["large"].quality == pytest.approx(float(world.large.mean()), abs=0.05)
    split = float(np.mean(np.where(world.hard, world.large, world.small)))
    halves = [p for p in curve.router if p.cost < COST["large"] * 0.7 / 1e9]
    assert max(point.quality for point in halves) == pytest.approx(split, abs=0.06)
    assert from_log(world.rows, route(), least_ess=200, metric="nobody tells") is None


def test_the_zero_router_is_the_hull() -> None:
    from freehold.services.route_report import Point

    def point(name: str, cost: float, quality: float) -> Point:
        return Point(name=name, cost=cost, quality=quality, low=0, high=1)

    points = [point("a", 0, 0.5), point("b", 1, 0.55), point("c", 2, 0.9), point("d", 3, 0.8)]
    assert [p.name for p in hull(points)] == ["a", "c"]
    assert hull(points[:1])[0].name == "a"
