"""What the ledger says that the store must not forget: legal holds, and keys that were revoked.

A store that was lost, or put back from an older copy, reads them again with the rest of the ledger.
Lines of several logs come in any order, so that a hold may be lifted before it is placed.
"""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from freehold.core.legal_holds import LegalHold
from freehold.storage.engine import bump, incoming, upsert
from freehold.storage.tables import keys, legal_holds, revisions, unreadable

MARKS = (b'"kind":"legal_hold.', b'"kind":"key.revoked"')
"""What a line has that says any of it."""
_decoder = msgspec.json.Decoder(LegalHold)
_encoder = msgspec.json.Encoder(order="sorted")
_SECOND_NS = 1_000_000_000


class Retold:
    """What some lines say of it, for one transaction."""

    def __init__(self) -> None:
        self._holds: list[LegalHold] = []
        self._revoked: dict[str, int] = {}
        self._accepted: list[dict[str, Any]] = []

    def add(self, body: dict[str, Any]) -> None:
        """Another event.

        Raises:
            KeyError, TypeError, ValueError: it is none that Freehold writes.
        """
        kind = body["kind"]
        if kind == "legal_hold.placed":
            self._holds.append(_placed(body))
        elif kind == "legal_hold.lifted":
            self._holds.append(_lifted(body))
        elif kind == "legal_hold.damage_accepted":
            self._accepted += [_place(one) for one in body["details"]["places"]]
        elif kind == "key.revoked":
            self._revoked.setdefault(str(body["subject"]), int(body["at_ns"]))

    def carry_out(self, connection: sa.Connection) -> None:
        """Within the caller's transaction. What the store knows already stays as it is."""
        for hold in self._holds:
            put(connection, hold)
        for place in self._accepted:
            c = unreadable.c
            here = (c.writer == place["writer"]) & (c.segment == place["segment"])
            here &= c.offset == place["offset"]
            connection.execute(unreadable.update().where(here).values(accepted=True))
        gone = 0
        for key_id, at_ns in self._revoked.items():
            mine = (keys.c.key_id == key_id) & keys.c.revoked_ns.is_(None)
            gone += connection.execute(keys.update().where(mine).values(revoked_ns=at_ns)).rowcount
        if gone:
            bump(connection, revisions, "keys")


def put(connection: sa.Connection, hold: LegalHold) -> None:
    """Write a hold down, or add what it says to what is known of it.

    The row is there first, so that whoever does the same at that moment waits.
    """
    c = legal_holds.c
    upsert(connection, legal_holds, [_row(hold)], {"hold_id": incoming(c.hold_id)})
    mine = c.hold_id == hold.hold_id
    told = connection.execute(sa.select(c.told).where(mine).with_for_update()).scalar_one()
    both = _both(_decoder.decode(told), hold)
    connection.execute(legal_holds.update().where(mine).values(_row(both)))


def _row(hold: LegalHold) -> dict[str, Any]:
    return {
        "hold_id": hold.hold_id,
        "placed_ns": hold.placed_ns,
        "lifted_ns": hold.lifted_ns,
        "told": _encoder.encode(hold).decode(),
    }


def _both(one: LegalHold, other: LegalHold) -> LegalHold:
    """What two know of a hold: of whom it was found to concern, all; that it was lifted, once."""
    first, second = (one, other) if one.placed_ns else (other, one)
    lifted = one if one.lifted_ns is not None else other
    return msgspec.structs.replace(
        first,
        names=first.names | second.names,
        key_ids=first.key_ids | second.key_ids,
        lifted_ns=lifted.lifted_ns,
        lifted_by=lifted.lifted_by,
        lifted_why=lifted.lifted_why,
    )


def _placed(body: dict[str, Any]) -> LegalHold:
    details = body["details"]
    until = details["until"]
    hold = {
        "hold_id": details["hold"],
        "kind": details["kind"],
        "subject": details["subject"],
        "tenant": details["tenant"],
        "only": details["only"],
        "issuer": details["issuer"],
        "reason": details["reason"],
        "placed_by": body["actor"],
        "placed_ns": body["at_ns"],
        "until_ns": None if until is None else _nanoseconds(until),
    }
    return msgspec.convert(hold, LegalHold)


def _lifted(body: dict[str, Any]) -> LegalHold:
    """All that the line knows: the one that says when it was placed has the rest."""
    details = body["details"]
    hold = {
        "hold_id": details["hold"],
        "kind": details["kind"],
        "subject": "",
        "reason": "",
        "placed_by": "",
        "placed_ns": 0,
        "lifted_ns": body["at_ns"],
        "lifted_by": body["actor"],
        "lifted_why": details["reason"],
    }
    return msgspec.convert(hold, LegalHold)


def _place(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "writer": str(told["writer"]),
        "segment": int(told["segment"]),
        "offset": int(told["offset"]),
    }


def _nanoseconds(text: str) -> int:
    """Of what `rfc3339` gave."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * _SECOND_NS + moment.microsecond * 1_000
