"""The command line."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from freehold.ledger.verifying.basics import Unreadable
from freehold.ledger.verifying.door import verify
from freehold.ledger.verifying.findings import Finding, Report

UNWRITTEN = 3
"""Exit status where what was found out can't be written."""


def as_text(report: Report) -> str:
    """For people: a line for each log, then what is wrong, then what the result rests on."""
    count = len(report.problems)
    verdict = f"{count:,} problem{'s' if count > 1 else ''}" if count else "all right"
    rows = [f"{report.what} {report.path}: {verdict}"]
    for log in report.logs:
        parts = [f"{log.lines:,} lines", f"{log.signed:,} proven"]
        if log.exported is not None:
            parts.append(f"{log.exported:,} here")
        if log.mirrors:
            what = "checkpoint" if log.mirrors == 1 else "checkpoints"
            parts.append(f"agrees with {log.mirrors:,} {what} from elsewhere")
        for one in log.cosigned:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(one["at"], 2**33)))
            parts.append(f"cosigned by {one['name']} at {one['size']:,} lines, {at}")
        rows.append(f"  {log.writer}  {', '.join(parts)}")
    for title, found in (("Problems", report.problems), ("Worth knowing", report.warnings)):
        rows += [f"{title}:"] if found else []
        rows += [f"  {_where(one)}{one.code}: {one.message}" for one in found]
    return "\n".join(map(_harmless, [*rows, *report.said])) + "\n"


def _harmless(row: str) -> str:
    """Names come from whoever made what is verified: nothing in them may steer a terminal."""
    if row.isprintable():
        return row
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in row
    )


def _where(one: Finding) -> str:
    place = one.log
    if one.segment:
        place += f" segment {one.segment} byte {one.offset}"
    elif one.seq:
        place += f" line {one.seq}"
    return f"{place}  " if place else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Verify a Freehold ledger, an archive of it, or a proof."
    )
    parser.add_argument("path", type=Path, help="home, ledger, a writer's folder, archive or proof")
    parser.add_argument(
        "--key", action="append", default=[], help="a key that you trust, or its hash"
    )
    parser.add_argument("--checkpoint", action="append", default=[], type=Path, metavar="FILE")
    parser.add_argument("--witness", action="append", default=[], metavar="VKEY")
    parser.add_argument(
        "--line", type=Path, metavar="FILE", help="the line that a tlog-proof is about"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; gives the exit status: 3 where the result could not be written."""
    told = _parser().parse_args(arguments)
    try:
        report = verify(
            told.path,
            keys=told.key,
            checkpoints=told.checkpoint,
            witnesses=told.witness,
            line=told.line,
        )
    except Unreadable as error:
        sys.stderr.write(f"{_harmless(str(error))}\n")
        return 2
    text = json.dumps(report.as_dict(), indent=2) + "\n" if told.json else as_text(report)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # else Python tries again when it ends, and takes 120 for the status
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # nobody reads the words: the status says it
            sys.stderr.write(f"the result can't be written: {error.strerror}\n")
            return UNWRITTEN
    return report.exit_status
