"""A short run of the whole thing: upstream, gateway and figures, without judging them."""

from pathlib import Path

import pytest

from benchmarks.measure import Settings, measure


@pytest.mark.slow
@pytest.mark.timeout(110)
def test_freehold_is_measured(tmp_path: Path) -> None:
    told: list[str] = []
    settings = Settings(
        names=("freehold_on", "portkey"),
        rounds=1,
        seconds=1.0,  # the first answers take their time on a busy machine
        half_load=False,
        install=False,
        cache=tmp_path,
    )
    made = measure(settings, told.append)
    assert "not installed" in made["skipped"]["portkey"]
    assert made["portkey"] is None
    assert made["nginx"] is None
    on = made["freehold_on"]
    assert on, told
    assert on["rps"] > 0
    assert on["concurrency"]["1"]["p50_ms"] > 0
    assert on["stream"]["32"]["events"] >= 1
    assert on["concurrency"]["32"]["stages_us"]["policy"] > 0
    assert made["direct"]["rps"] > on["rps"]
