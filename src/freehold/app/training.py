"""Training, wired for the terminal and for workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.app.homes import ledger_of, registry_of
from freehold.core.clock import SystemClock
from freehold.services.training import Training
from freehold.storage.secrets import KeyFolder


@contextmanager
def training_service(home: Path) -> Iterator[Training]:
    """What trains custom models of a home, and keeps them in its registry."""
    clock = SystemClock()
    with ledger_of(home, KeyFolder(home), clock) as audit:
        yield Training(home, registry_of(home), audit.event)
