"""API keys: made here, shown once, stored only as a keyed hash."""

import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import orjson
import sqlalchemy as sa
from msgspec import Struct

from freehold.core.clock import Clock
from freehold.core.errors import NotFound, StorageError
from freehold.core.ids import secret_token
from freehold.core.limits import Limits
from freehold.core.principal import USUAL_SCOPES, KeyGrant
from freehold.core.priority import Priority
from freehold.storage.engine import Database, bump
from freehold.storage.tables import keys, revisions

PREFIX = "fh_"
SCOPES = USUAL_SCOPES | {"approvals", "labelling", "learning"}
_ID_BYTES = 6
_LONGEST = 512
_REVISION = "keys"
_NOBODY = bytes(32)
_USED_EVERY_NS = 30_000_000_000
_STALE_NS = 60_000_000_000


class NewKey(Struct, frozen=True, kw_only=True):
    """A key at the one moment when it can be read. Its ``repr`` does not show it."""

    secret: str
    grant: KeyGrant

    def __repr__(self) -> str:
        """Safe to log."""
        return f"NewKey({self.grant.key_id!r})"


class KeyRow(Struct, frozen=True, kw_only=True):
    """A stored key, for lists."""

    grant: KeyGrant
    created_ns: int
    revoked_ns: int | None
    last_used_ns: int | None


class StoredKeys:
    """The keys table; what the terminal and the console work with.

    Args:
        pepper: 32 secret bytes that are not in the database, so that a copy of it tests no key.
    """

    def __init__(self, database: Database, pepper: bytes, clock: Clock) -> None:
        self._database = database
        self._pepper = pepper
        self._clock = clock

    def create(
        self,
        tenant: str,
        app: str,
        *,
        scopes: Iterable[str] = USUAL_SCOPES,
        trusted_headers: Iterable[str] = (),
        expires_ns: int | None = None,
        name: str = "",
        limits: Limits | None = None,
        priority: Priority | None = None,
    ) -> NewKey:
        """Make a key of 256 random bits: ``fh_<key id>_<secret>``.

        Raises:
            StorageError: a scope that does not exist, or the store can't be written.
        """
        unknown = sorted(set(scopes) - SCOPES)
        if unknown:
            raise StorageError(f"no such scope: {', '.join(unknown)}; there are {sorted(SCOPES)}")
        key_id = secrets.token_hex(_ID_BYTES)
        secret = f"{PREFIX}{key_id}_{secret_token()}"
        row = {
            "key_id": key_id,
            "hash": hashed(self._pepper, secret).hex(),
            "tenant": tenant,
            "app": app,
            "scopes": _pack(scopes),
            "trusted_headers": _pack(trusted_headers),
            "name": name,
            "created_ns": self._clock.now_ns(),
            "expires_ns": expires_ns,
            "revoked_ns": None,
            "last_used_ns": None,
            "limits": _pack_limits(limits or Limits()),
            "priority": priority,
        }
        with self._database.write() as connection:
            connection.execute(keys.insert(), row)
            bump(connection, revisions, _REVISION)
        return NewKey(secret=secret, grant=_grant(row))

    def list(self, tenant: str | None = None) -> list[KeyRow]:
        """All keys, or one tenant's, oldest first."""
        query = sa.select(keys).order_by(keys.c.created_ns, keys.c.key_id)
        if tenant is not None:
            query = query.where(keys.c.tenant == tenant)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            KeyRow(
                grant=_grant(dict(row)),
                created_ns=row["created_ns"],
                revoked_ns=row["revoked_ns"],
                last_used_ns=row["last_used_ns"],
            )
            for row in rows
        ]

    def limit(self, key_id: str, limits: Limits) -> None:
        """Give a key other ceilings; what it has used already counts.

        Raises:
            NotFound: no such key.
        """
        mine = keys.c.key_id == key_id
        with self._database.write() as connection:
            if connection.execute(sa.select(keys.c.key_id).where(mine)).first() is None:
                raise NotFound(f"no key {key_id}")
            connection.execute(keys.update().where(mine).values(limits=_pack_limits(limits)))
            bump(connection, revisions, _REVISION)

    def revoke(self, key_id: str, tenant: str | None = None) -> None:
        """End a key for good; every server knows within a second. Twice does no harm.

        Raises:
            NotFound: no such key, or it is another tenant's.
        """
        mine = keys.c.key_id == key_id
        if tenant is not None:
            mine &= keys.c.tenant == tenant
        with self._database.write() as connection:
            if connection.execute(sa.select(keys.c.key_id).where(mine)).first() is None:
                raise NotFound(f"no key {key_id}")
            connection.execute(
                keys.update()
                .where(mine & keys.c.revoked_ns.is_(None))
                .values(revoked_ns=self._clock.now_ns())
            )
            bump(connection, revisions, _REVISION)


class SnapshotKeyBook:
    """What the request path reads: every live key in memory, refreshed when the table changes.

    ``refresh`` belongs into the writer's housekeeping; ``find`` touches no file, takes no lock.
    While the store is away the snapshot goes on counting. Only where nobody is left to ask the
    store (``refreshing`` says no) does it count for a minute and no longer.
    """

    def __init__(
        self,
        database: Database,
        pepper: bytes,
        clock: Clock,
        refreshing: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._clock = clock
        self._refreshing = refreshing
        self._asked_ns = clock.monotonic_ns()
        self._revision = -1
        self._held: dict[str, tuple[bytes, KeyGrant]] = {}
        self._used: dict[str, int] = {}
        self._used_written_ns = 0

    def find(self, secret: str) -> KeyGrant | None:
        """The grant behind a key; ``None`` when it is unknown, expired or revoked.

        The whole key is hashed before anything is looked up, and the hash is compared in
        constant time, whether or not anyone has the id.

        Raises:
            StorageError: nobody refreshes the snapshot any more, so a revoked key could pass.
        """
        if self.age_ns() > _STALE_NS and not self._refreshing():
            raise StorageError(
                "nobody refreshes the API keys any more: the store's writer is not running",
                public="API keys can't be checked right now.",
            )
        if len(secret) > _LONGEST:
            return None
        digest = hashed(self._pepper, secret)
        key_id = secret[len(PREFIX) :].partition("_")[0]
        expected, grant = self._held.get(key_id, (_NOBODY, None))
        if not hmac.compare_digest(digest, expected) or grant is None:
            return None
        now = self._clock.now_ns()
        if grant.revoked or (grant.expires_ns is not None and grant.expires_ns <= now):
            return None
        self._used[key_id] = now
        return grant

    def age_ns(self) -> int:
        """How long ago the store was last asked, whether or not it was there to answer."""
        return self._clock.monotonic_ns() - self._asked_ns

    def load(self) -> None:
        """Read all keys.

        Raises:
            StorageError: the store can't be read; what was known stays known.
        """
        with self._database.read() as connection:
            # the counter first: a change between the two reads is seen again, never missed
            self._revision = _revision(connection)
            rows = connection.execute(sa.select(keys)).mappings().all()
        self._held = {
            row["key_id"]: (bytes.fromhex(row["hash"]), _grant(dict(row))) for row in rows
        }

    def refresh(self) -> None:
        """Read them again if they changed; a store that is away changes nothing."""
        try:
            with self._database.read() as connection:
                changed = _revision(connection) != self._revision
            if changed:
                self.load()
            self._asked_ns = self._clock.monotonic_ns()
            self._write_used()
        except StorageError:
            # by design requests go on from the snapshot while the store is away
            self._asked_ns = self._clock.monotonic_ns()
            return

    def _write_used(self) -> None:
        now = self._clock.now_ns()
        if not self._used or now - self._used_written_ns < _USED_EVERY_NS:
            return
        used, self._used = self._used, {}
        self._used_written_ns = now
        statement = (
            keys.update()
            .where(keys.c.key_id == sa.bindparam("id"))
            .values(last_used_ns=sa.bindparam("at"))
        )
        with self._database.write() as connection:
            connection.execute(statement, [{"id": k, "at": at} for k, at in used.items()])


def hashed(pepper: bytes, secret: str) -> bytes:
    """HMAC-SHA256. A fast hash will do: unlike a password, 256 random bits can't be guessed."""
    return hmac.digest(pepper, secret.encode("utf-8", "surrogatepass"), "sha256")


def _revision(connection: sa.Connection) -> int:
    query = sa.select(revisions.c.value).where(revisions.c.name == _REVISION)
    return int(connection.execute(query).scalar() or 0)


def _grant(row: dict[str, Any]) -> KeyGrant:
    return KeyGrant(
        key_id=row["key_id"],
        tenant=row["tenant"],
        app=row["app"],
        scopes=frozenset(orjson.loads(row["scopes"])),
        trusted_headers=frozenset(orjson.loads(row["trusted_headers"])),
        expires_ns=row["expires_ns"],
        revoked=row["revoked_ns"] is not None,
        name=row["name"],
        limits=msgspec.json.decode(row["limits"], type=Limits),
        priority=row["priority"],
    )


def _pack_limits(limits: Limits) -> str:
    return msgspec.json.encode(limits).decode()


def _pack(values: Iterable[str]) -> str:
    return orjson.dumps(sorted(set(values))).decode()
