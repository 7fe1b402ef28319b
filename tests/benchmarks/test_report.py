"""Medians, ratios, tables and the page; what was missed is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.measure import Figures, ratios, read_metrics, read_pauses, summary

METRICS = """\
# TYPE freehold_own_work_seconds_total counter
freehold_own_work_seconds_total{layer="admit"} 1.5
freehold_own_work_seconds_total{layer="policy"} 2.5e-05
freehold_stage_wait_seconds_sum{stage="context"} 0.25
freehold_stage_wait_seconds_bucket{stage="context",le="+Inf"} 4
"""


def taken(*rates: float, cpu: float = 900.0) -> dict[str, list[Figures]]:
    def figures(rps: float) -> Figures:
        return Figures(
            rps=rps, p50_ms=2.0, p99_ms=4.0, cpu_us=cpu, below_us=50.0, busy=0.97, other_cpu=0.01,
            requests=100, stages_us={"admit": 20.0, "policy": 35.0, "context": 5.0, "audit": 30.0},
            waits_us={"context": 60.0, "inference": 2_000.0},
        )  # fmt: skip

    def stream(rps: float) -> Figures:
        return Figures(rps=rps, p50_ms=3.0, p99_ms=5.0, cpu_us=cpu + 220, events=22.0)

    return {
        "whole_1": [figures(rate / 2) for rate in rates],
        "whole_32": [figures(rate) for rate in rates],
        "stream_1": [stream(rate) for rate in rates],
        "stream_32": [stream(rate) for rate in rates],
        "half_load": [
            replace(figures(rate / 2), p99_ms=6.5, queued_us=250.0, gc_us=12.0, gc_longest_ms=2.5)
            for rate in rates
        ],
        "half_load_direct": [replace(figures(rate / 2), p99_ms=1.0) for rate in rates],
    }


def result(on: float = 1_200.0) -> dict[str, Any]:
    made: dict[str, Any] = {
        "machine": {
            "system": "Linux", "processor": "A processor", "cores": 2, "python": "3.11",
            "load_average_before": [0.1, 0, 0], "load_average_after": [0.2, 0, 0],
        },
        "settings": {
            "rounds": 3, "seconds": 5.0, "characters_median": 1_100, "with_personal_data": 0.14,
        },
        "versions": {"nginx": "1.2", "litellm": "9.9", "freehold_on": "0"},
        "skipped": {"portkey": "no node: apt-get install nodejs\nmore"},
        "nginx": summary(taken(15_000, cpu=40.0)),
        "litellm": summary(taken(100, cpu=9_000.0)),
        "portkey": None,
        "freehold_off": summary(taken(2_000, cpu=400.0)),
        "freehold_on": summary(taken(on)),
        "direct": summary(taken(20_000)),
    }  # fmt: skip
    made["ratios"] = ratios(made)
    return made


def test_the_median_round_counts() -> None:
    made = summary(taken(900, 1_500, 1_000))
    assert made["rps"] == 1_000
    assert (made["rps_min"], made["rps_max"]) == (900, 1_500)
    assert made["concurrency"]["1"]["rps"] == 500
    assert made["concurrency"]["32"]["stages_us"]["admit"] == 20
    assert {"rps", "p50_ms", "p99_ms", "cpu_us"} <= made.keys()


def test_ratios_are_against_nginx() -> None:
    made = result()
    assert made["ratios"]["freehold_on"] == {"rps_of_nginx": 0.08, "cpu_of_nginx": 22.5}
    assert "portkey" not in made["ratios"]
    assert ratios({**made, "nginx": None}) == {}


@pytest.mark.parametrize(("rate", "word"), [(1_000, "met"), (999, "MISSED")])
def test_a_miss_is_called_one(rate: float, word: str) -> None:
    said = next(line for line in report.remarks(result(rate)) if "1,000 requests/s" in line)
    assert f"is {word}: " in said


def test_what_is_missing_is_said_with_the_way_to_get_it() -> None:
    text = report.terminal(result(), stages=True)
    assert "left out. no node: apt-get install nodejs" in text
    assert "\nmore" not in text


def test_a_stream_is_charged_by_the_event() -> None:
    assert any("10.0 µs an event" in line for line in report.remarks(result()))


def test_what_is_added_is_against_the_upstream_at_the_same_rate() -> None:
    said = next(line for line in report.remarks(result()) if line.startswith("Added p99"))
    assert "5.5 ms; the aim of 5 ms is MISSED" in said


def test_other_work_is_said() -> None:
    made = result()
    made["freehold_on"]["other_cpu"] = 0.4
    assert any("everything on 40%" in line for line in report.remarks(made))
    assert not any("Other work" in line for line in report.remarks(result()))


def test_stages_stand_beside_their_budget() -> None:
    rows = {row[0]: row[1:] for row in report.stage_table(result())}
    assert rows["policy"] == ["35", "35.0", "35.0"]
    assert rows["monitoring and audit"] == ["40", "30.0", "30.0"]
    assert rows["context"] == ["100", "65.0", "65.0"]
    assert rows["all stages"] == ["", "150", "150"]
    assert rows["server, client, waits and glue"] == ["", "700", "200"]


def test_stages_that_waited_for_the_core_are_not_trusted() -> None:
    made = result()
    made["freehold_on"]["cpu_us"] = 120.0
    rows = {row[0]: row[1:] for row in report.stage_table(made)}
    assert rows["server, client, waits and glue"] == ["", "none left", "200"]
    assert any("other work held the core" in line for line in report.remarks(made))
    assert not any("other work held the core" in line for line in report.remarks(result()))


def test_the_page_keeps_what_people_wrote(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_page(result(), page)
    text = page.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "\nold\n" not in text
    assert "| Freehold, everything on | 1,200 | 8.0% |" in text
    report.write_page(result(), page)
    assert page.read_text() == text
    page.write_text("nothing")
    with pytest.raises(ValueError, match="lacks the marks"):
        report.write_page(result(), page)


def test_metrics_are_read() -> None:
    own, waits = read_metrics(METRICS)
    assert own == {"admit": 1.5, "policy": 2.5e-05}
    assert waits == {"context": 0.25}


def test_pauses_are_read() -> None:
    page = """\
python_gc_pause_seconds_bucket{generation="0",le="0.001"} 3
python_gc_pause_seconds_bucket{generation="0",le="+Inf"} 4
python_gc_pause_seconds_sum{generation="0"} 0.006
python_gc_pause_seconds_bucket{generation="2",le="0.001"} 0
python_gc_pause_seconds_bucket{generation="2",le="+Inf"} 1
python_gc_pause_seconds_sum{generation="2"} 0.5
"""
    assert read_pauses(page) == (0.506, {0.001: 3, float("inf"): 5})
    assert read_pauses("") == (0.0, {})


def test_what_held_it_up_stands_beside_what_it_adds() -> None:
    said = report.remarks(result())
    at = next(i for i, line in enumerate(said) if line.startswith("Added p99"))
    assert "250 µs in the mean for the core" in said[at + 1]
    assert "for 12.0 µs a request, 2.5 ms at most" in said[at + 2]


def test_an_earlier_run_is_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "run.json"
    saved.write_text(json.dumps(result()))
    assert main(["--from", str(saved), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["freehold_on"]["rps"] == 1_200
    assert main(["--from", str(saved)]) == 0
    assert "Freehold, everything on" in capsys.readouterr().out


def test_an_unknown_gateway_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "nginks"])
    assert ended.value.code == 2
    assert "nginks" in capsys.readouterr().err
