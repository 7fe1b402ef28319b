"""How well a route learns while it works: only the chosen model's answer is seen, money is short.

Each row of the data has for every model what its answer was worth and what it cost, so that any
choice can be scored afterwards. The policy sees the rows one by one, in an order drawn from a seed;
first those of one file, to learn, then those of the other, which are measured while it goes on
learning. It is told the outcome of the model it chose and nothing of the others, and is held to a
ceiling on the mean cost of a request throughout. The data and the published figures are those of
ParetoBandit (Taberner-Miller; Apache-2.0), which its package carries.
"""

import time
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.errors import FreeholdError
from freehold.core.routing import Signals
from freehold.core.spec import ModelSpec
from freehold.services.routing_tables import Table
from freehold.stages.routing.learned import LearnedPolicy, Pacer, draw, shares
from freehold.text.embedding import embed
from freehold.text.features import featurise

CEILINGS = (2.3e-4, 6.6e-4)
PUBLISHED = {2.3e-4: 0.859, 6.6e-4: 0.898}
"""Mean reward by ceiling in dollars a request, as ParetoBandit's paper gives it."""
PRICES = {
    "meta-llama/llama-3.1-8b-instruct": (100, 100),
    "mistralai/mistral-large-2512": (500, 1_500),
    "google/gemini-2.5-pro": (1_250, 10_000),
}
"""Nano-dollars a token read and written, as the package's own list of models has them."""
_OTHER = (0, 1_000)
_FLOOR, _DARING = 300, 0.05
"""Millionths that are shared out evenly, and what part of the doubt may try others."""
_CHARS_A_TOKEN = 4
_NANO = 1e9

Floats = NDArray[np.float64]


class Ceiling(Struct, frozen=True, kw_only=True):
    """What was got at one ceiling. Money is in the data's currency a request.

    ``ours`` is the mean over the runs (``seeds``); its 95 % interval resamples prompts.
    ``ours_cold`` has learned nothing before the prompts that are measured. ``zero_router`` is the
    best mix of two fixed models.
    """

    ceiling: float
    random: float
    zero_router: float
    best_single: float
    oracle: float
    published: float | None
    ours: float
    ours_interval: tuple[float, float]
    ours_spent: float
    ours_cold: float
    ours_cold_spent: float
    seeds: list[float]


class BanditMeasured(Struct, frozen=True, kw_only=True):
    """What `measure_bandit` found."""

    models: tuple[str, ...]
    learned_on: int
    measured_on: int
    seed: int
    ceilings: list[Ceiling]
    us_per_decision: float


def measure_bandit(
    learn: Table, test: Table, ceilings: Sequence[float] = CEILINGS, runs: int = 5, seed: int = 0
) -> BanditMeasured:
    """Run the policy ``runs`` times for each ceiling, each time in another order.

    Raises:
        FreeholdError: the tables have different models, or no cost of every call.
    """
    learn, test = learn.by_name(), test.by_name()
    if learn.costs is None or test.costs is None:
        raise FreeholdError("a row does not say what each model's call costs (`arms`: `cost`)")
    if learn.models != test.models:
        raise FreeholdError(f"the files have different models: {learn.models}, {test.models}")
    specs = [_spec(name) for name in test.models]
    known = [_signals(prompt) for prompt in learn.prompts]
    asked = [_signals(prompt) for prompt in test.prompts]
    found, spent_ns, decided = [], 0, 0
    for ceiling in ceilings:
        warm, cold = [], []
        for run in range(runs):
            rng = np.random.default_rng((seed, run))
            begun = time.perf_counter_ns()
            route = _Route(specs, round(ceiling * _NANO), f"{seed}.{run}")
            route.walk(learn, known, rng.permutation(len(known)))
            warm.append(route.walk(test, asked, rng.permutation(len(asked))))
            spent_ns += time.perf_counter_ns() - begun
            decided += len(known) + len(asked)
            new = _Route(specs, round(ceiling * _NANO), f"{seed}.{run}")
            cold.append(new.walk(test, asked, rng.permutation(len(asked))))
        found.append(_ceiling(test, ceiling, np.array(warm), np.array(cold), seed))
    return BanditMeasured(
        models=test.models,
        learned_on=len(known),
        measured_on=len(asked),
        seed=seed,
        ceilings=found,
        us_per_decision=round(spent_ns / decided / 1000, 1) if decided else 0.0,
    )


class _Route:
    """A route at work: estimates, the price of cost, a draw, and what came of it."""

    def __init__(self, specs: list[ModelSpec], ceiling_nano: int, name: str) -> None:
        self._specs = specs
        self._policy = LearnedPolicy()
        self._pacer = Pacer(ceiling_nano)
        self._name = name
        self._asked = 0

    def walk(
        self, table: Table, signals: Sequence[Signals], order: NDArray[np.intp]
    ) -> list[tuple[float, float]]:
        """Answer the rows in this order; reward and cost of each, as they stand in the table."""
        got = [(0.0, 0.0)] * len(signals)
        for row in order.tolist():
            chosen = self._choose(signals[row])
            reward, cost = float(table.scores[row, chosen]), float(table.costs[row, chosen]) * _NANO
            self._pacer.spent(round(cost))
            name = self._specs[chosen].id
            self._policy.learn(name, signals[row], reward, round(cost))
            got[row] = (reward, cost)
        return got

    def _choose(self, signals: Signals) -> int:
        self._asked += 1
        estimates = self._policy.estimates(self._specs, signals)
        self._pacer.saw(estimates)
        price = self._pacer.price()
        scores = [e.success - price * e.cost_nano for e in estimates]
        doubts = [_DARING * e.doubt for e in estimates]
        return draw(shares(scores, doubts, _FLOOR), f"{self._name}.{self._asked}".encode())


def _signals(prompt: str) -> Signals:
    return Signals(
        vector=embed(prompt),
        features=featurise(prompt),
        prompt_tokens=len(prompt) // _CHARS_A_TOKEN,
    )


def _spec(name: str) -> ModelSpec:
    read, written = PRICES.get(name, _OTHER)
    return ModelSpec(
        id=name,
        provider="openai",
        base_url="",
        upstream_model=name,
        input_price_nano=read,
        output_price_nano=written,
    )


def _ceiling(table: Table, ceiling: float, warm: Floats, cold: Floats, seed: int) -> Ceiling:
    means = warm[:, :, 0].mean(1)
    rng = np.random.default_rng(seed)
    by_row = warm[:, :, 0].mean(0)
    drawn = [by_row[rng.integers(len(by_row), size=len(by_row))].mean() for _ in range(500)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    rewards, costs = table.scores.mean(0), table.costs.mean(0) * _NANO
    return Ceiling(
        ceiling=ceiling,
        random=round(float(rewards.mean()), 4),
        zero_router=round(mix(rewards, costs, ceiling * _NANO), 4),
        best_single=round(float(np.max(rewards, where=costs <= ceiling * _NANO, initial=0)), 4),
        oracle=round(_oracle(table, ceiling * _NANO), 4),
        published=PUBLISHED.get(ceiling) if set(table.models) == set(PRICES) else None,
        ours=round(float(means.mean()), 4),
        ours_interval=(round(float(low), 4), round(float(high), 4)),
        ours_spent=float(f"{warm[:, :, 1].mean() / _NANO:.4g}"),
        ours_cold=round(float(cold[:, :, 0].mean()), 4),
        ours_cold_spent=float(f"{cold[:, :, 1].mean() / _NANO:.4g}"),
        seeds=[round(float(value), 4) for value in means],
    )


def mix(rewards: Floats, costs: Floats, ceiling: float) -> float:
    """The best that a mix of fixed models gets within a ceiling, whatever is asked."""
    best = 0.0
    for one in range(len(rewards)):
        if costs[one] <= ceiling:
            best = max(best, float(rewards[one]))
        for two in range(len(rewards)):
            if costs[one] < ceiling < costs[two]:
                share = (ceiling - costs[one]) / (costs[two] - costs[one])
                best = max(best, float(rewards[one] + share * (rewards[two] - rewards[one])))
    return best


def _oracle(table: Table, ceiling: float) -> float:
    """Who knows every answer beforehand, and spends the ceiling: the fractional knapsack."""
    rows, costs = np.arange(len(table.prompts)), table.costs * _NANO

    def got(power: float) -> tuple[float, float]:
        chosen = (table.scores - 10.0**power * costs).argmax(1)
        return float(table.scores[rows, chosen].mean()), float(costs[rows, chosen].mean())

    low, high = -15.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        if got(middle)[1] <= ceiling:
            high = middle
        else:
            low = middle
    (less, spent), (more, beyond) = got(high), got(low)
    part = (ceiling - spent) / (beyond - spent) if beyond > spent else 0.0
    return less + min(1.0, max(0.0, part)) * (more - less)
