"""Deployments of custom models, wired for the gateway and for the terminal."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from freehold.app.deployed import HomeRows, laid
from freehold.app.gating import incidents_of
from freehold.app.homes import opened, registry_of, with_vault
from freehold.app.resources import verifying
from freehold.app.terminal import records_of
from freehold.bundle.check import Report
from freehold.bundle.kept import live_mark
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import SystemClock
from freehold.core.deployments import Deployment, Step
from freehold.core.errors import FreeholdError
from freehold.core.ports import SubjectKeys
from freehold.core.principal import Principal
from freehold.services.bundles import check_bundle, kept_bundle
from freehold.services.capturing import Capture
from freehold.services.deployment_evidence import Unattended
from freehold.services.deployments import Deployments, LogEvent
from freehold.services.own_report import Grouping, own_report
from freehold.storage.engine import Database
from freehold.storage.filler import fill
from freehold.storage.models import StoredDeployments
from freehold.storage.owning import StoredUses
from freehold.storage.trials import StoredTrials

_log = logging.getLogger("freehold.deployments")
_EVERY_S = 1.0
_AWAY_S = 10.0


class _Store(Protocol):
    """What a gateway has open."""

    @property
    def database(self) -> Database: ...
    @property
    def trials(self) -> StoredTrials: ...
    @property
    def subjects(self) -> SubjectKeys: ...


def _rehearsing(
    home: Path, book: StoredDeployments
) -> Callable[[Sequence[Deployment]], Report | None]:
    """Checks the bundle's folder as it would be with other deployments."""

    def rehearse(rows: Sequence[Deployment]) -> Report | None:
        over = laid(home, rows, standing=book.all())
        return check_bundle(live_mark(home)[0], overlay=over)

    return rehearse


@contextmanager
def deployment_service(home: Path) -> Iterator[Deployments]:
    """Deployments of the bundle that a server of this home made live.

    Raises:
        NotFound: no bundle was ever live here.
    """
    clock = SystemClock()
    with with_vault(home) as (database, vault, audit):
        bundle = kept_bundle(home, live_mark(home)[1])
        trials = StoredTrials(database)
        trials.load()
        fallen = incidents_of(home, lambda: bundle, database, trials, vault.find, audit.event)
        book = StoredDeployments(database)
        yield Deployments(
            lambda: bundle,
            registry_of(home),
            book,
            trials,
            audit.event,
            clock,
            _rehearsing(home, book),
            fallen,
        )


def followed(
    home: Path,
    bundle: Callable[[], ResolvedBundle],
    store: _Store,
    log: LogEvent,
    capture: Capture,
) -> tuple[Deployments, Unattended]:
    """Deployments as a gateway follows them; what would become of the bundle it sees itself."""
    book = StoredDeployments(store.database)
    clock = SystemClock()
    fallen = incidents_of(home, bundle, store.database, store.trials, store.subjects.find, log)
    deployments = Deployments(
        bundle, registry_of(home), book, store.trials, log, clock, lambda _: None, fallen
    )
    unattended = Unattended(deployments, fallen.later, fallen.missed)
    capture.kept = unattended.heard
    return deployments, unattended


def custom_rows(home: Path) -> list[Deployment]:
    """Where versions stand; nothing where there is no store."""
    return HomeRows(home, os.environ.get("FREEHOLD_DATABASE_URL")).rows()


def custom_steps(home: Path, model: str | None, last: int) -> list[Step]:
    """What happened to versions, the newest first.

    Raises:
        NotFound: no home is there.
    """
    with opened(home) as database:
        return StoredDeployments(database).steps(model, last)


def own_reports(
    home: Path,
    *,
    tenant: str | None = None,
    only: bool = False,
    app: str | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
    by: str = "",
) -> dict[str, Any]:
    """What own models answered, with the index brought up to date first.

    Args:
        by: `app`, `tenant` or `model`; nothing for the total alone.

    Raises:
        NotFound: no home is there, or no such tenant.
    """
    with opened(home) as database:
        fill(home, database)
        records = records_of(home, database)
        tenants = records.within(tenant, only=only) if tenant is not None else None
        names = {row.model for row in StoredDeployments(database).all()}
        uses = StoredUses(database).uses(
            tenants=tenants, app=app, since_ns=since_ns, until_ns=until_ns
        )
        return own_report(uses, names, cast(Grouping, by)).as_dict()


def person_of(home: Path, token: str) -> Principal:
    """The person behind an identity token, verified as the bundle that is live says.

    Raises:
        NotFound: no bundle was ever live here.
        IdentityRefused: it does not verify.
    """

    async def verify() -> Principal:
        folder, live_hash = live_mark(home)
        bundle = kept_bundle(home, live_hash)
        async with verifying(folder) as identity:
            return await identity.verify(token, bundle.issuers)

    return asyncio.run(verify())


async def following(unattended: Unattended) -> None:
    """Take back what guardrails have rolled back, until cancelled."""
    while True:
        pause = _EVERY_S
        try:
            for row in await asyncio.to_thread(unattended.follow):
                _log.warning("%s is rolled back: %s", row.id, row.reason)
        except FreeholdError as error:
            _log.warning("deployments are not followed: %s", error)
            pause = _AWAY_S
        except Exception as error:  # noqa: BLE001 - one deployment must not end them all
            _log.error("deployments are not followed: %s", type(error).__name__)
            pause = _AWAY_S
        await asyncio.sleep(pause)
