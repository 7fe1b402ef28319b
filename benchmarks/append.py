"""What the tree costs where requests wait for it: one append to the ledger, with it and without.

    python -m benchmarks.append [--json] [--write-docs] [--repeats N]

Records of 2,000 and 6,000 bytes of one tenant among several. Without: the line is put together and
handed to the operating system, as format 1 did. With: it also has the tenant's number, and waits to
be hashed. The two take turns, so that other work on the machine slows them alike. CPU time of
the appending thread; the thread that hashes and signs runs beside it, once a second, and is told
apart.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.marked import turns_command
from freehold.ledger.canonical import encode
from freehold.ledger.segment import SegmentJournal

PAGE = Path("docs/reference/ledger.md")
BEGIN, END = "<!-- append: begin -->", "<!-- append: end -->"
SIZES = (2_000, 6_000)
_TENANTS = tuple(f"tenant-{number}" for number in range(20))
_AT_ONCE = 10


class _WithoutTree(SegmentJournal):
    """Writes lines as format 1 did; nobody reads them."""

    def _add(self, record: bytes, tenant: str) -> None:  # noqa: ARG002
        if self._size >= self._rotate_bytes or self._broken:
            self._renew()
        sequence = self.sequence + 1
        line = b'{"body":%b,"salt":"%b","seq":%d%b' % (
            record,
            self._salt().hex().encode(),
            sequence,
            self._ending,
        )
        self._write(line)
        self.sequence = sequence

    _ending = b',"v":1,"writer":"w-000000000000"}\n'


def _record(size: int) -> bytes:
    empty = len(encode({"tenant": _TENANTS[0], "text": "", "type": "closed", "v": 2}))
    return encode({"tenant": _TENANTS[0], "text": "x" * (size - empty), "type": "closed", "v": 2})


def _turn(journal: SegmentJournal, record: bytes) -> float:
    """Nanoseconds of CPU an append, over some."""
    began = time.thread_time_ns()
    for number in range(_AT_ONCE):
        journal.append(record, _TENANTS[number % len(_TENANTS)])
    return (time.thread_time_ns() - began) / _AT_ONCE


def measure(repeats: int) -> dict[str, float]:
    """Microseconds of CPU, medians of so many turns of ten appends each: ``with_2000`` and so on;
    ``signing`` is one checkpoint of a thousand lines, in the thread that signs.
    """
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        kinds = {
            "without": _WithoutTree(Path(first), sign_every_s=3600).open(),
            "with": SegmentJournal(Path(second), sign_every_s=3600).open(),
        }
        took: dict[str, list[float]] = {}
        for turn in range(repeats + 5):
            for size in SIZES:
                record = _record(size)
                for kind, journal in kinds.items():
                    each = _turn(journal, record)
                    if turn >= 5:  # the first ones warm up
                        took.setdefault(f"{kind}_{size}", []).append(each)
        took["signing"] = [_signing(kinds["with"]) for _ in range(min(repeats, 20))]
        kinds["with"].close()
        kinds["without"].take()
        kinds["without"].close()
    return {name: round(statistics.median(each) / 1e3, 1) for name, each in took.items()}


def _signing(journal: SegmentJournal) -> float:
    journal.checkpoint()
    for _ in range(1_000 // _AT_ONCE):
        _turn(journal, _record(SIZES[0]))
    began = time.thread_time_ns()
    journal.checkpoint()
    return time.thread_time_ns() - began


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    us = result["us"]
    lines = [
        f"{result['machine']}, load average {result['load']:.1f}, medians of {result['repeats']}:",
        "",
        "| record | without the tree, µs of CPU | with it | more |",
        "|---|---:|---:|---:|",
    ]
    for size in SIZES:
        before, now = us[f"without_{size}"], us[f"with_{size}"]
        lines.append(f"| {size:,} bytes | {before:.1f} | {now:.1f} | {now - before:.1f} |")
    said = f"Signing for a thousand lines takes the thread beside it {us['signing'] / 1e3:.1f} ms."
    return "\n".join([*lines, "", said])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""

    def found(repeats: int) -> dict[str, Any]:
        return {"us": measure(repeats)}

    return turns_command("benchmarks.append", __doc__, PAGE, (BEGIN, END), found, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
