"""Every family of metrics that an exchange adds to, and how."""

from collections.abc import Iterator, Sequence

from freehold.core.call_errors import NO_FAILURE
from freehold.core.decisions import STAGES, Stage
from freehold.stages.monitoring.metrics import Counter, Histogram
from freehold.stages.monitoring.sample import Likeness, Sample, likeness, switches
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
        self._of_exchanges()
        self._of_calls()
        self._of_controls()
        self._of_texts()
        self._of_feedback()

    def _of_exchanges(self) -> None:
        """How many ended how, how long they took, and their stages."""
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

    def _of_calls(self) -> None:
        """What models were asked, what it took, and who else was asked."""
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

    def _of_controls(self) -> None:
        """What rules and detectors did."""
        self.rules = Counter(
            "freehold_rules_fired_total", "Business rules that fired.", ("rule", "mode")
        )
        self.findings = Counter("freehold_findings_total", "What detectors found.", ("kind",))
        self._labels = Counter(
            "freehold_labels_total", "Exchanges in which a class of data was found.",
            ("app", "label"),
        )  # fmt: skip

    def _of_texts(self) -> None:
        """What was asked, and how long the question was."""
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

    def _of_feedback(self) -> None:
        """What came of answers, and requests that were none."""
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

    def count(self, samples: Sequence[Sample]) -> int:
        """Exchanges that are over. Those that are alike in all but numbers, as most are, have their
        labels looked up once. Says how many could not be counted whole.
        """
        alike: dict[Likeness, list[Sample]] = {}
        failed = 0
        for sample in samples:
            try:
                alike.setdefault(likeness(sample), []).append(sample)
            except Exception:  # noqa: BLE001 - the next one may be countable
                failed += 1
        for group in alike.values():
            try:
                self._count_group(group)
            except Exception:  # noqa: BLE001 - the others may be countable
                failed += len(group)
        try:
            self._count_stages([sample for group in alike.values() for sample in group])
        except Exception:  # noqa: BLE001 - numbers must never stop an answer
            failed = len(samples)
        return failed

    def _count_group(self, group: list[Sample]) -> None:
        one, count = group[0], len(group)
        app, route, outcome = one.app, one.route, one.outcome
        self.requests.add((app, outcome, "true" if one.stream else "false"), count)
        if one.failure:
            self._failures.add((app, one.failure), count)
        took = [sample.took_ns for sample in group]
        self._seconds.observe_all((outcome,), took)
        self._route_seconds.observe_all((route, app), took)
        self.window.add_all(took)
        self._count_calls(group)
        for candidate in one.candidates:
            result = "filtered" if candidate.filtered else "lost" if candidate.lost else "chosen"
            self._candidates.add((route, candidate.model, result), count)
        for firing in one.firings:
            if firing.fired:
                self.rules.add((firing.rule, firing.mode), count)
        if one.findings or one.answer_findings:
            found = [*one.findings, *one.answer_findings]
            for finding in found:
                self.findings.add((finding.kind,), count)
            for label in {finding.label for finding in found}:
                self._labels.add((app, label), count)
        if one.intent:
            self._intents.add((app, one.intent), count)
        if one.features is not None:
            self._languages.add((app, one.features.language), count)
            chars = [sample.features.chars for sample in group if sample.features is not None]
            self._lengths.observe_all((app,), chars)

    def _count_stages(self, samples: list[Sample]) -> None:
        """Of all exchanges together: stages have no other label."""
        own, spent = self.own_ns, [sample.spent_ns for sample in samples]
        waited = [sample.waited_ns for sample in samples]
        for stage, labels in self._stage_labels.items():
            each = [of[stage] for of in spent if stage in of]
            if each:
                self.stage_seconds.observe_all(labels, each)
                own[stage] += sum(each)
            self._stage_waits.observe_all(labels, [of[stage] for of in waited if stage in of])

    def _count_calls(self, group: list[Sample]) -> None:
        one, count = group[0], len(group)
        route, app, cost, model = one.route, one.app, 0, "none"
        for place, first in enumerate(one.calls):
            calls = [sample.calls[place] for sample in group]
            name = first.model
            usages = [call.usage for call in calls if call.usage is not None]
            if usages:
                read = sum([usage.prompt_tokens for usage in usages])
                said = sum([usage.completion_tokens for usage in usages])
                self.tokens.add((name, "input"), read)
                self.tokens.add((name, "output"), said)
                self._app_tokens.add((app, "input"), read)
                self._app_tokens.add((app, "output"), said)
            paid = sum([call.cost_nano for call in calls])
            self.nano.add((name,), paid)
            cost += paid
            failed = first.error_kind
            self._calls.add((name, first.role, failed or "ok"), count)
            if first.role in ("answer", "embed"):
                model = name
            if failed:
                if failed not in NO_FAILURE:
                    self._errors.add((name, failed), count)
                continue
            ended = [call.ended_ns - call.started_ns for call in calls if call.ended_ns is not None]
            self._call_seconds.observe_all((name, route), ended)
            began = [call.first_ns - call.started_ns for call in calls if call.first_ns is not None]
            self._first_seconds.observe_all((name, route), began)
        if cost:
            self._route_nano.add((route, app), cost)
        self._routes.add((route, model, one.outcome), count)
        if len(one.calls) > 1:
            for sample in group:
                for kind, before, after in switches(sample.calls):
                    self._switches.add((route, kind, before, after))
