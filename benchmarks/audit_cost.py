"""What audit and monitoring cost: CPU a request, before the answer leaves and after it.

    python -m benchmarks.audit_cost [--json] [--write-docs] [--repeats N] [--against SRC]

The benchmark's requests travel the real journey with everything on (texts kept redacted, a scripted
model), once for whole answers and once for streams: a whole answer leaves when its exchange is
over, a stream as soon as the first of it may. What audit and monitoring were given then is given to
them again and again, with a journal on the disk, so that nothing else runs in between: CPU of the
thread, for each request the least and the median of so many turns, then the mean over all requests.
``in place`` is the same CPU as taken during the journey itself, with caches as cold as they are
there. ``--against`` measures another version's ``src`` folder beside it, turn about.
"""

import argparse
import copy
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import thread_time_ns
from typing import Any

from benchmarks import freehold, profile, traffic
from benchmarks.load import run
from benchmarks.marked import rewrite
from freehold.core.trail import Call, Trail
from freehold.ledger.canonical import encode
from freehold.ledger.content import ContentSealer, Texts
from freehold.ledger.segment import SegmentJournal
from freehold.server.serving import collect_seldom
from freehold.stages.audit import Audit
from freehold.stages.audit.build import Committer
from freehold.stages.monitoring import Monitoring

PAGE = Path("docs/explanation/record-cost.md")
BEGIN, END = "<!-- audit cost: begin -->", "<!-- audit cost: end -->"
REQUESTS = 60
_WARM = 20
_TICK = 10
"""Rounds between two looks of the alerts: 600 requests, as many as a core serves in a second."""
_ROOT = Path(__file__).resolve().parents[1]
PARTS = ("opened", "closed", "sampled", "counted")
BEFORE = {"whole": ("opened", "closed", "sampled"), "stream": ("opened",)}
"""What is over when the first of an answer leaves."""
ROWS = (
    ("opened", "audit, when something is to leave"),
    ("closed", "audit, at the end"),
    ("sampled", "monitoring, at the end"),
    ("counted", "metrics and alerts, later"),
    ("before", "all that comes before the answer"),
    ("all", "all"),
)


class Given:
    """What audit and monitoring were given for one request, so that they can be given it again."""

    def __init__(self, trail: Trail, *rest: Any) -> None:
        self.rest = rest
        self.slots = {name: _copied(getattr(trail, name)) for name in _slots(trail)}
        sealer: ContentSealer = trail.sealer
        self.sealer = {name: _copied(getattr(sealer, name)) for name in sealer.__slots__}

    def trail(self) -> Trail:
        """A trail as it was then."""
        trail = Trail.__new__(Trail)
        for name, value in self.slots.items():
            setattr(trail, name, _copied(value))
        trail.sealer = ContentSealer.__new__(ContentSealer)
        for name, value in self.sealer.items():
            setattr(trail.sealer, name, _copied(value))
        return trail


class Site:
    """Requests that went the whole way, and what was heard on it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.opened: list[Given] = []
        self.closed: list[Given] = []
        self.sampled: list[Given] = []
        self.in_place: dict[str, list[int]] = {part: [] for part in PARTS}
        self.runtime = ""
        self.alerts: tuple[Any, Any] = ((), {})
        self.key_of: Callable[[str], bytes] = bytes

    async def travel(self, ready: freehold.Prepared, data: Path) -> None:
        """Send requests through the real journey and listen."""
        async with profile.wired(ready) as (door, gateway):
            journey = gateway.journey
            audit, monitoring = journey.audit, journey.monitoring
            self.runtime, self.key_of = audit._runtime, audit._committer._key_of
            self.alerts = monitoring.watching._specs, monitoring.watching._prints
            stream = self.kind == "stream"
            messages = profile.messages_for(ready, 200 + REQUESTS, stream=stream, data=data)
            await profile.send_all(door, messages[:200])
            monitoring.drain()
            collect_seldom()  # as the server does
            self._listen(audit, "opened", self.opened, 1)
            self._listen(audit, "closed", self.closed, 1)
            self._listen(monitoring, "closed", self.sampled, 0, "sampled")
            await profile.send_all(door, messages[200:])
            began = thread_time_ns()
            monitoring.drain()
            self.in_place["counted"].append((thread_time_ns() - began) // REQUESTS)

    def _listen(
        self, stage: Any, name: str, given: list[Given], place: int, part: str = ""
    ) -> None:
        step = getattr(stage, name)
        taken = self.in_place[part or name]

        def heard(*args: Any) -> None:
            trail = args[place]
            given.append(Given(trail, *args[:place], *args[place + 1 :]))
            began = thread_time_ns()
            step(*args)
            taken.append(thread_time_ns() - began)

        setattr(stage, name, heard)


def measure(site: Site, repeats: int) -> dict[str, Any]:
    """Nanoseconds of CPU by part: for each request the least and the median of the turns."""
    took: dict[str, list[list[int]]] = {part: [[] for _ in site.opened] for part in PARTS}
    with tempfile.TemporaryDirectory() as folder:
        journal = SegmentJournal(Path(folder), rotate_bytes=1 << 40).open()
        sizes: list[int] = []
        wrapped = journal.append

        def append(record: bytes, *tenant: str) -> None:
            sizes.append(len(record))
            wrapped(record, *tenant)

        try:
            audit = Audit(journal, site.runtime, site.key_of)
            monitoring = Monitoring()
            monitoring.watching.adopt(*site.alerts)
            for turn in range(-_WARM, repeats):
                if turn == 0:
                    journal.append = append  # type: ignore[method-assign]
                if turn == 1:
                    journal.append = wrapped  # type: ignore[method-assign]
                for place in range(len(site.opened)):
                    each = _turn(site, place, audit, monitoring)
                    if turn >= 0:
                        for part, spent in zip(PARTS, each, strict=False):
                            took[part][place].append(spent)
                began = thread_time_ns()
                monitoring.drain()
                if turn >= 0:
                    spent = (thread_time_ns() - began) // len(site.opened)
                    for each in took["counted"]:
                        each.append(spent)
                if turn % _TICK == 0:
                    monitoring.watching.tick()
        finally:
            journal.close()
    least = {part: statistics.fmean(map(min, turns)) for part, turns in took.items()}
    usual = {part: statistics.fmean(map(statistics.median, turns)) for part, turns in took.items()}
    return {
        "least": _us(least, site.kind),
        "median": _us(usual, site.kind),
        "in_place": _us(
            {p: statistics.median(each) for p, each in site.in_place.items()}, site.kind
        ),
        "bytes": sum(sizes) / len(site.opened),
        "lines": len(sizes) / len(site.opened),
    }


def _turn(site: Site, place: int, audit: Audit, monitoring: Monitoring) -> tuple[int, ...]:
    opening, closing, over = site.opened[place], site.closed[place], site.sampled[place]
    trail = opening.trail()
    (ruled,) = opening.rest
    clock = thread_time_ns
    t0 = clock()
    audit.opened(ruled, trail)
    t1 = clock()
    trail = closing.trail()
    admitted, outcome = closing.rest
    t2 = clock()
    audit.closed(admitted, trail, outcome)
    t3 = clock()
    trail = over.trail()
    t4 = clock()
    monitoring.closed(trail, *over.rest)
    t5 = clock()
    return t1 - t0, t3 - t2, t5 - t4


def steps(site: Site, repeats: int) -> dict[str, float]:
    """Microseconds of CPU a request of steps within, each by itself, the least of the turns."""
    lines: list[tuple[bytes, ...]] = []

    class _Kept:
        def append(self, *record: Any) -> None:
            lines.append(record)

        async def durable(self) -> None: ...

    audit = Audit(_Kept(), site.runtime, site.key_of)
    for place in range(len(site.opened)):
        _turn(site, place, audit, Monitoring())
    committer = Committer(site.key_of)
    asked = [one.rest[0].admitted for one in site.opened]
    texts = [("opened", one.trail()) for one in site.opened]
    texts += [("closed", one.trail()) for one in site.closed]

    def commit(admitted: Any) -> None:
        committer.commit(admitted.app.tenant, encode(admitted.ask))

    def seal(one: tuple[str, Trail]) -> None:
        part, trail = one
        said = {"input": trail.prompt_text} if part == "opened" else {"output": trail.answer_text}
        trail.sealer.seal(part, Texts(**said))

    with tempfile.TemporaryDirectory() as folder:
        journal = SegmentJournal(Path(folder), rotate_bytes=1 << 40).open()
        try:
            found = {
                "commitment to the request": _least(asked, commit, repeats),
                "sealing the texts": _least(texts, seal, repeats),
                "appending the lines": _least(lines, lambda one: journal.append(*one), repeats),
            }
        finally:
            journal.close()
    return {name: round(spent / len(asked), 1) for name, spent in found.items()}


def _least(over: Sequence[Any], step: Callable[[Any], object], repeats: int) -> float:
    """The sum over all of each one's least, in microseconds."""
    least = [1 << 60] * len(over)
    for _ in range(repeats):
        for place, one in enumerate(over):
            began = thread_time_ns()
            step(one)
            least[place] = min(least[place], thread_time_ns() - began)
    return sum(least) / 1e3


def _us(of: dict[str, float], kind: str) -> dict[str, float]:
    found = {name: round(value / 1e3, 1) for name, value in of.items()}
    before = sum(found[part] for part in BEFORE[kind])
    return {**found, "before": round(before, 1), "all": round(sum(found.values()), 1)}


def _slots(of: Any) -> list[str]:
    return [name for name in type(of).__slots__ if hasattr(of, name)]


def _copied(value: Any) -> Any:
    """Deep enough: what grows or changes later is copied, what is frozen is not."""
    if type(value) is list:
        return [copy.copy(one) if isinstance(one, Call) else one for one in value]
    return value.copy() if type(value) in (dict, set) else value


def here(repeats: int, data: Path) -> dict[str, Any]:
    """Travel, then measure, by the kind of answer."""
    return {kind: _here(kind, repeats, data) for kind in BEFORE}


def _here(kind: str, repeats: int, data: Path) -> dict[str, Any]:
    site = Site(kind)
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as name:
        ready = freehold.prepare(
            "on", Path(name), upstream="http://127.0.0.1:9", database=traffic.database(data)
        )
        os.environ.update(ready.environment)
        run(site.travel(ready, data))
        return {**measure(site, repeats), "steps": steps(site, repeats)}


def beside(source: Path, repeats: int, data: Path) -> dict[str, Any]:
    """The same of another version."""
    asked = [sys.executable, "-m", "benchmarks.audit_cost", "--json", "--data", str(data)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(_ROOT)])}
    told = subprocess.run(
        [*asked, "--repeats", str(repeats)], env=environment, cwd=_ROOT, check=True,
        capture_output=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(told.stdout)["now"]
    return found


def best(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of several runs, the one that was disturbed least, by the kind of answer."""
    return {
        kind: min((run[kind] for run in runs), key=lambda one: one["least"]["all"])
        for kind in BEFORE
    }


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    columns = [("now", result["now"])]
    if "before" in result:
        columns.insert(0, ("before", result["before"]))
    about = f"{result['machine']}, load average {result['load']:.1f}, {REQUESTS} requests"
    lines = [f"{about}, {result['repeats']} turns; µs of CPU a request:"]
    for kind, said in (("whole", "whole answers"), ("stream", "streamed answers")):
        lines += ["", *_of_kind([(name, one[kind]) for name, one in columns], said)]
    return "\n".join(lines)


def _of_kind(columns: list[tuple[str, dict[str, Any]]], kind: str) -> list[str]:
    heads = [f"{name}, {how}" for name, _ in columns for how in ("least", "median")]
    lines = [f"| {kind} | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for part, said in ROWS:
        each = [f"{one[how][part]:.1f}" for _, one in columns for how in ("least", "median")]
        lines.append(f"| {said} | {' | '.join(each)} |")
    lines.append("")
    for name, one in columns:
        in_place = one["in_place"]
        parts = ", ".join(f"{step} {spent:.1f}" for step, spent in one["steps"].items())
        written = "one line" if one["lines"] == 1 else f"{one['lines']:g} lines"
        lines.append(
            f"- {name}: {one['bytes'] / 1e3:.1f} kB in {written}; during the journey, "
            f"with cold caches, {in_place['before']:.0f} µs before the answer and "
            f"{in_place['all'] - in_place['before']:.0f} µs after it; by themselves: {parts} µs."
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write into the page where that is asked."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.audit_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=100, help="turns (default: 100)")
    parser.add_argument("--against", type=Path, help="another version's src folder")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each version")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "repeats": options.repeats,
        "load": os.getloadavg()[0],
    }
    if options.against is None:
        result["now"] = here(options.repeats, options.data)
    else:
        mine, theirs = [], []
        for _ in range(options.rounds):
            theirs.append(beside(options.against.resolve(), options.repeats, options.data))
            mine.append(beside(_ROOT / "src", options.repeats, options.data))
        result |= {"now": best(mine), "before": best(theirs)}
    print(json.dumps(result, indent=2) if options.json else table(result))
    if options.write_docs:
        rewrite(PAGE, BEGIN, END, table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
