"""Both modes of the ledger, measured side by side: by itself, and behind a gateway.

In the default mode an answer leaves when the operating system has its record, in strict mode when
the disk has. Part of ``python -m benchmarks.ledger``.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks import freehold, gateways, processes, traffic
from benchmarks.load import Plan, Requests, Sample, http_request, quantile, run
from freehold.ledger import flush
from freehold.ledger.canonical import encode
from freehold.ledger.segment import SegmentJournal

MODES = ("default", "strict")
WAITING = (1, 16, 64)
_BYTES = 2_000
_SHARE = 0.5
_START_S = 60.0
_AT_ONCE = 16


def record(size: int = _BYTES) -> bytes:
    """A record of this size."""
    empty = len(encode({"tenant": "t", "text": "", "type": "closed", "v": 2}))
    return encode({"tenant": "t", "text": "x" * (size - empty), "type": "closed", "v": 2})


def journal(seconds: float) -> dict[str, Any]:
    """The ledger alone: CPU of an append, and what group commit makes of those who wait."""
    line = record()
    with tempfile.TemporaryDirectory(prefix="freehold-ledger-") as folder:
        written = SegmentJournal(Path(folder)).open()
        turns = []
        for _ in range(300):
            began = time.thread_time_ns()
            for _ in range(20):
                written.append(line, "t")
            turns.append((time.thread_time_ns() - began) / 20_000)
        strict = {str(n): _waiting(written, line, n, seconds) for n in WAITING}
        written.close()
    return {"append_us": round(statistics.median(turns), 1), "strict": strict}


def _waiting(written: SegmentJournal, line: bytes, waiting: int, seconds: float) -> dict[str, Any]:
    """So many who each append and wait for the disk, again and again."""
    syncs, real = [0], flush._sync
    waits: list[int] = []

    def counted(descriptor: int) -> None:
        syncs[0] += 1
        real(descriptor)

    async def one(until: float) -> None:
        while time.monotonic() < until:
            began = time.perf_counter_ns()
            written.append(line, "t")
            await written.durable()
            waits.append(time.perf_counter_ns() - began)

    async def all_of_them() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(one(until) for _ in range(waiting)))

    flush._sync = counted
    try:
        began, used = time.monotonic(), time.process_time_ns()
        run(all_of_them())
        took, used = time.monotonic() - began, time.process_time_ns() - used
    finally:
        flush._sync = real
    waits.sort()
    return {
        "records_per_s": round(len(waits) / took),
        "syncs_per_s": round(syncs[0] / took),
        "records_per_sync": round(len(waits) / max(1, syncs[0]), 1),
        "wait_p50_ms": round(quantile(waits, 0.5) / 1e6, 2),
        "wait_p99_ms": round(quantile(waits, 0.99) / 1e6, 2),
        "cpu_us": round(used / len(waits) / 1e3, 1),
    }


def gateway(
    seconds: float, rounds: int, cache: Path, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Two gateways that differ in the mode alone, in turn: as fast as they can, and at one rate."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="freehold-modes-")))
        cache.mkdir(parents=True, exist_ok=True)
        database = traffic.database(cache)
        upstream, url = gateways.start_upstream(folder, None)
        stack.callback(processes.stop, upstream)
        bodies = [shape.body(stream=False) for shape in traffic.shapes(database)]
        running = {}
        for mode in MODES:
            tell(f"Starting a gateway in {mode} mode …")
            running[mode] = _started(mode, folder, url, database, bodies, stack)
        taken: dict[str, dict[str, list[Sample]]] = {mode: {} for mode in MODES}
        for turn in range(rounds):
            tell(f"Round {turn + 1} of {rounds} …")
            for mode, (port, requests) in running.items():
                _turn(taken, mode, port, requests, seconds, turn)
        syncs = {mode: _rate(port, requests, seconds) for mode, (port, requests) in running.items()}
    return {mode: _figures(taken[mode]) | syncs[mode] for mode in MODES}


def _started(
    mode: str, folder: Path, upstream: str, database: Path, bodies: list[bytes], stack: ExitStack
) -> tuple[int, Requests]:
    own = folder / mode
    own.mkdir()
    ready = freehold.prepare("off", own, upstream=upstream, database=database)
    file = ready.bundle / "freehold.yaml"
    text = file.read_text(encoding="utf-8")
    if mode == "strict":
        text = text.replace("content: none\n", "content: none\n      audit: strict\n")
        file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "freehold", "serve", "--bundle", str(ready.bundle),
               "--home", str(ready.home), "--port", "0", "--no-index"]  # fmt: skip
    log = own / "log"
    process = processes.start(command, env=freehold.clean(ready.environment), log=log, core=None)
    stack.callback(processes.stop, process)
    port = _port(process, log)
    headers = {"authorization": f"Bearer {ready.key}"}
    whole = [http_request("/v1/chat/completions", headers, body) for body in bodies]
    return port, Requests(whole)


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith('{"') and '"url"' in line:
                return int(json.loads(line)["url"].rpartition(":")[2])
        time.sleep(0.05)
    raise RuntimeError(f"the gateway did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _turn(
    taken: dict[str, dict[str, list[Sample]]],
    mode: str,
    port: int,
    requests: Requests,
    seconds: float,
    turn: int,
) -> None:
    from benchmarks.load import drive

    if not turn:
        run(drive("127.0.0.1", port, requests, Plan(connections=_AT_ONCE, seconds=seconds)))
    plan = Plan(connections=_AT_ONCE, seconds=seconds)
    fast = run(drive("127.0.0.1", port, requests, plan))
    taken[mode].setdefault("fast", []).append(fast)
    # both at the rate of the slower one's half, once it is known
    rates = [sample.rps for each in taken.values() for sample in each.get("fast", ())]
    plan = Plan(connections=64, seconds=seconds, rate=max(1.0, min(rates) * _SHARE))
    same = run(drive("127.0.0.1", port, requests, plan))
    taken[mode].setdefault("same", []).append(same)


def _figures(taken: dict[str, list[Sample]]) -> dict[str, Any]:
    def median(kind: str, of: Callable[[Sample], float]) -> float:
        return statistics.median(of(sample) for sample in taken[kind])

    return {
        "requests_per_s": round(median("fast", lambda s: s.rps)),
        "p50_ms": round(median("same", lambda s: s.quantile(0.5)) * 1e3, 2),
        "p99_ms": round(median("same", lambda s: s.quantile(0.99)) * 1e3, 2),
    }


def _rate(port: int, requests: Requests, seconds: float) -> dict[str, Any]:
    """Records and syncs a second while it is as busy as it can be."""
    from benchmarks.load import drive

    before = _counted(port)
    began = time.monotonic()
    run(drive("127.0.0.1", port, requests, Plan(connections=_AT_ONCE, seconds=seconds)))
    took = time.monotonic() - began
    records, syncs = (now - then for now, then in zip(_counted(port), before, strict=True))
    return {
        "records_per_s": round(records / took),
        "syncs_per_s": round(syncs / took, 1),
        "records_per_sync": round(records / max(1, syncs), 1),
    }


def _counted(port: int) -> tuple[float, float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    found = dict(line.split(" ") for line in lines if line.startswith("freehold_ledger_"))
    records, syncs = "freehold_ledger_records_total", "freehold_ledger_syncs_total"
    return float(found[records]), float(found[syncs])
