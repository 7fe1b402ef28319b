"""How right off-policy estimates are: on tables where the truth is known, most of it hidden."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.services.routing_tables import Table
from freehold.stages.routing.evaluation import estimators
from freehold.stages.routing.evaluation.estimators import Estimated
from freehold.stages.routing.evaluation.fitting import cross_fitted
from freehold.stages.routing.evaluation.log import Floats, Log, support
from freehold.stages.routing.evaluation.sequences import mean_bands
from freehold.text.embedding import embed

LEAST_ESS = 200.0
_WIDTH = 16
_DESIGN = 0.2
_DAYS = 30
_A_DAY = 100
_Z = 1.959964


class EstimatorMeasured(Struct, frozen=True, kw_only=True):
    """One estimator of one target policy's value, over many logs.

    ``bias`` and ``rmse`` are against the truth, ``coverage`` is the share of intervals that hold
    it; all over the logs that allow a verdict.
    """

    estimator: str
    bias: float
    rmse: float
    width: float
    coverage: float


class TargetMeasured(Struct, frozen=True, kw_only=True):
    """One target policy. ``verdicts`` counts the logs whose effective sample size sufficed."""

    target: str
    truth: float
    ess: float
    max_weight: float
    verdicts: int
    estimators: tuple[EstimatorMeasured, ...]


class PeekingMeasured(Struct, frozen=True, kw_only=True):
    """Shares of runs without any difference in which somebody who looks every day sees one."""

    days: int
    a_day: int
    runs: int
    z_test_false_alarms: float
    sequence_false_alarms: float
    sequence_width: float


class OpeMeasured(Struct, frozen=True, kw_only=True):
    """All of it, with what makes it happen again: ``seed``, ``runs``, ``rows``, ``floor``."""

    seed: int
    runs: int
    rows: int
    floor: float
    least_ess: float
    models: tuple[str, ...]
    prompts: int
    targets: tuple[TargetMeasured, ...]
    peeking: PeekingMeasured

    @property
    def coverage(self) -> dict[str, float]:
        """By estimator, over all targets and logs with a verdict."""
        sums: dict[str, list[float]] = {}
        for target in self.targets:
            for one in target.estimators:
                known = sums.setdefault(one.estimator, [0.0, 0.0])
                known[0] += one.coverage * target.verdicts
                known[1] += target.verdicts
        return {name: hit / count if count else 0.0 for name, (hit, count) in sums.items()}


def measure(
    table: Table,
    *,
    seed: int = 0,
    runs: int = 200,
    rows: int = 3_000,
    floor: float = 0.1,
    least_ess: float = LEAST_ESS,
) -> OpeMeasured:
    """Log ``runs`` times, hide what was not chosen, estimate, compare.

    Each log draws ``rows`` prompts with replacement and for each one a model, under a policy that
    is greedy on a rough guess and explores: every model has a share of ``floor / k`` at least. The
    guess and the target policies are learned from a fifth of the prompts, which no log has.
    """
    rng = np.random.default_rng(seed)
    features = prompt_features(table)
    order = rng.permutation(len(table.prompts))
    cut = max(len(table.models) * 2, round(len(order) * _DESIGN))
    design, world = order[:cut], order[cut:]
    guess = _learned(features[design], table.scores[design], features[world])
    rough = guess + rng.normal(scale=0.15, size=guess.shape)
    logging = _exploring(rough, floor)
    scores = table.scores[world]
    targets = _targets(guess, table.scores[design].mean(axis=0), table.models)
    logs = [_log(table.models, logging, scores, rows, rng) for _ in range(runs)]
    fits = [
        cross_fitted(log, features[world][picked], seed=number)
        for number, (log, picked) in enumerate(logs)
    ]
    return OpeMeasured(
        seed=seed,
        runs=runs,
        rows=rows,
        floor=floor,
        least_ess=least_ess,
        models=table.models,
        prompts=len(table.prompts),
        targets=tuple(
            _target(name, target, scores, logs, fits, least_ess) for name, target in targets.items()
        ),
        peeking=peeking(rng, runs=runs),
    )


def peeking(rng: np.random.Generator, *, runs: int) -> PeekingMeasured:
    """Two equal models for a month, looked at every evening: who cries wolf?

    Outcomes are right with probability 0.8. The z-test is that of two shares at 5 %.
    """
    wolves = [0, 0]
    widths = []
    for _ in range(runs):
        one, two = (rng.random((2, _DAYS * _A_DAY)) < 0.8).astype(np.float64)
        counts = np.arange(_A_DAY, _DAYS * _A_DAY + 1, _A_DAY)
        first, second = np.cumsum(one)[counts - 1], np.cumsum(two)[counts - 1]
        pooled = (first + second) / (2 * counts)
        noise = np.sqrt(2 * pooled * (1 - pooled) / counts)
        wolves[0] += bool(np.any(np.abs(first - second) / counts > _Z * noise))
        lows, highs = mean_bands(one - two, low=-1.0, high=1.0)
        wolves[1] += bool(np.any((lows > 0) | (highs < 0)))
        widths.append(highs[-1] - lows[-1])
    return PeekingMeasured(
        days=_DAYS,
        a_day=_A_DAY,
        runs=runs,
        z_test_false_alarms=wolves[0] / runs,
        sequence_false_alarms=wolves[1] / runs,
        sequence_width=float(np.mean(widths)),
    )


def _target(
    name: str,
    target: Floats,
    scores: Floats,
    logs: list[tuple[Log, NDArray[np.int64]]],
    fits: list[Floats],
    least_ess: float,
) -> TargetMeasured:
    truth = float(np.mean(np.sum(target * scores, axis=1)))
    found: dict[str, list[Estimated]] = {}
    sizes, weights = [], []
    for (log, picked), expected in zip(logs, fits, strict=True):
        mine = target[picked]
        known = support(log, mine)
        sizes.append(known.ess)
        weights.append(known.max_weight)
        if known.why_not(least_ess):
            continue
        for estimated in every(log, mine, expected):
            found.setdefault(estimated.estimator, []).append(estimated)
    return TargetMeasured(
        target=name,
        truth=truth,
        ess=float(np.mean(sizes)),
        max_weight=float(np.max(weights)),
        verdicts=max((len(each) for each in found.values()), default=0),
        estimators=tuple(_one(estimator, each, truth) for estimator, each in found.items()),
    )


def every(log: Log, target: Floats, expected: Floats) -> tuple[Estimated, ...]:
    """What each estimator says."""
    return (
        estimators.ips(log, target),
        estimators.snips(log, target),
        estimators.dm(log, target, expected),
        estimators.dr(log, target, expected),
        estimators.dr_shrunk(log, target, expected),
        estimators.switch(log, target, expected),
    )


def _one(estimator: str, each: list[Estimated], truth: float) -> EstimatorMeasured:
    off = np.array([one.value - truth for one in each])
    return EstimatorMeasured(
        estimator=estimator,
        bias=float(np.mean(off)),
        rmse=float(np.sqrt(np.mean(off**2))),
        width=float(np.mean([one.width for one in each])),
        coverage=float(np.mean([one.low <= truth <= one.high for one in each])),
    )


def _log(
    models: tuple[str, ...], logging: Floats, scores: Floats, rows: int, rng: np.random.Generator
) -> tuple[Log, NDArray[np.int64]]:
    picked = rng.integers(len(scores), size=rows)
    propensity = logging[picked]
    drawn = rng.random(rows)[:, None] > np.cumsum(propensity, axis=1)
    chosen = np.minimum(drawn.sum(axis=1), len(models) - 1)
    reward = np.take_along_axis(scores[picked], chosen[:, None], 1)[:, 0]
    return Log(models=models, propensity=propensity, chosen=chosen, reward=reward), picked


def _targets(guess: Floats, means: Floats, models: tuple[str, ...]) -> dict[str, Floats]:
    """Policies that a person might want to try: each a float (n, k) of shares."""
    best, cheap = int(np.argmax(means)), int(np.argmin(means))
    gain = guess[:, best] - guess[:, cheap]
    policies: dict[str, Floats] = {
        f"always {models[best]}": _always(guess, best),
        f"always {models[cheap]}": _always(guess, cheap),
        "each alike": np.full(guess.shape, 1 / guess.shape[1]),
        "learned, greedy": _greedy(guess),
        "learned, mixed": 0.7 * _greedy(guess) + 0.3 / guess.shape[1],
    }
    for share in (0.25, 0.5, 0.75):
        policies[f"{share:.0%} to {models[best]}, where it gains most"] = _where(
            gain >= np.quantile(gain, 1 - share), _always(guess, best), _always(guess, cheap)
        )
    return policies


def _where(rows: NDArray[np.bool_], one: Floats, two: Floats) -> Floats:
    shares: Floats = np.where(rows[:, None], one, two)
    return shares


def _always(guess: Floats, arm: int) -> Floats:
    shares = np.zeros(guess.shape)
    shares[:, arm] = 1.0
    return shares


def _greedy(guess: Floats) -> Floats:
    shares = np.zeros(guess.shape)
    shares[np.arange(len(guess)), np.argmax(guess, axis=1)] = 1.0
    return shares


def _exploring(guess: Floats, floor: float) -> Floats:
    shares: Floats = (1 - floor) * _greedy(guess) + floor / guess.shape[1]
    return shares


def _learned(given: Floats, scores: Floats, asked: Floats) -> Floats:
    """Ridge regression of every model's score at once, as it would be learned from labels."""
    columns, means = given.mean(axis=0), scores.mean(axis=0)
    centred = given - columns
    gram = centred.T @ centred + 10.0 * np.eye(given.shape[1])
    slopes: Floats = np.linalg.solve(gram, centred.T @ (scores - means))
    found: Floats = means + (asked - columns) @ slopes
    return found


def prompt_features(table: Table, width: int = _WIDTH) -> Floats:
    """The prompts' vectors on their main axes (n, width); no score has a part in it."""
    raw = np.array([embed(prompt) for prompt in table.prompts], dtype=np.float64)
    raw -= raw.mean(axis=0)
    _, axes = np.linalg.eigh(raw.T @ raw)
    found: Floats = raw @ axes[:, -width:]
    spread = found.std(axis=0)
    scaled: Floats = found / np.where(spread > 0, spread, 1.0)
    return scaled
