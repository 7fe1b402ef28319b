"""API keys: shown once, stored as a keyed hash, ended within a second."""

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.core.errors import NotFound, StorageError
from freehold.storage.engine import Database
from freehold.storage.keys import SnapshotKeyBook, StoredKeys
from freehold.storage.tables import keys
from freehold.storage.writer import Writer
from tests.audit_samples import START_NS, Standing

PEPPER = b"p" * 32


def pair(database: Database, clock: Standing | None = None) -> tuple[StoredKeys, SnapshotKeyBook]:
    clock = clock or Standing()
    book = SnapshotKeyBook(database, PEPPER, clock)
    book.load()
    return StoredKeys(database, PEPPER, clock), book


def test_a_key_opens_what_it_was_made_for(database: Database) -> None:
    store, book = pair(database)
    made = store.create(
        "north",
        "service",
        trusted_headers=["tier"],
        name="till",
        scopes=["chat"],
        priority="low",
    )
    assert book.find(made.secret) is None  # not before the book has been read again
    book.refresh()
    found = book.find(made.secret)
    assert found == made.grant
    assert found is not None
    assert (found.tenant, found.app, found.name) == ("north", "service", "till")
    assert found.scopes == {"chat"}
    assert found.trusted_headers == {"tier"}
    assert found.priority == "low"


def test_the_secret_is_in_no_row_and_no_repr(database: Database) -> None:
    store, _ = pair(database)
    made = store.create("north", "service")
    assert made.secret.startswith(f"fh_{made.grant.key_id}_")
    assert len(made.secret.split("_", 2)[2]) >= 43  # 256 bits in base64
    with database.read() as connection:
        row = connection.execute(sa.select(keys)).one()
    assert made.secret.split("_", 2)[2] not in str(row)
    assert made.secret not in repr(made)


def test_nearly_right_is_wrong(database: Database) -> None:
    store, book = pair(database)
    made = store.create("north", "service")
    other = store.create("south", "service")
    book.refresh()
    key_id, secret = made.grant.key_id, made.secret
    tail = secret.split("_", 2)[2]
    for wrong in (
        "",
        "fh_",
        "fh__",
        secret[:-1],
        secret + "x",
        secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        f"fh_{other.grant.key_id}_{tail}",
        f"xx_{key_id}_{tail}",
        f"fh_{key_id}_",
        "\ud800",
        secret * 50,
        secret.upper(),
    ):
        assert book.find(wrong) is None, wrong


def test_another_pepper_opens_nothing(database: Database) -> None:
    store, _ = pair(database)
    made = store.create("north", "service")
    book = SnapshotKeyBook(database, b"q" * 32, Standing())
    book.load()
    assert book.find(made.secret) is None


def test_expiry_needs_no_refresh(database: Database) -> None:
    clock = Standing()
    store, book = pair(database, clock)
    made = store.create("north", "service", expires_ns=START_NS + 10)
    book.refresh()
    assert book.find(made.secret) is not None
    clock.now += 10
    assert book.find(made.secret) is None


def test_revocation_reaches_a_running_server_within_a_second(database: Database) -> None:
    store, book = pair(database)
    made = store.create("north", "service")
    writer = Writer(database, (book.refresh,)).open()
    deadline = time.monotonic() + 5
    while book.find(made.secret) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert book.find(made.secret) is not None
    store.revoke(made.grant.key_id)
    store.revoke(made.grant.key_id)
    began = time.monotonic()
    while book.find(made.secret) is not None and time.monotonic() < began + 5:
        time.sleep(0.01)
    writer.close()
    assert book.find(made.secret) is None
    assert time.monotonic() - began < 1.5


def test_a_tenant_sees_and_ends_only_its_own(database: Database) -> None:
    store, book = pair(database)
    mine, theirs = store.create("north", "a"), store.create("south", "a")
    assert [row.grant.key_id for row in store.list("north")] == [mine.grant.key_id]
    assert len(store.list()) == 2
    with pytest.raises(NotFound):
        store.revoke(theirs.grant.key_id, tenant="north")
    with pytest.raises(NotFound):
        store.revoke("nobody")
    book.refresh()
    assert book.find(theirs.secret) is not None


def test_last_use_is_written(database: Database) -> None:
    clock = Standing()
    store, book = pair(database, clock)
    made = store.create("north", "service")
    book.refresh()
    book.find(made.secret)
    book.refresh()
    assert store.list()[0].last_used_ns == START_NS


def test_unknown_scopes_are_refused(database: Database) -> None:
    with pytest.raises(StorageError, match="admin"):
        pair(database)[0].create("north", "service", scopes=["admin"])


def test_while_the_store_is_away_the_snapshot_goes_on(tmp_path: Path) -> None:
    from freehold.storage.migrate import open_database

    database = open_database(tmp_path)
    store, book = pair(database)
    made = store.create("north", "service")
    book.refresh()
    with database.write() as connection:
        connection.execute(sa.text("drop table revisions"))
    book.refresh()
    assert book.find(made.secret) is not None
    database.close()


def test_keys_that_nobody_refreshes_any_more_end_after_a_minute(database: Database) -> None:
    clock, alive = Standing(), [True]
    store = StoredKeys(database, PEPPER, clock)
    made = store.create("north", "service")
    book = SnapshotKeyBook(database, PEPPER, clock, lambda: alive[0])
    book.load()
    clock.mono += 3_600_000_000_000
    assert book.find(made.secret) == made.grant, "the writer lives, so the store is only away"
    book.refresh()
    assert book.age_ns() == 0
    alive[0] = False
    clock.mono += 60_000_000_000
    assert book.find(made.secret) == made.grant
    clock.mono += 1
    with pytest.raises(StorageError, match="writer is not running"):
        book.find(made.secret)
    book.refresh()
    assert book.find(made.secret) == made.grant


def test_a_store_that_is_away_has_been_asked_all_the_same(database: Database) -> None:
    clock = Standing()
    book = SnapshotKeyBook(database, PEPPER, clock)
    book.load()
    with database.write() as connection:
        keys.drop(connection)
        connection.execute(sa.text("DROP TABLE revisions"))
    clock.mono += 5
    assert book.age_ns() == 5
    book.refresh()
    assert book.age_ns() == 0
