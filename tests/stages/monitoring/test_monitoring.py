"""Numbers: right, bounded, and never in the way."""

import gc
import re
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.errors import KeyRefused
from freehold.core.trail import Trail
from freehold.stages.monitoring import Monitoring
from freehold.stages.monitoring.metrics import CAP, Counter, Histogram
from freehold.stages.monitoring.process import Pauses
from freehold.stages.monitoring.window import Window
from tests.audit_samples import SECRET_WORDS, answered, arrival, exchange

LINE = re.compile(r'^[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? -?[0-9.]+$')


def observed(count: int = 1) -> Monitoring:
    monitoring = Monitoring()
    for _ in range(count):
        trail, _, one = exchange()
        answered(trail)
        monitoring.closed(trail, one, "allowed", 7_000_000)
    return monitoring


def samples(monitoring: Monitoring) -> dict[str, str]:
    lines = [line for line in monitoring.render().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)  # type: ignore[misc]


def test_the_text_format_is_well_formed() -> None:
    monitoring = observed()
    monitoring.activated("abc")
    monitoring.malformed("FH-REQ-001")
    text = monitoring.render()
    assert text.endswith("\n")
    families: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            _, kind, name, rest = line.split(" ", 3)
            assert kind in ("HELP", "TYPE")
            assert rest
            if kind == "HELP":
                families.append(name)
            else:
                assert name == families[-1]
        else:
            assert LINE.match(line), line
            assert line.startswith(families[-1])
    assert len(families) == len(set(families))


def test_what_is_counted() -> None:
    found = samples(observed(3))
    assert found['freehold_requests_total{app="service",outcome="allowed",stream="true"}'] == "3"
    assert found['freehold_tokens_total{model="large",direction="input"}'] == "360"
    assert found['freehold_tokens_total{model="large",direction="output"}'] == "42"
    assert found['freehold_cost_nano_total{model="large"}'] == "3702"
    assert found['freehold_rules_fired_total{rule="rule-1",mode="enforce"}'] == "3"
    assert 'freehold_rules_fired_total{rule="rule-0",mode="enforce"}' not in found
    assert found['freehold_findings_total{kind="card"}'] == "3"
    assert found['freehold_request_duration_seconds_bucket{outcome="allowed",le="0.005"}'] == "0"
    assert found['freehold_request_duration_seconds_bucket{outcome="allowed",le="0.01"}'] == "3"
    assert found['freehold_request_duration_seconds_bucket{outcome="allowed",le="+Inf"}'] == "3"
    assert found['freehold_request_duration_seconds_sum{outcome="allowed"}'] == "0.021"
    assert found['freehold_request_duration_seconds_count{outcome="allowed"}'] == "3"
    assert found['freehold_stage_duration_seconds_count{stage="policy"}'] == "3"
    assert found['freehold_stage_wait_seconds_sum{stage="context"}'] == "0.0027"
    assert found['freehold_own_work_seconds_total{layer="policy"}'] == "0.00012"
    assert found["freehold_monitoring_failures_total"] == "0"


def test_errors_and_strangers() -> None:
    monitoring = Monitoring()
    trail, _, one = exchange()
    trail.call.error, trail.call.error_kind = "in words, it answered 429", "timeout"
    monitoring.closed(trail, one, "error", 1)
    stranger = Trail(arrival())
    stranger.failure = KeyRefused("unknown")
    monitoring.closed(stranger, None, "denied", 1)
    monitoring.malformed("FH-REQ-002")
    found = samples(monitoring)
    assert found['freehold_provider_errors_total{model="large",kind="timeout"}'] == "1"
    assert found['freehold_requests_total{app="none",outcome="denied",stream="true"}'] == "1"
    assert found['freehold_malformed_requests_total{code="FH-REQ-002"}'] == "1"


def test_nobody_can_be_seen_in_it() -> None:
    text = observed().render()
    for word in (
        SECRET_WORDS,
        "customer-17",
        '"0042"',  # a time may well have these digits
        "platinum",
        "c0ffee00c0ffee00c0ffee00c0ffee00",
        "abc",
    ):
        assert word not in text


def test_labels_are_bounded() -> None:
    counter = Counter("a_total", "a", ("who",))
    histogram = Histogram("b_seconds", "b", (1,), ("who",))
    for n in range(3 * CAP):
        counter.add((str(n),))
        histogram.observe((str(n),), 5)
    assert len(counter.values) == CAP + 1
    assert counter.values["other",] == 2 * CAP
    assert sum(1 for line in histogram.render() if "_count" in line) == CAP + 1


def test_label_values_are_escaped() -> None:
    counter = Counter("a_total", "a", ("who",))
    counter.add(('x"\\\n',))
    assert list(counter.render())[-1] == 'a_total{who="x\\"\\\\\\n"} 1'


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_buckets_are_cumulative_and_the_sum_is_exact(values: list[int]) -> None:
    histogram = Histogram("b_seconds", "b", (10**6, 10**9, 10**10))
    for value in values:
        histogram.observe((), value)
    rows = dict(line.rsplit(" ", 1) for line in histogram.render() if not line.startswith("#"))
    for bound, shown in ((10**6, "0.001"), (10**9, "1"), (10**10, "10")):
        inside = sum(1 for value in values if value <= bound)
        assert rows[f'b_seconds_bucket{{le="{shown}"}}'] == str(inside)
    whole, _, fraction = rows["b_seconds_sum"].partition(".")
    assert int(whole + fraction.ljust(9, "0")) == sum(values)
    assert rows["b_seconds_count"] == str(len(values))


def test_load_by_layer_adds_up() -> None:
    load = observed(5).load_by_layer()
    assert set(load) >= {"routing", "governance", "context", "monitoring", "policy", "audit"}
    assert load["policy"]["ns"] == 200_000
    assert 9_990 <= sum(layer["percent"] for layer in load.values()) <= 10_000
    assert Monitoring().load_by_layer()["policy"] == {"ns": 0, "percent": 0}


def test_quantiles_of_lately() -> None:
    window = Window()
    assert window.quantiles() == {"p50": 0, "p95": 0, "p99": 0}
    for value in range(1, 1001):
        window.add(value)
    assert window.quantiles() == {"p50": 500, "p95": 950, "p99": 990}
    for _ in range(5000):
        window.add(7)
    assert window.quantiles() == {"p50": 7, "p95": 7, "p99": 7}


def test_a_failing_observer_stops_nothing_and_is_counted() -> None:
    class Broken:
        def closed(self, *_: Any) -> None:
            raise ValueError("no")

    monitoring = Monitoring((Broken(),))
    trail, _, one = exchange()
    monitoring.closed(trail, one, "allowed", 5)
    assert samples(monitoring)["freehold_monitoring_failures_total"] == "1"


def test_failures_of_the_store_and_the_ledger_are_read_when_asked() -> None:
    failed = 0
    monitoring = Monitoring((), lambda: failed, lambda: failed + 1)
    assert samples(monitoring)["freehold_store_failures_total"] == "0"
    failed = 3
    assert samples(monitoring)["freehold_store_failures_total"] == "3"
    assert samples(monitoring)["freehold_ledger_failures_total"] == "4"


def test_a_snapshot_is_plain_values() -> None:
    snapshot = observed(2).snapshot()
    assert snapshot["requests"] == {"service/allowed/true": 2}
    assert snapshot["duration_ns"]["p99"] == 7_000_000
    assert statistics.fmean(layer["percent"] for layer in snapshot["load"].values()) > 0


@pytest.mark.parametrize("count", [0, 1])
def test_render_works_from_the_first_moment(count: int) -> None:
    assert "process_cpu_seconds_total" in observed(count).render()


def test_a_refusal_at_the_door_counts_for_its_app() -> None:
    monitoring = Monitoring()
    _, _, one = exchange()
    trail = Trail(arrival())
    trail.app = one.app
    monitoring.closed(trail, None, "denied", 1)
    found = samples(monitoring)
    assert found['freehold_requests_total{app="service",outcome="denied",stream="true"}'] == "1"


def test_pauses_for_garbage_collection_are_counted() -> None:
    pauses = Pauses()
    gc.callbacks.append(pauses)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(pauses)
    shown = dict(line.rsplit(" ", 1) for line in pauses.render() if not line.startswith("#"))
    assert shown['python_gc_pause_seconds_count{generation="2"}'] == "1"
    assert float(shown['python_gc_pause_seconds_sum{generation="2"}']) > 0
    assert "python_gc_pause_seconds" in observed().render()
