"""Secrets on this machine: Freehold's own key files, and what a bundle refers to."""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from freehold.core.errors import BundleError, StorageError

KEY_BYTES = 32
_SAFE = re.compile(r"[^A-Za-z0-9_-]")


class KeyFolder:
    """``<home>/keys``: 256 random bits a file, readable by their owner alone, made on first use.

    They are kept apart from the database and are not in its backups: without the pepper no stored
    hash can be tested, without the holds key no held answer read, without the subjects key no kept
    text. Destroying a tenant's commitment key makes its commitments say nothing for good.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "keys"

    def pepper(self) -> bytes:
        """Keys the hashes of API keys."""
        return self._key("pepper")

    def holds(self) -> bytes:
        """Seals held answers."""
        return self._key("holds")

    def placeholders(self) -> bytes:
        """Keys the digits of redaction's placeholders."""
        return self._key("placeholders")

    def subjects(self) -> bytes:
        """Wraps the keys in the vault of subject keys, and keys the names in it."""
        return self._key("subjects")

    def conversations(self) -> bytes:
        """Keys the hashes that conversations are known by."""
        return self._key("conversations")

    def lineage(self) -> bytes:
        """Keys the digests by which labelled answers are known again."""
        return self._key("lineage")

    def commitment(self, tenant: str) -> bytes:
        """Keys a tenant's commitments in the ledger."""
        name = _SAFE.sub(lambda m: f"%{ord(m.group()):X}", tenant)
        return self._key(f"commit.{name}")

    def _key(self, name: str) -> bytes:
        path = self.folder / name
        try:
            if not path.exists():
                self._make(path)
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise StorageError(
                    f"{path} can be read by others: chmod 600 it, and think about replacing it"
                )
            key = path.read_bytes()
        except OSError as error:
            raise StorageError(f"the key {path} can't be made or read: {error}") from error
        if len(key) != KEY_BYTES:
            raise StorageError(f"{path} holds {len(key)} bytes, not {KEY_BYTES}: it is damaged")
        return key

    def _make(self, path: Path) -> None:
        """Whole or not at all: written aside, then linked, so that of two makers the first wins."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(KEY_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(aside, path)
        except FileExistsError:
            return
        finally:
            aside.unlink()


class ReferenceSecrets:
    """Values behind a bundle's ``env:NAME`` and ``file:path`` references.

    Args:
        base: the folder that relative paths start from, usually the bundle's.
        environment: where names are looked up.
    """

    def __init__(self, base: Path, environment: Mapping[str, str]) -> None:
        self._base = base
        self._environment = environment

    def resolve(self, reference: str) -> str:
        """The secret; a file's trailing line end is not part of it.

        Raises:
            BundleError: neither kind of reference, or the variable or file is missing or empty.
        """
        kind, _, name = reference.partition(":")
        if kind == "env" and name:
            value = self._environment.get(name, "")
            if not value:
                raise BundleError(f"the environment variable {name} is not set")
            return value
        if kind == "file" and name:
            try:
                value = (self._base / name).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise BundleError(f"the secret file {name} can't be read: {error}") from error
            if not value:
                raise BundleError(f"the secret file {name} is empty")
            return value
        raise BundleError("a secret is referred to as env:NAME or file:path")
