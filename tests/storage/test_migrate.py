"""Tables come up from nothing, stay as the code says, and a newer store is left alone."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from freehold.core.errors import StorageError
from freehold.storage import migrate
from freehold.storage.engine import Database, bump, connect
from freehold.storage.tables import metadata, revisions


def test_up_from_empty_gives_what_the_code_declares(database: Database) -> None:
    assert migrate.version(database) == migrate.HEAD
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_opening_again_changes_nothing(store_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        database = migrate.open_database(tmp_path, store_url)
        with database.write() as connection:
            bump(connection, revisions, "keys")
        database.close()
    database = connect(store_url)
    with database.read() as connection:
        assert connection.execute(sa.select(revisions.c.value)).scalar() == 2
    database.close()


def test_a_newer_store_is_refused_and_not_touched(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StorageError, match="newer Freehold"):
        migrate.version(database)
    with pytest.raises(StorageError, match="9999"):
        migrate.upgrade(database)


def test_many_processes_may_open_a_new_store_at_once(store_url: str, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from freehold.storage.migrate import open_database;"
        "open_database(Path(sys.argv[1]), sys.argv[2]).close()"
    )
    command = [sys.executable, "-c", script, str(tmp_path), store_url]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    for child in children:
        _, complaint = child.communicate(timeout=60)
        assert child.returncode == 0, complaint.decode()


def test_sqlite_is_in_wal_mode(tmp_path: Path) -> None:
    database = migrate.open_database(tmp_path)
    with database.read() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1
    database.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    database = migrate.open_database(tmp_path / "home")
    database.close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("freehold*")}
    assert set(modes.values()) == {0o600}


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            bump(connection, revisions, "keys")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.read() as connection:
        assert connection.execute(sa.select(revisions)).all() == []


@pytest.mark.parametrize("url", ["mysql://x/y", "no url at all", "sqlite+nothing:///x"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(StorageError):
        connect(url)


def test_an_error_shows_no_values(database: Database) -> None:
    row = {
        "scope": "s", "period": "day", "start": 1, "requests": None, "tokens": 1, "nano": 1,
    }  # fmt: skip

    def insert() -> None:
        with database.write() as connection:
            connection.execute(metadata.tables["spending"].insert(), row)

    with pytest.raises(StorageError) as caught:
        insert()
    assert "INSERT INTO" not in str(caught.value)


def test_what_was_used_by_day_is_there_by_month_and_in_total(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrate, "HEAD", "0005")
        database = migrate.open_database(tmp_path, store_url)
    last_of_may, first_of_june = 20_604, 20_605  # 2026
    with database.write() as connection:
        for day, requests, nano in ((last_of_may, 3, 10**15), (first_of_june, 4, 7)):
            connection.execute(
                sa.text("insert into spend values ('app:n/s', :day, :requests, 50, :nano)"),
                {"day": day, "requests": requests, "nano": nano},
            )
    database.close()
    database = migrate.open_database(tmp_path, store_url)
    with database.read() as connection:
        rows = connection.execute(sa.text("select * from spending order by period, start")).all()
    database.close()
    may = 2026 * 12 + 4
    assert [tuple(row) for row in rows] == [
        ("app:n/s", "day", last_of_may, 3, 50, 10**15),
        ("app:n/s", "day", first_of_june, 4, 50, 7),
        ("app:n/s", "month", may, 3, 50, 10**15),
        ("app:n/s", "month", may + 1, 4, 50, 7),
        ("app:n/s", "total", 0, 7, 100, 10**15 + 7),
    ]
