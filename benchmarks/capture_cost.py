"""What capture costs: the request, and the work afterwards; over trails that real journeys left.

    python -m benchmarks.capture_cost [--requests 1000] [--data FOLDER] [--json]

``none`` is an app without a section, ``empty`` one that says ``capture: {}``, ``every`` one all of
whose exchanges are cases, which nobody should declare. ``made`` is what a case takes in its thread:
texts without personal data, vector and seal. Microseconds: the least of five rounds, beside the
load of the machine.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks import freehold, traffic
from benchmarks.__main__ import CACHE
from benchmarks.load import run
from benchmarks.profile import messages_for, send_all, wired
from freehold.core.capturing import CaptureSpec
from freehold.core.clock import SystemClock
from freehold.core.handoffs import Admitted
from freehold.core.trail import Trail
from freehold.learning.capture.triggers import Judged
from freehold.server.serving import collect_seldom
from freehold.services.capturing import Capture
from freehold.services.case_making import CaseMaker

_ROUNDS = 5
Seen = list[tuple[Trail, Admitted, str]]
EMPTY = CaptureSpec(owner="bench", detectors=frozenset({"grounded.values", "promise.unauthorised"}))
EVERY = replace(EMPTY, random=1_000_000)


class _Collector:
    """An `Observer` that keeps everything."""

    def __init__(self) -> None:
        self.seen: Seen = []

    def closed(self, trail: Any, admitted: Any, outcome: str, took_ns: int) -> None:  # noqa: ARG002
        """One exchange is over."""
        if admitted is not None:
            self.seen.append((trail, admitted, outcome))


def measure(requests: int, data: Path) -> dict[str, float]:
    """Microseconds an exchange."""
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as name:
        ready = freehold.prepare(
            "on", Path(name), upstream="http://127.0.0.1:9", database=traffic.database(data)
        )
        os.environ.update(ready.environment)
        return run(_measure(ready, requests, data))


async def _measure(ready: freehold.Prepared, requests: int, data: Path) -> dict[str, float]:
    async with wired(ready) as (door, gateway):
        collector = _Collector()
        monitoring: Any = gateway.journey.monitoring
        monitoring._also = (*monitoring._also, collector)
        await send_all(door, messages_for(ready, requests, stream=False, data=data))
        collect_seldom()  # as the server does
        keys: Any = gateway.journey.governance
        maker = CaseMaker(keys._keys.find, _nothing, lambda _, text: text, SystemClock())
        found = {
            name: _least(collector.seen, spec, maker)
            for name, spec in (("none", None), ("empty", EMPTY), ("every", EVERY))
        }
        return found | {"made": _made(collector.seen, maker)}


def _nothing(*_: object) -> Any:
    raise LookupError


def _under(seen: Seen, spec: CaptureSpec | None) -> Seen:
    app = replace(seen[0][1].app, capture=spec)
    return [(trail, replace(one, app=app), outcome) for trail, one, outcome in seen]


def _least(seen: Seen, spec: CaptureSpec | None, maker: CaseMaker) -> float:
    def once() -> None:
        for trail, admitted, outcome in under:
            closed(trail, admitted, outcome, 0)
            capture._waiting.clear()

    under, rounds = _under(seen, spec), []
    book: Any = None
    for _ in range(_ROUNDS):
        capture = Capture(book, maker, lambda: book, SystemClock())
        closed = capture.closed
        rounds.append(_timed(once))
    return min(rounds) / len(under)


def _made(seen: Seen, maker: CaseMaker) -> float:
    under = _under(seen[:200], EVERY)

    def once() -> None:
        for trail, admitted, outcome in under:
            maker.fresh(admitted, trail, Judged(reasons=("random",)), outcome)

    return min(_timed(once) for _ in range(_ROUNDS)) / len(under)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1_000


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--data", type=Path, default=CACHE)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {name: round(us, 2) for name, us in measure(given.requests, given.data).items()}
    found["load"] = round(os.getloadavg()[0], 2)
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:<8}{value:10.2f}")


if __name__ == "__main__":
    main()
