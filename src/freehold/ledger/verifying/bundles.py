"""The rules in an archive, against the hashes by which its lines name them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from freehold.ledger.verifying.basics import few, sha256
from freehold.ledger.verifying.files import Files, chunks
from freehold.ledger.verifying.findings import Report

_BUNDLE_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


def check_bundles(
    files: Files, report: Report, manifest: dict[str, Any], named: set[str], *, all_read: bool
) -> None:
    """That what lies in ``bundles/`` is what the lines name, file by file.

    Args:
        named: the hashes that the lines name.
        all_read: no log was given up, so the lines name no others.
    """
    listed, missing = set(manifest["bundles"]), set(manifest["missing_bundles"])
    if named - listed or (all_read and listed - named):
        message = "the manifest lists other versions of the rules than the lines name"
        report.problem("bundle-missing", f"{message}: {few(sorted(named ^ listed))}")
    of: dict[str, list[str]] = {}
    for name in files.all_names():
        top, _, rest = name.partition("/")
        folder, _, inner = rest.partition("/")
        if top == "bundles":
            of.setdefault(folder, []).append(inner)
    here = {f"sha256:{folder}" for folder in of}
    for folder, names in sorted(of.items()):
        if not _BUNDLE_HASH.fullmatch(folder) or f"sha256:{folder}" not in listed:
            report.problem("bundle-changed", f"bundles/{folder} is no version that a line names")
        elif bundle_hash(files, folder, names) != folder:
            message = f"the files in bundles/{folder} do not give that hash, which the lines name"
            report.problem("bundle-changed", f"{message}: rules, settings or models were changed")
    if not manifest["scope"]["bundles"]:
        if listed - here:
            message = "it was asked for without the rules, so nothing of them was checked"
            report.remark("bundle-absent", f"{message}: {few(sorted(listed - here))}")
        return
    if listed - missing - here:
        message = "rules that the lines name are not here, though the manifest says so"
        report.problem("bundle-missing", f"{message}: {few(sorted(listed - missing - here))}")
    if missing - here:
        message = "rules that the lines name were not kept, so nothing here shows what they were"
        report.remark("bundle-absent", f"{message}: {few(sorted(missing - here))}")


def bundle_hash(files: Files, folder: str, names: Iterable[str]) -> str:
    """SHA-256 over ``freehold.bundle/1``, a newline, and for each file in order of its path the
    length of the path in bytes, ``:``, the path, the length of the file, ``:``, the file; in hex.

    Raises:
        Malformed: a file can't be read.
    """
    digest = sha256(b"freehold.bundle/1\n")
    for name in sorted(names):
        path, whole = name.encode("utf-8", "surrogateescape"), f"bundles/{folder}/{name}"
        digest.update(b"%d:%b%d:" % (len(path), path, files.size(whole) or 0))
        for chunk in chunks(files, whole):
            digest.update(chunk)
    return digest.hexdigest()
