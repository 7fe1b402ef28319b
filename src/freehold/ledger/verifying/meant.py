"""What a folder is that somebody names."""

from __future__ import annotations

from pathlib import Path

from freehold.ledger.verifying.basics import Unreadable


def is_log(path: Path) -> bool:
    """By its name first: files can be put beside the logs, too, to make a ledger look like one."""
    names = ("checkpoint", "tree", "segment-00000001.log")
    return path.name.startswith("w-") and any((path / name).exists() for name in names)


def meant(path: Path) -> tuple[str, Path]:
    """``home``, ``ledger``, ``log``, ``archive`` or nothing, and the folder that is to be read.

    Raises:
        Unreadable: it could be two things. Whoever can write there must not choose what is read.
    """
    path = path.resolve() if path.name in ("", "..") else path
    ledger = path / "ledger"
    looks = {
        "home": ledger.is_dir(),
        "ledger": _is_ledger(path),
        "log": is_log(path),
        "archive": (path / "manifest.json").exists(),
    }
    found = [what for what, so in looks.items() if so]
    if len(found) > 1:
        message = f"{path} looks like a {found[0]} and also a {found[1]}: something was put there"
        raise Unreadable(f"{message} that does not belong to it")
    what = found[0] if found else ""
    return what, ledger if what == "home" else path


def _is_ledger(path: Path) -> bool:
    logs = (one for one in path.iterdir() if one.name.startswith("w-"))
    return (path / "origin").exists() or any(one.is_dir() for one in logs)
