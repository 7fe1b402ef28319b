"""How well a policy trained on labels routes prompts that it has not seen.

The figures are those of RouteLLM (Ong et al. 2024, arXiv 2406.18665), as the evaluation in its
repository counts them: thresholds at the deciles of the router's scores, the curve of quality over
the share of strong calls between them (trapezoids), APGR as that curve's area above the weak model
over the area of the strong one, CPT as the interpolated share of strong calls at which that part of
the gap is closed.
"""

import re
import time
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.errors import FreeholdError
from freehold.services.routing_tables import Table
from freehold.stages.routing.learned.batch import fit

BINS = 10
RESAMPLED = 200

Floats = NDArray[np.float64]


class Curve(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1, and 95 % intervals by resampling prompts where there are any."""

    apgr: float
    cpt50: float
    cpt80: float | None
    apgr_interval: tuple[float, float] | None = None
    cpt50_interval: tuple[float, float] | None = None
    cpt80_interval: tuple[float, float] | None = None


class Group(Struct, frozen=True, kw_only=True):
    """The figures of the prompts of one group, the router being the same."""

    prompts: int
    weak_quality: float
    strong_quality: float
    random: Curve
    zero_router: Curve
    oracle: Curve
    published: Curve | None
    ours: Curve


class RoutingMeasured(Struct, frozen=True, kw_only=True):
    """What `measure_routing` found.

    Attributes:
        weak, strong: the pair that is routed between.
        left_out: prompts of the training file that are alike to one of the test, and unlearned.
        by_dataset: the same figures by group, for those with 20 prompts or more.
    """

    weak: str
    strong: str
    models: tuple[str, ...]
    labels: int
    prompts: int
    left_out: int
    seed: int
    weak_quality: float
    strong_quality: float
    best_single: str
    best_single_quality: float
    best_pick_quality: float
    oracle_quality: float
    random: Curve
    zero_router: Curve
    oracle: Curve
    published: Curve | None
    ours: Curve
    by_dataset: dict[str, Group]
    train_seconds: float
    us_per_prompt: float


PUBLISHED = {
    "mmlu": Curve(apgr=0.603, cpt50=0.354, cpt80=None),
    "gsm8k": Curve(apgr=0.622, cpt50=0.336, cpt80=None),
}
"""RouteLLM's best routers trained with 1,500 golden labels; it gives no CPT80 with them here."""
_PUBLISHED_PAIR = {"mixtral-8x7b", "gpt-4-1106"}


def alike(prompt: str) -> bytes:
    """The same for prompts that differ in figures, marks, capitals or spaces only."""
    return blake2b(re.sub(r"[\W\d_]+", " ", prompt.lower()).encode(), digest_size=12).digest()


def curve(scores: Floats, weak: Floats, strong: Floats) -> tuple[float, float, float]:
    """APGR, CPT50 and CPT80 of a router that calls the strong model from a score on."""
    thresholds = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)))
    shares, qualities = np.empty(len(thresholds)), np.empty(len(thresholds))
    for place, threshold in enumerate(thresholds):
        last = place == len(thresholds) - 1
        chosen = scores > threshold if last else scores >= threshold
        shares[place] = chosen.mean()
        qualities[place] = np.where(chosen, strong, weak).mean()
    order = np.argsort(shares, kind="stable")
    return closed_gap(shares[order], qualities[order], float(weak.mean()), float(strong.mean()))


def closed_gap(
    shares: Floats, qualities: Floats, weak: float, strong: float
) -> tuple[float, float, float]:
    """APGR, CPT50 and CPT80 of points on a curve, ascending by the share of strong calls."""
    gap = strong - weak
    area = float(np.trapezoid(qualities, shares)) - weak * float(shares[-1] - shares[0])
    whole = gap * float(shares[-1] - shares[0])
    at50, at80 = (float(np.interp(weak + p * gap, qualities, shares)) for p in (0.5, 0.8))
    return (area / whole if whole else 0.0, at50, at80)


def measure_routing(
    train: Table, test: Table, labels: int | None = None, seed: int = 0
) -> RoutingMeasured:
    """Train on ``labels`` prompts of ``train`` drawn with ``seed`` (all by default), and measure.

    Prompts that are alike in both files are left out of training. Between more than two models it
    is the dearest to call, which these files do not tell, that matters: the figures are then for
    the two that are worst and best in the mean on the training labels.

    Raises:
        FreeholdError: the files have different models, or too few prompts.
    """
    train, test = train.by_name(), test.by_name()
    if train.models != test.models:
        raise FreeholdError(f"the files have different models: {train.models}, {test.models}")
    train, left_out = _drawn(train, test, labels, seed)
    said, trained, spent = _predicted(train, test, seed)
    means = train.scores.mean(0)
    weak, strong = int(means.argmin()), int(means.argmax())
    gains = said[:, strong] - said[:, weak]
    pair = {test.models[weak], test.models[strong]} == _PUBLISHED_PAIR

    def group(rows: NDArray[np.intp], name: str) -> Group:
        return _figures(
            gains[rows],
            test.scores[rows][:, weak],
            test.scores[rows][:, strong],
            PUBLISHED.get(name) if pair else None,
            np.random.default_rng(seed),
        )

    every = np.arange(len(test.prompts))
    names = sorted(set(test.groups) - {""})
    of = {name: np.flatnonzero(np.array(test.groups) == name) for name in names}
    whole = group(every, names[0] if len(names) == 1 else "")
    best = int(means.argmax())
    return RoutingMeasured(
        weak=test.models[weak],
        strong=test.models[strong],
        models=test.models,
        labels=len(train.prompts),
        prompts=len(test.prompts),
        left_out=left_out,
        seed=seed,
        weak_quality=whole.weak_quality,
        strong_quality=whole.strong_quality,
        best_single=test.models[best],
        best_single_quality=float(test.scores[:, best].mean()),
        best_pick_quality=float(test.scores[every, said.argmax(1)].mean()),
        oracle_quality=float(test.scores.max(1).mean()),
        random=whole.random,
        zero_router=whole.zero_router,
        oracle=whole.oracle,
        published=whole.published,
        ours=whole.ours,
        by_dataset={name: group(rows, name) for name, rows in of.items() if len(rows) >= 2 * BINS},
        train_seconds=round(trained, 2),
        us_per_prompt=round(spent / len(test.prompts) * 1e6, 1),
    )


def _drawn(train: Table, test: Table, labels: int | None, seed: int) -> tuple[Table, int]:
    """What is trained on, and how many prompts were left out since the test has one alike."""
    seen = {alike(prompt) for prompt in test.prompts}
    kept = np.array([i for i, prompt in enumerate(train.prompts) if alike(prompt) not in seen])
    left_out = len(train.prompts) - len(kept)
    if labels is not None:
        kept = np.random.default_rng(seed).permutation(kept)[:labels]
    if len(kept) < 40 or len(test.prompts) < BINS:
        raise FreeholdError(
            f"{len(kept)} prompts to train on, {len(test.prompts)} to test: too few"
        )
    return train.only(kept), left_out


def _predicted(train: Table, test: Table, seed: int) -> tuple[Floats, float, float]:
    """What is expected of each model on the test prompts; seconds of training and of judging."""
    begun = time.perf_counter()
    policy = fit(train.prompts, train.scores, seed, groups=train.topics)
    trained = time.perf_counter()
    said = policy.predict(test.prompts)
    return said, trained - begun, time.perf_counter() - trained


def _figures(
    gains: Floats, weak: Floats, strong: Floats, published: Curve | None, rng: np.random.Generator
) -> Group:
    low, high = float(weak.mean()), float(strong.mean())
    return Group(
        prompts=len(gains),
        weak_quality=low,
        strong_quality=high,
        random=_curve(curve(rng.random(len(gains)), weak, strong)),
        # the mix of both that looks at no prompt: a straight line from one to the other
        zero_router=Curve(apgr=0.5, cpt50=0.5, cpt80=0.8),
        oracle=_curve(_best_curve(weak, strong)),
        published=published,
        ours=_curve(curve(gains, weak, strong), _resampled(gains, weak, strong, rng)),
    )


def _best_curve(weak: Floats, strong: Floats) -> tuple[float, float, float]:
    """Of one who knows beforehand whom the strong model would help, and by how much."""
    helps = np.sort(np.maximum(strong - weak, 0.0))[::-1]
    shares = np.linspace(0, 1, BINS + 1)
    counts = np.round(shares * len(weak)).astype(int)
    gained = np.concatenate(([0.0], np.cumsum(helps)))[counts]
    qualities = weak.mean() + gained / len(weak)
    return closed_gap(shares, qualities, float(weak.mean()), float(strong.mean()))


def _resampled(
    gains: Floats, weak: Floats, strong: Floats, rng: np.random.Generator
) -> NDArray[np.float64]:
    size = len(gains)
    drawn = (rng.integers(size, size=size) for _ in range(RESAMPLED))
    return np.array([curve(gains[rows], weak[rows], strong[rows]) for rows in drawn])


def _curve(found: Sequence[float], resampled: Floats | None = None) -> Curve:
    said = [round(float(value), 4) for value in found]
    if resampled is None:
        return Curve(apgr=said[0], cpt50=said[1], cpt80=said[2])
    bounds = np.quantile(resampled, (0.025, 0.975), axis=0).round(4).T.tolist()
    first, second, third = ((float(low), float(high)) for low, high in bounds)
    return Curve(
        apgr=said[0],
        cpt50=said[1],
        cpt80=said[2],
        apgr_interval=first,
        cpt50_interval=second,
        cpt80_interval=third,
    )
