"""How soon a change is noticed, how often one that is none, and what watching costs.

    python -m benchmarks.drift [--json] [--write-docs] [--streams N]

Latencies are drawn from a lognormal distribution (seeded), whose logarithm has the spread that the
table says; after 3,000 of them they become longer by a share. `drawn out` hangs on its neighbour
(autocorrelation 0.5), as where requests queue; `outliers` has one call in a hundred that takes
three to fifty times as long. Freehold's test stands beside river's ADWIN (extra `drift`), where
that is installed. Costs are CPU time of one exchange with one call, nine stages, three rules and
two findings, the least of nine rounds; with alerts every reading is looked at (below 64 a second).
"""

import argparse
import json
import math
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.marked import rewrite
from freehold.bundle.alerting import BUILT_IN
from freehold.core.alerts import Subject
from freehold.core.clock import SystemClock
from freehold.core.drift import ChangeDetector, ChangePoint, adwin
from freehold.stages.monitoring import Monitoring
from freehold.stages.monitoring.watching import Watching

PAGE = Path("docs/explanation/monitoring.md")
BEGIN, END = "<!-- drift: begin -->", "<!-- drift: end -->"
SEED = 20_261
QUIET = 20_000
BEFORE, AFTER = 3_000, 3_000
SPREADS = (0.25, 0.5)
SHARES = (0.25, 0.5, 1.0)
KINDS = ("steady", "outliers", "drawn out")
_EXCHANGES = 2_000
Make = Callable[[], ChangeDetector]


def makers() -> dict[str, Make]:
    """The tests by name; ADWIN only where it is installed."""
    found: dict[str, Make] = {"Freehold's own": ChangePoint}
    try:
        adwin()
    except ImportError:
        return found
    return found | {"ADWIN": adwin}


def logs(seed: int, spread: float, kind: str) -> Iterator[float]:
    """Logarithms of latencies, without end."""
    chance = random.Random(f"{SEED}/{seed}/{spread}/{kind}")
    last = chance.gauss(0, spread)
    while True:
        noise = chance.gauss(0, spread)
        if kind == "drawn out":
            last = 0.5 * last + math.sqrt(0.75) * noise
            yield last
        elif kind == "outliers" and chance.random() < 0.01:
            yield noise + chance.uniform(math.log(3), math.log(50))
        else:
            yield noise


def alarms(make: Make, seed: int, spread: float, kind: str) -> int:
    """False alarms in 20,000 latencies among which nothing changes."""
    detector, values = make(), logs(seed, spread, kind)
    return sum(detector.add(next(values)) is not None for _ in range(QUIET))


def delay(make: Make, seed: int, spread: float, share: float) -> int | None:
    """Latencies from the change until it is noticed; ``None`` where it never is."""
    detector, values = make(), logs(seed, spread, "steady")
    for _ in range(BEFORE):
        detector.add(next(values))
    for number in range(1, AFTER + 1):
        if detector.add(next(values) + math.log1p(share)) is not None:
            return number
    return None


def measured(streams: int) -> dict[str, Any]:
    """Every figure."""
    result: dict[str, Any] = {
        "streams": streams,
        "seed": SEED,
        "machine": f"Python {platform.python_version()}",
        "alarms": [],
        "delays": [],
        "us": {},
    }
    for name, make in makers().items():
        for spread in SPREADS:
            for kind in KINDS:
                found = [alarms(make, seed, spread, kind) for seed in range(streams)]
                result["alarms"].append(
                    {
                        "test": name,
                        "spread": spread,
                        "kind": kind,
                        "per_20000": sum(found) / streams,
                    }
                )
            for share in SHARES:
                waits = [delay(make, seed, spread, share) for seed in range(streams)]
                result["delays"].append(_delays(name, spread, share, waits))
        result["us"][f"{name}, a reading"] = _reading_us(make)
    return result | {"us": result["us"] | costs()}


def _delays(name: str, spread: float, share: float, waits: list[int | None]) -> dict[str, Any]:
    seen = sorted(math.inf if wait is None else wait for wait in waits)
    rank = [seen[min(len(seen) - 1, math.ceil(len(seen) * part) - 1)] for part in (0.5, 0.95, 1)]
    shown = [None if value == math.inf else int(value) for value in rank]
    return {"test": name, "spread": spread, "share": share,
            "p50": shown[0], "p95": shown[1], "most": shown[2]}  # fmt: skip


def _reading_us(make: Make) -> float:
    detector, values = make(), logs(0, 0.25, "steady")
    drawn = [next(values) for _ in range(QUIET)]
    began = time.process_time()
    for value in drawn:
        detector.add(value)
    return (time.process_time() - began) / QUIET * 1e6


def costs() -> dict[str, float]:
    """Microseconds of one exchange: on its path, and counted later."""
    from tests.audit_samples import answered, exchange

    made = []
    for _ in range(_EXCHANGES):
        trail, _, admitted = exchange()
        made.append((answered(trail), admitted))
    subjects = {Subject("model", "large"): "", Subject("route", "default"): ""}
    subjects[Subject("app", "service")] = ""
    plain, watched = Watching(), Watching()
    watched.adopt(BUILT_IN, subjects)
    on_path: list[float] = []
    later: dict[str, list[float]] = {"counted": [], "watched": []}
    for _ in range(9):
        for name, watching in (("counted", plain), ("watched", watched)):
            monitoring = Monitoring(clock=SystemClock(), watching=watching)
            began = time.process_time()
            for trail, admitted in made:
                monitoring.closed(trail, admitted, "allowed", 7_000_000)
            on_path.append((time.process_time() - began) / _EXCHANGES * 1e6)
            began = time.process_time()
            while monitoring.drain(16):
                watching.tick()
            later[name].append((time.process_time() - began) / _EXCHANGES * 1e6)
    return {
        "on the path of the request": min(on_path),
        "counted later, without alerts": min(later["counted"]),
        "counted later, with the twelve alerts that come along": min(later["watched"]),
    }


def figures(result: dict[str, Any]) -> str:
    """The tables of the page."""
    lines = [
        f"{result['streams']} streams each; {result['machine']}; seed {result['seed']}.",
        "",
        "Latencies from a change until it is noticed:",
        "",
        "| test | spread | slower by | p50 | p95 | most |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["delays"]:
        shown = [("never" if row[k] is None else f"{row[k]:,}") for k in ("p50", "p95", "most")]
        lines.append(
            f"| {row['test']} | {row['spread']} | {row['share']:.0%} | {' | '.join(shown)} |"
        )
    lines += [
        "",
        "False alarms in 20,000 latencies:",
        "",
        "| test | spread | " + " | ".join(KINDS) + " |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["test"] for row in result["alarms"]):
        for spread in SPREADS:
            found = {
                row["kind"]: row["per_20000"]
                for row in result["alarms"]
                if (row["test"], row["spread"]) == (name, spread)
            }
            lines.append(
                f"| {name} | {spread} | " + " | ".join(f"{found[k]:g}" for k in KINDS) + " |"
            )
    lines += ["", "| what | µs |", "|---|---|"]
    lines += [f"| {what} | {us:.1f} |" for what, us in result["us"].items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    parser.add_argument("--streams", type=int, default=40, help="of each kind (default: 40)")
    options = parser.parse_args(arguments)
    result = measured(options.streams)
    print(json.dumps(result) if options.json else figures(result))
    if options.write_docs:
        rewrite(PAGE, BEGIN, END, figures(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
