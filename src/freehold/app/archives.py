"""Archives under their names: whole or not at all, and never in another file's place unasked."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from freehold.core.errors import StorageError
from freehold.ledger.files import sync_folder

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
Told = TypeVar("Told")


def needs_room(target: Path, *, force: bool) -> None:
    """See that no file is in the archive's way, before anything is read for it.

    Args:
        force: a file that is there may be replaced.

    Raises:
        StorageError: there is one, or the archive's folder is not there.
    """
    if not target.absolute().parent.is_dir():
        raise StorageError(f"{target} can't be written: make the folder {target.parent} first")
    if target.exists() and not force:
        raise _taken(target)


def archived(write: Callable[[IO[bytes]], Told], target: Path, *, force: bool) -> tuple[Told, str]:
    """Have an archive written aside, and give it its name when it is whole.

    Args:
        write: writes it into the open file.
        force: replace a file that is there.

    Returns:
        What ``write`` gave, and the SHA-256 of the archive in hexadecimal.

    Raises:
        StorageError: it can't be written, or a file of that name is there.
    """
    aside = target.with_name(f".{target.name}.{os.urandom(6).hex()}")
    try:
        with os.fdopen(os.open(aside, _NEW, 0o600), "wb") as file:
            told = write(file)
            file.flush()
            os.fsync(file.fileno())
        _place(aside, target, force=force)
        sync_folder(target.absolute().parent)
        return told, _sha256(target)
    except OSError as error:
        raise StorageError(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        aside.unlink(missing_ok=True)


def _place(aside: Path, target: Path, *, force: bool) -> None:
    """Give the archive its name; without ``force`` never another file's."""
    if force:
        aside.replace(target)
        return
    try:
        os.link(aside, target)
    except FileExistsError as error:
        raise _taken(target) from error
    except OSError:  # a file system without links
        aside.replace(target)


def _taken(target: Path) -> StorageError:
    return StorageError(f"{target} is there already: name another file, or say --force")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
