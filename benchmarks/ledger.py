"""The ledger, measured: both modes side by side, and a whole day of the example.

    python -m benchmarks.ledger [--only modes|day] [--requests N] [--seconds S] [--json]

Modes: an append's CPU, what waiting for the disk costs, how many one sync serves, and two gateways
that differ in nothing else. The day: `freehold demo --once` at full speed, then its records and
bytes, how long it takes to verify them (by command, and by the one file that imports nothing of
Freehold), to decide the last ones again, and the load by layer. ``--home`` takes a home whose day
is over instead.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import durability
from benchmarks.marked import replaced
from freehold.ledger.files import ledger_folder
from freehold.ledger.verifying.joined import one_file

PAGE = Path("docs/explanation/ledger.md")
MARKS = {
    part: (f"<!-- figures: {part} -->", f"<!-- /figures: {part} -->") for part in ("modes", "day")
}
CACHE = Path(__file__).resolve().parents[1] / ".bench"
_LONGEST_S = 7_200


def day(
    requests: int,
    replayed: int,
    home: Path | None,
    summary: Path | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """A day of the example, and what can be done with its records afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="freehold-day-")) if home is None else home
    result: dict[str, Any] = {}
    try:
        if home is None:
            tell(f"A day of {requests:,} requests …")
            result["demo"] = _demo(requests, folder)
        elif summary is not None:
            result["demo"] = _told(json.loads(summary.read_bytes()))
        result |= _size(folder)
        tell("Verifying …")
        result["verify"] = _timed(["-m", "freehold", "audit", "verify", "--home", str(folder)])
        with tempfile.TemporaryDirectory(prefix="freehold-verifier-") as apart:
            alone = Path(apart) / "verify.py"
            alone.write_bytes(one_file())
            result["verify_alone"] = _timed(["-I", str(alone), str(folder)])
        tell(f"Deciding the last {replayed:,} again …")
        last = ["replay", "--last", str(replayed), "--json", "--home", str(folder)]
        result["replay"] = _timed(["-m", "freehold", *last])
        load = ["report", "load", "--json", "--home", str(folder)]
        result["load"] = _timed(["-m", "freehold", *load])
    finally:
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)
    return result


def _demo(requests: int, folder: Path) -> dict[str, Any]:
    command = ["-m", "freehold", "demo", "--once", "--requests", str(requests), "--json"]
    found = _timed([*command, "--home", str(folder)])
    said = found["said"]
    if not isinstance(said, dict):
        raise SystemExit(f"the demo did not end well:\n{said}")
    return _told(said)


def _told(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "requests": said["requests"],
        "took_s": said["took_s"],
        "per_s": round(said["requests"] / said["took_s"]),
        "outcomes": said["outcomes"],
        "errors": said["errors"],
        "latency_ms": said["latency_ms"],
    }


def _size(folder: Path) -> dict[str, Any]:
    records = size = tree = 0
    for path in ledger_folder(folder).rglob("*"):
        if path.is_file() and path.name.startswith("segment-") and path.suffix == ".log":
            data = path.read_bytes()
            records += data.count(b"\n")
            size += len(data)
        elif path.is_file():
            tree += path.stat().st_size
    return {"records": records, "bytes": size, "tree_bytes": tree}


def _timed(arguments: list[str]) -> dict[str, Any]:
    """Run this Python; its seconds, exit status and what it said, as a value where it is JSON."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    took = time.monotonic() - began
    said: Any = done.stdout.strip()
    try:
        said = json.loads(said)
    except ValueError:
        said = f"{said}\n{done.stderr}".strip()[-2_000:]
    return {"took_s": round(took, 2), "status": done.returncode, "said": said}


def modes_table(result: dict[str, Any]) -> str:
    """What stands on the page about the two modes."""
    journal, gateway = result["modes"]["journal"], result["modes"]["gateway"]
    lines = [
        f"{result['machine']}, load average {result['load']:.1f} before.",
        "",
        "| gateway | default | strict |",
        "|---|---:|---:|",
    ]
    for name, said in (
        ("requests_per_s", "requests/s, 16 connections"),
        ("p50_ms", "p50 at one rate, ms"),
        ("p99_ms", "p99 at one rate, ms"),
        ("records_per_s", "records/s when busy"),
        ("syncs_per_s", "syncs/s when busy"),
        ("records_per_sync", "records a sync"),
    ):
        default, strict = (gateway[mode][name] for mode in durability.MODES)
        lines.append(f"| {said} | {default:,} | {strict:,} |")
    added = [round(gateway["strict"][q] - gateway["default"][q], 2) for q in ("p50_ms", "p99_ms")]
    lines += [
        "",
        f"Strict mode adds {added[0]:g} ms at p50 and {added[1]:g} ms at p99.",
        f"An append takes {journal['append_us']:g} µs of CPU in both. The ledger alone, with",
        "so many who write a record of 2,000 bytes and wait for the disk:",
        "",
        "| waiting | records/s | syncs/s | records a sync | p50, ms | p99, ms | CPU, µs each |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for waiting, row in journal["strict"].items():
        cells = " | ".join(f"{value:,}" for value in row.values())
        lines.append(f"| {waiting} | {cells} |")
    return "\n".join(lines)


def day_table(result: dict[str, Any]) -> str:
    """What stands on the page about the day."""
    found = result["day"]
    demo, replay, load = found.get("demo"), found["replay"], found["load"]["said"]
    lines = [f"{result['machine']}, load average {result['load']:.1f} before.", ""]
    if demo is not None:
        outcomes = ", ".join(f"{count:,} {name}" for name, count in demo["outcomes"].items())
        lines += [
            f"{demo['requests']:,} requests in {demo['took_s']:,.0f} s ({demo['per_s']:,}/s):",
            f"{outcomes}; errors: {sum(demo['errors'].values()):,}.",
            "",
        ]
    lines += [
        "| | |",
        "|---|---:|",
        f"| records | {found['records']:,} |",
        f"| bytes of records | {found['bytes']:,} |",
        f"| bytes beside them (tree, checkpoints) | {found['tree_bytes']:,} |",
        f"| `freehold audit verify` | {_ended(found['verify'])} |",
        f"| the stand-alone file | {_ended(found['verify_alone'])} |",
    ]
    said = replay["said"]
    if isinstance(said, dict):
        again = f"{said['replayed']:,} replayed, **{said['mismatches']:,} mismatches**"
        lines.append(f"| `freehold replay` | {again}, {replay['took_s']:.1f} s |")
    else:
        lines.append(f"| `freehold replay` | {_ended(replay)} |")
    if isinstance(load, dict) and load["total"] is not None:
        lines += ["", *_layers(load["total"])]
    return "\n".join(lines)


def _layers(total: dict[str, Any]) -> list[str]:
    lines = [
        "| layer | published | wall | CPU | µs a request |",
        "|---|---:|---:|---:|---:|",
    ]
    for layer in [*total["layers"], total["wire"]]:
        each = layer["wall_ns"] / max(1, total["exchanges"]) / 1_000
        published = layer["published_percent"]
        cells = (
            "" if published is None else f"{published} %",
            _percent(layer["wall_share"]),
            _percent(layer["cpu_share"]),
            f"{each:,.0f}",
        )
        lines.append(f"| {layer['layer']} | {' | '.join(cells)} |")
    sampled = f"CPU is estimated from {total['cpu_sampled']:,} of {total['exchanges']:,} exchanges."
    return [*lines, "", sampled]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}".replace("%", " %")


def _ended(found: dict[str, Any]) -> str:
    well = "" if found["status"] == 0 else f", **exit status {found['status']}**"
    return f"{found['took_s']:.1f} s{well}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON object")
    add("--only", choices=("modes", "day"), help="one part alone")
    add("--requests", type=int, default=50_000, help="of the day (default: 50,000)")
    add("--replay", type=int, default=10_000, help="decide so many again (default: 10,000)")
    add("--home", type=Path, help="a home whose day is over: it is read, and not removed")
    add("--summary", type=Path, help="with --home: what `freehold demo --json` said of it")
    add("--seconds", type=float, default=5.0, help="of each measurement of the modes")
    add("--rounds", type=int, default=3, help="over both modes")
    add("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}",
        "load": os.getloadavg()[0],
    }

    def tell(said: str) -> None:
        print(said, file=sys.stderr, flush=True)

    figures = {}
    if options.only != "day":
        gateway = durability.gateway(options.seconds, options.rounds, CACHE, tell)
        result["modes"] = {"journal": durability.journal(options.seconds), "gateway": gateway}
        figures["modes"] = modes_table(result)
    if options.only != "modes":
        result["day"] = day(options.requests, options.replay, options.home, options.summary, tell)
        figures["day"] = day_table(result)
    print(json.dumps(result, indent=2) if options.json else "\n\n".join(figures.values()))
    if options.write_docs:
        text = PAGE.read_text(encoding="utf-8")
        for part, said in figures.items():
            text = replaced(text, *MARKS[part], said, PAGE)
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
