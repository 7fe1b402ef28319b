"""A detector of somebody else's, held at arm's length: threads, a deadline, and a strict reading of
what it says.
"""

import re
from hashlib import sha256
from typing import Any

from freehold.core.decisions import Finding, Needs
from freehold.core.ports import Detector
from freehold.core.spec import InstalledSpec
from freehold.stages.governance.installed.workers import Workers
from freehold.stages.governance.scanner import check_finding
from freehold.stages.governance.waiting import Job, Passage, Unheard
from freehold.text.normalise import fold

MOST = 10_000
"""So many findings in one text are nonsense."""
_KIND = re.compile(r"[a-z][a-z0-9_]{0,47}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class InstalledDetector:
    """Asked ahead, about every text; on an answer, about the whole of it."""

    needs: Needs = "whole"
    waits = True
    judges = False
    kinds = None

    def __init__(self, detector: Detector, spec: InstalledSpec, package: str = "") -> None:
        self.id = detector.id
        self.deadline_ms = spec.deadline_ms
        self._detector = detector
        self._label = spec.label
        self._workers = Workers(detector.id)
        told = f"{detector.version}\n{package}\n{spec.options}\n{spec.label}"
        self.version = f"{detector.version[:40]}+{sha256(told.encode()).hexdigest()[:8]}"

    def reads(self, where: str) -> bool:  # noqa: ARG002
        """Everything, as Freehold's own detectors do."""
        return True

    async def hear(self, passage: Passage, job: Job) -> tuple[Finding, ...]:  # noqa: ARG002
        """What it finds.

        Raises:
            Unheard: it crashed, said nonsense, or too many of its calls never came back.
        """
        return await self._workers.run(lambda: self._asked(passage))

    def _asked(self, passage: Passage) -> tuple[Finding, ...]:
        """In a thread of its own, the reading of its findings included: they may be many."""
        text = passage.text
        said: Any = self._detector.detect(text, fold(text), passage.where)
        if type(said) not in (list, tuple):
            raise _Nonsense
        if len(said) > MOST:
            raise _TooMany
        return tuple(self._read(finding, text, passage.where) for finding in said)

    def _read(self, finding: Any, text: str, where: str) -> Finding:
        """The finding made anew, of plain values: what it explains might quote the text."""
        check_finding(finding, self.id, len(text))
        label = self._label or finding.label
        if not _KIND.fullmatch(finding.kind) or not _LABEL.fullmatch(label):
            raise _Nonsense
        return Finding(
            detector=self.id,
            version=self.version,
            kind=str(finding.kind),
            label=str(label),
            where=where,
            start=finding.start,
            end=finding.end,
            score=finding.score,
            explanation="found by an installed package",
        )


class _Nonsense(Unheard):
    def __init__(self) -> None:
        super().__init__("what it returned is no list of findings")


class _TooMany(Unheard):
    def __init__(self) -> None:
        super().__init__(f"it returned more than {MOST} findings")
