"""Bring a store's tables up to what this version needs."""

import os
from pathlib import Path

import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.ledger.locking import FileLock
from freehold.storage.engine import DATABASE_FILE, Database, connect, url_for

KNOWN = tuple(f"{number:04}" for number in range(1, 19))
HEAD = KNOWN[-1]
_SCRIPTS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x46726565  # any number, as long as every Freehold takes the same


def open_database(home: Path, url: str | None = None) -> Database:
    """The store behind ``url``, or the SQLite file in ``home``, with its tables up to date.

    Raises:
        StorageError: it can't be opened, or a newer Freehold made its tables.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if url is None:
            # SQLite would make it readable for everyone, and its other files follow this one
            os.close(os.open(home / DATABASE_FILE, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(f"{home} can't be used: {error}") from error
    database = connect(url or url_for(home))
    if version(database) == HEAD:
        return database
    with FileLock(home / "migrate.lock"):
        upgrade(database)
    return database


def version(database: Database) -> str | None:
    """The revision of the store's tables; ``None`` for an empty store.

    Raises:
        StorageError: the store can't be reached, or is newer than this Freehold.
    """
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    if found is not None and found not in KNOWN:
        raise StorageError(
            f"the store's tables have revision {found}, which this Freehold (up to {HEAD}) does not"
            " know: a newer Freehold made them. Use that version, or restore an older backup."
        )
    return found


def upgrade(database: Database) -> None:
    """Run the migrations that are missing; processes that do it at once wait for each other.

    Raises:
        StorageError: the store can't be reached, or is newer than this Freehold.
    """
    version(database)
    # late, since most starts find the tables up to date and Alembic takes 0.1 s to import
    import alembic.command
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with database.write() as connection:
        if not database.sqlite:
            connection.execute(sa.text(f"select pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, HEAD)
