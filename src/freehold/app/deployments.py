"""Deployments of custom models, wired for the gateway and for the terminal."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from freehold.app.gating import incidents_of
from freehold.app.homes import opened, registry_of, with_vault
from freehold.app.resources import verifying
from freehold.app.terminal import records_of
from freehold.bundle.check import Report
from freehold.bundle.deployed import custom_of, reserved
from freehold.bundle.kept import live_mark, load_kept_files
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import SystemClock
from freehold.core.deployments import Deployment, Step
from freehold.core.errors import BundleError, FreeholdError, NotFound
from freehold.core.ports import SubjectKeys
from freehold.core.principal import Principal
from freehold.learning.registry.overlay import RegistryOverlay, overlay_files
from freehold.learning.registry.serving import Servable
from freehold.services.bundles import check_bundle, inspect_model, kept_bundle
from freehold.services.capturing import Capture
from freehold.services.deployment_evidence import Unattended
from freehold.services.deployments import Deployments, LogEvent
from freehold.services.own_report import Grouping, own_report
from freehold.storage.engine import DATABASE_FILE, Database
from freehold.storage.filler import fill
from freehold.storage.migrate import open_database
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


class HomeRows:
    """The deployments of a home, before and after its store is opened for good: where there is no
    store there are none, and none is made.
    """

    def __init__(self, home: Path, url: str | None) -> None:
        self._home = home
        self._url = url
        self.database: Database | None = None

    def rows(self) -> list[Deployment]:
        """Every version that ever was deployed."""
        with self._opened() as database:
            return [] if database is None else StoredDeployments(database).all()

    def revision(self) -> int:
        """Changes with every move."""
        with self._opened() as database:
            return 0 if database is None else StoredDeployments(database).revision()

    @contextmanager
    def _opened(self) -> Iterator[Database | None]:
        if self.database is not None:
            yield self.database
            return
        if self._url is None and not (self._home / DATABASE_FILE).exists():
            yield None
            return
        database = open_database(self._home, self._url)
        try:
            yield database
        finally:
            database.close()


class HomeOverlay(RegistryOverlay):
    """What a home's deployments lay over the bundle's files."""

    def __init__(self, home: Path, url: str | None) -> None:
        self._home_rows = rows = HomeRows(home, url)
        super().__init__(
            registry_of(home),
            rows.rows,
            rows.revision,
            lambda: _kept(home),
            _log.error,
            inspect_model,
        )
        self._log: LogEvent | None = None

    def opened(self, database: Database, log: LogEvent) -> None:
        """A gateway has started: its store is open, and what is left out is told again, to
        ``log``, with the next look.
        """
        self._home_rows.database = database
        self.started = True
        self.left_out = {}
        self._log = log

    def leaves(self, which: str, why: str) -> None:
        """As said; a gateway writes it into the ledger, too."""
        super().leaves(which, why)
        if self._log is not None:
            details = {"version": which.partition("@")[2], "why": why[:500]}
            subject = f"custom_model:{custom_of(which)}"
            self._log("deployment.left_out", "freehold", subject, details)

    def note(self) -> str:
        """What readiness says of it; nothing where all that is deployed is served."""
        return f"; not served: {', '.join(sorted(self.left_out))}" if self.left_out else ""


class _ToLook(HomeOverlay):
    def leaves(self, which: str, why: str) -> None:
        """The report says so."""


def home_overlay(home: Path) -> RegistryOverlay:
    """The same for the terminal, which opens the store only to read it; an altered file is said."""
    overlay = _ToLook(home, os.environ.get("FREEHOLD_DATABASE_URL"))
    overlay.started = True
    return overlay


def _kept(home: Path) -> Mapping[str, bytes]:
    """What was laid over the bundle that was live last; nothing where that can't be read."""
    try:
        _, files = load_kept_files(home, live_mark(home)[1])
    except (NotFound, BundleError):
        return {}
    return {path: files[path] for path in reserved(files)}


class _Given:
    """An overlay of files that are at hand."""

    left_out: Mapping[str, str] = {}

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def stamp(self) -> object:
        """Never changes."""
        return None

    def files(self) -> Mapping[str, bytes]:
        """These."""
        return self._files


def _rehearsing(
    home: Path, book: StoredDeployments
) -> Callable[[Sequence[Deployment]], Report | None]:
    """Checks the bundle's folder as it would be with other deployments. What stands already, and
    can't be served by this release, is in nobody's way: what takes its place must be deployed.
    """

    def rehearse(rows: Sequence[Deployment]) -> Report | None:
        standing = [row for row in book.all() if row in rows]
        _, left = Servable(inspect_model).of(overlay_files(registry_of(home), standing))
        moved = [row for row in rows if row.id not in left]
        files = overlay_files(registry_of(home), moved)
        return check_bundle(live_mark(home)[0], overlay=_Given(files))

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
