"""Models on trial, wired for the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.app.homes import ledger_of, opened, store_of
from freehold.app.terminal import records_of
from freehold.bundle.kept import live_mark
from freehold.core.clock import SystemClock
from freehold.core.trials import ShadowBook
from freehold.services.bundles import kept_bundle
from freehold.services.canaries import Canaries, OutcomesOf
from freehold.services.records import Records
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
    with store_of(home) as database, ledger_of(home, KeyFolder(home), clock) as audit:
        trials = StoredTrials(database)
        trials.load()
        outcomes = StoredOutcomes(database)
        yield Canaries(lambda: bundle, trials, outcomes.of, audit.event, clock), trials


@contextmanager
def outcome_records(home: Path) -> Iterator[tuple[Records, OutcomesOf]]:
    """The records, and what came of exchanges.

    Raises:
        NotFound: no home is there.
    """
    with opened(home) as database:
        yield records_of(home, database), StoredOutcomes(database).of
