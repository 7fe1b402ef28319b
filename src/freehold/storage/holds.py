"""Answers that wait for a person, sealed: a copy of the database shows none of them."""

import asyncio
import os
from concurrent.futures import Future

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from freehold.core.ask import Message
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, StorageError
from freehold.core.handoffs import Admitted, Answer, Choice, Usage
from freehold.core.ids import prefixed
from freehold.storage.engine import Database
from freehold.storage.tables import holds
from freehold.storage.writer import Writer

_NONCE_BYTES = 12
_WEEK_NS = 7 * 86_400 * 1_000_000_000
_PATIENCE_S = 5.0
_MANY = 1_000


class HeldContent(Struct, frozen=True, kw_only=True):
    """What an approver reads and what is released later: as the model wrote it, with the values
    behind its placeholders beside it.
    """

    messages: tuple[Message, ...]
    choices: tuple[Choice, ...]
    restorations: dict[str, str]
    usage: Usage | None
    model: str


class HoldRow(Struct, frozen=True, kw_only=True):
    """A held answer without its text. ``state``: waiting, approved, rejected, expired."""

    approval_id: str
    exchange_id: str
    tenant: str
    app: str
    principal: str
    role: str
    rule: str
    state: str
    created_ns: int
    expires_ns: int


class SealedHolds:
    """The `Holds` port over the ``holds`` table; AES-256-GCM, bound to the approval and tenant.

    Args:
        key: 32 bytes from ``<home>/keys/holds``.
        lifetime_ns: how long an answer may wait.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        key: bytes,
        clock: Clock,
        *,
        lifetime_ns: int = _WEEK_NS,
    ) -> None:
        self._database = database
        self._writer = writer
        self._cipher = AESGCM(key)
        self._clock = clock
        self._lifetime_ns = lifetime_ns
        self._writing: dict[str, Future[None]] = {}

    def hold(self, admitted: Admitted, role: str, rule: str, answer: Answer) -> str:
        """Seal the answer, hand it to the writer and return the approval's id.

        Raises:
            StorageError: the writer is closed.
        """
        now = self._clock.now_ns()
        approval_id = prefixed("apr", now)
        tenant = admitted.app.tenant
        content = HeldContent(
            messages=answer.sendable.plan.ruled.messages,
            choices=answer.choices,
            restorations=answer.sendable.restorations,
            usage=answer.usage,
            model=answer.sendable.attempt.model.id,
        )
        row = {
            "approval_id": approval_id,
            "exchange_id": admitted.arrival.exchange_id,
            "tenant": tenant,
            "app": admitted.app.id,
            "principal": admitted.principal.id,
            "role": role,
            "rule": rule,
            "state": "waiting",
            "sealed": self._seal(approval_id, tenant, content),
            "created_ns": now,
            "expires_ns": now + self._lifetime_ns,
        }
        if len(self._writing) >= _MANY:  # some were never asked for: their exchanges broke off
            self._writing = {i: f for i, f in self._writing.items() if not f.done()}
        self._writing[approval_id] = self._writer.submit(lambda c: _insert(c, row))
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

    def waiting(self, tenant: str | None = None) -> list[HoldRow]:
        """Answers that nobody has decided about, oldest first."""
        columns = [c for c in holds.c if c.name != "sealed"]
        query = sa.select(*columns).where(
            (holds.c.state == "waiting") & (holds.c.expires_ns > self._clock.now_ns())
        )
        if tenant is not None:
            query = query.where(holds.c.tenant == tenant)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(holds.c.created_ns)).mappings().all()
        return [HoldRow(**row) for row in rows]

    def open(self, approval_id: str, tenant: str | None = None) -> tuple[HoldRow, HeldContent]:
        """A held answer with its text.

        Raises:
            NotFound: no such approval, or it is another tenant's.
            StorageError: the seal is broken, or the key was replaced.
        """
        query = sa.select(holds).where(holds.c.approval_id == approval_id)
        if tenant is not None:
            query = query.where(holds.c.tenant == tenant)
        with self._database.read() as connection:
            found = connection.execute(query).mappings().first()
        if found is None:
            raise NotFound(f"no approval {approval_id}")
        row = dict(found)
        sealed = bytes(row.pop("sealed"))
        try:
            opened = self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(approval_id, row["tenant"])
            )
        except InvalidTag as error:
            raise StorageError(f"the seal of {approval_id} does not fit this home's key") from error
        return HoldRow(**row), msgspec.json.decode(opened, type=HeldContent)

    def _seal(self, approval_id: str, tenant: str, content: HeldContent) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(
            nonce, msgspec.json.encode(content), _bound(approval_id, tenant)
        )


def _insert(connection: sa.Connection, row: dict[str, object]) -> None:
    connection.execute(holds.insert(), row)


def _bound(approval_id: str, tenant: str) -> bytes:
    return f"{approval_id}\n{tenant}".encode()
