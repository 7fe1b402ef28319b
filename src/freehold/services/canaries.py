"""Canaries: what their trials say, and who moves them.

What a canary does is compared with what the models before it do at the same time, by the
probability with which each conversation was drawn. A conversation is drawn once, so it counts once:
with its first exchange, and with the first outcome that is told of it. Every bound is
anytime-valid, so it may be looked at after every exchange; a verdict is wrong with the probability
``doubt`` at most, whatever number of looks, guardrails and stages there were.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict, replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock, rfc3339
from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError, NotFound, RequestError
from freehold.core.outcomes import Told
from freehold.core.routes import RouteSpec
from freehold.core.trials import CanarySpec, Seen, Standing, Trials
from freehold.stages.routing.evaluation.log import Floats
from freehold.stages.routing.evaluation.sequences import (
    contrasts,
    evidence_above,
    evidence_below,
    mean_band,
    reach,
)

Verdict = Literal["wait", "advance", "roll_back", "done"]
LogEvent = Callable[..., str]
OutcomesOf = Callable[[Collection[str]], Sequence[Told]]
"""All that is known of these exchanges."""

_ROWS = 200_000
_BLOCKS = 2_000
_EVERY_S = 2.0
_AWAY_S = 10.0
_log = logging.getLogger("freehold.canaries")


def scores_of(told: Iterable[Told], metric: str) -> dict[str, int]:
    """Each exchange's score by one metric, in millionths, in the order in which they were told
    first; where no metric is named, the mean of all.
    """
    found: dict[str, list[int]] = {}
    for one in sorted(told, key=lambda one: one.first_number):
        if not metric or one.metric == metric:
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
                f"{measure.name}: {measure.newcomer:.3f} with {standing.model} and "
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


class Canaries:
    """The use cases around canaries, for the terminal and the gateway's own background work.

    Args:
        bundle: the one that is live.
        log: writes a ledger entry.
        outcomes: of exchanges; whatever the route learns from counts.
    """

    def __init__(
        self,
        bundle: Callable[[], ResolvedBundle],
        trials: Trials,
        outcomes: OutcomesOf,
        log: LogEvent,
        clock: Clock,
    ) -> None:
        self._bundle = bundle
        self._trials = trials
        self._outcomes = outcomes
        self._log = log
        self._clock = clock

    def reports(self, route: str | None = None) -> list[Report]:
        """Every canary of the live bundle.

        Raises:
            NotFound: no such route, or it has no canary.
            StorageError: the store can't be read.
        """
        return [self._report(each) for each in self._found(route)]

    def advance(
        self, route: str, actor: str, *, reason: str = "", all_the_way: bool = False
    ) -> Report:
        """To the next stage, or at once to every conversation.

        Raises:
            NotFound, RequestError: there is none, or it does not run any more.
            StorageError: the store can't be written.
        """
        spec, standing = self._standing(self._found(route)[0])
        if standing.state == "promoted":
            raise RequestError(f"{standing.model} is promoted on route {route} already")
        nxt = standing.stage + 1
        last = all_the_way or nxt >= len(spec.stages) or spec.stages[nxt] >= MILLION
        to = replace(standing, state="promoted" if last else "running", stage=nxt)
        if last:
            to = replace(to, stage=min(nxt, len(spec.stages) - 1))
        if standing.state == "rolled_back" and not last:
            to = replace(to, stage=0)
        return self._move(spec, standing, to, actor, reason)

    def roll_back(self, route: str, actor: str, *, reason: str = "") -> Report:
        """No conversation has it any more.

        Raises:
            NotFound, RequestError: there is none, or it is rolled back already.
            StorageError: the store can't be written.
        """
        spec, standing = self._standing(self._found(route)[0])
        if standing.state == "rolled_back":
            raise RequestError(f"{standing.model} is rolled back on route {route} already")
        return self._move(spec, standing, replace(standing, state="rolled_back"), actor, reason)

    async def watch(self) -> None:
        """Roll back what crosses a guardrail, and advance what may, until cancelled."""
        while True:
            began = self._clock.monotonic_ns()
            pause = _EVERY_S
            try:
                await asyncio.to_thread(self.once)
                # long trials take long to judge: never more than a twentieth of the time
                pause = max(pause, (self._clock.monotonic_ns() - began) / 1e9 * 19)
            except FreeholdError as error:
                _log.warning("canaries are not judged: %s", error)
                pause = _AWAY_S
            except Exception as error:  # noqa: BLE001 - a trial must not end all trials
                _log.error("canaries are not judged: %s", type(error).__name__)
                pause = _AWAY_S
            await asyncio.sleep(pause)

    def once(self) -> list[Report]:
        """Judge every running canary, and do what the evidence says; give those that moved.

        Raises:
            StorageError: the store is away.
        """
        moved = []
        for route in self._found(None):
            spec, standing = self._standing(route)
            if standing.state != "running":
                continue
            report = self._report(route, bands=False)
            if report.verdict == "roll_back":
                moved.append(self.roll_back(route.id, "freehold", reason=report.why))
            elif report.verdict == "advance" and spec.advance == "evidence":
                moved.append(self.advance(route.id, "freehold", reason=report.why))
        return moved

    def _found(self, route: str | None) -> list[RouteSpec]:
        found = [r for r in routes_of(self._bundle()).values() if r.canary is not None]
        if route is None:
            return found
        named = [r for r in found if r.id == route]
        if not named:
            others = ", ".join(r.id for r in found)
            more = f"; {others} has one" if others else "; no route of the live bundle has"
            raise NotFound(f"no canary on route {route}{more}")
        return named

    def _standing(self, route: RouteSpec) -> tuple[CanarySpec, Standing]:
        if route.canary is None:
            raise NotFound(f"no canary on route {route.id}")
        return route.canary, self._trials.of(route.canary, route.id)

    def _report(self, route: RouteSpec, *, bands: bool = True) -> Report:
        spec, standing = self._standing(route)
        seen = self._trials.seen(standing.trial, standing.stage, standing.since_ns, _ROWS)
        told = self._outcomes([one.exchange_id for one in seen])
        return judge(spec, standing, seen, scores_of(told, route.learn.metric), bands=bands)

    def _move(
        self, spec: CanarySpec, known: Standing, to: Standing, actor: str, reason: str
    ) -> Report:
        to = replace(to, since_ns=self._clock.now_ns(), by=actor, reason=reason)
        if not self._trials.move(known, to):
            raise RequestError(f"somebody else has moved the canary of route {known.route}")
        kind = {"running": "advanced", "promoted": "promoted", "rolled_back": "rolled_back"}
        self._log(
            f"canary.{kind[to.state]}",
            actor,
            f"route:{to.route}",
            {
                "model": to.model,
                "trial": to.trial,
                "stage": to.stage,
                "share": to.share(spec),
                "before": {"state": known.state, "share": known.share(spec)},
                "reason": reason,
            },
        )
        return judge(spec, to, (), {})


def routes_of(bundle: ResolvedBundle) -> dict[str, RouteSpec]:
    """The routes that apps take, as the apps' own tenants have them."""
    found: dict[str, RouteSpec] = {}
    for app_id, app in bundle.bundle.apps.items():
        spec = bundle.app_for(app.tenant, app_id)
        for route in (spec.route, spec.embedding_route):
            if route is not None and (route.id not in found or route.canary is not None):
                found[route.id] = route
    return found


class CanaryEyes:
    """An `Observer`: keeps what came of each exchange that a canary's draw was about."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def closed(self, trail: Any, admitted: Any, outcome: str, took_ns: int) -> None:
        """Cheap: what is seen waits in memory for the store's writer."""
        drawn = trail.drawn
        if drawn is None:
            return
        calls = [call for call in trail.calls if call.role == "answer"]
        first = calls[0].model if calls else ""
        own = [call for call in calls if call.model == first]
        answered = outcome in ("allowed", "transformed", "held")
        self._trials.saw(
            (
                Seen(
                    exchange_id=trail.arrival.exchange_id,
                    conversation=admitted.conversation_id,
                    trial=drawn.trial,
                    stage=drawn.stage,
                    share=drawn.share,
                    newcomer=drawn.newcomer,
                    failed=outcome == "error"
                    or (drawn.newcomer and bool(calls) and first != drawn.model)
                    or (answered and bool(own) and all(call.error for call in own)),
                    refused=bool(calls) and outcome in ("denied", "held"),
                    took_ms=took_ns // 1_000_000,
                    cost_nano=sum(call.cost_nano for call in trail.calls),
                    at_ns=trail.arrival.received_ns + took_ns,
                ),
            )
        )
