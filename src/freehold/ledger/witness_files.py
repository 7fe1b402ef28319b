"""A witness's folder: its key, whom it trusts, the newest checkpoint of each log, and evidence.

``witness.json`` has the name, ``witness.key`` the seed, ``trusted.jsonl`` the keys of ledgers. Each
log has a folder ``logs/<digest of its origin>`` with ``newest``, the note as it was cosigned,
``seen``, by which those before it are known again, and ``evidence/``, one file for each checkpoint
that was refused and should not have been signed.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import orjson
from msgspec import Struct

from freehold.core.errors import NotFound, StorageError
from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.files import replace_file
from freehold.ledger.heads import head_of
from freehold.ledger.locking import FileLock
from freehold.ledger.notes import SEED_BYTES, Cosigner, NoteError, VerifierKey
from freehold.ledger.witness_seen import Seen

EvidenceKind = Literal["forked", "unproven", "behind"]
MOST_LOGS = 100_000
MOST_EVIDENCE = 100
_ABOUT = "witness.json"
_SEED = "witness.key"
_TRUSTED = "trusted.jsonl"
_NEWEST = "newest"
_SEEN = "seen"
_EVIDENCE = "evidence"


class Trusted(Struct, frozen=True, kw_only=True):
    """A key that may sign the checkpoints of a ledger: of the log of this name, and of all logs
    below it (``name/…``).

    Attributes:
        public: 32 bytes in base64.
        since: when somebody said so, RFC 3339.
        until: when a newer key took its place; empty while it counts.
    """

    name: str
    public: str
    since: str
    until: str = ""

    def key(self, origin: str) -> VerifierKey:
        """As a key of this log."""
        return VerifierKey(origin, base64.b64decode(self.public))

    def covers(self, origin: str) -> bool:
        """Whether it may sign for this log."""
        return origin == self.name or origin.startswith(f"{self.name}/")


class Evidence(Struct, frozen=True, kw_only=True):
    """Two checkpoints, signed by one log, that should not both be.

    Attributes:
        kind: ``forked``: they contradict each other, which nobody without the log's key can cause.
            ``unproven``: a larger one came with a proof that does not hold. ``behind``: a smaller
            one came after the larger.
        seen: the note that was cosigned, ``offered`` the one that was refused, ``proof`` what came
            with it, in base64.
    """

    kind: EvidenceKind
    at: str
    origin: str
    seen: str
    offered: str
    old: int
    proof: tuple[str, ...] = ()


class _About(Struct, frozen=True):
    name: str
    made: str


class WitnessFiles:
    """The folder of one witness."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lock = FileLock(home / "serving.lock")

    # -- who it is --

    def make(self, name: str, at: str) -> VerifierKey:
        """Make the folder with a key under this name; a random one where it is empty.

        Raises:
            StorageError: it is there already, or can't be made.
        """
        if (self.home / _ABOUT).exists():
            raise StorageError(f"{self.home} is a witness already: {self.name}")
        name = name or f"witness-{secrets.token_hex(8)}"
        try:
            Cosigner(name, bytes(SEED_BYTES))
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.home / _SEED, secrets.token_bytes(SEED_BYTES))
            replace_file(self.home / _ABOUT, encode(_About(name, at)) + b"\n")
        except NoteError as error:
            raise StorageError(f"a witness can't have this name: {error}") from error
        except OSError as error:
            raise StorageError(f"{self.home} can't be made a witness: {error}") from error
        return self.cosigner().key

    @property
    def name(self) -> str:
        """Its name.

        Raises:
            NotFound: no witness is here.
        """
        try:
            return msgspec.json.decode((self.home / _ABOUT).read_bytes(), type=_About).name
        except FileNotFoundError:
            raise NotFound(
                f"no witness in {self.home.resolve()}; `freehold witness init` makes one"
            ) from None
        except (OSError, msgspec.MsgspecError) as error:
            raise StorageError(f"{self.home / _ABOUT} can't be read: {error}") from error

    def cosigner(self) -> Cosigner:
        """Its key.

        Raises:
            NotFound: no witness is here.
            StorageError: the key can't be read, or by others too.
        """
        path, name = self.home / _SEED, self.name
        try:
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise StorageError(f"{path} can be read by others: chmod 600 it")
            return Cosigner(name, path.read_bytes())
        except (OSError, NoteError) as error:
            raise StorageError(f"the witness's key {path} can't be read: {error}") from error

    # -- whom it trusts --

    def trusted(self) -> tuple[Trusted, ...]:
        """Keys that count, and those that did.

        Raises:
            StorageError: they can't be read.
        """
        path = self.home / _TRUSTED
        try:
            return tuple(
                msgspec.json.decode(line, type=Trusted) for line in path.read_bytes().splitlines()
            )
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError) as error:
            raise StorageError(f"{path} can't be read: {error}") from error

    def trust(self, keys: tuple[Trusted, ...]) -> None:
        """These are the keys from now on.

        Raises:
            StorageError: they can't be written.
        """
        try:
            replace_file(self.home / _TRUSTED, b"".join(encode(key) + b"\n" for key in keys))
        except OSError as error:
            raise StorageError(f"{self.home / _TRUSTED} can't be written: {error}") from error

    def stamp(self) -> tuple[int, int]:
        """Changes whenever the trusted keys have."""
        try:
            status = (self.home / _TRUSTED).stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino

    # -- what it has seen --

    def newest(self, origin: str) -> str | None:
        """The note of a log that was cosigned last; ``None`` of one that was never seen.

        Raises:
            StorageError: it can't be read.
        """
        path = self._folder(origin) / _NEWEST
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"{path} can't be read: {error}") from error

    def seen(self, origin: str, text: str) -> bool:
        """Whether this checkpoint was cosigned, and is not the newest.

        Raises:
            StorageError: it can't be read.
        """
        path = self._folder(origin) / _SEEN
        try:
            return text in Seen(path)
        except OSError as error:
            raise StorageError(f"{path} can't be read: {error}") from error

    def keep(self, origin: str, note: str) -> None:
        """This is the newest one now, and the one before it is known; it is on the disk when this
        returns.

        Raises:
            StorageError: it can't be written.
        """
        folder = self._folder(origin)
        try:
            if not folder.exists() and self.count() >= MOST_LOGS:
                raise StorageError(f"this witness keeps {MOST_LOGS:,} logs at most")
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            before = self.newest(origin)
            if before is not None:
                text = notes.read(before).text
                if text != notes.read(note).text:
                    Seen(folder / _SEEN).add(text)
            replace_file(folder / _NEWEST, note.encode())
        except OSError as error:
            raise StorageError(f"{folder} can't be written: {error}") from error

    def count(self) -> int:
        """How many logs there are."""
        try:
            return sum(1 for _ in (self.home / "logs").iterdir())
        except FileNotFoundError:
            return 0

    def accuse(self, evidence: Evidence) -> bool:
        """Keep evidence; false where this checkpoint was refused for this before, or a hundred
        forks are kept already. Anybody can send old checkpoints again, which are no secret, so
        those take no room of what shows a fork; of them the hundred newest are kept.

        Raises:
            StorageError: it can't be written.
        """
        folder = self._folder(evidence.origin) / _EVIDENCE
        digest = hashlib.sha256(notes.read(evidence.offered).text.encode()).hexdigest()[:16]
        path = folder / f"{evidence.kind}-{digest}.json"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists():
                return False
            kept = sorted(folder.glob(f"{evidence.kind}-*.json"), key=_written)
            over = max(0, len(kept) + 1 - MOST_EVIDENCE)
            if over and evidence.kind == "forked":
                return False
            replace_file(path, orjson.dumps(msgspec.to_builtins(evidence)) + b"\n")
            for one in kept[:over]:
                one.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path} can't be written: {error}") from error
        return True

    def acquit(self, origin: str, text: str) -> None:
        """This checkpoint was refused once, and has been proven since: what was kept of it goes."""
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        for kind in ("unproven", "behind"):
            (self._folder(origin) / _EVIDENCE / f"{kind}-{digest}.json").unlink(missing_ok=True)

    def evidence(self, origin: str) -> list[Evidence]:
        """What is kept against a log, the oldest first.

        Raises:
            StorageError: it can't be read.
        """
        folder = self._folder(origin) / _EVIDENCE
        try:
            found = [
                msgspec.json.decode(path.read_bytes(), type=Evidence)
                for path in (folder.glob("*.json") if folder.is_dir() else ())
            ]
        except (OSError, msgspec.MsgspecError) as error:
            raise StorageError(f"evidence in {folder} can't be read: {error}") from error
        return sorted(found, key=lambda one: one.at)

    def logs(self) -> Iterator[str]:
        """The newest note of every log."""
        folder = self.home / "logs"
        for path in sorted(folder.iterdir() if folder.is_dir() else ()):
            if (path / _NEWEST).exists():
                note = (path / _NEWEST).read_text(encoding="utf-8")
                head_of(note)
                yield note

    def _folder(self, origin: str) -> Path:
        return self.home / "logs" / hashlib.sha256(origin.encode()).hexdigest()[:32]


def _written(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name
