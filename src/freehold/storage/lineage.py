"""What released answers were made from: keyed digests and labels, in memory and in the store."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import orjson
import sqlalchemy as sa
from msgspec import Struct

from freehold.core.clock import Clock
from freehold.core.errors import StorageError
from freehold.core.lineage import Made
from freehold.core.subjects import DAY_NS
from freehold.storage.engine import Database, bump, incoming, upsert
from freehold.storage.tables import lineage, revisions

_log = logging.getLogger("freehold.store")
_REVISION = "lineage"
_CONVERSATION, _TEXT = "conversation", "text"
_MOST = {_CONVERSATION: 100_000, _TEXT: 400_000}
_AT_ONCE = 500
_PURGE_EVERY_NS = 3_600 * 1_000_000_000


class _Kept(Struct, frozen=True):
    tenant: str
    made: Made
    expires_ns: int


class StoredLineage:
    """The `Lineage` of one process, over the table ``lineage``.

    What is told counts at once here, in the store within a twentieth of a second, and in other
    processes when they next look. While the store is away it is kept to be written later.

    Args:
        key: 32 bytes from ``<home>/keys/lineage``; without them no guess at a text can be tested.
        hurry: has the writer's thread call ``refresh`` soon.
        most: conversations and texts remembered in memory; of more, the oldest are forgotten here.
    """

    def __init__(
        self,
        database: Database,
        key: bytes,
        clock: Clock,
        hurry: Callable[[], None] = lambda: None,
        most: Mapping[str, int] = _MOST,
    ) -> None:
        self._database = database
        self._key = key
        self._clock = clock
        self._hurry = hurry
        self._most = most
        self._kept: dict[str, dict[bytes, _Kept]] = {_CONVERSATION: {}, _TEXT: {}}
        self._tenants: frozenset[str] = frozenset()
        self._pending: dict[bytes, tuple[str, _Kept]] = {}
        self._guard = threading.Lock()
        self._number = -1
        self._purged_ns = clock.now_ns()
        self._full = False

    # -- the port --

    def knows(self, tenant: str) -> bool:
        """Whether anything of this tenant's ever left with a label."""
        return tenant in self._tenants

    def conversation(self, tenant: str, conversation_id: str) -> Made | None:
        """What answers of a conversation were made from."""
        return self._find(_CONVERSATION, self._digest(_CONVERSATION, tenant, conversation_id))

    def digest(self, tenant: str, passage: str) -> bytes:
        """The 16 bytes under which a stretch of a text is known."""
        return self._digest(_TEXT, tenant, passage)

    def said(self, digest: bytes) -> Made | None:
        """What the stretch with this digest was made from."""
        return self._find(_TEXT, digest)

    def join(self, tenant: str, conversation_id: str, made: Made, days: int) -> None:
        """A conversation's answers are made from this too."""
        digest = self._digest(_CONVERSATION, tenant, conversation_id)
        self._tell(_CONVERSATION, (digest,), _Kept(tenant, made, self._until(days)))

    def say(self, tenant: str, passages: Iterable[str], made: Made, days: int) -> None:
        """These stretches left in an answer made from this."""
        digests = [self.digest(tenant, passage) for passage in passages]
        self._tell(_TEXT, digests, _Kept(tenant, made, self._until(days)))

    # -- the store --

    def load(self) -> None:
        """Read what the store has.

        Raises:
            StorageError: it can't be read.
        """
        self._read(-1)

    def refresh(self) -> None:
        """Write what is new here, read what is new there. In the writer's thread."""
        try:
            self._write()
            with self._database.read() as connection:
                changed = _revision(connection) != self._number
            if changed:
                self._read(self._number)
            self._purge()
        except StorageError:
            return  # by design requests go on from memory while the store is away

    def _find(self, kind: str, digest: bytes) -> Made | None:
        kept = self._kept[kind].get(digest)
        if kept is None or not kept.made.labels or kept.expires_ns <= self._clock.now_ns():
            return None
        return kept.made

    def _digest(self, kind: str, tenant: str, text: str) -> bytes:
        octets = f"{kind}\0{tenant}\0{text}".encode("utf-8", "surrogatepass")
        return blake2b(octets, digest_size=16, key=self._key).digest()

    def _until(self, days: int) -> int:
        return self._clock.now_ns() + days * DAY_NS

    def _tell(self, kind: str, digests: Iterable[bytes], told: _Kept) -> None:
        now = self._clock.now_ns()
        with self._guard:
            before = len(self._pending)
            for digest in digests:
                known = self._kept[kind].get(digest)
                if known is not None and known.expires_ns <= now:
                    known = None
                merged = _merged(kind, known, told)
                if merged is not known and merged is not None:
                    self._put(kind, digest, merged)
                    self._pending[digest] = kind, merged
            more = len(self._pending) > before
        if more:
            self._hurry()

    def _put(self, kind: str, digest: bytes, kept: _Kept) -> None:
        entries = self._kept[kind]
        entries[digest] = kept
        if kept.tenant not in self._tenants:
            self._tenants |= {kept.tenant}
        if len(entries) > self._most[kind]:
            del entries[next(iter(entries))]
            if not self._full:
                self._full = True
                _log.warning(
                    "more than %d labelled answers are remembered: this process forgets the labels"
                    " of the oldest",
                    self._most[kind],
                )

    def _write(self) -> None:
        with self._guard:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            with self._database.write() as connection:
                # the counter first: its row's lock lets one process merge at a time
                bump(connection, revisions, _REVISION)
                number = _revision(connection)
                digests = list(pending)
                merged: dict[bytes, _Kept] = {}
                for at in range(0, len(digests), _AT_ONCE):
                    merged |= self._merge(connection, digests[at : at + _AT_ONCE], pending, number)
        except StorageError:
            with self._guard:
                self._pending = pending | self._pending
                while len(self._pending) > sum(self._most.values()):
                    del self._pending[next(iter(self._pending))]
            raise
        with self._guard:
            for digest, kept in merged.items():
                self._take_in(pending[digest][0], digest, kept)
            if number == self._number + 1:  # nobody else wrote: there is nothing to read
                self._number = number

    def _merge(
        self,
        connection: sa.Connection,
        digests: list[bytes],
        pending: Mapping[bytes, tuple[str, _Kept]],
        number: int,
    ) -> dict[bytes, _Kept]:
        """Write these down together with what the store has of them; give what the store knew
        better.
        """
        c = lineage.c
        now = self._clock.now_ns()
        query = sa.select(lineage).where(c.digest.in_([digest.hex() for digest in digests]))
        query = query.where(c.expires_ns > now)
        known = {row["digest"]: _kept(dict(row)) for row in connection.execute(query).mappings()}
        rows, better = [], {}
        for digest in digests:
            kind, mine = pending[digest]
            merged = _merged(kind, known.get(digest.hex()), mine) or mine
            if merged is not mine:
                better[digest] = merged
            rows.append(
                {
                    "digest": digest.hex(),
                    "tenant": merged.tenant,
                    "kind": kind,
                    "labels": orjson.dumps(merged.made.labels).decode(),
                    "exchange_id": merged.made.exchange_id,
                    "expires_ns": merged.expires_ns,
                    "number": number,
                }
            )
        changing = (c.labels, c.exchange_id, c.expires_ns, c.number)
        upsert(connection, lineage, rows, {column.name: incoming(column) for column in changing})
        return better

    def _take_in(self, kind: str, digest: bytes, theirs: _Kept) -> None:
        merged = _merged(kind, self._kept[kind].get(digest), theirs)
        if merged is not None:
            self._put(kind, digest, merged)

    def _read(self, since: int) -> None:
        c = lineage.c
        query = sa.select(lineage).where(c.number > since, c.expires_ns > self._clock.now_ns())
        newest = query.order_by(c.number.desc()).limit(sum(self._most.values()))
        with self._database.read() as connection:
            number = _revision(connection)
            rows = connection.execute(newest).mappings().all()
        with self._guard:
            for row in reversed(rows):
                digest, kind, theirs = bytes.fromhex(row["digest"]), row["kind"], _kept(dict(row))
                self._take_in(kind, digest, theirs)
            self._number = number

    def _purge(self) -> None:
        """Forget what nobody needs to know any more, once an hour."""
        now = self._clock.now_ns()
        if now - self._purged_ns < _PURGE_EVERY_NS:
            return
        self._purged_ns = now
        with self._guard:
            for kind, entries in self._kept.items():
                live = {digest: kept for digest, kept in entries.items() if kept.expires_ns > now}
                self._kept[kind] = live
        with self._database.write() as connection:
            connection.execute(lineage.delete().where(lineage.c.expires_ns <= now))


class LineageRows:
    """What is stored of some exchanges' answers, for whoever reports on an erasure."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, exchanges: Collection[str]) -> int:
        """How many digests."""
        listed, count = sorted(exchanges), 0
        with self._database.read() as connection:
            for at in range(0, len(listed), _AT_ONCE):
                mine = lineage.c.exchange_id.in_(listed[at : at + _AT_ONCE])
                query = sa.select(sa.func.count()).select_from(lineage).where(mine)
                count += int(connection.execute(query).scalar() or 0)
        return count


def _merged(kind: str, known: _Kept | None, told: _Kept) -> _Kept | None:
    """Both together; ``known`` itself where ``told`` adds nothing worth writing down.

    A conversation has the labels of all of its answers. A text has those that all of its answers
    share: what was also said without them does not come from that data.
    """
    if known is None:
        return told if told.made.labels else None
    have, more = known.made.labels, told.made.labels
    if kind == _CONVERSATION:
        labels = more | have
    else:
        labels = {label: origin for label, origin in have.items() if label in more}
    longer = bool(more) and told.expires_ns - known.expires_ns > DAY_NS
    if labels == have and not longer:
        return known
    made = Made(labels, known.made.exchange_id)
    return _Kept(known.tenant, made, max(known.expires_ns, told.expires_ns))


def _kept(row: Mapping[str, Any]) -> _Kept:
    made = Made(orjson.loads(row["labels"]), row["exchange_id"])
    return _Kept(row["tenant"], made, row["expires_ns"])


def _revision(connection: sa.Connection) -> int:
    query = sa.select(revisions.c.value).where(revisions.c.name == _REVISION)
    return int(connection.execute(query).scalar() or 0)
