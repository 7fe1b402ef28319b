"""A text in somebody's own editor; what they wrote outlives an editor that fails."""

import os
import tempfile
from pathlib import Path

import click
from msgspec import Struct


class Edited(Struct, frozen=True):
    """What came of it.

    Attributes:
        text: what was written; ``None`` where nothing was saved, or nothing is left.
        trouble: what went wrong, in words; empty where nothing did.
    """

    text: str | None
    trouble: str = ""


def has_editor() -> bool:
    """Whether they have named one."""
    return bool(os.environ.get("VISUAL") or os.environ.get("EDITOR"))


def edited(text: str) -> Edited:
    """Let somebody edit a text, in a file that only they can read and that is gone afterwards."""
    handle, name = tempfile.mkstemp(prefix="freehold-", suffix=".txt")
    file = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(f"{text}\n".encode("utf-8", "replace"))
        # so that a save shows in the time, however coarse the file system's clock is
        stat = file.stat()
        os.utime(file, (stat.st_atime, stat.st_mtime - 2))
        before = file.stat().st_mtime_ns
        trouble = _run(name)
        if not file.exists():
            return Edited(None, trouble or "The editor left no file.")
        if file.stat().st_mtime_ns == before:
            return Edited(None, trouble)
        written, strange = _decoded(file.read_bytes())
        return Edited(written.replace("\r\n", "\n").rstrip("\n"), trouble or strange)
    finally:
        file.unlink(missing_ok=True)


def _run(name: str) -> str:
    """Raises nothing: an editor that can't be run, or fails, is told in words."""
    try:
        click.edit(filename=name)
    except click.ClickException as error:
        return f"{error.message}."
    except ValueError as error:  # a quote that never ends
        return f"The editor can't be run: {error}."
    return ""


def _decoded(octets: bytes) -> tuple[str, str]:
    """The text, and what is strange about it. Every byte means something in Latin-1."""
    try:
        return octets.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return octets.decode("latin-1"), "The editor wrote no UTF-8; it was read as Latin-1."
