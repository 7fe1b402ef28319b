"""The load by layer: shares with and without wire and door, CPU time from a sample."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.decisions import STAGES, Stage
from freehold.ledger.load import LoadRow
from freehold.services.load import LAYERS, WIRE, Load, LoadReports


class Index:
    """Gives the rows that it was made with."""

    def __init__(self, *rows: LoadRow) -> None:
        self.rows = rows
        self.asked: list[dict[str, Any]] = []

    def load(self, **asked: Any) -> list[LoadRow]:
        self.asked.append(asked)
        return list(self.rows)


def row(spent: dict[Stage, int], **more: Any) -> LoadRow:
    values: dict[str, Any] = {
        "since_ns": 0,
        "until_ns": 60_000_000_000,
        "exchanges": 32,
        "sampled": 2,
        "spent_ns": spent,
        "cpu_ns": {stage: ns // 32 for stage, ns in spent.items()},
        "waited_ns": {"context": 9, "inference": 4, "admit": 1},
    }
    return LoadRow(**(values | more))


def told(made: LoadRow) -> Load:
    report = LoadReports(Index(made), lambda: None).report()
    assert report.total is not None
    return report.total


def test_every_stage_is_in_one_layer_or_of_wire_and_door() -> None:
    assert sorted([*(stage for _, stage, _ in LAYERS), *WIRE]) == sorted(STAGES)
    assert sum(percent for _, _, percent in LAYERS) == 100


def test_shares_are_of_the_seven_and_of_all() -> None:
    load = told(row({"routing": 300, "policy": 100, "inference": 350, "admit": 50}))
    shares = {layer.layer: layer.wall_share for layer in load.layers}
    assert (shares["routing"], shares["policy"], shares["audit"]) == (0.75, 0.25, 0.0)
    assert load.layers[0].wall_share_of_all == 0.375
    assert (load.wire.wall_ns, load.wire.wall_share, load.wire.wall_share_of_all) == (
        400,
        None,
        0.5,
    )
    assert load.wire.waited_ns == 5
    assert load.wall_ns == 800


def test_cpu_is_scaled_up_from_the_sample() -> None:
    load = told(row({"routing": 3_200, "policy": 3_200}))
    assert [layer.cpu_ns for layer in load.layers[:1]] == [100 * 32 // 2]
    assert load.layers[0].cpu_share == 0.5
    assert load.cpu_sampled == 2


def test_without_a_sample_there_is_no_cpu() -> None:
    load = told(row({"routing": 3_200}, sampled=0, cpu_ns={}))
    assert load.cpu_ns is None
    assert {layer.cpu_ns for layer in load.layers} == {None}
    assert {layer.cpu_share for layer in load.layers} == {None}


def test_nothing_recorded() -> None:
    report = LoadReports(Index(), lambda: None).report(by="app")
    assert (report.total, report.parts) == (None, [])
    assert report.as_dict()["published"]["percent"]["routing"] == 29


def test_work_without_an_exchange_has_shares() -> None:
    """A gateway that stopped told of the rest in an event, and of nothing else in that hour."""
    load = told(row({"audit": 10}, exchanges=0, sampled=0))
    assert load.layers[-1].wall_share == 1.0


def test_the_index_is_filled_first_and_asked_for_the_scope() -> None:
    filled: list[int] = []
    index = Index()
    reports = LoadReports(index, lambda: filled.append(len(index.asked)))
    reports.report(tenant="north", app="a", since_ns=1, until_ns=2, by="hour")
    assert filled == [0]
    scope = {"tenant": "north", "app": "a", "since_ns": 1, "until_ns": 2}
    assert index.asked == [scope | {"by": ""}, scope | {"by": "hour"}]


@given(st.dictionaries(st.sampled_from(STAGES), st.integers(0, 10**15)))
def test_shares_add_up(spent: dict[Stage, int]) -> None:
    load = told(row(spent))
    shares = [layer.wall_share for layer in load.layers]
    if any(spent.get(stage) for _, stage, _ in LAYERS):
        assert sum(share or 0 for share in shares) == pytest.approx(1, abs=0.001)
    else:
        assert set(shares) == {None}
