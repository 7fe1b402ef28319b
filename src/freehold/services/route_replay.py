"""Recorded requests under a draft of their route: who would have got them, and what for.

The allowed sets, estimates and propensities are those of the log: nothing is asked again, and what
a hard filter kept from a model stays kept from it. What a rule, the client or the conversation
settled stays as it was and is told apart.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from freehold.core.decisions import MILLION
from freehold.core.routes import RouteSpec
from freehold.services.route_log import Chosen
from freehold.stages.routing.choosing import odds
from freehold.stages.routing.evaluation import estimators
from freehold.stages.routing.evaluation.estimators import Estimated
from freehold.stages.routing.evaluation.fitting import cross_fitted
from freehold.stages.routing.evaluation.log import Floats, Log, support
from freehold.stages.routing.learned import Expected, Pacer
from freehold.stages.routing.objective import price_of, scored, weight_of

LEAST_ESS = 200.0


class Estimates(Struct, frozen=True, kw_only=True):
    """One quantity: its mean as it was, and as it would have been.

    ``verdict`` says in words what the gain's interval allows to say, or why nothing.
    """

    rows: int
    ess: float
    max_weight: float
    was: float
    snips: Estimated
    dr: Estimated
    gain: Estimated
    verdict: str


class Replay(Struct, frozen=True, kw_only=True):
    """One route under its draft. Shares are from 0 to 1, money in nano-units a request.

    Attributes:
        requests: those that a router chose for; ``kept`` counts the others, by why.
        moved: the share of requests that would have gone to another model.
        models: its share as it was, and as it would have been, by model.
        without_support: models that the draft would use where the log never does, with the share
            of requests.
        unknown: candidates of the draft that are in no record of the log.
    """

    route: str
    requests: int
    kept: dict[str, int]
    moved: float
    models: dict[str, tuple[float, float]]
    without_support: dict[str, float]
    unknown: tuple[str, ...]
    quality: Estimates | None
    cost_nano: Estimates | None
    took_ms: Estimates | None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``; what no log can tell is null."""
        found = asdict(self)
        for name in ("quality", "cost_nano", "took_ms"):
            one: Estimates | None = getattr(self, name)
            found[name] = None if one is None else _plain(one)
        found["models"] = {
            model: {"was": was, "becomes": becomes} for model, (was, becomes) in self.models.items()
        }
        return found


def replay(
    rows: Sequence[Chosen], draft: RouteSpec, *, least_ess: float = LEAST_ESS, metric: str = ""
) -> Replay:
    """Put the recorded requests of one route to a draft of it.

    Args:
        rows: the oldest first; a ceiling on money is paced in this order.
        metric: whose outcomes count; what the draft learns from, if left out.
    """
    kept = Counter(row.kept for row in rows if row.kept)
    decided = [row for row in rows if not row.kept]
    models = tuple(sorted({arm.model for row in decided for arm in row.allowed}))
    unknown = tuple(model for model in draft.candidates if model not in models)
    target, possible = targets(decided, draft, models)
    kept["the draft has none of the models that might have taken it"] = int((~possible).sum())
    decided = [row for row, fine in zip(decided, possible, strict=True) if fine]
    target = target[possible]
    log = logged(decided, models, [0.0] * len(decided))
    missing = support(log, target).unsupported
    metric = metric or draft.learn.metric
    told = [row.score(metric) for row in decided]
    has = np.array([score is not None for score in told], dtype=bool)
    rated = [row for row, fine in zip(decided, has, strict=True) if fine]
    scores = [score for score in told if score is not None]
    costs = [float(row.cost_nano) for row in decided]
    times = [float(row.took_ms) for row in decided]
    return Replay(
        route=draft.id,
        requests=len(decided),
        kept={why: count for why, count in kept.most_common() if count},
        moved=float(np.mean(1 - _at(target, log.chosen))) if decided else 0.0,
        models=_shares(log, target),
        without_support=missing,
        unknown=unknown,
        quality=compared(rated, models, scores, target[has], least_ess, better="higher"),
        cost_nano=compared(decided, models, costs, target, least_ess, better="lower"),
        took_ms=compared(decided, models, times, target, least_ess, better="lower"),
    )


def logged(rows: Sequence[Chosen], models: Sequence[str], reward: Sequence[float]) -> Log:
    """The choices as arrays."""
    place = {model: number for number, model in enumerate(models)}
    propensity = np.zeros((len(rows), len(models)))
    for number, row in enumerate(rows):
        for arm in row.allowed:
            propensity[number, place[arm.model]] = arm.propensity / MILLION
    return Log(
        models=tuple(models),
        propensity=propensity,
        chosen=np.array([place[row.model] for row in rows], dtype=np.int64),
        reward=np.array(reward, dtype=np.float64),
        clusters=np.array([_conversation(row) for row in rows], dtype=np.int64),
    )


def compared(
    rows: Sequence[Chosen],
    models: Sequence[str],
    reward: Sequence[float],
    target: Floats,
    least_ess: float,
    *,
    better: str,
) -> Estimates | None:
    """What the target policy would have got beside what was got; ``None`` of no rows."""
    if len(rows) < 2:
        return None
    log = logged(rows, models, reward)
    expected = cross_fitted(log, features(rows, models))
    known = support(log, target)
    gain = estimators.gain(log, target, expected)
    why = known.why_not(least_ess)
    return Estimates(
        rows=len(rows),
        ess=known.ess,
        max_weight=known.max_weight,
        was=float(log.reward.mean()),
        snips=estimators.snips(log, target),
        dr=estimators.dr(log, target, expected),
        gain=gain,
        verdict=f"no verdict: {why}" if why else _verdict(gain, better),
    )


def features(rows: Sequence[Chosen], models: Sequence[str]) -> Floats:
    """What a reward model may know of a request (n, d): what was expected of each model, and the
    request's cheap signals.
    """
    names = sorted({name for row in rows for name in row.signals})
    place = {model: number for number, model in enumerate(models)}
    made = np.zeros((len(rows), 2 * len(models) + len(names)))
    for number, row in enumerate(rows):
        for arm in row.allowed:
            made[number, place[arm.model]] = (arm.success or 0) / MILLION
            made[number, len(models) + place[arm.model]] = np.log1p(arm.cost_nano)
        for column, name in enumerate(names, 2 * len(models)):
            made[number, column] = np.log1p(max(0, row.signals.get(name, 0)))
    return made


def targets(rows: Sequence[Chosen], draft: RouteSpec, models: Sequence[str]) -> tuple[Floats, Any]:
    """The draft's propensities (n, k), and for which rows it has any."""
    place = {model: number for number, model in enumerate(models)}
    target = np.zeros((len(rows), len(models)))
    aim = draft.objective
    pacer = Pacer(max(1, aim.nano_per_request)) if aim.nano_per_request is not None else None
    for number, row in enumerate(rows):
        shares = _written(row, draft) if aim.policy == "static" else _learned(row, draft, pacer)
        for model, share in shares.items():
            target[number, place[model]] = share / MILLION
    return target, target.sum(axis=1) > 0


def _written(row: Chosen, draft: RouteSpec) -> dict[str, int]:
    allowed = {arm.model for arm in row.allowed}
    first = next((model for model in draft.candidates if model in allowed), None)
    return {} if first is None else {first: MILLION}


def _learned(row: Chosen, draft: RouteSpec, pacer: Pacer | None) -> dict[str, int]:
    """As the learned router would choose, from what was expected when the request came."""
    known = [arm.estimate() for arm in row.allowed if arm.model in draft.candidates]
    estimates = [estimate for estimate in known if estimate is not None]
    if not estimates:
        return {}
    aim = draft.objective
    expected = Expected.of(estimates)
    if pacer is not None:
        pacer.offered(expected.cost, expected.success)
    found = scored(expected, aim, weight_of(price_of(aim, pacer)), aim.quality_floor)
    shares = odds(expected, found, aim.explore)
    if pacer is not None:
        spent = sum(cost * share for cost, share in zip(expected.cost, shares, strict=True))
        pacer.spent(spent // MILLION)
    return dict(zip(expected.names, shares, strict=True))


def _shares(log: Log, target: Floats) -> dict[str, tuple[float, float]]:
    if not len(log.chosen):
        return {}
    was = np.bincount(log.chosen, minlength=len(log.models)) / len(log.chosen)
    becomes = target.mean(axis=0)
    return {m: (float(was[i]), float(becomes[i])) for i, m in enumerate(log.models)}


def _at(target: Floats, chosen: Any) -> Floats:
    taken: Floats = np.take_along_axis(target, chosen[:, None], 1)[:, 0]
    return taken


def _conversation(row: Chosen) -> int:
    """A number for each conversation; a request without one stands by itself."""
    name = row.conversation or row.exchange
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")


def _verdict(gain: Estimated, better: str) -> str:
    if gain.low <= 0 <= gain.high:
        return "no difference that this log can tell"
    return "better" if (gain.low > 0) is (better == "higher") else "worse"


def _plain(one: Estimates) -> Mapping[str, Any]:
    found = asdict(one)
    for name in ("snips", "dr", "gain"):
        estimated: Estimated = getattr(one, name)
        found[name] = {
            key: value if np.isfinite(value) else None
            for key, value in asdict(estimated).items()
            if key != "estimator"
        }
    return found
