"""Through the gate: a version of a custom model, judged by what the bundle asks of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
from freehold.services.rehearse import Rehearsal

LogEvent = Callable[..., str]
FindDataset = Callable[[str], Dataset]
Tell = Callable[[str, int, int], None]
"""Is told a stage, and how many of how many examples are done."""

_BY: dict[str, By] = {"classifier": "label", "responder": "answer", "causal-lm": "answer"}
_HELD = "held-out examples"
_LEARNED = "it learned from it"
_LEFT = "never come to it ({}), so what is said today counts for them"
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
        self.left: Counter[str] = Counter()
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
            self.unreached[judged.why] += 1
        elif not judged.heard:
            self.left[judged.why] += 1
        if example.app not in judged.apps:
            self.elsewhere += 1
            self.apps.update(judged.apps)

    def lines(self) -> list[str]:
        elsewhere = f"{_ELSEWHERE}: {', '.join(sorted(self.apps))}"
        told = [(why.total(), said.format(_most(why))) for why, said in (
            (self.unreached, _UNREACHED), (self.left, _LEFT),
        )]  # fmt: skip
        told += [(self.gone, _GONE), (self.elsewhere, elsewhere)]
        return [*self.told, *(f"{count} examples {what}" for count, what in told if count)]


class _Both(Struct, frozen=True):
    """Who is asked, and what of an example is the truth. ``then`` are the controls of the bundle
    with the version as the live one, ``now`` those of the bundle as it is.
    """

    model: str
    ready: Asked
    live: Asked | None
    by: By
    routes: Sequence[str]
    then: Controls
    now: Controls

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
        rehearse: rehearses under that bundle, or under what it is with a version laid over it as
            the live one.
        log: writes a ledger entry.
        today: how fast and at what cost the apps of a model were answered lately.
    """

    def __init__(
        self,
        registry: Registry,
        bundle: ResolvedBundle,
        find: FindDataset,
        rehearse: Callable[[Version | None], Rehearsal],
        log: LogEvent,
        clock: Clock,
        today: Callable[[CustomModel], Today | None] = lambda _: None,
    ) -> None:
        self._lately = today
        self._registry = registry
        self._bundle = bundle
        self._find = find
        self._rehearse = rehearse
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
        notes = _Notes()
        today, live = self._live(version, custom, against, notes)
        lineage = self._registry.lineage(version)
        known = frozenset(lineage["train"]) | frozenset(lineage["validation"])
        fresh = [row for row in held.rows("test") if row.id not in known]
        notes.learned = len(held.rows("test")) - len(fresh)
        then = self._rehearse(version)
        both = _Both(
            model=version.model,
            ready=ready,
            live=live,
            by=_BY.get(content.kind, ""),
            routes=custom.routes,
            then=Controls(then),
            now=Controls(self._rehearse(None)),
        )
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
        judged = {"bundle": self._bundle.hash, "rehearsed": then.bundle.hash}
        return self._kept(version, report, held, actor, {**judged, "incidents": incidents})

    def _live(
        self, version: Version, custom: CustomModel, against: str, notes: "_Notes"
    ) -> tuple[Version | None, Asked | None]:
        """The version that is compared with, and what asks it; neither where there is none.

        Raises:
            TrainingError: the one that was named can't be served from its files.
        """
        today = self._today(version, against)
        if today is None:
            return None, None
        try:
            return today, asked(self._registry, today, custom, self._clock)
        except TrainingError as error:
            if against:
                raise
            # it answers nobody: the next one must not be kept out by that
            notes.told.append(f"the live version is not compared with: {error}")
            return None, None

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
            candidate = await self._said(both.ready, example, both, notes)
            before = None if both.live is None else await self._said(both.live, example, both)
            if before is None or before.abstained:
                before = then.get(example.id) or before
                if before is not None and before.text and not candidate.abstained:
                    # another model said it, in the bundle as it is
                    judged = await both.now.judge(
                        example, before.text, both.routes, without=both.model
                    )
                    before = before if judged is None else replace(before, broke=judged.broke)
            seen.append(Compared(example=example, candidate=candidate, live=before, by=both.by))
            tell(stage, number, len(examples))
        return seen

    async def _said(
        self, asked: Asked, example: Example, both: _Both, notes: _Notes | None = None
    ) -> Answer:
        """A version's answer with what controls say of it; nobody is asked about one that is none,
        and one that nobody gets is none.
        """
        answer = await asyncio.to_thread(asked.answer, example)
        if not answer.text:
            return answer
        judged = await both.then.judge(example, answer.text, both.routes, by=both.model)
        if notes is not None:
            notes.add(example, judged)
        if judged is None:
            return replace(answer, unseen="no app")
        if not judged.reached:
            return replace(answer, unseen="refused")
        return replace(answer, broke=judged.broke, passed_over="" if judged.heard else judged.why)

    def _kept(
        self,
        version: Version,
        report: Report,
        held: Dataset,
        actor: str,
        judged: Mapping[str, str],
    ) -> Gated:
        today = self._lately(self._custom(version))
        about = {
            "model": version.model,
            "version": version.name,
            "digest": version.manifest.digest,
            **judged,
            # a verdict opens a door for these criteria and these incidents only
            "asked": self._custom(version).gate.model_dump(mode="json"),
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
            "bundle": judged["bundle"],
            "rehearsed": judged["rehearsed"],
        }
        # the entry first: a report that nobody can find in the ledger must not open a door
        self._log(f"gate.{report.verdict}", actor, version.id, details, tenant=held.owner)
        self._registry.attach_gate(version.id, gated.as_dict())
        return gated


def _most(counted: Counter[str]) -> str:
    return ", ".join(f"{why} {count}" for why, count in counted.most_common(5))


def _against(seen: Iterable[Compared]) -> str:
    return "recorded" if any(one.live is not None for one in seen) else ""
