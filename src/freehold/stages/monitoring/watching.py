"""Which readings are taken of whom, and what they say now."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from freehold.core.alerts import EVERY, WATCHES, AlertSpec, Baseline, Subject, SubjectKind, Watched
from freehold.core.drift import ChangeDetector, ChangePoint
from freehold.core.trail import Call
from freehold.stages.monitoring.sample import NOBODY, Sample
from freehold.stages.monitoring.series import MOST_A_TICK, Mix, Numbers, Series

MOST_SUBJECTS = 500
_NEWEST = 100
_Lens = dict[Watched, Series]
Fingerprints = Mapping[Subject, str]
"""Of which version a subject is: with another one, what was normal before says nothing."""


class Reading(NamedTuple):
    """Whether an alert's condition holds; ``None`` where too little is known."""

    holds: bool | None
    said: str = ""


class Watching:
    """Feeds samples to the series that alerts need.

    Args:
        make: makes a change detector for numbers.
    """

    def __init__(self, make: Callable[[], ChangeDetector] = ChangePoint) -> None:
        self.make = make
        self._specs: tuple[AlertSpec, ...] = ()
        self._wanted: dict[tuple[SubjectKind, str], set[Watched]] = {}
        self._levels: set[tuple[SubjectKind, str, Watched]] = set()
        self._lenses: dict[tuple[SubjectKind, str], _Lens] = {}
        # by the lens's id: its series that look at more readings before the next tick
        self._roomy: dict[int, list[tuple[Watched, Series]]] = {}
        self._newest: dict[tuple[SubjectKind, str], deque[str]] = {}
        self._prints: Fingerprints = {}
        self._kept: dict[str, Baseline] = {}

    def adopt(self, specs: Sequence[AlertSpec], fingerprints: Fingerprints) -> None:
        """These are the alerts from now on. A subject that has changed, or is gone, starts anew."""
        before = self._prints
        self._specs, self._prints = tuple(specs), dict(fingerprints)
        self._wanted = {}
        for spec in specs:
            key = (spec.subject.kind, spec.subject.name)
            self._wanted.setdefault(key, set()).add(spec.watch)
        self._levels = {
            (spec.subject.kind, spec.subject.name, spec.watch)
            for spec in specs
            if spec.when != "drift"
        }
        old = self._lenses
        self._lenses = {}
        self._roomy.clear()
        for key, lens in old.items():
            subject = Subject(*key)
            if subject in self._prints and before.get(subject) == self._prints[subject]:
                self._lenses[key] = self._lens(key, lens)

    def use(self, make: Callable[[], ChangeDetector]) -> None:
        """Another change detector: every series of numbers starts anew."""
        self.make = make
        self._lenses.clear()
        self._roomy.clear()

    def observe_all(self, samples: Sequence[Sample], now_ns: int) -> int:
        """Exchanges that are over, the oldest first; nobody looks where nobody wants to know. Says
        how many could not be read.
        """
        failed = 0
        for sample in samples if self._specs else ():
            try:
                self.observe(sample, now_ns)
            except Exception:  # noqa: BLE001 - the next one may be readable
                failed += 1
        return failed

    def observe(self, sample: Sample, now_ns: int) -> None:
        """One exchange is over."""
        cost = sum(call.cost_nano for call in sample.calls)
        for kind, name in (("route", sample.route), ("app", sample.app)):
            if name != NOBODY:
                self._exchange((kind, name), sample, cost, now_ns)  # type: ignore[arg-type]
        for call in sample.calls:
            if call.role in ("answer", "embed") and call.ended_ns is not None:
                self._call(call, sample.exchange_id, now_ns)

    def learned(self, score: int, now_ns: int, *, model: str, route: str, app: str) -> None:
        """An answer was judged: ``score`` in millionths."""
        named: tuple[tuple[SubjectKind, str], ...]
        named = (("model", model), ("route", route), ("app", app))
        for key in named:
            series = self._at(key).get("quality") if key[1] else None
            if isinstance(series, Numbers):
                series.add(score / 1_000_000, now_ns)

    def noted(self, subject: Subject, readings: Mapping[Watched, float], now_ns: int) -> None:
        """Somebody else took readings of a subject."""
        lens = self._at((subject.kind, subject.name))
        for watch, value in readings.items():
            series = lens.get(watch)
            if isinstance(series, Numbers):
                series.add(value, now_ns)

    def tick(self) -> None:
        """Another second: every series looks at readings again."""
        for lens in self._lenses.values():
            for series in lens.values():
                series.room = MOST_A_TICK
        self._roomy.clear()

    def subjects(self, spec: AlertSpec) -> Iterator[Subject]:
        """Whom an alert is about now."""
        if spec.subject.name != EVERY:
            yield spec.subject
            return
        for kind, name in list(self._lenses):
            if kind == spec.subject.kind:
                yield Subject(kind, name)

    def read(self, spec: AlertSpec, subject: Subject, now_ns: int) -> Reading:
        """What an alert's condition is for one subject."""
        series = self.series(spec.watch, subject)
        if series is None:
            return Reading(None)
        if spec.when != "drift":
            return _level(spec, series, now_ns)
        change = series.change()
        if change is None or series.total < spec.fewest:
            return Reading(None)
        size = change.size
        if isinstance(series, Numbers) and spec.direction != "both":
            size = size if spec.direction == "up" else -size
        return Reading(abs(size) >= spec.least if spec.direction == "both" else size >= spec.least,
                       change.said)  # fmt: skip

    def series(self, watch: Watched, subject: Subject) -> Series | None:
        """The series behind a reading, if there is one."""
        return self._lenses.get((subject.kind, subject.name), {}).get(watch)

    def newest(self, subject: Subject, count: int) -> tuple[str, ...]:
        """Ids of the newest exchanges that a subject had a part in, the newest first."""
        ids = self._newest.get((subject.kind, subject.name), deque[str]())
        return tuple(ids)[::-1][:count]

    def scores(self) -> Iterator[tuple[Watched, Subject, float]]:
        """How far each series is from its normal, as a share of what counts by default."""
        for (kind, name), lens in self._lenses.items():
            for watch, series in lens.items():
                change = series.change()
                if change is not None:
                    yield watch, Subject(kind, name), change.score

    def baselines(self) -> list[Baseline]:
        """What must outlive the process."""
        return [
            Baseline(
                series=f"{watch}/{kind}/{name}",
                fingerprint=self._prints.get(Subject(kind, name), ""),
                content=orjson.dumps(series.dump()).decode(),
            )
            for (kind, name), lens in self._lenses.items()
            for watch, series in lens.items()
            if series.total
        ]

    def recall(self, baselines: Sequence[Baseline]) -> None:
        """Go on where another process left off; those of other versions are passed over."""
        self._kept = {baseline.series: baseline for baseline in baselines}

    # -- what the readings are --

    def _exchange(
        self, key: tuple[SubjectKind, str], sample: Sample, cost: int, now_ns: int
    ) -> None:
        lens = self._at(key, sample.exchange_id)
        if sample.outcome == "interrupted":
            return
        for watch, series in self._looking(lens):
            if isinstance(series, Numbers):
                value = _of_exchange(watch, sample, cost)
                if value is not None:
                    series.add(value, now_ns)
            else:
                for kind in _kinds(watch, sample):
                    series.add(kind)
            if series.room <= 0:
                self._roomy.pop(id(lens), None)

    def _call(self, call: Call, exchange_id: str, now_ns: int) -> None:
        key: tuple[SubjectKind, str] = ("model", call.model)
        lens = self._at(key, exchange_id)
        if call.error_kind == "hung_up":
            return
        for watch, series in self._looking(lens):
            value = _of_call(watch, call)
            if value is not None and isinstance(series, Numbers):
                series.add(value, now_ns)
                if series.room <= 0:
                    self._roomy.pop(id(lens), None)

    def _looking(self, lens: _Lens) -> Sequence[tuple[Watched, Series]]:
        """The series that have not seen enough until the next tick."""
        roomy = self._roomy.get(id(lens))
        if roomy is None:
            roomy = [(watch, series) for watch, series in lens.items() if series.room > 0]
            self._roomy[id(lens)] = roomy
        return roomy

    # -- where the series are --

    def _at(self, key: tuple[SubjectKind, str], exchange_id: str = "") -> _Lens:
        lens = self._lenses.get(key)
        if lens is None:
            if len(self._lenses) >= MOST_SUBJECTS:
                key = (key[0], "other")
            lens = self._lenses.setdefault(key, self._lens(key, {}))
        if exchange_id:
            newest = self._newest.get(key)
            if newest is None:
                newest = self._newest[key] = deque(maxlen=_NEWEST)
            newest.append(exchange_id)
        return lens

    def _lens(self, key: tuple[SubjectKind, str], old: _Lens) -> _Lens:
        kind, name = key
        wanted = self._wanted.get(key, set()) | self._wanted.get((kind, EVERY), set())
        lens: _Lens = {}
        for watch in sorted(wanted):
            described = WATCHES[watch]
            series = old.get(watch)
            if series is None:
                series = Mix(described) if described.mix else Numbers(described, self.make)
                self._remember(f"{watch}/{kind}/{name}", Subject(kind, name), series)
            if isinstance(series, Numbers) and self._levels & {
                (kind, name, watch),
                (kind, EVERY, watch),
            }:
                series.remember()
            lens[watch] = series
        return lens

    def _remember(self, name: str, subject: Subject, series: Series) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None and kept.fingerprint == self._prints.get(subject, ""):
            series.load(orjson.loads(kept.content))


def _level(spec: AlertSpec, series: Series, now_ns: int) -> Reading:
    if not isinstance(series, Numbers):
        return Reading(None)
    level = series.level(spec.window_s, now_ns, spec.fewest)
    if level is None:
        return Reading(None)
    holds = level > spec.value if spec.when == "above" else level < spec.value
    what = "95th percentile " if series.watch.unit == "ms" else ""
    when = spec.when if holds else f"not {spec.when}"
    return Reading(
        holds, f"{what}{level:.4g}, {when} {spec.value:.4g} over {spec.window_s} seconds"
    )


def _of_exchange(watch: Watched, sample: Sample, cost: int) -> float | None:
    """A number that an exchange gives, in the watch's unit."""
    outcome = sample.outcome
    if watch == "latency":
        return sample.took_ns / 1e6 if outcome in ("allowed", "transformed") else None
    if watch == "cost":
        return float(cost) if cost else None
    if watch == "errors":
        return float(outcome == "error")
    if watch == "refusals":
        return float(outcome == "denied")
    if watch == "length" and sample.features is not None:
        return float(sample.features.chars + 1)
    return None


def _of_call(watch: Watched, call: Call) -> float | None:
    """A number that a call gives, in the watch's unit; only its failure counts where it failed."""
    if watch == "errors":
        return float(call.failed)
    if call.error or call.ended_ns is None:
        return None
    if watch == "latency":
        return (call.ended_ns - call.started_ns) / 1e6
    if watch == "first_token":
        return (call.first_ns - call.started_ns) / 1e6 if call.first_ns is not None else None
    if watch == "cost":
        return float(call.cost_nano) or None
    if watch == "confidence":
        return call.confidence / 1_000_000 if call.confidence is not None else None
    return None


def _kinds(watch: Watched, sample: Sample) -> Sequence[str]:
    """What an exchange adds to a mix."""
    if watch == "language":
        return () if sample.features is None else (sample.features.language,)
    if watch == "intents":
        return () if sample.features is None else (sample.intent or "none",)
    if watch == "outcomes":
        return (sample.outcome,)
    if watch == "rules":
        found = {firing.rule for firing in sample.firings if firing.fired}
    else:
        found = {finding.label for finding in (*sample.findings, *sample.answer_findings)}
    return sorted(found) or ("none",)
