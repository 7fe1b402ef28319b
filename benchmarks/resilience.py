"""What resilience costs a healthy request, how soon a slower endpoint is found, and a chaos run.

    python -m benchmarks.resilience [--json] [--write-docs] [--repeats N] [--requests N]

Costs are CPU of this thread: all that is asked and told of an endpoint for one request with three
candidates (routing's three questions, a call's begin and end, the count of what is under way). How
soon a change of pace is found is simulated: lognormal times, lengths that vary, 40 runs each. The
chaos run is `freehold bench chaos`.
"""

import argparse
import json
import math
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from benchmarks.marked import replaced
from freehold.core.health import Report
from freehold.core.spec import ModelSpec
from freehold.providers.health import EndpointHealth
from freehold.providers.pace import Pace
from freehold.stages.admit import Shedder
from freehold.testing.chaos import run

PAGE = Path("docs/explanation/resilience.md")
MARKS = {
    part: (f"<!-- figures: {part} -->", f"<!-- /figures: {part} -->") for part in ("pace", "chaos")
}
SPREADS = (0.1, 0.3, 0.5)
FACTORS = (1.25, 2.0, 10.0)
RUNS = 40
_COLUMNS = ("calls", "failed", "answers", "served", "tokens", "served_tokens")
_WARM = 600


class _Stepping:
    """A clock that goes on by ten milliseconds with each call of the endpoint."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


def cost_us(repeats: int, step_ns: int) -> float:
    """Microseconds of CPU for one healthy request, by the fastest of five rounds.

    Args:
        repeats: requests in a round.
        step_ns: time between two of them: of more than two hundred a second, not all are looked at.
    """
    clock = _Stepping()
    health, shedder = EndpointHealth(clock), Shedder(clock)
    models = [_model(number) for number in range(3)]
    draw = random.Random(1)
    reports = [
        Report(ok=True, waited_ns=int(2e8 * math.exp(draw.gauss(0, 0.3))), completion_tokens=n)
        for n in range(20, 220)
    ]
    rounds = []
    for _ in range(5):
        began = time.thread_time_ns()
        for number in range(repeats):
            clock.now += step_ns
            shedder.enter("normal", "an exchange's id")
            for model in models:
                health.of(model).takes("an exchange's id", model.id)
            probe = health.started(models[0])
            health.ended(models[0], reports[number % len(reports)], probe=probe)
            shedder.leave()
        rounds.append((time.thread_time_ns() - began) / repeats / 1_000)
    return min(rounds)


def pace() -> list[dict[str, Any]]:
    """How many answers it takes to find a slower endpoint, and the way back; medians and p95."""
    rows = []
    for spread in SPREADS:
        for factor in FACTORS:
            found, back = [], []
            for seed in range(RUNS):
                one, other = _found(spread, factor, seed)
                found.append(one)
                back.append(other)
            rows.append(
                {
                    "spread": spread,
                    "factor": factor,
                    "found": _middle(found),
                    "back": _middle(back),
                    "missed": sum(math.isinf(one) for one in found),
                }
            )
    return rows


def false_alarms(answers: int, spread: float = 0.3) -> int:
    """How often an endpoint that does not change is called slow."""
    endpoint, alarms = _Endpoint(spread, 7), 0
    for _ in range(answers):
        endpoint.answer(1.0)
        if endpoint.pace.slow:
            alarms += 1
            endpoint.pace = Pace(slope=0.7)
    return alarms


class _Endpoint:
    def __init__(self, spread: float, seed: int) -> None:
        self.pace = Pace(slope=0.7)
        self._spread = spread
        self._random = random.Random(seed)
        self._now_ns = 0

    def answer(self, factor: float) -> None:
        self._now_ns += 100_000_000
        length = round(100 * math.exp(self._random.gauss(0, 0.5)))
        noise = math.exp(self._random.gauss(0, self._spread))
        self.pace.add(int(2e6 * length * factor * noise), length, self._now_ns)

    def until(self, *, slow: bool, factor: float) -> float:
        for number in range(1, 2_001):
            self.answer(factor)
            if self.pace.slow == slow:
                return number
        return math.inf


def _found(spread: float, factor: float, seed: int) -> tuple[float, float]:
    endpoint = _Endpoint(spread, seed)
    for _ in range(_WARM):
        endpoint.answer(1.0)
    found = endpoint.until(slow=True, factor=factor)
    for _ in range(24):
        endpoint.answer(factor)
    return found, endpoint.until(slow=False, factor=1.0)


def _middle(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": ordered[len(ordered) // 2], "p95": ordered[-(-len(ordered) * 95 // 100) - 1]}


def _model(number: int) -> ModelSpec:
    return ModelSpec(
        id=f"m{number}", provider="openai", base_url="http://h/v1", upstream_model=f"m{number}"
    )


def pace_table(result: dict[str, Any]) -> str:
    """What stands on the page about a change of pace, and about costs."""
    lines = [
        "| times vary by | slower by | found after answers, median (p95) | fast again after |",
        "|---|---|---|---|",
    ]
    for row in result["pace"]:
        found, back = (f"{row[name]['p50']:g} ({row[name]['p95']:g})" for name in ("found", "back"))
        slower = f"{row['factor'] - 1:.0%}"
        lines.append(f"| {row['spread']:.0%} | {slower} | {found} | {back} |")
    quiet, alarms = result["quiet"], result["false_alarms"]
    costs = f"{result['us']:.1f} µs"
    busy = f"{result['busy_us']:.1f} µs ({result['machine']})"
    lines += [
        "",
        f"Of {quiet:,} answers of an endpoint that did not change (times vary by 30 %), {alarms}",
        "were a false alarm. All that is asked and told of endpoints costs a healthy request",
        f"{costs}, and at a thousand requests a second {busy}.",
    ]
    return "\n".join(lines)


def chaos_table(verdict: dict[str, Any]) -> str:
    """What stands on the page about the chaos run."""
    switches = ", ".join(f"{count:,} × {kind}" for kind, count in verdict["switches"].items())
    lost = len(verdict["lost"])
    found = verdict["slow_after"]
    after = "not found in this run" if found is None else f"found after {found:,} answers"
    slow = f"That one model slowed by 25 % was {after}."
    lines = [
        f"With seed {verdict['seed']}, {verdict['requests']:,} requests took",
        f"{verdict['took_s']:.0f} s: {verdict['answered']:,} were answered,",
        f"{verdict['broken_off']:,} streams broke off after their first character,",
        f"{verdict['hung_up']:,} clients hung up, **{lost} requests were lost**, and",
        f"{len(verdict['charged_twice'])} charged twice; switches: {switches}.",
        f"Half of the requests were over after {verdict['p50_ms']:,} ms, 99 % after",
        f"{verdict['p99_ms']:,} ms. {slow}",
        f"The budget had spent {verdict['spent_nano']:,} nano-units; the records add up to",
        f"{verdict['recorded_nano']:,}.",
        "",
        "| model | calls | failed | answers recorded | answers served | tokens recorded | served |",
        "|---|---|---|---|---|---|---|",
    ]
    for model, row in verdict["calls"].items():
        cells = (f"{row[name]:,}" for name in _COLUMNS)
        lines.append(f"| {model} | {' | '.join(cells)} |")
    last = (
        "More answers served than recorded are those of hedges that came a moment too late and of"
        " clients that were gone."
    )
    return "\n".join([*lines, "", last])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.resilience",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=20_000, help="healthy requests a round")
    parser.add_argument("--requests", type=int, default=2_000, help="of the chaos run")
    parser.add_argument("--quiet", type=int, default=100_000, help="answers without a change")
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
        "us": cost_us(options.repeats, 10_000_000),
        "busy_us": cost_us(options.repeats, 1_000_000),
        "pace": pace(),
        "quiet": options.quiet,
        "false_alarms": false_alarms(options.quiet),
    }
    with tempfile.TemporaryDirectory(prefix="freehold-chaos-") as home:
        verdict = asdict(run(Path(home), requests=options.requests, seed=1))
    result["chaos"] = verdict
    figures = {"pace": pace_table(result), "chaos": chaos_table(verdict)}
    print(json.dumps(result, indent=2) if options.json else "\n\n".join(figures.values()))
    if options.write_docs:
        text = PAGE.read_text(encoding="utf-8")
        for part, (begin, end) in MARKS.items():
            text = replaced(text, begin, end, figures[part], PAGE)
        PAGE.write_text(text, encoding="utf-8")
    return 0 if verdict["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
