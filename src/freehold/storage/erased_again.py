"""Erasures that the ledger tells of and the vault does not: an older copy of it was put back.

The vault follows the ledger by marks of its own, since it may be put back without the database.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import orjson
import sqlalchemy as sa
from msgspec import Struct

from freehold.core.legal_holds import Kept
from freehold.ledger.files import writers
from freehold.ledger.reading import Place, SegmentUnreadable, read
from freehold.storage.vault import Vault
from freehold.storage.vault_tables import about, erasures, subject_keys

_ERASED = b'"kind":"erased"'
_MARK = "read:"
# the vault's row is made just before the ledger's line, in a transaction that may have to wait
_BEFORE_NS = 600 * 1_000_000_000
_AFTER_NS = 5 * 1_000_000_000  # a clock may be put back in between
_log = logging.getLogger("freehold.vault")


class Erasure(Struct, frozen=True, kw_only=True):
    """What a line says: ``name`` is the keyed hash by which the vault knows whom."""

    event_id: str
    name: str
    tenant: str
    at_ns: int
    place: Place


LogAgain = Callable[[Erasure, int], object]


def erased_again(home: Path, vault: Vault, kept: Callable[[], Kept], log: LogAgain) -> int:
    """Destroy keys that were destroyed already, and came back; say how many.

    Only keys that were made before the erasure are: whoever came back since has newer ones. What a
    legal hold keeps waits until it is lifted.

    Args:
        kept: what legal holds keep, by all that the ledger says.
        log: writes the entry about each erasure that destroys keys, inside the transaction.

    Raises:
        StorageError, AuditError: it can't be done, or recorded; nothing of that log is destroyed.
    """
    return sum(_follow(home, vault, writer, kept, log) for writer in writers(home))


def _follow(home: Path, vault: Vault, writer: str, kept: Callable[[], Kept], log: LogAgain) -> int:
    mark = _mark(vault, writer)
    end, told = _told(home, writer, mark)
    if end == mark:
        return 0
    with vault.database.read() as connection:
        told = [one for one in told if not _known(connection, one)]
    held = kept() if told else Kept()
    gone = 0
    with vault.database.write() as connection:
        vault.alone(connection)
        for one in told:
            keys = [] if _known(connection, one) else _keys(connection, one)
            if any(held.spares(key_id, one.name, one.tenant) for key_id in keys):
                end = min(end, one.place)
                continue
            row = {"subject": one.name, "tenant": one.tenant, "at_ns": one.at_ns}
            connection.execute(erasures.insert(), row)
            for key_id in keys:
                chosen = subject_keys.c.key_id == key_id
                gone += vault.blank(connection, chosen, one.at_ns, "erased")
            if keys:
                log(one, len(keys))
        _remember(connection, writer, end)
    return gone


def _told(home: Path, writer: str, mark: Place) -> tuple[Place, list[Erasure]]:
    """How far the log can be read, and the erasures in it."""
    end, found = mark, []
    try:
        for entry in read(home, writer, mark):
            end = entry.end
            if _ERASED not in entry.line:
                continue
            try:
                body = orjson.loads(entry.line)["body"]
                if body.get("kind") == "erased":
                    place = Place(entry.segment, entry.offset)
                    found.append(
                        Erasure(
                            event_id=body["id"],
                            name=body["subject"],
                            tenant=body["tenant"],
                            at_ns=body["at_ns"],
                            place=place,
                        )
                    )
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # damaged: the index says so
    except SegmentUnreadable as refused:
        _log.warning("erasures may be missing from the vault: %s", refused)
    return end, found


def _known(connection: sa.Connection, one: Erasure) -> bool:
    c = erasures.c
    mine = (c.subject == one.name) & (c.at_ns >= one.at_ns - _BEFORE_NS)
    mine &= c.at_ns <= one.at_ns + _AFTER_NS
    return connection.execute(sa.select(c.number).where(mine).limit(1)).first() is not None


def _keys(connection: sa.Connection, one: Erasure) -> list[str]:
    c = subject_keys.c
    theirs = (c.subject == one.name) & c.wrapped.is_not(None) & (c.created_ns <= one.at_ns)
    return list(connection.execute(sa.select(c.key_id).where(theirs)).scalars())


def _mark(vault: Vault, writer: str) -> Place:
    query = sa.select(about.c.value).where(about.c.name == _MARK + writer)
    with vault.database.read() as connection:
        value = connection.execute(query).scalar()
    segment, _, offset = (value or "0:0").partition(":")
    return Place(int(segment), int(offset))


def _remember(connection: sa.Connection, writer: str, place: Place) -> None:
    name, value = _MARK + writer, f"{place.segment}:{place.offset}"
    done = connection.execute(about.update().where(about.c.name == name).values(value=value))
    if done.rowcount == 0:
        connection.execute(about.insert(), {"name": name, "value": value})
