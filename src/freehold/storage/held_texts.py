"""The texts of held answers, for whoever erases them."""

from collections.abc import Collection

import sqlalchemy as sa

from freehold.core.approvals import Hold
from freehold.core.clock import Clock
from freehold.core.subjects import Subject
from freehold.storage.engine import Database
from freehold.storage.hold_tables import holds
from freehold.storage.holds import GONE, without_text
from freehold.storage.tables import notices


class HeldTexts:
    """Finds and destroys them; takes no key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def of(self, subject: Subject, exchanges: Collection[str]) -> list[Hold]:
        """What is held of a person's, or of these exchanges where nobody is named."""
        c = holds.c
        mine = c.tenant == subject.tenant
        if subject.person:
            who = subject.person.replace("\0", "\ufffd")
            mine &= (c.principal == who) & (c.issuer == subject.issuer)
        else:
            mine &= (c.principal == "") & c.exchange_id.in_(sorted(exchanges))
        with self._database.read() as connection:
            rows = connection.execute(without_text().where(mine).order_by(c.created_ns)).mappings()
            return [Hold(**dict(row)) for row in rows]

    def destroy(self, approval_ids: Collection[str]) -> int:
        """Destroy their texts; what waits, waits no more. Says how many had one."""
        mine = holds.c.approval_id.in_(sorted(approval_ids))
        over = {"state": "expired", "decided_ns": self._clock.now_ns()}
        with self._database.write() as connection:
            connection.execute(
                holds.update().where(mine & (holds.c.state == "waiting")).values(over)
            )
            gone = holds.update().where(mine & (holds.c.sealed != GONE)).values(sealed=GONE)
            return int(connection.execute(gone).rowcount)

    def told(self, approval_ids: Collection[str]) -> int:
        """How many notices about them a webhook took."""
        mine = notices.c.subject_id.in_(sorted(approval_ids))
        query = sa.select(sa.func.count()).where(mine & notices.c.done_ns.is_not(None))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar() or 0)
