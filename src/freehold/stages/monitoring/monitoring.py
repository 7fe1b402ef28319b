"""What happened, in numbers: no identity, no text, and a bounded number of series."""

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from freehold.core.decisions import STAGES, Stage
from freehold.core.handoffs import Admitted
from freehold.core.ports import Observer
from freehold.core.trail import Trail
from freehold.stages.monitoring.metrics import Counter, Histogram, gauge
from freehold.stages.monitoring.process import process_lines
from freehold.stages.monitoring.window import Window

_MS = 1_000_000
_REQUEST_BOUNDS = tuple(
    round(ms * _MS)
    for ms in (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
)
_STAGE_BOUNDS = tuple(
    us * 1_000 for us in (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000)
)
_WAIT_BOUNDS = tuple(
    round(ms * _MS) for ms in (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000)
)


class Monitoring:
    """Counts every exchange when it is over. Costs a few microseconds and never raises.

    Args:
        also: observers that are told too (spans, say).
        store_failures: how often the store's writer has failed so far.
        ledger_failures: how many writes of the ledger have failed so far.
    """

    def __init__(
        self,
        also: tuple[Observer, ...] = (),
        store_failures: Callable[[], int] = int,
        ledger_failures: Callable[[], int] = int,
    ) -> None:
        self._also = also
        self._store_failures = store_failures
        self._ledger_failures = ledger_failures
        self._window = Window()
        self._own_ns: dict[Stage, int] = dict.fromkeys(STAGES, 0)
        self._stage_labels = {stage: (stage,) for stage in STAGES}
        self._bundle = ""
        self._failures = 0
        self._requests = Counter(
            "freehold_requests_total", "Exchanges that ended.", ("app", "outcome", "stream")
        )
        self._seconds = Histogram(
            "freehold_request_duration_seconds",
            "From the request's arrival to the end of its answer.",
            _REQUEST_BOUNDS,
            ("outcome",),
        )
        self._stage_seconds = Histogram(
            "freehold_stage_duration_seconds",
            "A stage's own work for one exchange.",
            _STAGE_BOUNDS,
            ("stage",),
        )
        self._stage_waits = Histogram(
            "freehold_stage_wait_seconds",
            "What a stage waited for something outside, for one exchange.",
            _WAIT_BOUNDS,
            ("stage",),
        )
        self._tokens = Counter("freehold_tokens_total", "Tokens by model.", ("model", "direction"))
        self._nano = Counter(
            "freehold_cost_nano_total", "Money in nano-units of the bundle's currency.", ("model",)
        )
        self._rules = Counter(
            "freehold_rules_fired_total", "Business rules that fired.", ("rule", "mode")
        )
        self._findings = Counter("freehold_findings_total", "What detectors found.", ("kind",))
        self._malformed = Counter(
            "freehold_malformed_requests_total", "Requests refused before a journey.", ("code",)
        )
        self._errors = Counter(
            "freehold_provider_errors_total", "Calls that a model's endpoint failed.", ("model",)
        )

    def closed(self, trail: Trail, admitted: Admitted | None, outcome: str, took_ns: int) -> None:
        """One exchange is over. Whatever goes wrong here is counted, and stops nothing."""
        began = perf_counter_ns()
        try:
            self._count(trail, admitted, outcome, took_ns)
            for observer in self._also:
                observer.closed(trail, admitted, outcome, took_ns)
        except Exception:  # noqa: BLE001 - numbers must never stop an answer; the count shows it
            self._failures += 1
        spent = perf_counter_ns() - began
        self._own_ns["monitoring"] += spent
        self._stage_seconds.observe(("monitoring",), spent)

    def malformed(self, code: str) -> None:
        """A request was refused before its journey began; ``code`` is the error's."""
        self._malformed.add((code,))

    def activated(self, bundle_hash: str) -> None:
        """This bundle decides from now on."""
        self._bundle = bundle_hash

    def load_by_layer(self) -> dict[str, dict[str, int]]:
        """Own work since the start: ``ns``, and ``percent`` as basis points of all of it."""
        total = sum(self._own_ns.values())
        return {
            stage: {"ns": ns, "percent": ns * 10_000 // total if total else 0}
            for stage, ns in self._own_ns.items()
        }

    def quantiles(self) -> dict[str, int]:
        """Durations of recent exchanges in nanoseconds: ``p50``, ``p95``, ``p99``."""
        return self._window.quantiles()

    def snapshot(self) -> dict[str, Any]:
        """The same numbers as values, for a summary on a terminal or a page."""
        return {
            "requests": {"/".join(k): v for k, v in sorted(self._requests.values.items())},
            "tokens": {"/".join(k): v for k, v in sorted(self._tokens.values.items())},
            "cost_nano": {k[0]: v for k, v in sorted(self._nano.values.items())},
            "rules": {"/".join(k): v for k, v in sorted(self._rules.values.items())},
            "findings": {k[0]: v for k, v in sorted(self._findings.values.items())},
            "duration_ns": self.quantiles(),
            "load": self.load_by_layer(),
        }

    def render(self) -> str:
        """Prometheus text format 0.0.4."""
        own = Counter(
            "freehold_own_work_seconds_total", "Own work by layer.", ("layer",), scale=1_000_000_000
        )
        for stage, spent in self._own_ns.items():
            own.add((stage,), spent)
        failures = Counter("freehold_monitoring_failures_total", "Exchanges not counted whole.")
        failures.add((), self._failures)
        store = Counter("freehold_store_failures_total", "Writes to the store that failed.")
        store.add((), self._store_failures())
        ledger = Counter("freehold_ledger_failures_total", "Records that could not be written.")
        ledger.add((), self._ledger_failures())
        lines: list[str] = []
        for family in (
            self._requests, self._seconds, self._stage_seconds, self._stage_waits, self._tokens,
            self._nano, self._rules, self._findings, self._errors, self._malformed, own,
            failures, store, ledger,
        ):  # fmt: skip
            lines += family.render()
        bundle = [({"hash": self._bundle}, 1)] if self._bundle else []
        lines += gauge("freehold_bundle_info", "The bundle that decides.", bundle)
        lines += process_lines()
        return "\n".join(lines) + "\n"

    def _count(self, trail: Trail, admitted: Admitted | None, outcome: str, took_ns: int) -> None:
        known = admitted.app if admitted is not None else trail.app
        app = known.id if known is not None else "none"
        stream = "true" if trail.arrival.ask.stream else "false"
        self._requests.add((app, outcome, stream))
        self._seconds.observe((outcome,), took_ns)
        self._window.add(took_ns)
        own, labels, observe = self._own_ns, self._stage_labels, self._stage_seconds.observe
        for stage, spent in trail.spent_ns.items():
            own[stage] += spent
            observe(labels[stage], spent)
        for stage, waited in trail.waited_ns.items():
            self._stage_waits.observe(labels[stage], waited)
        for call in trail.calls:
            model = (call.model,)
            if call.usage is not None:
                self._tokens.add((call.model, "input"), call.usage.prompt_tokens)
                self._tokens.add((call.model, "output"), call.usage.completion_tokens)
            self._nano.add(model, call.cost_nano)
            if call.error:
                self._errors.add(model)
        for firing in trail.firings:
            if firing.fired:
                self._rules.add((firing.rule, firing.mode))
        for finding in trail.findings:
            self._findings.add((finding.kind,))
        for finding in trail.answer_findings:
            self._findings.add((finding.kind,))
