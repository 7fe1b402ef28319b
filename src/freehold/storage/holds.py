"""Answers and requests that wait for a person, sealed: a copy of the database shows none."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

import msgspec
import sqlalchemy as sa

from freehold.core.approvals import (
    Case,
    Change,
    Hold,
    RequestCase,
    State,
    Step,
    unpacked,
)
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import NotFound, StorageError
from freehold.core.handoffs import Admitted, Answer, Demand, Grounded
from freehold.core.ids import prefixed
from freehold.core.legal_holds import Kept
from freehold.core.ports import SubjectKeys
from freehold.core.spec import AppSpec
from freehold.core.subjects import subject_of
from freehold.storage.engine import Database
from freehold.storage.hold_tables import approval_steps, holds
from freehold.storage.notices import queue
from freehold.storage.seals import Seal
from freehold.storage.writer import Writer

_HOUR_NS = 3_600 * 1_000_000_000
_PATIENCE_S = 5.0
_MANY = 1_000
GONE = b""


class SealedHolds:
    """The `Holds` port and the `HoldStore` over the ``holds`` table; AES-256-GCM, bound to the
    approval and tenant. Who has met a rule's demand is inside the seal, so that nobody who can only
    write to the database releases anything.

    Inside of that it is sealed with a key of whoever asked, so that erasing them erases it, from
    backups of the database too.

    Args:
        key: 32 bytes from ``<home>/keys/holds``.
        writer: what ``hold`` writes with; ``None`` where nothing is held, only decided.
        subjects: keys of persons.
        kept: what legal holds keep, by what the store knows.
        catch_up: lets it know all that the ledger says of them.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer | None,
        key: bytes,
        clock: Clock,
        subjects: SubjectKeys,
        kept: Callable[[], Kept] = Kept,
        catch_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._kept = kept
        self._catch_up = catch_up
        self._subjects = subjects
        self._writer = writer
        self._seal = Seal(key, subjects)
        self._clock = clock
        self._writing: dict[str, Future[None]] = {}

    def hold(self, admitted: Admitted, demand: Demand, what: Answer | Grounded) -> str:
        """Seal the answer or request, hand it to the writer and return the approval's id.

        Raises:
            StorageError: the writer is closed, it can't be written down, or there is no key of
                whoever asked.
        """
        if self._writer is None:
            raise StorageError("nothing is held here")
        now = self._clock.now_ns()
        approval_id = prefixed("apr", now)
        key = self._subjects.of(subject_of(admitted), _days(admitted.app))
        app, principal = admitted.app, admitted.principal
        case: Case | RequestCase
        if isinstance(what, Grounded):
            case = RequestCase(grounded=what, demand=demand)
        else:
            case = Case(answer=what, demand=demand)
        row = {
            "approval_id": approval_id,
            "exchange_id": admitted.arrival.exchange_id,
            "tenant": app.tenant,
            "app": app.id,
            "principal": principal.id.replace("\0", "\ufffd"),  # PostgreSQL takes no zeros
            "issuer": principal.issuer,
            "verified": principal.verified,
            "key_id": admitted.grant.key_id,
            "role": demand.role,
            "rule": demand.rule,
            "state": "waiting",
            "step": 0,
            "sealed": self._seal.close(approval_id, app.tenant, case, key),
            "created_ns": now,
            "expires_ns": now + app.approvals.hours * _HOUR_NS,
            "public": "",
            "waits": "answer" if isinstance(case, Case) else "request",
        }
        notice = _requested(row) if app.approvals.webhook else None
        if len(self._writing) >= _MANY:  # some were never asked for: their exchanges broke off
            self._writing = {i: f for i, f in self._writing.items() if not f.done()}
        self._writing[approval_id] = self._writer.submit(lambda c: _insert(c, row, notice, now))
        return approval_id

    async def kept(self, approval_id: str) -> None:
        """Return when a held answer is committed, a millisecond or two after ``hold``.

        Raises:
            StorageError: it can't be kept, so there is nothing to approve later.
        """
        writing = self._writing.pop(approval_id)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                # shielded: whoever stops waiting must not cancel what the writer has in hand
                await asyncio.shield(asyncio.wrap_future(writing))
        except TimeoutError as error:
            raise StorageError("the store took too long to keep a held answer") from error

    def rows(
        self,
        *,
        states: Collection[State] = (),
        tenants: Collection[str] | None = None,
        roles: Collection[str] | None = None,
        limit: int = 1_000,
    ) -> list[Hold]:
        """Held answers, oldest first; of ``None`` tenants or roles is of all."""
        query = without_text().order_by(holds.c.created_ns).limit(limit)
        if states:
            query = query.where(holds.c.state.in_(list(states)))
        if tenants is not None:
            query = query.where(holds.c.tenant.in_(list(tenants)))
        if roles is not None:
            query = query.where(holds.c.role.in_(list(roles)))
        return self._holds(query)

    def find(self, approval_id: str) -> Hold | None:
        """One of them, without its text."""
        found = self._holds(without_text().where(holds.c.approval_id == approval_id))
        return found[0] if found else None

    def open(self, approval_id: str) -> tuple[Hold, Case | RequestCase]:
        """A held answer or request with its text.

        Raises:
            NotFound: no such approval, or its text is gone.
            StorageError: the seal is broken, the key was replaced, or another version sealed it.
        """
        query = sa.select(holds).where(holds.c.approval_id == approval_id)
        with self._database.read() as connection:
            found = connection.execute(query).mappings().first()
        if found is None:
            raise NotFound(f"no approval {approval_id}")
        row = dict(found)
        sealed = bytes(row.pop("sealed"))
        if sealed == GONE:
            gone = Hold(**row, kept=False).gone(self._clock.now_ns())
            raise NotFound(f"the text of {approval_id} was {gone}")
        content = self._seal.open(approval_id, row["tenant"], sealed)
        try:
            return Hold(**row, kept=True), unpacked(content, row["waits"])
        except msgspec.MsgspecError:
            raise StorageError(
                f"{approval_id} was sealed by another version of Freehold: decline it"
            ) from None

    def decide(self, hold: Hold, change: Change, log: Callable[[], str]) -> bool:
        """Take a decision; false when somebody was first.

        The ledger entry is written inside the transaction: what took effect always stands in the
        ledger. If this process dies in between, the entry stands there and nothing took effect.

        Raises:
            StorageError, AuditError: it can't be kept, or recorded, so it is not taken.
        """
        now = self._clock.now_ns()
        values: dict[str, Any] = {
            "state": change.state,
            "step": hold.step + 1,
            "expires_ns": change.expires_ns,
            "decided_ns": now,
            "public": change.public,
            "role": change.next_role or hold.role,
            "rule": change.next_rule or hold.rule,
        }
        if change.case is not None:
            values["sealed"] = self._sealed_anew(hold, change.case)
        waits = (holds.c.state == "waiting") & (holds.c.step == hold.step)
        mine = holds.update().where((holds.c.approval_id == hold.approval_id) & waits)
        with self._database.write() as connection:
            if connection.execute(mine.values(values)).rowcount != 1:
                return False
            step = {
                "approval_id": hold.approval_id,
                "step": hold.step,
                "exchange_id": hold.exchange_id,
                "verdict": change.verdict,
                "by": change.by,
                "issuer": change.issuer,
                "role": change.role,
                "rule": change.rule,
                "reason": change.reason,
                "event_id": log(),
                "at_ns": now,
            }
            connection.execute(approval_steps.insert(), step)
            if change.notice is not None:
                queue(connection, "approval", hold.approval_id, change.notice, now)
        return True

    def steps(self, *, approval_id: str = "", exchange_id: str = "") -> list[Step]:
        """Every decision about one held answer, in order."""
        return steps_of(self._database, approval_id=approval_id, exchange_id=exchange_id)

    def overdue(self, limit: int = 100) -> list[Hold]:
        """Held answers that wait and have waited too long."""
        late = (holds.c.state == "waiting") & (holds.c.expires_ns <= self._clock.now_ns())
        return self._holds(without_text().where(late).limit(limit))

    def forget(self) -> int:
        """Destroy the texts of what is over and was kept long enough; say how many."""
        c = holds.c
        over = (c.state != "waiting") & (c.expires_ns <= self._clock.now_ns()) & (c.sealed != GONE)
        query = sa.select(c.approval_id, c.tenant, c.principal, c.exchange_id).where(over)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        held = self._kept() if rows else Kept()
        if all(held.spares_row(*row[1:]) for row in rows):
            return 0
        self._catch_up()
        with self._database.write() as connection:
            kept = self._kept()
            free: sa.ColumnElement[bool] = over
            if kept:
                rows = connection.execute(query).all()
                free = c.approval_id.in_([r[0] for r in rows if not kept.spares_row(*r[1:])])
            return int(connection.execute(holds.update().where(free).values(sealed=GONE)).rowcount)

    def _sealed_anew(self, hold: Hold, case: Case | RequestCase) -> bytes:
        """A changed case, under the key that it is sealed with now.

        Raises:
            NotFound: its text is gone.
        """
        query = sa.select(holds.c.sealed).where(holds.c.approval_id == hold.approval_id)
        with self._database.read() as connection:
            sealed = bytes(connection.execute(query).scalar() or GONE)
        if sealed == GONE:
            raise NotFound(f"the text of {hold.approval_id} is gone")
        key = self._seal.key_of(hold.approval_id, hold.tenant, sealed)
        return self._seal.close(hold.approval_id, hold.tenant, case, key)

    def _holds(self, query: sa.Select[Any]) -> list[Hold]:
        with self._database.read() as connection:
            return [Hold(**dict(row)) for row in connection.execute(query).mappings()]


def steps_of(database: Database, *, approval_id: str = "", exchange_id: str = "") -> list[Step]:
    """Every decision about one held answer, in order; reading them takes no key."""
    chosen = approval_steps.c.approval_id == approval_id
    if not approval_id:
        chosen = approval_steps.c.exchange_id == exchange_id
    columns = [c for c in approval_steps.c if c.name != "exchange_id"]
    query = sa.select(*columns).where(chosen)
    query = query.order_by(approval_steps.c.at_ns, approval_steps.c.step)
    with database.read() as connection:
        return [Step(**dict(row)) for row in connection.execute(query).mappings()]


def without_text() -> sa.Select[Any]:
    """Held answers as everybody may list them."""
    columns = [c for c in holds.c if c.name != "sealed"]
    return sa.select(*columns, (holds.c.sealed != GONE).label("kept"))


def _insert(
    connection: sa.Connection, row: dict[str, Any], notice: dict[str, Any] | None, now_ns: int
) -> None:
    connection.execute(holds.insert(), row)
    if notice is not None:
        queue(connection, "approval", row["approval_id"], notice, now_ns)


def _requested(row: dict[str, Any]) -> dict[str, Any]:
    """What a webhook is told of a new one: where it is, and never what it says."""
    return {
        "type": "approval.requested",
        "timestamp": rfc3339(row["created_ns"]),
        "data": {
            "id": row["approval_id"],
            "exchange": row["exchange_id"],
            "tenant": row["tenant"],
            "app": row["app"],
            "waits": row["waits"],
            "status": "waiting",
            "role": row["role"],
            "rule": row["rule"],
            "expires_at": rfc3339(row["expires_ns"]),
        },
    }


def _days(app: AppSpec) -> int:
    """For how long it may wait, and be kept once it is approved; no shorter than other texts."""
    return max(app.retention_days, 1 + 2 * app.approvals.hours // 24)
