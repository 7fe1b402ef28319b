"""The package as one file, for whoever doubts the machine that Freehold runs on (decision 28)."""

import ast
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import NamedTuple

PACKAGE = "freehold.ledger.verifying"
# each module imports only from those before it
ORDER = (
    "basics",
    "ed25519",
    "notes",
    "merkle",
    "findings",
    "files",
    "trust",
    "lines",
    "scan",
    "log_files",
    "log",
    "checks",
    "meant",
    "ledger",
    "proofs",
    "pruned",
    "claims",
    "bundles",
    "archive",
    "door",
    "command",
)
_WIDTH = 100
_HEAD = '''\
"""Verify a Freehold ledger, an auditors' archive of it, or the proof of one record, offline.

This file stands alone: it imports nothing but Python's standard library (3.9 or newer), so whoever
doubts the machine that wrote the ledger copies it elsewhere, reads it, and runs it there::

    python verify.py PATH [--key VKEY|FINGERPRINT]... [--checkpoint FILE]... [--witness VKEY]...

PATH is a home or its ledger folder, the folder of one writer, an archive (zip or unpacked), a proof
(``*.tlog-proof`` or JSON) or a consistency proof. Exit status: 0 all right, 1 something was changed
or is not vouched for, 2 nothing could be said (no such file, no ledger, wrong usage).

Formats: RFC 6962 Merkle trees, Ed25519 (RFC 8032), C2SP signed-note, tlog-checkpoint,
tlog-cosignature (Ed25519), tlog-proof, and the flat tree files that Freehold's documentation tells.

It is joined from the modules of ``src/freehold/ledger/verifying`` in Freehold's source, in the
order in which they build on each other: ``freehold audit verifier FILE`` makes the same bytes.
"""

from __future__ import annotations
'''
_FOOT = """

if __name__ == "__main__":
    sys.exit(main())
"""


class _Module(NamedTuple):
    title: str
    modules: frozenset[str]
    names: frozenset[tuple[str, str]]  # of a module, what is imported from it
    code: str


def one_file() -> bytes:
    """The stand-alone verifier: the same bytes for the same sources."""
    folder = files(PACKAGE)
    sources = [(name, (folder / f"{name}.py").read_text(encoding="utf-8")) for name in ORDER]
    return joined(sources).encode()


def joined(sources: Sequence[tuple[str, str]]) -> str:
    """Modules as one, in this order: each title a section mark, one head of imports.

    Args:
        sources: name and text of each module.

    Raises:
        ValueError: a module has no docstring, or imports what can't be had in one file.
    """
    before: set[str] = set()
    parts = []
    for name, text in sources:
        parts.append(_taken_apart(text, before))
        before.add(f"{PACKAGE}.{name}")
    imports = _imports(
        {"sys"}.union(*(part.modules for part in parts)),
        {name for part in parts for name in part.names},
    )
    sections = [f"\n\n{_mark(part.title)}\n\n{part.code}\n" for part in parts]
    return "".join([_HEAD, "\n", imports, *sections, _FOOT])


def _taken_apart(text: str, before: set[str]) -> _Module:
    """A module without its docstring and imports, which are given apart."""
    tree = ast.parse(text)
    title = ast.get_docstring(tree)
    if title is None:
        raise ValueError("a module without a docstring has no title for its section")
    modules: set[str] = set()
    names: set[tuple[str, str]] = set()
    end = tree.body[0].end_lineno
    for node in tree.body[1:]:
        if isinstance(node, ast.Import):
            modules.update(_outside(_plain(node.names)))
        elif isinstance(node, ast.ImportFrom):
            names.update(_from(node, before))
        else:
            break
        end = node.end_lineno
    code = "\n".join(text.splitlines()[end:]).strip("\n")
    for late in ast.parse(code).body:
        if isinstance(late, ast.Import | ast.ImportFrom):
            raise ValueError(f"an import below the head of a module: {ast.unparse(late)}")
    return _Module(title.splitlines()[0].rstrip("."), frozenset(modules), frozenset(names), code)


def _from(node: ast.ImportFrom, before: set[str]) -> Iterable[tuple[str, str]]:
    module = node.module or ""
    names = _plain(node.names)
    if module == "__future__" or module in before:
        return []
    _outside(["freehold"] if node.level else [module])
    return [(module, name) for name in names]


def _outside(modules: Sequence[str]) -> Sequence[str]:
    for module in modules:
        if module.partition(".")[0] == "freehold":
            raise ValueError(f"{module} is not among the modules before it")
    return modules


def _plain(names: Iterable[ast.alias]) -> list[str]:
    """Names as they are: another name would have to be kept apart from all other modules'."""
    for one in names:
        if one.asname is not None or one.name == "*":
            raise ValueError(f"imported under another name: {ast.unparse(one)}")
    return [one.name for one in names]


def _imports(modules: Iterable[str], names: Iterable[tuple[str, str]]) -> str:
    rows = [f"import {module}\n" for module in sorted(modules)]
    of: dict[str, list[str]] = {}
    for module, name in sorted(names):
        of.setdefault(module, []).append(name)
    return "".join([*rows, *(f"from {module} import {', '.join(of[module])}\n" for module in of)])


def _mark(title: str) -> str:
    return f"# --- {title} ".ljust(_WIDTH, "-")
