"""``python -m benchmarks.drift``: it measures what it says."""

import json
from itertools import pairwise

import pytest

from benchmarks import drift
from freehold.core.drift import ChangePoint


def test_the_same_seed_gives_the_same_latencies_and_each_kind_its_own() -> None:
    def first(kind: str, count: int = 200) -> list[float]:
        values = drift.logs(1, 0.25, kind)
        return [next(values) for _ in range(count)]

    assert first("steady") == first("steady")
    assert max(first("outliers", 1_000)) > 1.0 > max(first("steady", 1_000))
    drawn = first("drawn out", 2_000)
    product = sum(a * b for a, b in pairwise(drawn)) / len(drawn)
    assert product / (sum(a * a for a in drawn) / len(drawn)) == pytest.approx(0.5, abs=0.1)


def test_a_change_is_noticed_and_none_is_not() -> None:
    number = drift.delay(ChangePoint, 1, 0.25, 0.25)
    assert number is not None
    assert number <= 175
    assert drift.delay(ChangePoint, 1, 0.25, 0.0) is None


def test_one_object_with_every_figure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "QUIET", 400)
    monkeypatch.setattr(drift, "SHARES", (1.0,))
    monkeypatch.setattr(drift, "_EXCHANGES", 20)
    monkeypatch.setattr(drift, "makers", lambda: {"ours": ChangePoint})
    assert drift.main(["--json", "--streams", "2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {row["kind"] for row in result["alarms"]} == set(drift.KINDS)
    assert all(row["p50"] for row in result["delays"])
    assert min(result["us"].values()) > 0
    assert "| ours | 0.25 | 100% |" in drift.figures(result)
    assert drift.BEGIN in drift.PAGE.read_text()
