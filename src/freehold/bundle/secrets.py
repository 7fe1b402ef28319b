"""Secrets that somebody wrote into the bundle itself: found by their look, never printed."""

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from freehold.bundle.problems import Problems, Spot
from freehold.bundle.snapshot import Snapshot
from freehold.bundle.tree import Tree

_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)")
_LOOKS = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}", "an API key"),
        (r"(?<![A-Za-z0-9])fh_?[A-Za-z]*_[A-Za-z0-9_-]{32,}", "a Freehold key"),
        (r"(?<![A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])", "an AWS access key"),
        (r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}", "a Google API key"),
        (
            r"(?<![A-Za-z0-9])(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
            "a GitHub token",
        ),
        (r"(?<![A-Za-z0-9])(hf_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{20,})", "an access token"),
        (r"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,}", "a Slack token"),
        (r"-----BEGIN [A-Z ]*PRIVATE KEY", "a private key"),
        (r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.", "a signed token (JWT)"),
        (r"[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:[^\s/@'\"{}$]+@", "a password in an address"),
    )
)
_SECRET_HEADERS = re.compile(
    r"(?i)(proxy-)?authorization|cookie|(x-)?(goog-)?api-?key|.*(token|secret|password|api[-_]?key).*"
)
_MAX_LINE = 4_000
_MAX_SCANNED_BYTES = 1_048_576


def holds_secret(text: str) -> bool:
    """Whether ``text`` looks like a secret, so that no message may repeat it."""
    return any(pattern.search(text) for pattern, _ in _LOOKS)


def check_files(snapshot: Snapshot, problems: Problems) -> None:
    """Look for secrets in every text file of the bundle, comments included."""
    for name, content in snapshot.files.items():
        if len(content) > _MAX_SCANNED_BYTES or b"\0" in content[:1024]:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            for pattern, what in _LOOKS:
                match = pattern.search(line[:_MAX_LINE])
                if match:
                    problems.add(
                        "secret.inline",
                        Spot(name, number, match.start() + 1),
                        f"{what} stands in the bundle, where everyone who may read it sees it",
                        suggestion="take it out, revoke it, and refer to it by `env:NAME` or "
                        "`file:path`",
                    )
                    break


def check_places(snapshot: Snapshot, root: Tree, problems: Problems) -> None:
    """A secret's file in the bundle's folder would be part of each copy that is kept or given."""
    for path, named in named_files(root.plain()):
        inside = os.path.relpath(Path(snapshot.folder) / named, snapshot.folder)
        if Path(inside).as_posix() in snapshot.files:
            problems.warn(
                "secret.inside",
                root.at(path),
                "the file of a secret lies in the bundle's folder, so that it goes into every copy"
                " that is kept, and into auditors' archives",
                path=path,
                suggestion="move it out of the folder, or write `env:NAME`",
            )


def named_files(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where a bundle names files by ``file:…``, but those of public keys, and which."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from named_files(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from named_files(part, (*path, number))
    elif isinstance(value, str) and value.startswith("file:") and "jwks" not in path[-1:]:
        yield path, posixpath.normpath(value.removeprefix("file:"))


def check_headers(root: Tree, problems: Problems) -> None:
    """Headers that carry credentials must be references."""
    for section in ("models", "sources"):
        for owner, tree in root.section(section).entries():
            for kind in ("headers", "query"):
                values = tree.section(kind)
                for name, value in values.entries():
                    if not _SECRET_HEADERS.fullmatch(name) or not isinstance(value.value, str):
                        continue
                    if _REFERENCE.fullmatch(value.value) is None:
                        problems.add(
                            "secret.header",
                            value.spot,
                            f"`{name}` carries a secret and must not be written out here",
                            path=(section, owner, kind, name),
                            suggestion="write `env:NAME` or `file:path`, the whole value there",
                        )
