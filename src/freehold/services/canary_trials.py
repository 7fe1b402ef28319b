"""What the trial of a canary says.

What a canary does is compared with what the models before it do at the same time, by the
probability with which each conversation was drawn. A conversation is drawn once, so it counts once:
with its first exchange, and with the first outcome that is told of it. Every bound is
anytime-valid, so it may be looked at after every exchange; a verdict is wrong with the probability
``doubt`` at most, whatever number of looks, guardrails and stages there were.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from freehold.core.clock import rfc3339
from freehold.core.decisions import MILLION
from freehold.core.outcomes import Told
from freehold.core.trials import CanarySpec, Seen, Standing
from freehold.stages.routing.evaluation.log import Floats
from freehold.stages.routing.evaluation.sequences import (
    contrasts,
    evidence_above,
    evidence_below,
    mean_band,
    reach,
)

Verdict = Literal["wait", "advance", "roll_back", "done"]
_BLOCKS = 2_000


def scores_of(told: Iterable[Told], metric: str) -> dict[str, int]:
    """Each exchange's score by one metric, in millionths, in the order in which they were told
    first; where no metric is named, the mean of all that judge what the caller got.
    """
    found: dict[str, list[int]] = {}
    for one in sorted(told, key=lambda one: one.first_number):
        if one.of_the_answer and metric in ("", one.metric):
            found.setdefault(one.exchange_id, []).append(one.score)
    return {exchange: sum(scores) // len(scores) for exchange, scores in found.items()}


class Measure(Struct, frozen=True, kw_only=True):
    """One guardrail of one stage.

    Attributes:
        seen: conversations.
        newcomer, before: shares from 0 to 1; of ``quality``, mean shortfalls from a perfect score.
        worse_by, low, high: how much more of it the newcomer has, and the confidence sequence.
        margin: how much more is too much.
        against: log of the e-process against "it is within the margin", over its threshold: at 1
            the newcomer is surely worse.
        speaks_for: the same against "it is not within the margin".
    """

    name: str
    seen: int
    newcomer: float
    before: float
    worse_by: float
    low: float
    high: float
    margin: float
    against: float
    speaks_for: float

    @property
    def told(self) -> str:
        """What the figures are of: all of them are of something bad."""
        return called(self.name)


def called(name: str) -> str:
    """A measure's name as people read it."""
    return "quality lost" if name == "quality" else name


class Report(Struct, frozen=True, kw_only=True):
    """Where a canary stands and what the exchanges of its stage say."""

    standing: Standing
    share: float
    newcomers: int
    others: int
    measures: tuple[Measure, ...]
    verdict: Verdict
    why: str

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            **asdict(self.standing),
            "since": rfc3339(self.standing.since_ns) if self.standing.since_ns else None,
            "share": self.share,
            "newcomers": self.newcomers,
            "others": self.others,
            "measures": [asdict(measure) for measure in self.measures],
            "verdict": self.verdict,
            "why": self.why,
        }


def judge(
    spec: CanarySpec,
    standing: Standing,
    seen: Sequence[Seen],
    scores: Mapping[str, int],
    *,
    bands: bool = True,
) -> Report:
    """What the exchanges of the stage that a canary stands at say of it.

    Args:
        seen: in the order in which they ended.
        scores: outcomes in millionths of those exchanges that have one, the first one told first.
        bands: whether confidence sequences are wanted; no verdict needs them, and they take long.
    """
    share = standing.share(spec) / MILLION
    drawn = [one for one in seen if 0 < one.share < MILLION]
    measures = tuple(_measures(spec, drawn, scores, bands=bands)) if drawn else ()
    newcomers = sum(one.newcomer for one in seen)
    verdict, why = _verdict(standing, spec, measures)
    return Report(
        standing=standing,
        share=share,
        newcomers=newcomers,
        others=len(seen) - newcomers,
        measures=measures,
        verdict=verdict,
        why=why,
    )


def _measures(
    spec: CanarySpec, drawn: Sequence[Seen], scores: Mapping[str, int], *, bands: bool
) -> list[Measure]:
    rails, first = spec.guardrails, _first(drawn)
    bad = (
        ("errors", rails.errors, [one.failed for one in first]),
        ("refusals", rails.refusals, [one.refused for one in first]),
        ("slow", rails.slow, [one.took_ms > rails.slow_ms for one in first]),
    )
    found = [
        _measure(name, margin, first, values, spec, bands=bands) for name, margin, values in bad
    ]
    known = {one.exchange_id: one for one in drawn}
    told = _first([known[exchange] for exchange in scores if exchange in known])
    if told:
        short = [1 - scores[one.exchange_id] / MILLION for one in told]
        found.append(_measure("quality", rails.quality, told, short, spec, bands=bands))
    return found


def _first(rows: Sequence[Seen]) -> list[Seen]:
    """The first of each conversation."""
    found: dict[str, Seen] = {}
    for one in rows:
        found.setdefault(one.conversation, one)
    return list(found.values())


def _measure(
    name: str,
    margin: int,
    rows: Sequence[Seen],
    values: Sequence[float],
    spec: CanarySpec,
    *,
    bands: bool,
) -> Measure:
    bad = np.array(values, dtype=np.float64)
    treated = np.array([one.newcomer for one in rows], dtype=np.float64)
    share = np.array([one.share for one in rows], dtype=np.float64) / MILLION
    worse = contrasts(bad, treated, share)
    bound = reach(share)
    alpha = spec.doubt / MILLION / len(spec.stages)
    limit = margin / MILLION
    against = evidence_above(worse, limit, low=-bound, high=bound)
    speaks_for = evidence_below(worse, limit, low=-bound, high=bound)
    watched = _blocks(worse) if bands else worse[:0]
    band = mean_band(watched, alpha, low=-bound, high=bound)
    four = math.log(4 / alpha)  # any of four guardrails may raise a false alarm
    return Measure(
        name=name,
        seen=len(rows),
        newcomer=_mean(bad[treated == 1]),
        before=_mean(bad[treated == 0]),
        worse_by=float(worse.mean()),
        low=max(-1.0, band.low),
        high=min(1.0, band.high),
        margin=limit,
        against=float(against.max()) / four,
        speaks_for=float(speaks_for.max()) / math.log(1 / alpha),
    )


def _verdict(
    standing: Standing, spec: CanarySpec, measures: Sequence[Measure]
) -> tuple[Verdict, str]:
    if standing.state != "running":
        return "done", standing.reason or standing.state.replace("_", " ")
    for measure in measures:
        if measure.against >= 1:
            return "roll_back", (
                f"{measure.told}: {measure.newcomer:.3f} with {standing.model} and "
                f"{measure.before:.3f} without it, over {measure.seen} conversations; more than "
                f"{measure.margin:g} worse is too much"
            )
    if standing.share(spec) >= MILLION:
        return "wait", "every conversation has it, so there is nothing to compare it with"
    quality = next((m for m in measures if m.name == "quality"), None)
    if quality is None:
        return "wait", "no outcome is known yet: only a person can tell whether it is good enough"
    if quality.speaks_for >= 1:
        return "advance", (
            f"it is surely not more than {quality.margin:g} worse, over "
            f"{quality.seen} conversations"
        )
    return "wait", f"outcomes of {quality.seen} conversations are too few to tell"


def _blocks(values: Floats) -> Floats:
    """Means of consecutive values, a few thousand at most: they have the same mean and bounds."""
    size = -(-len(values) // _BLOCKS)
    if size <= 1:
        return values
    whole: Floats = values[: len(values) // size * size].reshape(-1, size).mean(axis=1)
    return whole


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
