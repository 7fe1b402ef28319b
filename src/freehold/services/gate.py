"""Through the gate: a version of a custom model, judged by what the bundle asks of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from freehold.bundle.custom_models import CustomModel
from freehold.bundle.problems import missing
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import NotFound, TrainingError
from freehold.core.training import Dataset, Example
from freehold.learning.datasets.rows import SPLITS
from freehold.learning.gate import Answer, By, Compared, Report, evaluate
from freehold.learning.gate.answers import recorded
from freehold.learning.registry import Registry, Version
from freehold.services.gate_answers import Asked, Controls, Judged, asked
from freehold.services.gate_today import Today

LogEvent = Callable[..., str]
FindDataset = Callable[[str], Dataset]
Tell = Callable[[str, int, int], None]
"""Is told a stage, and how many of how many examples are done."""

_BY: dict[str, By] = {"classifier": "label", "responder": "answer", "causal-lm": "answer"}
_HELD = "held-out examples"
_LEARNED = "it learned from it"
_UNREACHED = "are refused before any model is asked ({}), so no control saw the answer"
_GONE = "are of no app of the bundle, and none takes the model's routes: no control saw the answer"
_ELSEWHERE = "are of no app that takes the model's routes; the controls of those that do judge them"


def regressions_name(model: str) -> str:
    """The dataset of a model's past incidents."""
    return f"{model.lower()[:50]}-regressions"


class Gated(Struct, frozen=True, kw_only=True):
    """A version and its report; what ``gate.json`` has besides, as ``about``."""

    version: Version
    report: Report
    about: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For ``gate.json`` and ``--json``."""
        return {**self.report.as_dict(), **self.about}


class _Notes:
    """What no figure shows."""

    def __init__(self) -> None:
        self.unreached: Counter[str] = Counter()
        self.gone = 0
        self.elsewhere = 0
        self.apps: set[str] = set()
        self.learned = 0
        self.told: list[str] = []

    def add(self, example: Example, judged: Judged | None) -> None:
        """One answer of the candidate."""
        if judged is None:
            self.gone += 1
            return
        if not judged.reached:
            self.unreached[judged.refused] += 1
        if example.app not in judged.apps:
            self.elsewhere += 1
            self.apps.update(judged.apps)

    def lines(self) -> list[str]:
        elsewhere = f"{_ELSEWHERE}: {', '.join(sorted(self.apps))}"
        refused = ", ".join(f"{why} {count}" for why, count in self.unreached.most_common(5))
        unreached = (self.unreached.total(), _UNREACHED.format(refused))
        told = [unreached, (self.gone, _GONE), (self.elsewhere, elsewhere)]
        return [*self.told, *(f"{count} examples {what}" for count, what in told if count)]


class _Both(Struct, frozen=True):
    """Who is asked, and what of an example is the truth."""

    ready: Asked
    live: Asked | None
    by: By
    routes: Sequence[str]

    def recorded(self, examples: Sequence[Example]) -> dict[str, Answer]:
        """What was answered at the time. Where only corrected classes tell it, nothing: those that
        were right then would be missing, and today would look worse than it is.
        """
        found = {one.id: said for one in examples if (said := recorded(one, self.by)) is not None}
        return {} if self.by == "label" and len(found) < len(examples) else found


class Gates:
    """The use cases around the gate.

    Args:
        bundle: whose criteria and controls count; the live one.
        find: a dataset by its name, or ``name@digest``.
        controls: governance and policy of that bundle.
        log: writes a ledger entry.
        today: how fast and at what cost the apps of a model were answered lately.
    """

    def __init__(
        self,
        registry: Registry,
        bundle: ResolvedBundle,
        find: FindDataset,
        controls: Controls,
        log: LogEvent,
        clock: Clock,
        today: Callable[[CustomModel], Today | None] = lambda _: None,
    ) -> None:
        self._lately = today
        self._registry = registry
        self._bundle = bundle
        self._find = find
        self._controls = controls
        self._log = log
        self._clock = clock

    async def judge(
        self,
        which: str,
        actor: str,
        *,
        dataset: str = "",
        against: str = "",
        tell: Tell = lambda _stage, _done, _total: None,
    ) -> Gated:
        """Judge a version, write the report beside it and its verdict into the ledger.

        Args:
            which: ``model@version``, or ``model`` for its newest.
            dataset: whose ``test`` part is asked; the one that it was trained on, if left out.
            against: a version to compare with; the live one, if left out and there is one; else
                what was answered at the time.

        Raises:
            NotFound: no such version, custom model or dataset.
            AlteredModel: a file is not what was trained and signed.
            TrainingError: it can't be served from its files, or that of ``against`` can't.
            StorageError, AuditError: something can't be read or written.
        """
        version = self._registry.verify(which)
        custom = self._custom(version)
        ready = asked(self._registry, version, custom, self._clock)
        content = version.manifest.content
        source = dataset or f"{content.dataset.name}@{content.dataset.digest}"
        held = self._find(source)
        today = self._today(version, against)
        notes = _Notes()
        live = None
        try:
            live = None if today is None else asked(self._registry, today, custom, self._clock)
        except TrainingError as error:
            if against:
                raise
            # it answers nobody: the next one must not be kept out by that
            notes.told.append(f"the live version is not compared with: {error}")
            today = None
        lineage = self._registry.lineage(version)
        known = frozenset(lineage["train"]) | frozenset(lineage["validation"])
        fresh = [row for row in held.rows("test") if row.id not in known]
        notes.learned = len(held.rows("test")) - len(fresh)
        both = _Both(ready, live, _BY.get(content.kind, ""), custom.routes)
        seen = await self._compare(_HELD, fresh, both, notes, tell)
        past, incidents = self._past(version.model)
        remembered = await self._compare("past incidents", past, both, notes, tell)
        report = evaluate(
            seen,
            custom.gate,
            regressions=remembered,
            against=today.id if today is not None else _against(seen),
            notes=notes.lines(),
        )
        if notes.learned:
            report = replace(report, set_aside={**report.set_aside, _LEARNED: notes.learned})
        return self._kept(version, report, held, actor, incidents)

    def _custom(self, version: Version) -> CustomModel:
        found = self._bundle.bundle.custom_models.get(version.model)
        if found is None:
            customs = self._bundle.bundle.custom_models
            raise NotFound(missing("custom model", version.model, customs))
        return found

    def _today(self, version: Version, against: str) -> Version | None:
        if against:
            named = against if "@" in against else f"{version.model}@{against}"
            return self._registry.verify(named)
        standing = self._bundle.bundle.deployments.get(version.model)
        if standing is None or standing.live is None or standing.live.version == version.name:
            return None
        return self._registry.verify(f"{version.model}@{standing.live.version}")

    def _past(self, model: str) -> tuple[list[Example], str]:
        """A model's past incidents, and the digest of their set; empty where there are none."""
        try:
            remembered = self._find(regressions_name(model))
        except NotFound:
            return [], ""
        return [row for split in SPLITS for row in remembered.rows(split)], remembered.digest

    async def _compare(
        self,
        stage: str,
        examples: Sequence[Example],
        both: _Both,
        notes: _Notes,
        tell: Tell,
    ) -> list[Compared]:
        seen = []
        # of an incident only what was wrong may be known: a rule that it broke is none of today's
        told = [one for one in examples if one.answer or one.label or stage == _HELD]
        then = both.recorded(told)
        for number, example in enumerate(examples, 1):
            candidate = await asyncio.to_thread(both.ready.answer, example)
            before = None
            if both.live is not None:
                before = await asyncio.to_thread(both.live.answer, example)
            if before is None or before.abstained:
                before = then.get(example.id) or before
            candidate = await self._controlled(example, candidate, both.routes, notes)
            if before is not None and not candidate.abstained:
                before = await self._controlled(example, before, both.routes, None)
            seen.append(Compared(example=example, candidate=candidate, live=before, by=both.by))
            tell(stage, number, len(examples))
        return seen

    async def _controlled(
        self, example: Example, answer: Answer, routes: Sequence[str], notes: _Notes | None
    ) -> Answer:
        """With what controls say of it; nobody is asked about an answer that is none."""
        if not answer.text:
            return answer
        judged = await self._controls.judge(example, answer.text, routes)
        if notes is not None:
            notes.add(example, judged)
        if judged is None:
            return replace(answer, unseen="no app")
        unseen: Literal["", "refused"] = "" if judged.reached else "refused"
        return replace(answer, broke=judged.broke, unseen=unseen)

    def _kept(
        self, version: Version, report: Report, held: Dataset, actor: str, incidents: str
    ) -> Gated:
        today = self._lately(self._custom(version))
        about = {
            "model": version.model,
            "version": version.name,
            "digest": version.manifest.digest,
            "bundle": self._bundle.hash,
            # a verdict opens a door for these criteria and these incidents only
            "asked": self._custom(version).gate.model_dump(mode="json"),
            "incidents": incidents,
            "dataset": {"name": held.name, "digest": held.digest},
            "today": None if today is None else asdict(today),
            "at": rfc3339(self._clock.now_ns()),
            "by": actor,
        }
        gated = Gated(version=version, report=report, about=about)
        details = {
            "dataset": held.digest,
            "against": report.against,
            "examples": report.examples,
            "missed": [one.name for one in report.criteria if not one.met],
            "reasons": list(report.reasons),
            "bundle": self._bundle.hash,
        }
        # the entry first: a report that nobody can find in the ledger must not open a door
        self._log(f"gate.{report.verdict}", actor, version.id, details, tenant=held.owner)
        self._registry.attach_gate(version.id, gated.as_dict())
        return gated


def _against(seen: Iterable[Compared]) -> str:
    return "recorded" if any(one.live is not None for one in seen) else ""
