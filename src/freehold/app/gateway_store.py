"""What a gateway has on its home's database and key files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from freehold.app.holding import watching_holds
from freehold.app.homes import vault_of
from freehold.app.watching import StoredMeasures
from freehold.core.clock import SystemClock
from freehold.storage.erased_again import erased_again
from freehold.storage.holds import SealedHolds
from freehold.storage.keys import SnapshotKeyBook
from freehold.storage.lineage import StoredLineage
from freehold.storage.migrate import open_database
from freehold.storage.responses import SealedResponses
from freehold.storage.secrets import KeyFolder
from freehold.storage.spend import StoreLimiter
from freehold.storage.subject_keys import LiveKeys
from freehold.storage.trials import StoredTrials
from freehold.storage.writer import Writer

_STALE_NS = 10_000_000_000


class GatewayStore:
    """All of it, opened and closed as one; `load` reads what requests are served from."""

    def __init__(
        self, home: Path, url: str | None, clock: SystemClock, erased: Callable[[], None]
    ) -> None:
        self.database = open_database(home, url)
        self.on_disk = KeyFolder(home)
        self.vault = vault_of(home, self.on_disk, clock)
        self.subjects = LiveKeys(self.vault, clock, erased)
        self.keys = SnapshotKeyBook(
            self.database, self.on_disk.pepper(), clock, lambda: self.writer.alive
        )
        self.limiter = StoreLimiter(self.database, clock)
        self.lineage = StoredLineage(
            self.database, self.on_disk.lineage(), clock, lambda: self.writer.soon(refresh)
        )
        refresh = self.lineage.refresh
        self.measures = StoredMeasures(self.database, clock)
        self.trials = StoredTrials(self.database, clock)
        self.writer = Writer(
            self.database,
            (
                self.keys.refresh,
                self.limiter.flush,
                refresh,
                self.measures.mirror.refresh,
                self.trials.refresh,
            ),
        )
        legal = watching_holds(home, self.database, self.vault)
        self.kept = legal.kept
        self.again = partial(erased_again, home, self.vault, legal.kept)
        heeded = legal.kept_here, legal.catch_up
        self.holds = SealedHolds(
            self.database, self.writer, self.on_disk.holds(), clock, self.subjects, *heeded
        )
        self.responses = SealedResponses(self.database, self.writer, clock, self.subjects, *heeded)

    def load(self) -> None:
        """Read the snapshots that requests are served from."""
        self.keys.load()
        self.limiter.load()
        self.lineage.load()
        self.measures.mirror.load()
        self.trials.load()

    def check(self) -> str:
        """Why no request should come now, or nothing."""
        if not self.writer.alive:
            return "the store's writer is not running"
        stale = self.keys.age_ns() > _STALE_NS
        if not self.subjects.writer.alive:
            return "the writer of the vault of subject keys is not running"
        return "the store's writer is stuck: API keys are not refreshed" if stale else ""
