"""Rounds of measurements, one gateway after the other in each round, and their medians."""

import os
import platform
import re
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from benchmarks import gateways, processes, traffic
from benchmarks.gateways import Missing, Place, Running
from benchmarks.load import LoadError, Plan, Sample, drive, run

MS = 1_000
US = 1_000_000
CONCURRENCY = (1, 32)
_LINES = re.MULTILINE


class Settings(Struct, frozen=True, kw_only=True):
    """What to measure, and for how long. ``seconds`` and ``requests`` are of each measurement."""

    names: Sequence[str] = gateways.NAMES
    rounds: int = 3
    seconds: float = 5.0
    requests: int | None = None
    streams: bool = True
    half_load: bool = True
    install: bool = True
    cache: Path = Path(".bench")


class Figures(Struct, kw_only=True, omit_defaults=True):
    """One measurement. CPU is of the gateway's whole process tree, microseconds a request.

    ``below_us`` is the children's part of it (Freehold's index), ``busy`` the share of a core that
    the gateway used while requests came, ``other_cpu`` what had no part in the measurement.
    ``queued_us`` is what a request waited for the core while something else had it, ``gc_us`` and
    ``gc_longest_ms`` how long garbage collection stopped all of them, the longest rounded up.
    """

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float | None = None
    below_us: float | None = None
    requests: int = 0
    busy: float | None = None
    other_cpu: float | None = None
    rss_mb: float | None = None
    queued_us: float | None = None
    gc_us: float | None = None
    gc_longest_ms: float | None = None
    first_p50_ms: float | None = None
    events: float | None = None
    stages_us: dict[str, float] | None = None
    waits_us: dict[str, float] | None = None


def machine() -> dict[str, Any]:
    """Where this runs."""
    model = ""
    try:
        text = Path("/proc/cpuinfo").read_text()
        model = next(iter(re.findall(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)), "")
    except OSError:
        pass
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": model or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "pinned": processes.cores() is not None,
        "python": platform.python_version(),
    }


def measure(settings: Settings, tell: Callable[[str], None]) -> dict[str, Any]:
    """Everything, as the one object that ``--json`` prints."""
    pinned = processes.cores()
    mine, theirs = pinned if pinned is not None else (None, None)
    load_before = os.getloadavg()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="freehold-bench-")))
        database = traffic.database(settings.cache)
        shapes = traffic.shapes(database)
        upstream, url = gateways.start_upstream(folder, mine)
        stack.callback(processes.stop, upstream)
        place = Place(
            cache=settings.cache.resolve(), folder=folder, upstream=url, database=database,
            shapes=shapes, core=theirs, install=settings.install,
        )  # fmt: skip
        running, skipped, versions = _start(settings, place, stack, tell)
        stack.enter_context(processes.on_core(mine))
        taken: dict[str, dict[str, list[Figures]]] = {each.name: {} for each in running}
        for turn in range(settings.rounds):
            for each in running:
                if each.name in skipped:
                    continue
                tell(f"Round {turn + 1} of {settings.rounds}: {each.name} …")
                try:
                    _turn(each, running[0], upstream.pid, settings, taken[each.name])
                except LoadError as error:
                    skipped[each.name] = str(error)
                    tell(f"{each.name} is left out: {error}")
    return _result(settings, taken, skipped, versions, shapes, load_before)


def _start(
    settings: Settings, place: Place, stack: ExitStack, tell: Callable[[str], None]
) -> tuple[list[Running], dict[str, str], dict[str, str]]:
    skipped: dict[str, str] = {}
    versions: dict[str, str] = {}
    running = [gateways.direct(place)]
    for name in settings.names:
        tell(f"Starting {name} …")
        own = Place(**{**asdict(place), "folder": place.folder / name})
        try:
            each = gateways.start(name, own)
        except (Missing, RuntimeError) as error:
            skipped[name] = str(error)
            tell(f"{name} is left out: {error}")
            continue
        assert each.process is not None
        stack.callback(processes.stop, each.process)
        processes.freeze(each.process)
        running.append(each)
        versions[name] = each.version
    return running, skipped, versions


def _turn(
    each: Running,
    direct: Running,
    upstream: int,
    settings: Settings,
    taken: dict[str, list[Figures]],
) -> None:
    """All measurements of one gateway in one round; meanwhile the others stand still.

    ``direct`` is the upstream itself, asked at the same rate where what a gateway adds is told.
    """
    if each.process is not None:
        processes.thaw(each.process)
    try:
        warm = Plan(connections=max(CONCURRENCY), seconds=max(1.0, settings.seconds / 2))
        run(drive(each.host, each.port, each.whole, warm))
        for kind in ("whole", "stream") if settings.streams else ("whole",):
            for connections in CONCURRENCY:
                plan = Plan(
                    connections=connections, seconds=settings.seconds, requests=settings.requests,
                    stream=kind == "stream",
                )  # fmt: skip
                figures = _one(each, upstream, plan)
                taken.setdefault(f"{kind}_{connections}", []).append(figures)
        if settings.half_load and each is not direct:
            rps = taken[f"whole_{max(CONCURRENCY)}"][-1].rps
            plan = Plan(connections=64, seconds=settings.seconds, rate=rps / 2)
            taken.setdefault("half_load", []).append(_one(each, upstream, plan))
            taken.setdefault("half_load_direct", []).append(_one(direct, upstream, plan))
    finally:
        if each.process is not None:
            processes.freeze(each.process)


def _one(each: Running, upstream: int, plan: Plan) -> Figures:
    requests = each.stream if plan.stream else each.whole
    earlier = _metrics(each)
    before, busy, queued = _use(each.pid), _busy(each, upstream), _queued(each.pid)
    sample = run(drive(each.host, each.port, requests, plan))
    used, others = _use(each.pid), _busy(each, upstream) - busy
    waited = _queued(each.pid)
    if each.pid is not None:
        processes.settle(each.pid)
    after = _use(each.pid)
    figures = _figures(sample, plan)
    if before is not None and used is not None and after is not None:
        figures.cpu_us = after.since(before) / figures.requests * US
        figures.below_us = (after.below_s - before.below_s) / figures.requests * US
        figures.busy = used.since(before) / max(plan.seconds, 1e-9)
        figures.rss_mb = after.rss_mb
    figures.other_cpu = max(0.0, others / plan.seconds)
    if queued is not None and waited is not None:
        figures.queued_us = (waited - queued) / figures.requests * US
    if earlier:
        _own(figures, earlier, _metrics(each))
    return figures


def _own(figures: Figures, earlier: str, later: str) -> None:
    """What Freehold itself counted between two looks at its metrics."""
    count = figures.requests
    (stages, waits), (more, more_waits) = read_metrics(earlier), read_metrics(later)
    figures.stages_us = {k: (more[k] - stages[k]) / count * US for k in more}
    figures.waits_us = {k: (more_waits[k] - waits.get(k, 0)) / count * US for k in more_waits}
    (paused, pauses), (more_paused, more_pauses) = read_pauses(earlier), read_pauses(later)
    figures.gc_us = (more_paused - paused) / count * US
    figures.gc_longest_ms = 0.0
    inside = 0
    for bound, pausing in sorted(more_pauses.items()):
        now = pausing - pauses.get(bound, 0)  # cumulative: also those of the bounds below
        if now > inside:
            inside, figures.gc_longest_ms = now, min(bound, more_paused - paused) * MS


def _figures(sample: Sample, plan: Plan) -> Figures:
    count = len(sample.latencies)
    if not count:
        raise LoadError("not one answer in time")
    figures = Figures(
        rps=sample.rps,
        p50_ms=sample.quantile(0.5) * MS,
        p99_ms=sample.quantile(0.99) * MS,
        requests=count,
    )
    if plan.stream:
        figures.first_p50_ms = sample.first[len(sample.first) // 2] * MS
        figures.events = sample.events / count
    return figures


def _use(pid: int | None) -> processes.Use | None:
    return processes.use(pid) if pid is not None else None


def _queued(pid: int | None) -> float | None:
    return processes.queued_s(pid) if pid is not None else None


def _busy(each: Running, upstream: int) -> float:
    """CPU seconds of everything on this machine that has no part in the measurement."""
    parts = (_use(upstream), _use(each.pid))
    times = os.times()
    ours = times.user + times.system + sum(part.cpu_s for part in parts if part is not None)
    return processes.machine_s() - ours


def _metrics(each: Running) -> str:
    """Freehold's Prometheus page; empty for the others."""
    if not each.name.startswith("freehold"):
        return ""
    with closing(HTTPConnection(each.host, each.port, timeout=10)) as gateway:
        gateway.request("GET", "/metrics")
        return gateway.getresponse().read().decode()


def read_metrics(text: str) -> tuple[dict[str, float], dict[str, float]]:
    """Own work by layer and waits by stage from a Prometheus page."""
    own = re.findall(r'^freehold_own_work_seconds_total\{layer="(\w+)"\} (\S+)$', text, _LINES)
    waits = re.findall(r'^freehold_stage_wait_seconds_sum\{stage="(\w+)"\} (\S+)$', text, _LINES)
    return {k: float(v) for k, v in own}, {k: float(v) for k, v in waits}


def read_pauses(text: str) -> tuple[float, dict[float, int]]:
    """Seconds of garbage collection, and the pauses up to each bound in seconds, cumulative."""
    sums = re.findall(r"^python_gc_pause_seconds_sum\{[^}]*\} (\S+)$", text, _LINES)
    rows = re.findall(r'^python_gc_pause_seconds_bucket\{[^}]*le="(\S+)"\} (\d+)$', text, _LINES)
    pauses: dict[float, int] = {}
    for bound, count in rows:
        pauses[float(bound)] = pauses.get(float(bound), 0) + int(count)
    return sum(map(float, sums)), pauses


def _result(
    settings: Settings, taken: dict[str, dict[str, list[Figures]]], skipped: dict[str, str],
    versions: dict[str, str], shapes: Sequence[traffic.Shape], load_before: tuple[float, ...],
) -> dict[str, Any]:  # fmt: skip
    result: dict[str, Any] = {
        "machine": {
            **machine(),
            "load_average_before": [round(value, 2) for value in load_before],
            "load_average_after": [round(value, 2) for value in os.getloadavg()],
        },
        "settings": {
            "rounds": settings.rounds,
            "seconds": settings.seconds,
            "requests": settings.requests,
            "characters_median": statistics.median(len(shape.text) for shape in shapes),
            "with_personal_data": round(sum(s.personal for s in shapes) / len(shapes), 3),
        },
        "versions": versions,
        "skipped": {name: why for name, why in skipped.items() if name in gateways.NAMES},
    }
    for name in gateways.NAMES:
        figures = taken.get(name)
        result[name] = summary(figures) if figures and name not in skipped else None
    result["direct"] = summary(taken["direct"]) if taken.get("direct") else None
    result["ratios"] = ratios(result)
    return result


def summary(taken: dict[str, list[Figures]]) -> dict[str, Any]:
    """Medians of the rounds. The headline is that of whole answers at the highest concurrency."""
    most = max(CONCURRENCY)
    parts = {name: _median(figures) for name, figures in taken.items()}
    head = parts[f"whole_{most}"]
    rates = [figures.rps for figures in taken[f"whole_{most}"]]
    out: dict[str, Any] = {name: head.get(name) for name in ("rps", "p50_ms", "p99_ms", "cpu_us")}
    out["rps_min"], out["rps_max"] = round(min(rates), 1), round(max(rates), 1)
    for name in ("below_us", "busy", "other_cpu", "rss_mb"):
        out[name] = head.get(name)
    out["concurrency"] = {str(c): parts[f"whole_{c}"] for c in CONCURRENCY}
    streams = {str(c): parts[f"stream_{c}"] for c in CONCURRENCY if f"stream_{c}" in parts}
    if streams:
        out["stream"] = streams
    out |= {name: parts[name] for name in ("half_load", "half_load_direct") if name in parts}
    return out


def _median(figures: Sequence[Figures]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    rows = [asdict(each) for each in figures]
    for name in rows[0]:
        values = [row[name] for row in rows if row[name] is not None]
        if not values:
            continue
        if isinstance(values[0], dict):
            keys = values[0].keys()
            out[name] = {k: _round(statistics.median(v[k] for v in values if k in v)) for k in keys}
        else:
            out[name] = _round(statistics.median(values))
    return out


def _round(value: float) -> float:
    """Three decimals below 10, one below 1,000, none above: no digit that a rerun would change."""
    return round(value, 3 if abs(value) < 10 else 1 if abs(value) < 1_000 else 0)


def ratios(result: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Each gateway against nginx: share of its requests a second, multiple of its CPU."""
    limit = result.get("nginx")
    out: dict[str, dict[str, float | None]] = {}
    for name in gateways.NAMES:
        mine = result.get(name)
        if mine is None or limit is None:
            continue
        cpu = mine["cpu_us"] / limit["cpu_us"] if mine["cpu_us"] and limit["cpu_us"] else None
        out[name] = {
            "rps_of_nginx": round(mine["rps"] / limit["rps"], 4),
            "cpu_of_nginx": round(cpu, 1) if cpu else None,
        }
    return out
