"""Before anything is destroyed, the store must know all that the ledger says of legal holds."""

import os
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.ledger.files import ledger_folder, writers
from freehold.ledger.reading import Damage, Entry, Place, read, read_at
from freehold.storage.engine import Database
from freehold.storage.filler import Plan, fill, understood
from freehold.storage.tables import unreadable

_WHY = "a legal hold may stand in it, so nothing is destroyed"


def caught_up(home: Path, database: Database) -> None:
    """Bring the store up to the ledger's end.

    Raises:
        StorageError: the ledger can't be read as far as that, or the store can't be written. What
            was damaged and can be read again, since its file was put back, counts as read; so does
            what somebody has accepted.
    """
    refused: list[str] = []
    try:
        for writer in writers(home):
            with os.scandir(ledger_folder(home) / writer) as there:
                next(there, None)
        fill(home, database, refused.append)
    except OSError as error:
        raise StorageError(f"the ledger can't be read, and {_WHY}: {error}") from error
    if refused:
        raise StorageError(f"the ledger can't be read, and {_WHY}: {refused[0]}")
    places = [one for one in damage(home, database) if not _mended(home, database, one)]
    if places:
        more = f" and at {len(places) - 1:,} more places" if len(places) > 1 else ""
        raise StorageError(
            f"the ledger can't be read at {places[0]}{more}, and {_WHY}. Put the file back from a"
            " copy; where there is none, whoever answers for legal holds may accept it: freehold"
            " audit hold accept-damage"
        )


def damage(home: Path, database: Database) -> list[Damage]:
    """What of this home's ledger could not be read, and nobody has accepted."""
    c = unreadable.c
    query = sa.select(c.writer, c.segment, c.offset, c.length).where(~c.accepted)
    query = query.order_by(*unreadable.primary_key.columns)
    with database.read() as connection:
        found = [Damage(**dict(row)) for row in connection.execute(query).mappings()]
    mine = set(writers(home)) if found else set()
    return [one for one in found if one.writer in mine]


def _mended(home: Path, database: Database, one: Damage) -> bool:
    """Whether it can be read now; then it is in the index, and damage no more."""
    plan = Plan()
    try:
        entries = list(_again(home, one))
        if not entries or any(understood(entry, plan) for entry in entries):
            return False
    except (StorageError, OSError):
        return False
    c = unreadable.c
    here = (c.writer == one.writer) & (c.segment == one.segment) & (c.offset == one.offset)
    with database.write() as connection:
        if connection.execute(unreadable.delete().where(here)).rowcount == 1:
            plan.carry_out(connection)
    return True


def _again(home: Path, one: Damage) -> Iterator[Entry]:
    """Its line, or all lines up to the end of its segment."""
    if one.length:
        yield read_at(home, one.writer, one.segment, one.offset, one.length)
        return
    for entry in read(home, one.writer, Place(one.segment, one.offset)):
        if entry.segment != one.segment:
            return
        yield entry
