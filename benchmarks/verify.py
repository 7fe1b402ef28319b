"""How long it takes to verify a ledger of a given size, and how much memory.

    python -m benchmarks.verify [--lines N] [--bytes B] [--json]

The ledger is made for it: lines of forty tenants, a checkpoint in the history for each minute of a
day, under one key. Verified by the one file that imports nothing of Freehold, in a process of its
own (so its peak of memory is its own): once as it is, and once without any other package, when
signatures are checked in pure Python. ``benchmarks.ledger`` measures a day that a gateway wrote.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from freehold.ledger.verifying.joined import one_file
from freehold.testing.ledgers import WrittenLedger

_MINUTES = 1_440
_TENANTS = 40
_RUN = """
import json, re, runpy, sys, time
from pathlib import Path
def peak():  # of this program alone: getrusage tells that of the one that started it, too
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\\s*(\\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else None
module = runpy.run_path(sys.argv[1])
began, cpu = time.perf_counter(), time.process_time()
report = module["verify"](Path(sys.argv[2]))
print(json.dumps({
    "ok": report.ok,
    "lines": sum(log.signed for log in report.logs),
    "seconds": time.perf_counter() - began,
    "cpu_seconds": time.process_time() - cpu,
    "peak_mib": peak(),
}))
"""


def verified(lines: int = 100_000, size: int = 4_000) -> dict[str, Any]:
    """Make a ledger of so many lines of so many bytes each, and verify it both ways.

    Returns:
        ``lines``, ``mib``, and for ``with_cryptography`` and ``alone``: ``ok``, ``seconds``,
        ``cpu_seconds``, ``peak_mib``.
    """
    with tempfile.TemporaryDirectory(prefix="freehold-verify-") as folder:
        home = Path(folder)
        octets = _made(home, lines, size)
        file = Path(folder) / "verify.py"
        file.write_bytes(one_file())
        return {
            "lines": lines,
            "mib": round(octets / 1024**2, 1),
            "with_cryptography": _run(file, home),
            "alone": _run(file, home, "-I", "-S"),
        }


def _made(home: Path, lines: int, size: int) -> int:
    ledger = WrittenLedger(home, lines_per_segment=64 * 1024**2 // size)
    words = [os.urandom(size // 2).hex()[: max(0, size - 255)] for _ in range(50)]
    minute = max(1, lines // _MINUTES)
    octets = 0
    for at in range(lines):
        body = {"exchange": f"ex_{at:08d}", "opened": words[at % len(words)], "type": "opened"}
        octets += len(ledger.add(body, f"store-{at % _TENANTS}")) + 1
        if at % minute == minute - 1:
            ledger.remember()
    ledger.checkpoint()
    return octets


def _run(file: Path, home: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, *options, "-c", _RUN, str(file), str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def as_text(found: dict[str, Any]) -> str:
    """One line for each way."""
    rows = [f"{found['lines']:,} lines, {found['mib']:,} MiB"]
    for name in ("with_cryptography", "alone"):
        one = found[name]
        peak = "" if one["peak_mib"] is None else f", peak {one['peak_mib']:.0f} MiB"
        seconds = f"{one['seconds']:6.2f} s ({one['cpu_seconds']:.2f} s of CPU)"
        wrong = "" if one["ok"] else ", NOT all right"
        rows.append(f"  {name.replace('_', ' '):18} {seconds}{peak}{wrong}")
    return "\n".join(rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=4_000, dest="size")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = verified(asked.lines, asked.size)
    print(json.dumps(found, indent=2) if asked.json else as_text(found))


if __name__ == "__main__":
    main()
