"""Models on trial, wired for the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.app.terminal import record_service
from freehold.bundle.kept import live_mark
from freehold.core.clock import SystemClock
from freehold.core.trials import ShadowBook
from freehold.ledger.runtime import runtime_digest
from freehold.ledger.segment import SegmentJournal
from freehold.services.bundles import kept_bundle
from freehold.services.canaries import Canaries, OutcomesOf
from freehold.services.records import Records
from freehold.stages.audit import Audit
from freehold.storage.migrate import open_database
from freehold.storage.outcomes import StoredOutcomes
from freehold.storage.secrets import KeyFolder
from freehold.storage.trials import StoredTrials


@contextmanager
def trial_service(home: Path) -> Iterator[tuple[Canaries, ShadowBook]]:
    """Canaries and shadows of the bundle that a server of this home made live.

    Raises:
        NotFound: no bundle was ever live here.
    """
    clock = SystemClock()
    _, live_hash = live_mark(home)
    bundle = kept_bundle(home, live_hash)
    on_disk = KeyFolder(home)
    database = open_database(home, os.environ.get("FREEHOLD_DATABASE_URL"))
    journal = SegmentJournal(home, clock=clock).open()
    try:
        audit = Audit(journal, runtime_digest(), on_disk.commitment, clock=clock)
        trials = StoredTrials(database)
        trials.load()
        outcomes = StoredOutcomes(database)
        yield Canaries(lambda: bundle, trials, outcomes.of, audit.event, clock), trials
    finally:
        journal.close()
        database.close()


@contextmanager
def outcome_records(home: Path) -> Iterator[tuple[Records, OutcomesOf]]:
    """The records, and what came of exchanges.

    Raises:
        NotFound: no home is there.
    """
    with record_service(home) as records:
        database = open_database(home, os.environ.get("FREEHOLD_DATABASE_URL"))
        try:
            yield records, StoredOutcomes(database).of
        finally:
            database.close()
