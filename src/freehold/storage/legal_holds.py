"""Legal holds, in the store."""

from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from freehold.core.legal_holds import LegalHold
from freehold.storage.caught_up import caught_up, damage
from freehold.storage.engine import Database
from freehold.storage.retold import put
from freehold.storage.tables import legal_holds

_CHANGING = ("lifted_ns", "lifted_by", "lifted_why")
_decoder = msgspec.json.Decoder(LegalHold)
_encoder = msgspec.json.Encoder(order="sorted")


class StoredLegalHolds:
    """The `LegalHoldStore` over the ``legal_holds`` table, which follows the ledger of a home."""

    def __init__(self, database: Database, home: Path) -> None:
        self._database = database
        self._home = home

    def catch_up(self) -> None:
        """Know all that the ledger says; see `caught_up`."""
        caught_up(self._home, self._database)

    def damage(self) -> list[dict[str, Any]]:
        """What of the ledger can't be read, and nobody has accepted."""
        return [msgspec.to_builtins(one) for one in damage(self._home, self._database)]

    def all(self) -> list[LegalHold]:
        """Every one that ever was, the oldest first."""
        c = legal_holds.c
        query = sa.select(c.told).order_by(c.placed_ns, c.hold_id)
        with self._database.read() as connection:
            return [_decoder.decode(told) for told in connection.execute(query).scalars()]

    def add(self, hold: LegalHold) -> None:
        """Place one."""
        with self._database.write() as connection:
            put(connection, hold)  # the index may have read it in the ledger already

    def lift(self, hold_id: str, at_ns: int, by: str, why: str) -> bool:
        """End one; false where it was ended already."""
        c = legal_holds.c
        mine = (c.hold_id == hold_id) & c.lifted_ns.is_(None)
        with self._database.write() as connection:
            told = connection.execute(sa.select(c.told).where(mine)).scalar()
            if told is None:
                return False
            ended = dict(zip(_CHANGING, (at_ns, by, why), strict=True))
            changed = msgspec.structs.replace(_decoder.decode(told), **ended)
            values = {"lifted_ns": at_ns, "told": _encoder.encode(changed).decode()}
            return connection.execute(legal_holds.update().where(mine).values(values)).rowcount == 1
