"""Every family of metrics that an exchange adds to, and how."""

from collections.abc import Iterator

from freehold.core.decisions import STAGES, Stage
from freehold.stages.monitoring.metrics import Counter, Histogram
from freehold.stages.monitoring.sample import Sample, switches
from freehold.stages.monitoring.window import Window

_MS = 1_000_000
_REQUEST_BOUNDS = tuple(
    round(ms * _MS)
    for ms in (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
)
_CALL_BOUNDS = tuple(
    ms * _MS for ms in (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
)
_STAGE_BOUNDS = tuple(
    us * 1_000 for us in (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000)
)
_WAIT_BOUNDS = tuple(
    round(ms * _MS) for ms in (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000)
)
_LENGTH_BOUNDS = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000)


class Families:
    """Counters and histograms of exchanges. One thread adds, the same one renders."""

    def __init__(self) -> None:
        self.own_ns: dict[Stage, int] = dict.fromkeys(STAGES, 0)
        self.window = Window()
        self._stage_labels = {stage: (stage,) for stage in STAGES}
        self.requests = Counter(
            "freehold_requests_total", "Exchanges that ended.", ("app", "outcome", "stream")
        )
        self._routes = Counter(
            "freehold_route_requests_total", "Exchanges by route and the model that answered.",
            ("route", "model", "outcome"),
        )  # fmt: skip
        self._failures = Counter(
            "freehold_failures_total", "Exchanges that failed, by the error's code.",
            ("app", "code"),
        )  # fmt: skip
        self._seconds = Histogram(
            "freehold_request_duration_seconds",
            "From the request's arrival to the end of its answer.",
            _REQUEST_BOUNDS,
            ("outcome",),
        )
        self._route_seconds = Histogram(
            "freehold_route_duration_seconds",
            "From the request's arrival to the end of its answer, by route.",
            _REQUEST_BOUNDS,
            ("route", "app"),
        )
        self.stage_seconds = Histogram(
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
        self._calls = Counter(
            "freehold_calls_total", "Calls of models.", ("model", "role", "result")
        )
        self._call_seconds = Histogram(
            "freehold_call_duration_seconds",
            "From sending to a model until its answer was complete, of calls that succeeded.",
            _CALL_BOUNDS,
            ("model", "route"),
        )
        self._first_seconds = Histogram(
            "freehold_first_token_seconds",
            "From sending to a model until the first of its answer.",
            _CALL_BOUNDS,
            ("model", "route"),
        )
        self.tokens = Counter("freehold_tokens_total", "Tokens by model.", ("model", "direction"))
        self._app_tokens = Counter(
            "freehold_app_tokens_total", "Tokens by app.", ("app", "direction")
        )
        self.nano = Counter(
            "freehold_cost_nano_total", "Money in nano-units of the bundle's currency.", ("model",)
        )
        self._route_nano = Counter(
            "freehold_route_cost_nano_total", "Money by route and app.", ("route", "app")
        )
        self._errors = Counter(
            "freehold_provider_errors_total", "Calls that a model's endpoint failed.",
            ("model", "kind"),
        )  # fmt: skip
        self._switches = Counter(
            "freehold_switches_total", "Further calls for one answer, by what made them.",
            ("route", "kind", "before", "after"),
        )  # fmt: skip
        self._candidates = Counter(
            "freehold_candidates_total", "What became of a route's candidates.",
            ("route", "model", "result"),
        )  # fmt: skip
        self.rules = Counter(
            "freehold_rules_fired_total", "Business rules that fired.", ("rule", "mode")
        )
        self.findings = Counter("freehold_findings_total", "What detectors found.", ("kind",))
        self._labels = Counter(
            "freehold_labels_total", "Exchanges in which a class of data was found.",
            ("app", "label"),
        )  # fmt: skip
        self._intents = Counter(
            "freehold_intents_total", "Exchanges by what was asked for.", ("app", "intent")
        )
        self._languages = Counter(
            "freehold_languages_total", "Exchanges by the newest text's language.",
            ("app", "language"),
        )  # fmt: skip
        self._lengths = Histogram(
            "freehold_prompt_characters", "Characters of the newest text.",
            _LENGTH_BOUNDS, ("app",), unit=1,
        )  # fmt: skip
        self._feedback = Counter(
            "freehold_feedback_total", "What was said of answers later.", ("model", "source")
        )
        self._quality = Counter(
            "freehold_quality_millionths_total",
            "Sum of the scores in `freehold_feedback_total`, in millionths.",
            ("model", "source"),
        )
        self.malformed = Counter(
            "freehold_malformed_requests_total", "Requests refused before a journey.", ("code",)
        )

    def render(self) -> Iterator[str]:
        """Lines of the exposition format."""
        for family in (
            self.requests, self._routes, self._failures, self._seconds, self._route_seconds,
            self.stage_seconds, self._stage_waits, self._calls, self._call_seconds,
            self._first_seconds, self.tokens, self._app_tokens, self.nano, self._route_nano,
            self._errors, self._switches, self._candidates, self.rules, self.findings,
            self._labels, self._intents, self._languages, self._lengths, self._feedback,
            self._quality, self.malformed,
        ):  # fmt: skip
            yield from family.render()

    def learned(self, model: str, source: str, score: int) -> None:
        """Somebody, or something, judged an answer: ``score`` in millionths."""
        self._feedback.add((model, source))
        self._quality.add((model, source), score)

    def count(self, sample: Sample) -> None:
        """One exchange is over."""
        app, route, outcome = sample.app, sample.route, sample.outcome
        self.requests.add((app, outcome, "true" if sample.stream else "false"))
        if sample.failure:
            self._failures.add((app, sample.failure))
        self._seconds.observe((outcome,), sample.took_ns)
        self._route_seconds.observe((route, app), sample.took_ns)
        self.window.add(sample.took_ns)
        own, labels, observe = self.own_ns, self._stage_labels, self.stage_seconds.observe
        for stage, spent in sample.spent_ns.items():
            own[stage] += spent
            observe(labels[stage], spent)
        own["monitoring"] += sample.own_ns
        observe(labels["monitoring"], sample.own_ns)
        for stage, waited in sample.waited_ns.items():
            self._stage_waits.observe(labels[stage], waited)
        self._count_calls(sample)
        for candidate in sample.candidates:
            result = "filtered" if candidate.filtered else "lost" if candidate.lost else "chosen"
            self._candidates.add((route, candidate.model, result))
        for firing in sample.firings:
            if firing.fired:
                self.rules.add((firing.rule, firing.mode))
        found = [*sample.findings, *sample.answer_findings]
        for finding in found:
            self.findings.add((finding.kind,))
        for label in {finding.label for finding in found}:
            self._labels.add((app, label))
        if sample.intent:
            self._intents.add((app, sample.intent))
        if sample.features is not None:
            self._languages.add((app, sample.features.language))
            self._lengths.observe((app,), sample.features.chars)

    def _count_calls(self, sample: Sample) -> None:
        route, app, cost, model = sample.route, sample.app, 0, "none"
        for call in sample.calls:
            name = call.model
            usage = call.usage
            if usage is not None:
                self.tokens.add((name, "input"), usage.prompt_tokens)
                self.tokens.add((name, "output"), usage.completion_tokens)
                self._app_tokens.add((app, "input"), usage.prompt_tokens)
                self._app_tokens.add((app, "output"), usage.completion_tokens)
            self.nano.add((name,), call.cost_nano)
            cost += call.cost_nano
            failed = call.error_kind
            self._calls.add((name, call.role, failed or "ok"))
            if call.role in ("answer", "embed"):
                model = name
            if failed:
                if failed != "hung_up":
                    self._errors.add((name, failed))
                continue
            began = call.started_ns
            if call.ended_ns is not None:
                self._call_seconds.observe((name, route), call.ended_ns - began)
            if call.first_ns is not None:
                self._first_seconds.observe((name, route), call.first_ns - began)
        if cost:
            self._route_nano.add((route, app), cost)
        self._routes.add((route, model, sample.outcome))
        if len(sample.calls) > 1:
            for kind, before, after in switches(sample.calls):
                self._switches.add((route, kind, before, after))
