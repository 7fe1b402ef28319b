"""What routes have learned, one state for each owner and route, in this process's memory."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from freehold.core.features import Features
from freehold.core.routing import Signals
from freehold.core.spec import ModelSpec
from freehold.stages.routing.learned import LearnedPolicy, Pacer

_PACERS = 1_000
_LATENCY_STEP = 0.05
_NOTHING = Signals(vector=None, features=Features())


class Learner:
    """One state.

    Attributes:
        mark: the number of the last outcome that is in it.
        generation: counts whenever somebody replaces the state as a whole.
        outcomes: how many it was taught.
        since: the number after which it began anew; zero where it is made of all there are.
        changed: since it was last kept.
    """

    __slots__ = ("changed", "generation", "mark", "outcomes", "policy", "since")

    def __init__(
        self,
        policy: LearnedPolicy | None = None,
        *,
        mark: int = 0,
        generation: int = 0,
        outcomes: int = 0,
        since: int = 0,
    ) -> None:
        self.policy = policy or LearnedPolicy()
        self.mark = mark
        self.generation = generation
        self.outcomes = outcomes
        self.since = since
        self.changed = False

    def know(self, models: Sequence[ModelSpec]) -> None:
        """Begin with these models, whichever of them is asked first: what is learned must not hang
        on that.
        """
        self.policy.estimates(models, _NOTHING)

    def learn(
        self,
        model: str,
        signals: Signals,
        score: float,
        cost_nano: int,
        weight: float,
        version: str = "",
    ) -> None:
        """One outcome."""
        self.policy.learn(model, signals, score, cost_nano, weight, version)
        self.outcomes += 1
        self.changed = True


class Learners:
    """All states. Of the event loop's thread alone."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[ModelSpec, ...]] = {}
        self._states: dict[tuple[str, str], Learner] = {}
        self._blank: dict[str, Learner] = {}
        self._pacers: OrderedDict[tuple[str, str, int], Pacer] = OrderedDict()
        self._latency_ms: dict[str, float] = {}

    def of(self, owner: str, route: str) -> Learner:
        """The state to choose by. Owners of whom nothing is known share one that knows nothing."""
        found = self._states.get((owner, route))
        if found is not None:
            return found
        blank = self._blank.get(route)
        if blank is None:
            blank = self._blank[route] = self._new(route)
        return blank

    def own(self, owner: str, route: str) -> Learner:
        """The state to teach; made where there is none."""
        found = self._states.get((owner, route))
        if found is None:
            found = self._states[owner, route] = self._new(route)
        return found

    def _new(self, route: str) -> Learner:
        made = Learner()
        made.know(self.models_of(route))
        return made

    def adopt(self, models: Mapping[str, tuple[ModelSpec, ...]]) -> None:
        """These are the candidates of each route from now on."""
        self._models = dict(models)
        self._blank.clear()
        for (_, route), learner in self._states.items():
            learner.know(self.models_of(route))

    def models_of(self, route: str) -> tuple[ModelSpec, ...]:
        """A route's candidates."""
        return self._models.get(route, ())

    def put(self, owner: str, route: str, learner: Learner) -> None:
        """Take this state in the place of what was there."""
        learner.know(self.models_of(route))
        self._states[owner, route] = learner

    def items(self) -> list[tuple[tuple[str, str], Learner]]:
        """Every state that has learned anything, by owner and route."""
        return list(self._states.items())

    def pacer(self, owner: str, route: str, ceiling_nano: int) -> Pacer:
        """What keeps this owner's spending on this route to a ceiling."""
        key = owner, route, ceiling_nano
        found = self._pacers.get(key)
        if found is None:
            found = self._pacers[key] = Pacer(max(1, ceiling_nano))
            if len(self._pacers) > _PACERS:
                self._pacers.popitem(last=False)
        return found

    def latency_ms(self, model: str) -> int:
        """How long this model's answers took here lately; 0 where none was seen."""
        return int(self._latency_ms.get(model, 0.0))

    def answered(self, model: str, took_ms: float) -> None:
        """A model has answered, in so long."""
        known = self._latency_ms.get(model)
        if known is None:
            self._latency_ms[model] = took_ms
        else:
            self._latency_ms[model] = known + _LATENCY_STEP * (took_ms - known)
