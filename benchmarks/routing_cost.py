"""What choosing a model costs on the way of a request: the whole stage, and its parts.

    python -m benchmarks.routing_cost [--rounds N] [--json] [--write]

A route of 2, 5 and 50 candidates, static and learned: filters, order, estimates, the price of cost,
propensities, the draw and the plan. The learned route has a ceiling on cost, two intents, a vector
for each of 300 texts, and has learned from 3,000 outcomes. ``record`` is what is made afterwards,
when the exchange is written down: a reason for each model, and the bytes to learn from. Each round
is the median of 300 requests; the least and the median of the rounds are told, beside the load of
the machine. ``--write`` puts the figures into docs/explanation/routing.md.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from msgspec import Struct, structs, to_builtins

from benchmarks.marked import rewrite
from freehold.core.handoffs import Ruled
from freehold.core.health import Untroubled
from freehold.core.routes import LearnSpec, MetricSpec, ObjectiveSpec, RouteSpec
from freehold.core.routing import Signals
from freehold.core.trail import Trail
from freehold.stages.routing import Routing
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learners import Learners
from freehold.text.embedding import embed
from freehold.text.features import featurise
from freehold.text.signal_bytes import pack, unpack
from tests.stages import made
from tests.stages.routing import simulated

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "routing.md"
BEGIN, END = "<!-- routing cost: begin -->", "<!-- routing cost: end -->"
COUNTS, REQUESTS, OUTCOMES = (2, 5, 50), 300, 3_000

T = TypeVar("T")


class Cost(Struct, frozen=True, kw_only=True):
    """Microseconds: the least of the rounds' medians, and the median of them."""

    policy: str
    models: int
    stage: tuple[float, float]
    estimates: tuple[float, float] | None
    record: tuple[float, float]


class Site:
    """A route with its requests."""

    def __init__(self, policy: str, count: int) -> None:
        dice = Random(3)
        models = {
            f"m{n}": made.model(f"m{n}", input_price_nano=50 * n + 50, output_price_nano=150 * n)
            for n in range(count)
        }
        self.models = tuple(models.values())
        self.learners = Learners()
        self.learners.adopt({"main": self.models})
        aims: dict[str, Any] = {"nano_per_request": 400_000} if policy == "learned" else {}
        learned = policy == "learned"
        app = made.app(
            models=models,
            route=RouteSpec(
                id="main",
                candidates=tuple(models),
                objective=ObjectiveSpec(policy=policy, **aims),
                learn=LearnSpec(metric="solved" if learned else ""),
            ),
            metrics={"solved": MetricSpec(id="solved")},
            embeds=True,
        )
        routers = {"learned": LearnedRouter(self.learners)}
        self.stage = Routing(Untroubled(), made.Standing(), routers=routers)
        self.requests: list[Ruled] = []
        self.signals: list[Signals] = []
        for number in range(REQUESTS):
            topic = dice.choice(sorted(simulated.TOPICS))
            text = simulated.question(dice, topic)
            ask = made.ask(text)
            arrival = made.arrival(ask, exchange_id=f"exchange-{number}")
            grounded = made.grounded(ask, app, features=featurise(text), intent=(topic, 900_000))
            prepared = grounded.screened.prepared
            admitted = structs.replace(prepared.admitted, arrival=arrival)
            prepared = structs.replace(prepared, vector=embed(text), admitted=admitted)
            screened = structs.replace(grounded.screened, prepared=prepared)
            stitched = structs.replace(grounded.stitched, screened=screened)
            self.requests.append(made.ruled(structs.replace(grounded, stitched=stitched)))
            self.signals.append(
                Signals(
                    vector=prepared.vector,
                    features=prepared.features,
                    intent=topic,
                    prompt_tokens=60,
                    max_tokens=500,
                )
            )
        self.policy = None
        if learned:
            learner = self.learners.own(app.tenant, "main")
            for number in range(OUTCOMES):
                model = dice.choice(self.models)
                seen = unpack(pack(self.signals[number % REQUESTS]))
                cost = 60 * model.input_price_nano + 200 * model.output_price_nano
                learner.learn(model.id, seen, float(dice.random() < 0.7), cost, 1.0)
            self.policy = learner.policy

    def cost(self, policy: str, rounds: int) -> Cost:
        """Measure."""
        known, models = self.policy, self.models
        estimates = None
        if known is not None:
            estimates = _median(self.signals, lambda one: known.expected(models, one), rounds)

        def choose(request: Ruled) -> Trail:
            trail = Trail(request.admitted.arrival)
            self.stage(request, trail)
            return trail

        def write(trail: Trail) -> None:
            list(trail.candidates)
            _ = trail.signals

        return Cost(
            policy=policy,
            models=len(models),
            stage=_median(self.requests, choose, rounds),
            estimates=estimates,
            record=_median(self.requests, write, rounds, before=choose),
        )


def _median(
    over: Sequence[Any],
    step: Callable[[Any], object],
    rounds: int,
    before: Callable[[Any], Any] = lambda one: one,
) -> tuple[float, float]:
    medians = []
    for _ in range(rounds):
        taken = []
        for one in over:
            ready = before(one)
            began = time.perf_counter_ns()
            step(ready)
            taken.append(time.perf_counter_ns() - began)
        medians.append(sorted(taken)[len(taken) // 2] / 1000)
    medians.sort()
    return round(medians[0], 1), round(medians[rounds // 2], 1)


def table(costs: Sequence[Cost], load: float) -> str:
    """The figures as Markdown."""
    lines = [
        "",
        "| route | models | before the model is asked | of it estimates | for the record |",
        "|---|---:|---:|---:|---:|",
    ]
    for one in costs:
        shown = [_shown(one.stage), _shown(one.estimates), _shown(one.record)]
        lines.append(f"| {one.policy} | {one.models} | {' | '.join(shown)} |")
    lines += ["", f"Load average while measuring: {load:.1f}, on {os.cpu_count()} cores.", ""]
    return "\n".join(lines)


def _shown(pair: tuple[float, float] | None) -> str:
    return "–" if pair is None else f"{pair[0]:.0f} ({pair[1]:.0f})"


def main() -> None:
    """Measure, print, and write into the page where that is asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    costs = [
        Site(policy, count).cost(policy, max(1, asked.rounds))
        for policy in ("static", "learned")
        for count in COUNTS
    ]
    load = os.getloadavg()[0]
    figures = table(costs, load)
    if asked.write:
        rewrite(PAGE, BEGIN, END, figures)
    said = {"us": to_builtins(costs), "load_average": load}
    sys.stdout.write((json.dumps(said, indent=2) if asked.json else figures) + "\n")


if __name__ == "__main__":
    main()
