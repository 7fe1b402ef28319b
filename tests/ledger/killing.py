"""What a process leaves behind that is killed."""

from freehold.ledger.segment import SegmentJournal


def leave(journal: SegmentJournal) -> None:
    """Nothing more is signed, and the lock is free."""
    checkpointer, lock = journal._checkpointer, journal._lock
    assert checkpointer is not None
    assert lock is not None
    checkpointer._ending.set()
    checkpointer._thread.join()
    checkpointer._merkle.close()
    journal._checkpointer = None
    lock.release()
    journal.close()
