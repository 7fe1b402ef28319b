"""The keys that sign checkpoints: one Ed25519 key of the home at a time, and the history of all.

Private seeds lie in ``<home>/keys/ledger-<n>.key``, what is public in ``<home>/ledger/keys.jsonl``.
Each key but the first is endorsed by the one before it, so whoever trusts one can follow to the
newest. Nothing here is kept between calls but what the files say.
"""

import base64
import binascii
import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.files import ledger_folder, replace_file, sync_folder
from freehold.ledger.locking import FileLock
from freehold.ledger.notes import SEED_BYTES, NoteError, Signer, VerifierKey

HISTORY = "keys.jsonl"
ORIGIN = "origin"
STATEMENT = "freehold ledger key"
_LOCK = "keys.lock"
_BASE = re.compile(r"[!-*,-~]{1,200}")


class LedgerKey(Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """One line of the history.

    Attributes:
        n: 1 for the first key of the home.
        public: 32 bytes in base64.
        since: when it was made, RFC 3339.
        statement: the signed note in which the key before endorses this one; ``None`` of the first
            key, and where the key before was lost.
    """

    n: int
    public: str
    since: str
    statement: str | None = None

    @property
    def public_bytes(self) -> bytes:
        """The public key.

        Raises:
            StorageError: the line holds none.
        """
        with contextlib.suppress(binascii.Error, ValueError):
            data = base64.b64decode(self.public, validate=True)
            if len(data) == notes.PUBLIC_BYTES:
                return data
        raise StorageError(f"key {self.n} of the ledger is no public key: {self.public!r}")

    @property
    def fingerprint(self) -> str:
        """``sha256:`` and the hash of the public key in hex: what to compare over another way."""
        return "sha256:" + hashlib.sha256(self.public_bytes).hexdigest()

    def verifier(self, name: str) -> VerifierKey:
        """This key under the name of a log, or of the home."""
        return VerifierKey(name, self.public_bytes)

    def text(self, base: str) -> str:
        """What the key before signs under ``base``."""
        return f"{STATEMENT}\n{base}\n{self.n}\n{self.public}\n{self.since}\n"


_lines = msgspec.json.Decoder(LedgerKey)


class LedgerKeys:
    """The keys of one home's ledger."""

    def __init__(self, home: Path) -> None:
        self._private = home / "keys"
        self.folder = ledger_folder(home)

    @property
    def base(self) -> str:
        """The name of the home's ledger, under which keys and archives are signed.

        Raises:
            StorageError: there is none, or it is no name.
        """
        path = self.folder / ORIGIN
        try:
            base = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"the ledger's name {path} can't be read: {error}") from error
        if not _BASE.fullmatch(base):
            raise StorageError(f"{path} holds no name that a log can have: {base!r}")
        return base

    def origin(self, writer: str) -> str:
        """The name of a writer's log, which is also its key's."""
        return f"{self.base}/{writer}"

    def prepare(self, since: str) -> None:
        """Make name and first key where there are none yet.

        Args:
            since: the time, RFC 3339.

        Raises:
            StorageError: they can't be made or read.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self.folder / _LOCK):
                if not (self.folder / ORIGIN).exists():
                    name = f"freehold-{secrets.token_hex(8)}\n"
                    replace_file(self.folder / ORIGIN, name.encode())
                if not self.history():
                    self._write((self._made(1, since),))
                self._remove_old(len(self.history()))
        except OSError as error:
            raise StorageError(f"the ledger's keys can't be made: {error}") from error

    def history(self) -> tuple[LedgerKey, ...]:
        """All keys, the first one first; their statements are not verified here.

        Raises:
            StorageError: the history can't be read.
        """
        path = self.folder / HISTORY
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError(f"the ledger's keys {path} can't be read: {error}") from error
        try:
            keys = tuple(map(_lines.decode, lines))
        except msgspec.MsgspecError as error:
            raise StorageError(f"the ledger's keys {path} are damaged: {error}") from error
        if [key.n for key in keys] != list(range(1, len(keys) + 1)):
            raise StorageError(f"the ledger's keys {path} are not numbered 1, 2, 3")
        return keys

    def stamp(self) -> tuple[int, int, int] | None:
        """Changes whenever the history is written; cheap to ask for."""
        try:
            found = (self.folder / HISTORY).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def signer(self, name: str) -> Signer:
        """The newest key, signing under this name.

        Raises:
            StorageError: there is none, or it can't be read, or is not the one of the history.
        """
        return Signer(name, self.newest()[1])

    def newest(self) -> tuple[LedgerKey, bytes]:
        """The newest key and its private half, the seed of 32 bytes.

        Raises:
            StorageError: there is none, or it can't be read, or is not the one of the history.
        """
        keys = self.history()
        if not keys:
            raise StorageError(f"the ledger in {self.folder} has no signing key")
        seed = self._seed(keys[-1].n)
        if _public(seed) != keys[-1].public:
            raise StorageError(
                f"{self._path(keys[-1].n)} is not the key that {self.folder / HISTORY} names"
            )
        return keys[-1], seed

    def held(self) -> tuple[bytes, LedgerKey, bytes]:
        """The history as it is in its file, its newest key and that one's seed, all of one moment,
        also where somebody changes the key meanwhile.

        Raises:
            StorageError: as `newest` does.
        """
        path = self.folder / HISTORY
        try:
            while True:
                before = path.read_bytes()
                found: tuple[LedgerKey, bytes] | StorageError
                try:
                    found = self.newest()
                except StorageError as error:
                    found = error
                if path.read_bytes() != before:
                    continue
                if isinstance(found, StorageError):
                    raise found
                return before, *found
        except OSError as error:
            raise StorageError(f"the ledger's keys {path} can't be read: {error}") from error

    def vkeys(self, name: str) -> tuple[VerifierKey, ...]:
        """Every key that ever was, under the name of a log or of the home."""
        return tuple(key.verifier(name) for key in self.history())

    def rotate(self, since: str, *, lost: bool = False) -> LedgerKey:
        """Make a new key, endorsed by the one before, whose private half is then removed.

        Args:
            since: the time, RFC 3339.
            lost: the key before is gone, so nothing endorses the new one.

        Raises:
            StorageError: the key before can't be used (unless ``lost``), or nothing can be written.
        """
        base = self.base
        try:
            with FileLock(self.folder / _LOCK):
                keys = self.history()
                signer = None if lost else self.signer(base)
                made = self._made(len(keys) + 1, since)
                if signer is not None:
                    text = made.text(base)
                    made = msgspec.structs.replace(made, statement=notes.sign(text, signer))
                self._write((*keys, made))
                self._remove_old(made.n)
        except OSError as error:
            raise StorageError(f"the ledger's key can't be changed: {error}") from error
        return made

    def _made(self, n: int, since: str) -> LedgerKey:
        """A new key; one that a process left behind when it died in between is taken up."""
        path = self._path(n)
        if not path.exists():
            self._private.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, secrets.token_bytes(SEED_BYTES))
            sync_folder(self._private)
        return LedgerKey(n=n, public=_public(self._seed(n)), since=since)

    def _seed(self, n: int) -> bytes:
        path = self._path(n)
        try:
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise StorageError(
                    f"{path} can be read by others: chmod 600 it, and think about "
                    "`freehold audit key rotate`"
                )
            seed = path.read_bytes()
        except OSError as error:
            raise StorageError(
                f"the ledger's signing key {path} can't be read: {error}; put it back from where "
                "keys are kept, or begin another with `freehold audit key rotate --lost`"
            ) from error
        if len(seed) != SEED_BYTES:
            raise StorageError(f"{path} holds {len(seed)} bytes, not {SEED_BYTES}: it is damaged")
        return seed

    def _write(self, keys: tuple[LedgerKey, ...]) -> None:
        lines = b"".join(encode(msgspec.to_builtins(key)) + b"\n" for key in keys)
        replace_file(self.folder / HISTORY, lines)

    def _remove_old(self, newest: int) -> None:
        for n in range(1, newest):
            self._path(n).unlink(missing_ok=True)

    def _path(self, n: int) -> Path:
        return self._private / f"ledger-{n}.key"


def endorsed(base: str, keys: tuple[LedgerKey, ...]) -> tuple[bool, ...]:
    """For each key, whether the one before it endorses it; of the first one there is none before,
    so it never is.
    """
    found = []
    for before, key in zip((None, *keys), keys, strict=False):
        found.append(before is not None and _endorses(before, key, base))
    return tuple(found)


def _endorses(before: LedgerKey, key: LedgerKey, base: str) -> bool:
    if key.statement is None:
        return False
    try:
        note = notes.read(key.statement)
        return note.text == key.text(base) and bool(notes.verify(note, [before.verifier(base)]))
    except (NoteError, StorageError):
        return False


def _public(seed: bytes) -> str:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return base64.b64encode(public).decode()
