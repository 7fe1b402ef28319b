"""Responses that callers come back to, each sealed under a key of whoever asked: erasing them
erases it, and a copy of the database shows none.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from freehold.core.clock import Clock
from freehold.core.errors import NotFound, StorageError
from freehold.core.legal_holds import Kept
from freehold.core.ports import SubjectKeys
from freehold.core.responses import OVER, Status, Stored, Texts
from freehold.core.subjects import Subject
from freehold.storage.engine import Database
from freehold.storage.hold_tables import responses
from freehold.storage.writer import Writer

_PATIENCE_S = 5.0
_KIND = b"response"
_KEY_CHARS = 32
_texts = msgspec.json.Decoder(Texts)


class SealedResponses:
    """The `ResponseStore` over the ``responses`` table.

    A text is bound to its response and to whom it belongs, so that who can only write to the
    database can't hand one person's to another.

    Args:
        kept: what legal holds keep, by what the store knows.
        catch_up: lets it know all that the ledger says of them.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        clock: Clock,
        subjects: SubjectKeys,
        kept: Callable[[], Kept] = Kept,
        catch_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._kept = kept
        self._catch_up = catch_up
        self._writer = writer
        self._clock = clock
        self._subjects = subjects

    async def put(
        self, stored: Stored, texts: Texts | None, subject: Subject, days: int, *, new: bool
    ) -> None:
        """Keep a response; see the port.

        Raises:
            StorageError: it can't be kept.
        """
        row = asdict(stored) | {"sealed": b""}
        row["principal"] = row["principal"].replace("\0", "\ufffd")  # PostgreSQL takes no zeros
        if texts is not None:
            key = self._subjects.of(subject, days)
            box = key.seal(_written(texts), _KIND, _bound(row))
            row["sealed"] = key.id.encode() + box
        done = self._writer.submit(lambda connection: _put(connection, row, new=new))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                # shielded: whoever stops waiting must not cancel what the writer has in hand
                await asyncio.shield(asyncio.wrap_future(done))
        except TimeoutError as error:
            raise StorageError("the store took too long to keep a response") from error

    def find(self, response_id: str) -> Stored | None:
        """One of them."""
        columns = [c for c in responses.c if c.name != "sealed"]
        query = sa.select(*columns).where(responses.c.response_id == response_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else Stored(**dict(row))

    def open(self, stored: Stored) -> Texts | None:
        """Its texts; see the port.

        Raises:
            NotFound: they were erased.
            StorageError: the seal is broken, or the vault can't be read.
        """
        query = sa.select(responses.c.sealed).where(responses.c.response_id == stored.response_id)
        with self._database.read() as connection:
            sealed = bytes(connection.execute(query).scalar() or b"")
        if not sealed:
            return None
        key = self._subjects.find(sealed[:_KEY_CHARS].decode("ascii", "replace"))
        if key is None:
            public = "The texts of this response were erased."
            raise NotFound(f"the texts of {stored.response_id} were erased", public=public)
        try:
            return _texts.decode(key.open(sealed[_KEY_CHARS:], _KIND, _bound(asdict(stored))))
        except msgspec.MsgspecError as error:
            raise StorageError(f"the texts of {stored.response_id} are damaged") from error

    def move(
        self, stored: Stored, status: Status, *, owner: str = "", approval_id: str = ""
    ) -> bool:
        """Change where it stands; see the port."""
        c = responses.c
        same = (c.status == stored.status) & (c.approval_id == stored.approval_id)
        same &= (c.owner == stored.owner) & (c.response_id == stored.response_id)
        values: dict[str, Any] = {"status": status, "owner": owner, "approval_id": approval_id}
        values["beat_ns"] = self._clock.now_ns()
        with self._database.write() as connection:
            return connection.execute(responses.update().where(same).values(values)).rowcount == 1

    def delete(self, response_id: str) -> bool:
        """Forget it; false if it was not there."""
        gone = responses.delete().where(responses.c.response_id == response_id)
        with self._database.write() as connection:
            return connection.execute(gone).rowcount == 1

    def beat(self, owner: str) -> frozenset[str]:
        """Say that a process lives; see the port."""
        c = responses.c
        mine = (c.owner == owner) & c.status.not_in(OVER)
        with self._database.write() as connection:
            connection.execute(responses.update().where(mine).values(beat_ns=self._clock.now_ns()))
            return frozenset(connection.execute(sa.select(c.response_id).where(mine)).scalars())

    def prune(self) -> int:
        """Forget those whose time is over; say how many."""
        c = responses.c
        over: sa.ColumnElement[bool] = c.expires_ns <= self._clock.now_ns()
        query = sa.select(c.response_id, c.tenant, c.principal).where(over)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        held = self._kept() if rows else Kept()
        if all(held.spares_row(*row[1:]) for row in rows):
            return 0
        self._catch_up()
        with self._database.write() as connection:
            kept = self._kept()
            if kept:
                rows = connection.execute(query).all()
                over = c.response_id.in_([r[0] for r in rows if not kept.spares_row(*r[1:])])
            return int(connection.execute(responses.delete().where(over)).rowcount)


def _written(texts: Texts) -> bytes:
    try:
        return msgspec.json.encode(texts)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        why = f"a response can't be written down to be kept: {type(error).__name__}"
        raise StorageError(why) from error


def _put(connection: sa.Connection, row: dict[str, Any], *, new: bool) -> None:
    if new:
        connection.execute(responses.insert(), row)
        return
    c = responses.c
    wanted = (c.response_id == row["response_id"]) & (c.status != "cancelled")
    connection.execute(responses.update().where(wanted).values(row))


def _bound(row: dict[str, Any]) -> bytes:
    names = ("response_id", "tenant", "app", "principal", "issuer", "key_id")
    return "\n".join(str(row[name]) for name in names).encode("utf-8", "surrogatepass")
