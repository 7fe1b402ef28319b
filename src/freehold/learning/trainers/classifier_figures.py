"""What a classifier did on questions that it has not learned, and when it answers."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.learning.agreement.reliability import wilson
from freehold.text.intents import Intent

_BINS = 10


class Told(Struct, frozen=True):
    """A question of which the class is known, and what was said of it; ``wanted`` is empty where
    it has none.
    """

    wanted: str
    said: Intent

    @property
    def right(self) -> bool:
        """Whether answering with it would be right."""
        return self.said.name == self.wanted and bool(self.wanted)


def threshold(told: Sequence[Told], accuracy: float) -> tuple[float, bool]:
    """The least score from which on so large a share of the answers is right, and whether there is
    one.

    One more question, answered wrongly, is counted in, so that few questions promise little
    (conformal risk control: Angelopoulos et al. 2022, arXiv 2208.02814).
    """
    answered = sorted(
        ((one.said.score, one.right) for one in told if one.said.fits), key=lambda pair: -pair[0]
    )
    if not answered:
        return 0.5, False
    scores = np.array([score for score, _ in answered])
    wrong = np.cumsum([not right for _, right in answered])
    risk = (wrong + 1) / (np.arange(len(answered)) + 2)
    # of equal scores all are answered or none
    last = np.append(scores[1:] != scores[:-1], True)
    good = np.flatnonzero(last & (risk <= 1 - accuracy))
    if len(good):
        return float(scores[good[-1]]) / MILLION, True
    return float(scores[int(np.where(last, risk, np.inf).argmin())]) / MILLION, False


def figures(told: Sequence[Told], least: float) -> dict[str, float]:
    """Shares from 0 to 1 on labelled questions.

    ``accuracy``: of those with a class, the best guess is right; ``answered_accuracy`` and
    ``coverage``: of those that it would answer (the score reaches ``least``), and how many these
    are; ``macro_f1`` over the classes asked; ``calibration_error`` (ECE, ten bins);
    ``outside_refused``: of those without a class, left alone. ``…_low`` and ``…_high`` of a share
    are its 95 % interval (Wilson 1927): few questions promise little.
    """
    inside = [one for one in told if one.wanted]
    outside = [one for one in told if not one.wanted]
    said = [one for one in told if one.said.fits and one.said.score >= round(least * MILLION)]
    found = {"questions": float(len(told)), **_shares("coverage", len(said), len(told))}
    if said:
        found |= _shares("answered_accuracy", sum(one.right for one in said), len(said))
    if inside:
        found |= _shares("accuracy", sum(one.right for one in inside), len(inside))
        found["macro_f1"] = _macro(inside)
        found["calibration_error"] = gap(
            [one.said.score / MILLION for one in inside], [one.right for one in inside]
        )
    if outside:
        left = len(outside) - sum(not one.wanted for one in said)
        found |= _shares("outside_refused", left, len(outside))
    return found


def _macro(told: Sequence[Told]) -> float:
    wanted = Counter(one.wanted for one in told)
    said = Counter(one.said.name for one in told)
    hits = Counter(one.wanted for one in told if one.right)
    return round(sum(2 * hits[n] / (wanted[n] + said[n]) for n in wanted) / len(wanted), 4)


def gap(scores: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error (Naeini et al. 2015) over bins of equal width."""
    bins = np.minimum((np.array(scores) * _BINS).astype(int), _BINS - 1)
    sums = np.bincount(bins, np.array(scores) - np.array(right), minlength=_BINS)
    return round(float(np.abs(sums).sum()) / len(scores), 4)


def _shares(name: str, part: int, whole: int) -> dict[str, float]:
    """A share with its interval."""
    share = part / whole if whole else 0.0
    low, high = wilson(share, whole)
    found = {name: share, f"{name}_low": low, f"{name}_high": high}
    return {key: round(value, 4) for key, value in found.items()}
