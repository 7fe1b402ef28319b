"""The learned policy of a route: how well each model will do on a request, and what it will cost.

Success is a posterior of the intent, shrunk towards the model's own, itself shrunk towards its
prior (an empirical Bayes hierarchy of Beta beliefs), plus what a ridge regression on the request's
row makes of the rest, put on the scale of what really happened by an isotonic map. Cost is tokens
read times price, plus expected tokens written times price.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from freehold.core.decisions import MILLION
from freehold.core.routing import Estimate, Signals
from freehold.core.spec import ModelSpec
from freehold.stages.routing.learned import features, state
from freehold.stages.routing.learned.arms import Arms
from freehold.stages.routing.learned.beliefs import Beliefs
from freehold.stages.routing.learned.calibration import Calibration
from freehold.stages.routing.learned.expected import Expected
from freehold.stages.routing.learned.priors import Prior, by_price
from freehold.text import embedding

KEPT = 0.998
"""What an outcome is worth after the next of the same model: half of it after 346."""
INHERITED = 0.1
"""What outcomes of a model's version before count once the first of another version is learned: a
power prior (Ibrahim and Chen 2000). It expects as much of the new one, on a tenth of the evidence.
"""
_SHAKEN = 0.96
"""The same while predictions are off by much more than usual."""
_CANDIDATES = 64

_INTENTS = 256
_FEW = 10
"""Up to so many models are judged one by one."""
_LONGEST = 16.0
"""Of the logarithm of an answer's length."""

Floats = NDArray[np.float64]
_Columns = tuple[list[int], list[int], list[int]]
_Row = tuple[int, float, float, float, float, float, float, float]


class _Candidates:
    """A list of models with their places and prices, made once for the same list.

    ``believed`` holds what is believed of them, by intent, as long as nothing has been learned:
    ``taught`` says when that was.
    """

    __slots__ = ("believed", "ids", "models", "places", "read", "taught", "written")

    def __init__(self, models: tuple[ModelSpec, ...], places: list[int]) -> None:
        self.models = models
        self.ids = [model.id for model in models]
        self.taught = -1
        self.believed: dict[str, _Believed] = {}
        self.places = np.array(places)
        self.read = np.array([float(model.input_price_nano) for model in models])
        self.written = np.array([float(model.output_price_nano) for model in models])


class _Believed:
    """What is believed of a list of models, for one intent.

    Attributes:
        rows: of each model its place, the expected success, the usual logarithm of a length, the
            variance of the belief, how far predictions are off, how lengths are, and its prices.
    """

    __slots__ = ("base", "noise", "rows", "seen", "smear", "uncertain", "usual")

    def __init__(self, listed: _Candidates, beliefs: Beliefs, intent: str) -> None:
        places = listed.places
        self.base, self.usual, self.uncertain = beliefs.all_of(places, intent)
        self.noise, self.smear = beliefs.noise[places], beliefs.smear[places]
        self.seen: list[int] = beliefs.seen[places].astype(np.int64).tolist()
        columns = (
            self.base, self.usual, self.uncertain, self.noise, self.smear,
            listed.read, listed.written,
        )  # fmt: skip
        self.rows: list[_Row] = []
        if len(places) <= _FEW:
            rows = zip(places.tolist(), *(column.tolist() for column in columns), strict=True)
            self.rows = list(rows)


class LearnedPolicy:
    """The state of one route of one owner.

    Not safe for threads: one event loop asks and teaches it. ``version`` counts what changed it.
    """

    def __init__(self, *, kept: float = KEPT) -> None:
        if not 0.9 <= kept <= 1:
            raise ValueError("a share to keep between 0.9 and 1 is wanted")
        self.kept = kept
        self.version = 0
        self._places: dict[str, int] = {}
        self._arms = Arms(features.WIDTH, 2)
        self._beliefs = Beliefs(kept)
        self._calibration = Calibration()
        self._prices: dict[str, tuple[int, int]] = {}
        self._versions: dict[str, str] = {}
        self._lists: dict[tuple[int, ...], _Candidates] = {}
        self._taught = 0

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it knows."""
        return tuple(self._places)

    def add(self, model_id: str, prior: Prior | None = None) -> None:
        """Make a model known, with a prior; a known one keeps what was learned of it."""
        if model_id in self._places:
            return
        self._places[model_id] = self._arms.add()
        self._beliefs.add(prior or Prior())
        self._calibration.add()
        self._lists.clear()
        self._changed()
        self.version += 1

    def estimates(self, models: Sequence[ModelSpec], signals: Signals) -> tuple[Estimate, ...]:
        """What is expected of each model; unknown ones start from a prior after their price."""
        return self.expected(models, signals).estimates()

    def expected(self, models: Sequence[ModelSpec], signals: Signals) -> Expected:
        """The same as columns."""
        if not models:
            return Expected((), [], [], [], ())
        listed = self._listed(models)
        believed = listed.believed.get(signals.intent)
        if believed is None or listed.taught != self._taught:
            believed = self._believe(listed, signals.intent)
        said, spread = self._arms.ask(features.row(signals))
        if len(models) <= _FEW:
            found = self._few(believed, said.tolist(), spread.tolist(), signals)
        else:
            found = self._many(listed, believed, said, spread, signals)
        return Expected(listed.ids, *found, believed.seen)

    def learn(
        self,
        model_id: str,
        signals: Signals,
        score: float,
        cost_nano: int | None = None,
        weight: float = 1.0,
        version: str = "",
    ) -> None:
        """An outcome: how well a model's answer did, from 0 to 1, and what the call cost.

        Args:
            version: of a model that runs here; where it is another one than that of the outcome
                before, what was learned until then counts for little (`INHERITED`).

        Raises:
            ValueError: a score, a cost or a weight that can't be.
        """
        if not (0 <= score <= 1 and math.isfinite(weight) and 0 < weight <= 100):
            raise ValueError("a score from 0 to 1 and a weight from 0 to 100 are wanted")
        if cost_nano is not None and cost_nano < 0:
            raise ValueError("a cost below zero")
        self.add(model_id)
        place = self._places[model_id]
        self._succeeds(model_id, place, version)
        row = features.row(signals)
        said, _ = self._arms.ask(row)
        rest, tokens = said[place].tolist()
        base, usual = self._beliefs.of(place, signals.intent)
        raw = base + rest
        error = score - base
        written = self._written(model_id, signals, cost_nano)
        # Without a known length the regression learns what it believes already.
        longer = tokens if written is None else math.log1p(written) - usual
        errors = np.array([error, longer])
        kept = _SHAKEN if self._beliefs.surprised(place) else self.kept
        self._arms.learn(place, row, errors, weight, kept)
        self._beliefs.learn(
            place, signals.intent, score, score - raw, written, usual + tokens, weight, kept
        )
        self._calibration.learn(place, raw, score, weight, kept)
        self._changed()
        self.version += 1

    def _succeeds(self, model_id: str, place: int, version: str) -> None:
        """Another version answers by a model's name. What is not known to be another one's is its
        own: rented models, and outcomes from before versions were told.
        """
        before = self._versions.get(model_id, "")
        if not version or version == before:
            return
        self._versions[model_id] = version
        if before:
            self._arms.forget(place, INHERITED)
            self._beliefs.discount(place, INHERITED)
            self._calibration.discount(place, INHERITED)

    def dump(self) -> bytes:
        """The state as the bytes of a file (safetensors), the same for the same state."""
        beliefs, count = self._beliefs, self._arms.count
        # So that whoever loads it says the same to the last bit.
        for place in range(count):
            self._arms.refresh(place)
            self._calibration.refresh(place)
        about = state.About(
            format=state.FORMAT,
            rows=features.VERSION,
            vectors=embedding.VERSION,
            kept=self.kept,
            version=self.version,
            models=self.models,
            priors=tuple(beliefs.priors),
            prices=dict(sorted(self._prices.items())),
            intents=tuple(beliefs.intents),
            versions=dict(sorted(self._versions.items())),
        )
        arrays = {"sums": self._arms.sums[:count], "products": self._arms.products[:count]}
        arrays |= beliefs.arrays() | self._calibration.arrays()
        return state.pack(about, arrays)

    @classmethod
    def load(cls, data: bytes) -> "LearnedPolicy":
        """What `dump` dumped.

        Raises:
            ValueError: it is damaged, or was learned on other features.
        """
        about, arrays = state.unpack(data, rows=features.VERSION, vectors=embedding.VERSION)
        made = cls(kept=about.kept)
        for model_id, prior in zip(about.models, about.priors, strict=True):
            made.add(model_id, prior)
        made._arms.restore(arrays)
        made._beliefs.restore(arrays, about.intents)
        made._calibration.restore(arrays)
        made._prices = {name: (read, written) for name, (read, written) in about.prices.items()}
        made._versions = dict(about.versions)
        made.version = about.version
        made._changed()
        return made

    def _believe(self, listed: _Candidates, intent: str) -> "_Believed":
        """What is believed of these models now, kept until something is learned."""
        if listed.taught != self._taught or len(listed.believed) >= _INTENTS:
            listed.believed.clear()
            listed.taught = self._taught
        made = listed.believed[intent] = _Believed(listed, self._beliefs, intent)
        return made

    def _few(
        self, believed: "_Believed", said: list[list[float]], spread: list[float], signals: Signals
    ) -> _Columns:
        """Success, doubt and cost, one model after another: numpy's calls cost more than that."""
        one, read, most = self._calibration.one, signals.prompt_tokens, signals.max_tokens
        success, doubt, cost = [], [], []
        for place, base, usual, uncertain, noise, smear, price_in, price_out in believed.rows:
            rest, longer = said[place]
            success.append(int(one(place, base + rest) * MILLION))
            variance = uncertain + noise * spread[place]
            doubt.append(int(math.sqrt(variance) * MILLION) if variance > 0.0 else 0)
            tokens = max(math.expm1(min(usual + longer, _LONGEST)), 1.0) * smear
            if most and tokens > most:
                tokens = most
            cost.append(int(read * price_in + tokens * price_out))
        return success, doubt, cost

    def _many(
        self,
        listed: _Candidates,
        believed: "_Believed",
        said: NDArray[np.float32],
        spread: NDArray[np.float32],
        signals: Signals,
    ) -> _Columns:
        """As `_few`, all models at once."""
        places = listed.places
        rest, longer = said[places].T
        success = self._calibration.apply(places, believed.base + rest)
        variance = np.maximum(believed.uncertain + believed.noise * spread[places], 0.0)
        length = np.minimum(believed.usual + longer, _LONGEST)
        tokens = np.maximum(np.expm1(length), 1.0) * believed.smear
        if signals.max_tokens:
            np.minimum(tokens, signals.max_tokens, out=tokens)
        cost = signals.prompt_tokens * listed.read + tokens * listed.written
        return (
            (success * MILLION).astype(np.int64).tolist(),
            (np.sqrt(variance) * MILLION).astype(np.int64).tolist(),
            cost.astype(np.int64).tolist(),
        )

    def _changed(self) -> None:
        """What was believed is not what is believed now."""
        self._taught += 1

    def _listed(self, models: Sequence[ModelSpec]) -> _Candidates:
        key = tuple(map(id, models))
        listed = self._lists.get(key)
        if listed is None:
            for model in models:
                if model.id not in self._places:
                    self.add(model.id, by_price(model, models))
                self._prices[model.id] = (model.input_price_nano, model.output_price_nano)
            if len(self._lists) >= _CANDIDATES:
                self._lists.clear()
            # It keeps the models alive, so that their ids stay theirs.
            listed = _Candidates(tuple(models), [self._places[model.id] for model in models])
            self._lists[key] = listed
        return listed

    def _written(self, model_id: str, signals: Signals, cost_nano: int | None) -> float | None:
        """How many tokens an answer had, as far as its cost tells."""
        read, written = self._prices.get(model_id, (0, 0))
        if cost_nano is None or not written:
            return None
        return max(0.0, (cost_nano - signals.prompt_tokens * read) / written)
