"""What learns how routes do, wired: memory, store, feedback."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock
from freehold.core.ports import Router, SubjectKeys
from freehold.ledger.record import Record
from freehold.services.feedback import Feedback
from freehold.services.feedback import Records as Past
from freehold.services.learning import Learning, models_by_route
from freehold.services.records import Records
from freehold.stages.routing.aftermath import Aftermath
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.sticky import Sessions
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.outcomes import StoredOutcomes


class RouteLearning:
    """One process's part in it."""

    def __init__(
        self,
        home: Path,
        database: Database,
        keys: SubjectKeys,
        log: Callable[..., str],
        clock: Clock,
    ) -> None:
        self.learners = Learners()
        self.sessions = Sessions(clock)
        self.aftermath = Aftermath(self.learners, self.sessions)
        self.store = StoredOutcomes(database)
        self.learning = Learning(self.store, self.learners, keys.find, clock)
        self.feedback = Feedback(
            self.store,
            past(home, database),
            keys.find,
            log,
            clock,
            self.aftermath,
            self.learning.catch_up,
        )

    def routers(self) -> dict[str, Router]:
        """Those that learn, by their ids."""
        return {LearnedRouter.id: LearnedRouter(self.learners)}

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
