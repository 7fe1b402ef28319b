"""The canaries of custom models: one trial for each route that a version stands on."""

from collections.abc import Callable

from msgspec.structs import replace

from freehold.bundle.deployed import trial_id
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.route_specs import trial_spec
from freehold.core.clock import Clock
from freehold.core.deployments import Deployment
from freehold.core.trials import Standing, Trials

_MOST = 200_000


class CustomTrials:
    """Where the trials of versions stand, on all routes of theirs together.

    Args:
        bundle: the one that is live; a model that it does not declare has no trials.
    """

    def __init__(self, bundle: Callable[[], ResolvedBundle], trials: Trials, clock: Clock) -> None:
        self._bundle = bundle
        self._trials = trials
        self._clock = clock

    def stage(self, row: Deployment) -> int | None:
        """The stage of a canary, counted from 0: the least that it has on any route."""
        if row.state != "canary":
            return None
        return min((standing.stage for standing in self._of(row)), default=0)

    def share(self, row: Deployment) -> float:
        """Of the conversations or, in the shadow, of the requests."""
        custom = self._bundle().bundle.custom_models.get(row.model)
        if row.state == "live":
            return 1.0
        if custom is None:
            return 0.0
        stage, stages = self.stage(row), custom.deploy.trials
        if stage is not None and stages:
            return stages[min(stage, len(stages) - 1)]
        return custom.deploy.shadow if row.state == "shadow" else 0.0

    def evidence(self, row: Deployment) -> tuple[int, int]:
        """How many exchanges the canary's stages have seen so far, on all of its routes: with it,
        and with what was before it.

        Raises:
            StorageError: the store is away.
        """
        seen = [
            one.newcomer
            for s in self._of(row)
            for one in self._trials.seen(s.trial, s.stage, s.since_ns, _MOST)
        ]
        return sum(seen), len(seen) - sum(seen)

    def fallen(self) -> dict[str, Standing]:
        """By the id of the model, the trials that were rolled back.

        Raises:
            StorageError: the store is away.
        """
        return {s.model: s for s in self._trials.all() if s.state == "rolled_back"}

    def begin(self, row: Deployment) -> None:
        """At the first stage, also where an earlier trial of this version ended otherwise."""
        for known in self._of(row):
            if (known.state, known.stage) != ("running", 0):
                self._move(known, state="running", stage=0, by=row.by, reason="")

    def advance(self, row: Deployment, stage: int, by: str, reason: str) -> None:
        """To that stage, on every route."""
        for known in self._of(row):
            if known.state == "running" and known.stage < stage:
                self._move(known, stage=stage, by=by, reason=reason)

    def end(self, row: Deployment) -> None:
        """No conversation has it any more, before any gateway has read that it is gone."""
        for known in self._of(row):
            if known.state != "rolled_back":
                self._move(known, state="rolled_back", by=row.by, reason=row.reason)

    def _of(self, row: Deployment) -> list[Standing]:
        custom = self._bundle().bundle.custom_models.get(row.model)
        if custom is None or not custom.deploy.trials:
            return []
        spec = trial_spec(custom.deploy, trial_id(row.model, row.version))
        return [self._trials.of(spec, route) for route in custom.routes]

    def _move(self, known: Standing, **changed: object) -> None:
        to = replace(known, since_ns=self._clock.now_ns(), **changed)
        self._trials.move(known, to)
