"""What happened, in numbers: no identity, no text, and a bounded number of series."""

from collections import deque
from collections.abc import Callable, Iterator
from time import perf_counter_ns, thread_time_ns
from typing import Any

from freehold.core.carried import Owner
from freehold.core.clock import Clock, SystemClock
from freehold.core.decisions import Stage
from freehold.core.handoffs import Admitted
from freehold.core.ports import Observer
from freehold.core.sampling import sampled
from freehold.core.trail import Trail
from freehold.stages.monitoring.families import Families
from freehold.stages.monitoring.metrics import Counter, gauge
from freehold.stages.monitoring.process import process_lines
from freehold.stages.monitoring.sample import Sample, taken
from freehold.stages.monitoring.watching import Watching

MOST_WAITING = 4_096
"""Samples that wait to be counted; more, and the exchange that brings one counts some itself."""
_SLICE = 32
Reader = Callable[[], Iterator[str]]
"""Gives lines of the exposition format when somebody asks for the metrics."""


class Monitoring:
    """Keeps a sample of every exchange that is over, which costs a few microseconds, never raises,
    and is counted later: by whoever calls ``drain``, or asks for the numbers.

    Args:
        also: observers that are told at once (spans, say).
        store_failures: how often the store's writer has failed so far.
        ledger_failures: how many writes of the ledger have failed so far.
        watching: what reads samples for alerts.
        carry: is told what counting an exchange took, when its record is written already.
        readers: further lines of the metrics page.
    """

    def __init__(
        self,
        also: tuple[Observer, ...] = (),
        store_failures: Callable[[], int] = int,
        ledger_failures: Callable[[], int] = int,
        *,
        clock: Clock | None = None,
        watching: Watching | None = None,
        carry: Callable[[Owner, Stage, int, int], None] = lambda *_: None,
    ) -> None:
        self._also = also
        self._store_failures = store_failures
        self._ledger_failures = ledger_failures
        self._clock = clock or SystemClock()
        self.watching = watching or Watching()
        self._carry = carry
        self.readers: list[Reader] = []
        self._waiting: deque[Sample] = deque()
        self._families = Families()
        self._bundle = ""
        self._failures = 0

    def closed(self, trail: Trail, admitted: Admitted | None, outcome: str, took_ns: int) -> None:
        """One exchange is over. Whatever goes wrong here is counted, and stops nothing."""
        if len(self._waiting) >= MOST_WAITING:
            self.drain(_SLICE)
        used, began = trail.cpu_now(), perf_counter_ns()
        for observer in self._also:
            try:
                observer.closed(trail, admitted, outcome, took_ns)
            except Exception:  # noqa: BLE001 - one that fails keeps nobody from being told
                self._failures += 1
        try:
            self._waiting.append(taken(trail, admitted, outcome, took_ns))
        except Exception:  # noqa: BLE001 - numbers must never stop an answer; the count shows it
            self._failures += 1
        took = perf_counter_ns() - began
        trail.spend("monitoring", took, trail.cpu_now() - used)

    def drain(self, most: int | None = None) -> int:
        """Count samples that wait, the oldest first; say how many are left."""
        waiting = self._waiting
        count = len(waiting) if most is None else min(most, len(waiting))
        if not count:
            return len(waiting)
        used, began = thread_time_ns(), perf_counter_ns()
        now = self._clock.now_ns()
        counted = [waiting.popleft() for _ in range(count)]
        self._failures += self._families.count(counted)
        self._failures += self.watching.observe_all(counted, now)
        took, used = perf_counter_ns() - began, thread_time_ns() - used
        self._families.own_ns["monitoring"] += took
        shares: dict[Owner, list[int]] = {}
        for sample in counted:
            share = shares.setdefault(sample.owner, [0, 0])
            share[0] += 1
            share[1] += sampled(sample.exchange_id)
        for owner, (mine, measured) in shares.items():
            self._carry(owner, "monitoring", took * mine // count, used * measured // count)
        return len(waiting)

    def learned(
        self, score: int, source: str, *, model: str, route: str = "", app: str = ""
    ) -> None:
        """An answer was judged, by a person, a rule or a model: ``score`` in millionths."""
        self._families.learned(model or "none", source, score)
        self.watching.learned(score, self._clock.now_ns(), model=model, route=route, app=app)

    def malformed(self, code: str) -> None:
        """A request was refused before its journey began; ``code`` is the error's."""
        self._families.malformed.add((code,))

    def activated(self, bundle_hash: str) -> None:
        """This bundle decides from now on."""
        self._bundle = bundle_hash

    def load_by_layer(self) -> dict[str, dict[str, int]]:
        """Own work since the start: ``ns``, and ``percent`` as basis points of all of it."""
        self.drain()
        own = self._families.own_ns
        total = sum(own.values())
        return {
            stage: {"ns": ns, "percent": ns * 10_000 // total if total else 0}
            for stage, ns in own.items()
        }

    def quantiles(self) -> dict[str, int]:
        """Durations of recent exchanges in nanoseconds: ``p50``, ``p95``, ``p99``."""
        self.drain()
        return self._families.window.quantiles()

    def snapshot(self) -> dict[str, Any]:
        """The same numbers as values, for a summary on a terminal or a page."""
        self.drain()
        all_of = self._families
        return {
            "requests": {"/".join(k): v for k, v in sorted(all_of.requests.values.items())},
            "tokens": {"/".join(k): v for k, v in sorted(all_of.tokens.values.items())},
            "cost_nano": {k[0]: v for k, v in sorted(all_of.nano.values.items())},
            "rules": {"/".join(k): v for k, v in sorted(all_of.rules.values.items())},
            "findings": {k[0]: v for k, v in sorted(all_of.findings.values.items())},
            "duration_ns": self.quantiles(),
            "load": self.load_by_layer(),
        }

    def render(self) -> str:
        """Prometheus text format 0.0.4."""
        self.drain()
        own = Counter(
            "freehold_own_work_seconds_total", "Own work by layer.", ("layer",), scale=1_000_000_000
        )
        for stage, spent in self._families.own_ns.items():
            own.add((stage,), spent)
        failures = Counter("freehold_monitoring_failures_total", "Exchanges not counted whole.")
        failures.add((), self._failures)
        store = Counter("freehold_store_failures_total", "Writes to the store that failed.")
        store.add((), self._store_failures())
        ledger = Counter("freehold_ledger_failures_total", "Records that could not be written.")
        ledger.add((), self._ledger_failures())
        lines = list(self._families.render())
        for family in (own, failures, store, ledger):
            lines += family.render()
        bundle = [({"hash": self._bundle}, 1)] if self._bundle else []
        lines += gauge("freehold_bundle_info", "The bundle that decides.", bundle)
        lines += self._drift()
        for reader in self.readers:
            lines += reader()
        lines += process_lines()
        return "\n".join(lines) + "\n"

    def _drift(self) -> Iterator[str]:
        rows = [
            ({"watch": watch, "kind": subject.kind, "subject": subject.name}, f"{score:.4f}")
            for watch, subject, score in self.watching.scores()
        ]
        said = "How far readings are from their normal; 1 is where it counts by default."
        yield from gauge("freehold_drift_score", said, rows)
