"""What a home's deployments lay over a bundle, and the bundle that comes of it.

A gateway, the checks before a deployment, the gate, rules' tests and drafts all see this one.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from freehold.app.homes import registry_of
from freehold.bundle.deployed import Overlay, custom_of, reserved
from freehold.bundle.kept import live_mark, load_kept_files
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.deployments import Deployment
from freehold.core.errors import BundleError, NotFound
from freehold.learning.registry import Version
from freehold.learning.registry.overlay import RegistryOverlay, overlay_files, with_live
from freehold.learning.registry.serving import Servable
from freehold.services.bundles import described_bundle, inspect_model, kept_bundle
from freehold.services.deployments import LogEvent
from freehold.storage.engine import DATABASE_FILE, Database
from freehold.storage.migrate import open_database
from freehold.storage.models import StoredDeployments

_log = logging.getLogger("freehold.deployments")


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


class _Laid:
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


def laid(home: Path, rows: Sequence[Deployment], *, standing: Sequence[Deployment]) -> Overlay:
    """What these deployments would lay over a bundle. Of those that are standing already, the ones
    that this release can't serve are in nobody's way: what takes their place must be deployed.

    Raises:
        AlteredModel: a version is not what was trained and signed.
    """
    registry = registry_of(home)
    known = [row for row in standing if row in rows]
    _, left = Servable(inspect_model).of(overlay_files(registry, known))
    return _Laid(overlay_files(registry, [row for row in rows if row.id not in left]))


def with_deployed(
    home: Path, folder: Path | None = None, live: Version | None = None
) -> ResolvedBundle:
    """A bundle as a gateway of this home would have it: the folder's, or the one that is live.

    Args:
        live: a version that is laid over as if it were the live one of its model.

    Raises:
        NotFound: without a folder, no bundle was ever live here.
        BundleError: the folder's bundle has errors.
        AlteredModel: a deployed version is not what was trained and signed.
        StorageError: the store can't be read.
    """
    if folder is None and live is None:
        return kept_bundle(home, live_mark(home)[1])
    rows = HomeRows(home, os.environ.get("FREEHOLD_DATABASE_URL")).rows()
    over = laid(home, rows if live is None else with_live(rows, live), standing=rows)
    if folder is None:
        return kept_bundle(home, live_mark(home)[1], overlay=over)
    return described_bundle(folder, overlay=over)
