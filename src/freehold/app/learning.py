"""What learns how routes do, wired: memory, store, feedback."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freehold.app.homes import with_vault
from freehold.app.whoever import at_terminal
from freehold.bundle.kept import live_mark
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.routers import policies
from freehold.core.clock import Clock, SystemClock
from freehold.core.outcomes import TERMINAL
from freehold.core.ports import Router, SubjectKeys
from freehold.ledger.record import Record
from freehold.services.bundles import kept_bundle
from freehold.services.feedback import Feedback, Heard, Kept
from freehold.services.feedback import Records as Past
from freehold.services.learning import Learning, models_by_route
from freehold.services.records import Records
from freehold.services.route_states import RouteStates
from freehold.services.telling import Said
from freehold.stages.routing.aftermath import Aftermath
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.loading import loaded
from freehold.stages.routing.sticky import Sessions
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.outcomes import StoredOutcomes
from freehold.storage.subject_keys import StoredKeys


class RouteLearning:
    """One process's part in it."""

    def __init__(
        self,
        home: Path,
        database: Database,
        keys: SubjectKeys,
        log: Callable[..., str],
        clock: Clock,
        heard: Heard,
    ) -> None:
        self.learners = Learners()
        self.sessions = Sessions(clock)
        self.aftermath = Aftermath(self.learners, self.sessions)
        self.store = StoredOutcomes(database)
        self.learning = Learning(
            self.store, self.learners, keys.find, clock, lambda told: heard(told, None)
        )
        self.feedback = Feedback(
            self.store,
            past(home, database),
            keys.find,
            log,
            clock,
            self.aftermath,
            self.learning.catch_up,
            heard,
        )

    def routers(self, bundle: ResolvedBundle) -> dict[str, Router]:
        """The one that learns, and those of installed packages that the bundle names."""
        return {LearnedRouter.id: LearnedRouter(self.learners), **loaded(policies(bundle.bundle))}

    def adopt(self, bundle: ResolvedBundle) -> None:
        """These are the routes from now on."""
        routes = {name: route.candidates for name, route in bundle.bundle.routes.items()}
        self.learners.adopt(models_by_route(routes, bundle.models))

    def tasks(self) -> tuple[Callable[[Any], Any], ...]:
        """What runs beside the requests."""
        return (lambda _: self.learning.run(), lambda _: self.feedback.run())


def past(home: Path, database: Database) -> Past:
    """Exchanges as the ledger has them, whenever somebody asks."""
    records = Records(home, StoredExchanges(database), lambda: fill(home, database))

    def belonging(tenant: str, conversation: str) -> Sequence[Record]:
        return list(records.belonging(tenant, conversation=conversation))

    return Past(records.find, belonging)


@contextmanager
def route_service(home: Path) -> Iterator[RouteStates]:
    """What routes have learned, for the terminal.

    Raises:
        NotFound: no home is there, or no bundle was ever live in it.
    """
    with with_vault(home) as (database, vault, audit):
        _, live_hash = live_mark(home)
        bundle = kept_bundle(home, live_hash)
        routes = {name: route.candidates for name, route in bundle.bundle.routes.items()}
        yield RouteStates(
            StoredOutcomes(database),
            models_by_route(routes, bundle.models),
            bundle.tenants,
            StoredKeys(vault).find,
            SystemClock(),
            at_terminal(),
            audit.event,
        )


def give_feedback(home: Path, exchange_id: str, metric: str, value: Any, comment: str) -> Kept:
    """What an app says over the wire, said at the terminal.

    Raises:
        NotFound: no home, no bundle, no such exchange.
        RequestError: it is no value of this metric, or comes too late.
    """
    with with_vault(home) as (database, vault, audit):
        _, live_hash = live_mark(home)
        bundle = kept_bundle(home, live_hash)
        before = past(home, database)
        feedback = Feedback(
            StoredOutcomes(database), before, StoredKeys(vault).find, audit.event, SystemClock()
        )
        record = before.find(exchange_id, None)
        app = bundle.app_for(record.tenant, record.app)
        said = Said(
            metric=metric,
            value=value,
            exchange_id=record.exchange_id,
            comment=comment,
            by=TERMINAL,
        )
        return asyncio.run(feedback.give(app, said))
