"""What usually came of a model's answers: in all, and for each intent.

A belief in success is a mean with the number of outcomes behind it, faded by forgetting. An
intent's starts from the model's mean, which counts as `_SHRINK` outcomes; the model's starts from
its prior. Also kept for each model: the usual length of an answer, how far predictions are off, and
by how much the exponent of a mean logarithm falls short of the mean (Duan 1983).
"""

import math

import numpy as np
from numpy.typing import NDArray

from freehold.stages.routing.learned.priors import Prior, clipped
from freehold.stages.routing.learned.state import Arrays, checked

_SHRINK = 12.0
_INTENTS = 512
_NOISE = 0.12
_NOISE_SEEN = 20.0
_LENGTHS = 4.0
_LEVEL = 20.0
"""Outcomes of a model before what came of it counts half in the level of guessed priors."""
_SUREST = 0.98
_LATELY, _SURPRISED = 0.04, 0.12
_ARRAYS = ("seen", "won", "noise", "smear", "usual", "lengths", "lately")

Floats = NDArray[np.float64]


class Beliefs:
    """The beliefs of all models, as rows of arrays."""

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self.priors: list[Prior] = []
        self.seen: Floats = np.zeros(0)
        self.won: Floats = np.zeros(0)
        self.noise: Floats = np.zeros(0)
        self.smear: Floats = np.zeros(0)
        self.usual: Floats = np.zeros(0)
        self.intents: dict[str, tuple[Floats, Floats]] = {}
        self._first: Floats = np.zeros(0)
        self._mean: Floats = np.zeros(0)
        self._behind: Floats = np.zeros(0)
        self._guessed: Floats = np.zeros(0)
        self._strength: Floats = np.zeros(0)
        self.lengths: Floats = np.zeros(0)
        self.lately: Floats = np.zeros(0)

    def add(self, prior: Prior) -> None:
        """One more model."""
        self.priors.append(prior)
        self.seen, self.won = _one_more(self.seen, 0.0), _one_more(self.won, 0.0)
        self.noise, self.smear = _one_more(self.noise, _NOISE), _one_more(self.smear, 1.0)
        self.lengths = _one_more(self.lengths, 0.0)
        self.lately = _one_more(self.lately, _NOISE)
        self.usual = _one_more(self.usual, math.log1p(prior.output_tokens))
        self._first = _one_more(self._first, clipped(prior.success))
        self._strength = _one_more(self._strength, max(0.5, prior.strength))
        self._guessed = _one_more(self._guessed, float(prior.guessed))
        for intent, (seen, won) in self.intents.items():
            self.intents[intent] = (_one_more(seen, 0.0), _one_more(won, 0.0))
        self._settle()

    def all_of(self, places: NDArray[np.intp], intent: str) -> tuple[Floats, Floats, Floats]:
        """For each model: expected success, usual logarithm of length, variance of the belief."""
        mean, behind = self._mean[places], self._behind[places]
        known = self.intents.get(intent) if intent else None
        if known is not None:
            seen, won = known[0][places], known[1][places]
            behind = seen + _SHRINK
            mean = (won + _SHRINK * mean) / behind
        return mean, self.usual[places], mean * (1 - mean) / (behind + 1)

    def of(self, place: int, intent: str) -> tuple[float, float]:
        """The same of one model, without the variance."""
        mean, usual, _ = self.all_of(np.array([place]), intent)
        return float(mean[0]), float(usual[0])

    def learn(
        self,
        place: int,
        intent: str,
        score: float,
        missed: float,
        written: float | None,
        length: float,
        weight: float,
        kept: float,
    ) -> None:
        """An outcome.

        Args:
            kept: what remains of everything learned of this model before.
            missed: score less what was predicted.
            written: tokens of the answer, where known.
            length: the logarithm that was predicted for it.
        """
        _fade(self.seen, self.won, place, score, weight, kept)
        self._settle()
        if intent:
            known = self.intents.get(intent)
            if known is None and len(self.intents) < _INTENTS:
                size = len(self.seen)
                known = self.intents[intent] = (np.zeros(size), np.zeros(size))
            if known is not None:
                _fade(*known, place, score, weight, kept)
        self.lately[place] += min(1.0, _LATELY * weight) * (missed * missed - self.lately[place])
        step = weight / (self.seen[place] + _NOISE_SEEN)
        self.noise[place] += min(1.0, step) * (missed * missed - self.noise[place])
        if written is not None:
            self._lengths(place, written, length, weight)

    def discount(self, place: int, kept: float) -> None:
        """So much of what was learned of a model counts from now on; its means stay."""
        for sums in (self.seen, self.won, self.lengths):
            sums[place] *= kept
        for seen, won in self.intents.values():
            seen[place] *= kept
            won[place] *= kept
        self.lately[place] = self.noise[place]
        self._settle()

    def _lengths(self, place: int, written: float, length: float, weight: float) -> None:
        behind = self.lengths[place] = self.lengths[place] * self._kept + weight
        step = weight / (behind + _LENGTHS)
        self.usual[place] += step * (math.log1p(written) - self.usual[place])
        ratio = min(20.0, written / max(1.0, math.expm1(min(16.0, length))))
        self.smear[place] += step * (ratio - self.smear[place])

    def _settle(self) -> None:
        """Means again; guessed priors move as the models known did better (empirical Bayes)."""
        weights = self._guessed * self.seen / (self.seen + _LEVEL)
        above = self.won / np.maximum(self.seen, 1e-9) - self._first
        level = float((weights * above).sum() / (weights.sum() + 0.1))
        first = np.minimum(self._first + level * self._guessed, _SUREST)
        self._behind = self.seen + self._strength
        self._mean = (self.won + self._strength * first) / self._behind

    def surprised(self, place: int) -> bool:
        """Whether predictions have lately been off by much more than usual: something changed."""
        return bool(self.lately[place] > self.noise[place] + _SURPRISED)

    def arrays(self) -> Arrays:
        """What was learned, as arrays by name."""
        size = len(self.seen)
        found: Arrays = {f"beliefs.{name}": getattr(self, name) for name in _ARRAYS}
        pairs = list(self.intents.values())
        found["intents.seen"] = np.array([seen for seen, _ in pairs]).reshape(len(pairs), size)
        found["intents.won"] = np.array([won for _, won in pairs]).reshape(len(pairs), size)
        return found

    def restore(self, arrays: Arrays, intents: tuple[str, ...]) -> None:
        """Take what `arrays` gave.

        Raises:
            ValueError: it does not fit the models known.
        """
        size = len(self.seen)
        shapes: dict[str, tuple[int, ...]] = {f"beliefs.{name}": (size,) for name in _ARRAYS}
        shapes |= {f"intents.{name}": (len(intents), size) for name in ("seen", "won")}
        found = checked(arrays, shapes)
        for name in _ARRAYS:
            setattr(self, name, found[f"beliefs.{name}"])
        self._settle()
        pairs = zip(found["intents.seen"], found["intents.won"], strict=True)
        self.intents = {
            intent: (seen.copy(), won.copy())
            for intent, (seen, won) in zip(intents, pairs, strict=True)
        }


def _fade(seen: Floats, won: Floats, place: int, score: float, weight: float, kept: float) -> None:
    seen[place] = seen[place] * kept + weight
    won[place] = won[place] * kept + weight * score


def _one_more(values: Floats, value: float) -> Floats:
    return np.append(values, value)
