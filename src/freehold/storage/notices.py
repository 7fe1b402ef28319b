"""Notices that wait to be delivered: an outbox, written with what they tell about."""

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from freehold.core.approvals import About, Notice
from freehold.core.clock import Clock
from freehold.core.ids import prefixed
from freehold.storage.engine import Database
from freehold.storage.tables import notices

_LEASE_NS = 60_000_000_000


class Outbox:
    """The ``notices`` table. Whoever takes a notice has a minute to deliver it; then it is due
    again, so that one taken by a process that died is not lost.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def take(self, limit: int = 20) -> list[Notice]:
        """Notices that are due, for this process alone."""
        now = self._clock.now_ns()
        due = notices.c.done_ns.is_(None) & (notices.c.next_ns <= now)
        query = sa.select(notices).where(due).order_by(notices.c.next_ns).limit(limit)
        taken = []
        with self._database.read() as connection:
            found = connection.execute(query).mappings().all()
        for row in found:
            # in the same words as it was read, so that of two processes one gets it
            same = (notices.c.notice_id == row["notice_id"]) & (notices.c.next_ns == row["next_ns"])
            with self._database.write() as connection:
                claim = notices.update().where(same & due).values(next_ns=now + _LEASE_NS)
                if connection.execute(claim).rowcount != 1:
                    continue
            taken.append(
                Notice(
                    notice_id=row["notice_id"],
                    subject_id=row["subject_id"],
                    body=row["body"],
                    attempts=row["attempts"],
                    created_ns=row["created_ns"],
                    about=row["about"],
                )
            )
        return taken

    def done(self, notice: Notice, error: str = "") -> None:
        """It was delivered or, with ``error``, given up."""
        values = {
            "done_ns": self._clock.now_ns(),
            "attempts": notice.attempts + 1,
            "error": error[:500],
        }
        self._set(notice, values)

    def again(self, notice: Notice, after_s: int, error: str) -> None:
        """It was not taken; try again later."""
        at = self._clock.now_ns() + after_s * 1_000_000_000
        values = {"next_ns": at, "attempts": notice.attempts + 1, "error": error[:500]}
        self._set(notice, values)

    def _set(self, notice: Notice, values: dict[str, object]) -> None:
        mine = notices.update().where(notices.c.notice_id == notice.notice_id)
        with self._database.write() as connection:
            connection.execute(mine.values(values))


def queue(
    connection: sa.Connection, about: About, subject_id: str, body: Mapping[str, Any], now_ns: int
) -> None:
    """Queue a notice in the transaction of what it tells about."""
    connection.execute(
        notices.insert(),
        {
            "notice_id": prefixed("msg", now_ns),
            "subject_id": subject_id,
            "about": about,
            "body": orjson.dumps(body).decode(),
            "attempts": 0,
            "created_ns": now_ns,
            "next_ns": now_ns,
        },
    )
