"""The vault: each subject's keys, wrapped, in a store apart from the data and its backups.

Rows do not list people: a subject's name is a keyed hash. A destroyed key leaves a row that says
when and why, so that a record can say why it can't be read.
"""

import hmac
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.exc import SQLAlchemyError

from freehold.core.clock import Clock
from freehold.core.errors import StorageError
from freehold.core.legal_holds import Kept
from freehold.core.subjects import NOTHING_KEPT, Destroyed, Standing, Subject
from freehold.ledger.locking import FileLock
from freehold.storage.engine import Database, connect
from freehold.storage.vault_tables import about, erasures, metadata, subject_keys

FILE = "subjects.db"
KEY_BYTES = 64
_FORM = "1"
_ADVISORY_LOCK = 0x46726568  # any number, as long as every Freehold takes the same
_AT_ONCE = 500


class Key:
    """A `SubjectKey`."""

    __slots__ = ("_cipher", "_marking", "id", "subject", "tenant")

    def __init__(self, key_id: str, key: bytes, subject: str = "") -> None:
        self.id = key_id
        self.subject = subject
        self.tenant: str | None = None
        self._cipher = AESSIV(key)
        self._marking = blake2b(b"freehold placeholders", key=key).digest()

    def seal(self, plain: bytes, *bound: bytes) -> bytes:
        """RFC 5297 with ``bound`` as associated data: 16 bytes longer than ``plain``."""
        return self._cipher.encrypt(plain, list(bound))

    def mark(self, value: bytes) -> bytes:
        """Four bytes of keyed BLAKE2b (RFC 7693)."""
        return blake2b(value, digest_size=4, key=self._marking).digest()

    def open(self, sealed: bytes, *bound: bytes) -> bytes:
        """What was sealed.

        Raises:
            StorageError: not with this key, or bound to something else.
        """
        try:
            return self._cipher.decrypt(sealed, list(bound))
        except (InvalidTag, ValueError) as error:
            raise StorageError(f"the seal does not fit the subject key {self.id}") from error


class Vault:
    """The `KeyStore` over a store of its own. ``open_vault`` makes one.

    Args:
        master: 32 bytes; wraps the keys and keys the hashes of names. It is in no database.
    """

    def __init__(self, database: Database, master: bytes, clock: Clock) -> None:
        self.database = database
        self._clock = clock
        derived = HKDF(SHA512(), KEY_BYTES + 32, None, b"freehold subject keys").derive(master)
        self._wrapping = AESSIV(derived[:KEY_BYTES])
        self._naming = derived[KEY_BYTES:]

    # -- names and keys --

    def name(self, subject: Subject) -> str:
        """HMAC-SHA256 over the subject's parts, each with its length before it."""
        parts = (subject.tenant, subject.issuer, subject.person, subject.conversation)
        octets = [part.encode("utf-8", "surrogatepass") for part in parts]
        message = b"".join(b"%d:%b" % (len(part), part) for part in octets)
        return hmac.digest(self._naming, message, "sha256").hex()

    def make(self, connection: sa.Connection, count: int, expires_ns: int) -> list[Key]:
        """New keys that are nobody's yet; they may be used when this transaction is committed."""
        now = self._clock.now_ns()
        made, rows = [], []
        for _ in range(count):
            key_id, key = secrets.token_hex(16), secrets.token_bytes(KEY_BYTES)
            made.append(Key(key_id, key))
            rows.append(
                {
                    "key_id": key_id,
                    "wrapped": self._wrapping.encrypt(key, [key_id.encode()]),
                    "created_ns": now,
                    "expires_ns": expires_ns,
                }
            )
        if rows:
            connection.execute(subject_keys.insert(), rows)
        return made

    def find(self, key_id: str) -> Key | Destroyed | None:
        """A key, what is left of one, or nothing.

        Raises:
            StorageError: the vault can't be read, or another master key wrapped it.
        """
        query = sa.select(subject_keys).where(subject_keys.c.key_id == key_id)
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else self._unwrapped(row)

    def find_all(self, key_ids: Collection[str]) -> dict[str, Key | Destroyed]:
        """Many at once; as `find`. Those that are not there are missing."""
        wanted, found = sorted(set(key_ids)), {}
        with self.database.read() as connection:
            for at in range(0, len(wanted), _AT_ONCE):
                some = subject_keys.c.key_id.in_(wanted[at : at + _AT_ONCE])
                for row in connection.execute(sa.select(subject_keys).where(some)).mappings():
                    found[row["key_id"]] = self._unwrapped(row)
        return found

    def _unwrapped(self, row: sa.RowMapping) -> Key | Destroyed:
        key_id = row["key_id"]
        if row["wrapped"] is None:
            return Destroyed(row["destroyed_ns"], row["why"])
        try:
            key = self._wrapping.decrypt(bytes(row["wrapped"]), [key_id.encode()])
        except (InvalidTag, ValueError) as error:
            raise StorageError(f"the subject key {key_id} is damaged") from error
        return Key(key_id, key, row["subject"] or "")

    def standing(self, names: Collection[str], key_ids: Collection[str] = ()) -> Standing:
        """How the keys of these subjects stand, and those with these ids."""
        c = subject_keys.c
        found: dict[str, int | None] = {}
        with self.database.read() as connection:
            for chosen in _chosen(names, key_ids):
                query = sa.select(c.key_id, c.destroyed_ns).where(chosen)
                found.update((row[0], row[1]) for row in connection.execute(query))
        gone = [at for at in found.values() if at is not None]
        return Standing(
            live=len(found) - len(gone),
            destroyed=len(gone),
            last_destroyed_ns=max(gone, default=None),
        )

    # -- destroying --

    def destroy(
        self,
        subjects: Sequence[tuple[str, str]],
        key_ids: Collection[str],
        log: Callable[[int], str],
    ) -> int:
        """Destroy keys, and tell every gateway; see `KeyStore`."""
        now = self._clock.now_ns()
        rows = [{"subject": name, "tenant": tenant, "at_ns": now} for name, tenant in subjects]
        with self.database.write() as connection:
            self.alone(connection)
            if rows:
                connection.execute(erasures.insert(), rows)
            names = [name for name, _ in subjects]
            gone = sum(
                self.blank(connection, chosen, now, "erased") for chosen in _chosen(names, key_ids)
            )
            log(gone)
        return gone

    def expire(
        self, now_ns: int, log: Callable[[int], object], kept: Callable[[], Kept] = Kept
    ) -> int:
        """Destroy the keys whose time is over; see `KeyStore`. Nothing is logged where there are
        none.
        """
        with self.database.write() as connection:
            self.alone(connection)
            over = _over(now_ns)
            held = kept()
            if held:
                chosen = list(_chosen((), _free(connection, over, held)))
            else:
                chosen = [over]
            gone = sum(self.blank(connection, each, now_ns, "expired") for each in chosen)
            if gone:
                log(gone)
        return gone

    def overdue(self, now_ns: int, kept: Kept = NOTHING_KEPT) -> int:
        """How many keys' time is over that no legal hold keeps."""
        over = _over(now_ns)
        with self.database.read() as connection:
            if kept:
                return len(_free(connection, over, kept))
            return int(connection.execute(sa.select(sa.func.count()).where(over)).scalar() or 0)

    def settle(self) -> None:
        """Return when whoever destroys keys just now is done; see `KeyStore`."""
        with self.database.write() as connection:
            self.alone(connection)

    def blank(
        self, connection: sa.Connection, chosen: sa.ColumnElement[bool], now_ns: int, why: str
    ) -> int:
        """Take the keys out of their rows."""
        gone = subject_keys.update().where(chosen & subject_keys.c.wrapped.is_not(None))
        values: dict[str, Any] = {"wrapped": None, "destroyed_ns": now_ns, "why": why}
        return int(connection.execute(gone.values(values)).rowcount)

    def alone(self, connection: sa.Connection, *, shared: bool = False) -> None:
        """Let nobody name the owner of a key while keys are destroyed. SQLite has one writer."""
        if not self.database.sqlite:
            kind = "_shared" if shared else ""
            connection.execute(sa.text(f"select pg_advisory_xact_lock{kind}({_ADVISORY_LOCK})"))

    def scrub(self) -> str:
        """Overwrite what destroyed keys left in the vault's files; see `KeyStore`."""
        try:
            if self.database.sqlite:
                with self.database.read() as connection:
                    log = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                    busy = log.scalar()
                return "" if not busy else "the vault's log could not be emptied: it is being read"
            with self.database.engine.connect() as connection:
                plain = connection.execution_options(isolation_level="AUTOCOMMIT")
                plain.exec_driver_sql(f"VACUUM {subject_keys.name}")
        except (SQLAlchemyError, StorageError) as error:
            return f"the vault's files were not cleaned: {type(error).__name__}"
        return ""

    # -- what gateways ask --

    def erased_since(self, number: int) -> tuple[int, set[str]]:
        """The last erasure's number, and whose keys were destroyed after ``number``."""
        query = sa.select(erasures.c.number, erasures.c.subject).where(erasures.c.number > number)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return max((row[0] for row in rows), default=number), {row[1] for row in rows}

    def assign(self, connection: sa.Connection, taken: Sequence[tuple[Key, int, int]]) -> set[str]:
        """Write down whose the keys are: key, end of its time, and the last erasure that its taker
        knew of. A key that was taken before its owner's erasure was known is destroyed at once.

        Returns:
            The names of those whose keys were.
        """
        self.alone(connection, shared=True)
        c = subject_keys.c
        mine = subject_keys.update().where(c.key_id == sa.bindparam("id"))
        rows = [
            {"id": key.id, "whose": key.subject, "until": end, "of": key.tenant}
            for key, end, _ in taken
        ]
        values: dict[str, Any] = {
            "subject": sa.bindparam("whose"),
            "tenant": sa.bindparam("of"),
            "expires_ns": sa.bindparam("until"),
        }
        connection.execute(mine.values(values), rows)
        late: set[str] = set()
        last = connection.execute(sa.select(sa.func.max(erasures.c.number))).scalar() or 0
        for key, _, seen in taken:
            if seen < last:
                newer = (erasures.c.subject == key.subject) & (erasures.c.number > seen)
                if connection.execute(sa.select(erasures.c.number).where(newer)).first():
                    self.blank(connection, c.key_id == key.id, self._clock.now_ns(), "erased")
                    late.add(key.subject)
        return late

    def fresh(self, subjects: Collection[Subject], expires_ns: int) -> dict[Subject, Key]:
        """A new key for each of these; none for who was erased here before, whom nothing that is
        brought in from elsewhere brings back.

        Raises:
            StorageError: the vault can't be written.
        """
        with self.database.write() as connection:
            found = dict(
                zip(subjects, self.make(connection, len(subjects), expires_ns), strict=True)
            )
            for subject, key in found.items():
                key.subject, key.tenant = self.name(subject), subject.tenant
            taken = [(key, expires_ns, 0) for key in found.values()]
            erased = self.assign(connection, taken) if taken else set()
        return {whose: key for whose, key in found.items() if key.subject not in erased}

    def give_back(self, connection: sa.Connection, keys: Iterable[Key]) -> None:
        """Delete keys that were made ahead and never used."""
        ids = [{"id": key.id} for key in keys]
        c = subject_keys.c
        if ids:
            unused = (c.key_id == sa.bindparam("id")) & c.subject.is_(None)
            connection.execute(subject_keys.delete().where(unused), ids)

    def prepare(self) -> None:
        """Make the tables, and see that this master key is the vault's.

        Raises:
            StorageError: it is another one, or a newer Freehold made the vault.
        """
        check = hmac.digest(self._naming, b"the vault itself", "sha256").hex()
        with self.database.write() as connection:
            if not self.database.sqlite:
                connection.execute(sa.text(f"select pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            metadata.create_all(connection)
            _complete(connection)
            known = {row[0]: row[1] for row in connection.execute(sa.select(about))}
            if not known:
                form = {"form": _FORM, "check": check}
                rows = [{"name": name, "value": value} for name, value in form.items()]
                connection.execute(about.insert(), rows)
                return
        if known.get("form") != _FORM:
            raise StorageError("a newer Freehold made this vault of subject keys: use that version")
        if not hmac.compare_digest(known.get("check", ""), check):
            raise StorageError(
                "the master key <home>/keys/subjects is not the one of this vault of subject keys:"
                " restore the file, or name the vault that belongs to this home (FREEHOLD_KEYS_URL)"
            )


def open_vault(home: Path, url: str | None, master: bytes, clock: Clock) -> Vault:
    """The vault behind ``url``, or ``<home>/keys/subjects.db``, with its tables.

    Raises:
        StorageError: it can't be opened, is another master key's, or a newer Freehold's.
    """
    database = connect(url or f"sqlite:///{home / 'keys' / FILE}")
    if database.sqlite:
        sa.event.listen(database.engine, "connect", _careful)
        path = Path(database.engine.url.database or "")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite would make it readable for everyone, and its other files follow this one
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StorageError(f"the vault {path} can't be used: {error}") from error
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault = Vault(database, master, clock)
    with FileLock(home / "migrate.lock"):
        vault.prepare()
    return vault


def _careful(connection: Any, _record: object) -> None:
    """Keys survive a power cut, since the records that need them may; what is deleted is zeroed."""
    for pragma in ("synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _complete(connection: sa.Connection) -> None:
    """Add the column that a vault of an older Freehold has not."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(subject_keys.name)}
    if "tenant" not in there:
        connection.execute(
            sa.text(f"alter table {subject_keys.name} add column tenant varchar(200)")
        )


def _over(now_ns: int) -> sa.ColumnElement[bool]:
    c = subject_keys.c
    return (c.expires_ns <= now_ns) & c.wrapped.is_not(None)


def _free(connection: sa.Connection, over: sa.ColumnElement[bool], kept: Kept) -> list[str]:
    """The ids of those keys that no hold keeps."""
    c = subject_keys.c
    rows = connection.execute(sa.select(c.key_id, c.subject, c.tenant).where(over))
    return [row.key_id for row in rows if not kept.spares(row.key_id, row.subject, row.tenant)]


def _chosen(names: Collection[str], key_ids: Collection[str]) -> Iterable[sa.ColumnElement[bool]]:
    for column, values in ((subject_keys.c.subject, names), (subject_keys.c.key_id, key_ids)):
        listed = sorted(values)
        for at in range(0, len(listed), _AT_ONCE):
            yield column.in_(listed[at : at + _AT_ONCE])
