"""What the tests of the ledger share."""

from collections.abc import Callable

import pytest

from freehold.ledger.segment import SegmentJournal
from tests.ledger.killing import leave


@pytest.fixture
def abandon() -> Callable[[SegmentJournal], None]:
    """Leaves a journal as a process does that is killed: nothing is signed, the lock is free."""
    return leave
