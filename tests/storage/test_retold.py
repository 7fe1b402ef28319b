"""What the ledger says of holds and revoked keys is in the store, however it was filled."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.core.legal_holds import LegalHold
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from freehold.storage.caught_up import caught_up
from freehold.storage.engine import Database
from freehold.storage.filler import fill
from freehold.storage.keys import SnapshotKeyBook, StoredKeys
from freehold.storage.legal_holds import StoredLegalHolds
from freehold.storage.tables import fill_marks, keys, legal_holds, unreadable
from tests.audit_samples import Standing, tenant_key

HOLD = {
    "hold": "lgl_1",
    "kind": "person",
    "subject": "ada",
    "tenant": "north",
    "only": True,
    "issuer": "",
    "reason": "court file 7",
    "until": "2027-01-02T03:04:05.000006Z",
}


class Writing:
    """A process that writes events into a home."""

    def __init__(self, home: Path) -> None:
        self.journal = SegmentJournal(home).open()
        self.audit = Audit(self.journal, "r", tenant_key)

    def place(self) -> None:
        self.audit.event("legal_hold.placed", "counsel", "lgl_1", HOLD, tenant="north")

    def lift(self) -> None:
        told = {"hold": "lgl_1", "kind": "person", "reason": "settled"}
        self.audit.event("legal_hold.lifted", "judge", "lgl_1", told, tenant="north")


def held(database: Database, home: Path) -> list[LegalHold]:
    return StoredLegalHolds(database, home).all()


def test_a_hold_and_its_end_may_be_read_in_any_order(database: Database, tmp_path: Path) -> None:
    late, early = Writing(tmp_path / "a"), Writing(tmp_path / "b")
    early.place()
    late.lift()
    for one in (late, early):
        one.journal.close()
    fill(tmp_path / "a", database)
    (lifted,) = held(database, tmp_path)
    assert not lifted.stands(0)
    fill(tmp_path / "b", database)
    (told,) = held(database, tmp_path)
    assert (told.subject, told.issuer, told.only, told.reason) == ("ada", "", True, "court file 7")
    assert (told.placed_by, told.lifted_by, told.lifted_why) == ("counsel", "judge", "settled")
    assert told.until_ns == 1_798_859_045_000_006_000
    assert not told.stands(0)


def test_what_an_older_freehold_read_is_heeded_once(database: Database, tmp_path: Path) -> None:
    one = Writing(tmp_path)
    one.place()
    fill(tmp_path, database)
    with database.write() as connection:  # it filled the index, and did not heed the line
        connection.execute(legal_holds.delete())
        connection.execute(fill_marks.update().values(retold=False))
    fill(tmp_path, database)
    assert [hold.hold_id for hold in held(database, tmp_path)] == ["lgl_1"]
    with database.read() as connection:
        assert connection.execute(sa.select(fill_marks.c.retold)).scalars().all() == [True]
    one.journal.close()


def test_a_revoked_key_stays_revoked(database: Database, tmp_path: Path) -> None:
    one = Writing(tmp_path)
    store, clock = StoredKeys(database, b"p" * 32, Standing()), Standing()
    made, other = store.create("north", "desk"), store.create("north", "desk")
    book = SnapshotKeyBook(database, b"p" * 32, clock)
    book.load()
    fill(tmp_path, database)
    store.revoke(made.grant.key_id)
    one.audit.event("key.revoked", "tester", made.grant.key_id, {}, tenant="north")
    with database.write() as connection:  # a copy from before is put back
        connection.execute(keys.update().values(revoked_ns=None))
    fill(tmp_path, database)
    book.refresh()
    assert book.find(made.secret) is None
    assert book.find(other.secret) is not None
    one.journal.close()


def test_an_event_about_a_hold_that_says_too_little_is_damage(
    database: Database, tmp_path: Path
) -> None:
    one = Writing(tmp_path)
    one.audit.event("legal_hold.placed", "counsel", "lgl_1", {"hold": "lgl_1"})
    with pytest.raises(StorageError, match="can't be read at"):
        caught_up(tmp_path, database)
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(unreadable)).scalar() == 1
    one.journal.close()
