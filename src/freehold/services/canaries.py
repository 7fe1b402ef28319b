"""Canaries: who moves them, and what is seen of them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from freehold.bundle.deployed import custom_of
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError, NotFound, RequestError, StorageError
from freehold.core.outcomes import Told
from freehold.core.routes import RouteSpec
from freehold.core.trials import CanarySpec, Seen, Standing, Trials
from freehold.services.canary_trials import Report, judge, scores_of

LogEvent = Callable[..., str]
OutcomesOf = Callable[[Collection[str]], Sequence[Told]]
"""All that is known of these exchanges."""

_ROWS = 200_000
FREEHOLD = "freehold"
_EVERY_S = 2.0
_AWAY_S = 10.0
_log = logging.getLogger("freehold.canaries")


class Ladder(Protocol):
    """Where versions of custom models stand: their canaries are told to it, by the id of the model
    and with the reason. What can't be done raises a ``FreeholdError``.
    """

    def stepped(self, model: str, why: str) -> None:
        """Outcomes took it to its next stage, on a route."""
        ...

    def evidenced(self, model: str, why: str) -> None:
        """Outcomes show that it is good enough at its last stage, on all of its routes."""
        ...


class Canaries:
    """The use cases around canaries, for the terminal and the gateway's own background work.

    Args:
        bundle: the one that is live.
        log: writes a ledger entry.
        outcomes: of exchanges; whatever the route learns from counts.
        ladder: is told what outcomes make of a custom model's version.
    """

    def __init__(
        self,
        bundle: Callable[[], ResolvedBundle],
        trials: Trials,
        outcomes: OutcomesOf,
        log: LogEvent,
        clock: Clock,
        ladder: Ladder | None = None,
    ) -> None:
        self._ladder = ladder
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
        """To the next stage, or at once to every conversation. One that was rolled back begins at
        its first stage again.

        Raises:
            NotFound, RequestError: there is none, or it does not run any more.
            StorageError: the store can't be written.
        """
        spec, standing = self._standing(self._found(route)[0])
        if custom_of(spec.model) != spec.model and actor != FREEHOLD:
            raise RequestError(
                f"{spec.model} is a version of a custom model: freehold custom advance "
                f"{custom_of(spec.model)}"
            )
        if standing.state == "promoted":
            raise RequestError(f"{standing.model} is promoted on route {route} already")
        again = standing.state == "rolled_back"
        nxt = 0 if again else standing.stage + 1
        most = len(spec.stages) - 1
        last = all_the_way or nxt > most or (spec.stages[nxt] >= MILLION and not again)
        to = replace(standing, state="promoted" if last else "running", stage=min(nxt, most))
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
        """Judge every running canary, and do what the evidence says; give those that moved. What
        can't be done with one holds up no other.

        Raises:
            StorageError: the store is away.
        """
        moved: list[Report] = []
        good: dict[str, list[str]] = {}
        for route in self._found(None):
            spec, standing = self._standing(route)
            why = self._judged(route, spec, standing, moved) if standing.state == "running" else ""
            good.setdefault(spec.model, []).append(why)
        for model, whys in good.items():
            if all(whys) and self._ladder is not None:
                self._tell(self._ladder.evidenced, model, "; ".join(dict.fromkeys(whys)))
        return moved

    def _judged(
        self, route: RouteSpec, spec: CanarySpec, standing: Standing, moved: list[Report]
    ) -> str:
        """Do what the evidence of one route says; why that is good enough for what is no step of a
        canary any more: that of a custom model's version at its last stage.
        """
        report = self._report(route, bands=False)
        if report.verdict == "roll_back":
            moved.append(self.roll_back(route.id, FREEHOLD, reason=report.why))
        elif report.verdict == "advance" and spec.advance == "evidence":
            own = custom_of(spec.model) != spec.model
            if own and standing.stage >= len(spec.stages) - 1:
                return report.why
            moved.append(self.advance(route.id, FREEHOLD, reason=report.why))
            if own and self._ladder is not None:
                self._tell(self._ladder.stepped, spec.model, report.why)
        return ""

    @staticmethod
    def _tell(say: Callable[[str, str], None], model: str, why: str) -> None:
        try:
            say(model, why)
        except StorageError:
            raise
        except FreeholdError as error:
            _log.warning("%s does not go on, though outcomes speak for it: %s", model, error)

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
                    or (answered and bool(own) and all(call.failed for call in own)),
                    refused=bool(calls) and outcome in ("denied", "held"),
                    took_ms=took_ns // 1_000_000,
                    cost_nano=sum(call.cost_nano for call in trail.calls),
                    at_ns=trail.arrival.received_ns + took_ns,
                ),
            )
        )
