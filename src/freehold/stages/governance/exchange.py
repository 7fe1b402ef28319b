"""What governance knows about one exchange while it lasts: what `Trail.seen` holds."""

import re
from collections.abc import Iterable

from freehold.core.decisions import Finding
from freehold.core.handoffs import Admitted, Attempt
from freehold.stages.governance.answers import Watch
from freehold.stages.governance.placeholders import Minter, canonical
from freehold.stages.governance.scanner import Panel, Scanner

MIN_MENTION = 6
"""Shorter values are replaced where they were found, not wherever the same letters stand."""

_FEW = 48
_PREFIX = 5
_STARTS = re.compile(r"(?<![0-9A-Za-z_])[^\s]")


class Exchange:
    """One exchange.

    Attributes:
        texts: findings of texts read already, by scanner.
        values: each value found, as written, with its finding; redaction replaces all mentions.
        known: what this recipient has sent or is shown: no leak when the model says it.
        secrets: placeholders for the sender's own secrets, and what is behind them.
        watch: the answer under way.
    """

    __slots__ = ("known", "minter", "panel", "secrets", "texts", "values", "watch")

    def __init__(self, admitted: Admitted, panel: Panel, key: bytes) -> None:
        self.panel = panel
        self.minter = Minter(key, admitted.app.tenant, admitted.conversation_id)
        self.texts: dict[str, dict[str, tuple[Finding, ...]]] = {}
        self.values: dict[str, Finding] = {}
        self.known: set[str] = set()
        self.secrets: dict[str, str] = {}
        self.watch: Watch | None = None

    def remember(self, scanner: Scanner, text: str, findings: tuple[Finding, ...]) -> None:
        """Note what a text holds, so that it is not read a second time."""
        self.texts.setdefault(scanner.fingerprint, {})[text] = findings

    def recall(self, scanner: Scanner, text: str) -> tuple[Finding, ...] | None:
        """The findings of a text read before in this exchange."""
        return self.texts.get(scanner.fingerprint, {}).get(text)

    def learn(self, text: str, findings: Iterable[Finding], *, own: bool) -> None:
        """Note the values behind findings; ``own`` ones the sender wrote."""
        for finding in findings:
            value = text[finding.start : finding.end]
            self.values.setdefault(value, finding)
            if own or finding.label != "secret":
                self.known.add(canonical(finding.kind, value))

    def learn_said(self, text: str, findings: Iterable[Finding]) -> None:
        """Note the values in what the model said, for the record; they make nothing known."""
        for finding in findings:
            self.values.setdefault(text[finding.start : finding.end], finding)

    def replaces(self, finding: Finding, attempt: Attempt, demanded: frozenset[str]) -> bool:
        """Whether a finding must not reach this attempt's model in the clear."""
        if finding.label in demanded:
            return True
        setting = self.panel.uses[finding.detector].setting
        if setting.mode != "enforce" or setting.action == "annotate":
            return False
        return finding.label == "secret" or finding.label not in attempt.model.clearances


class Mentions:
    """Finds known values in a text, wherever they stand as words of their own."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = sorted({v for v in values if len(v) >= MIN_MENTION}, key=len, reverse=True)
        self._by_prefix: dict[str, list[str]] = {}
        if len(self._values) > _FEW:
            for value in self._values:
                self._by_prefix.setdefault(value[:_PREFIX], []).append(value)

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, value), the longest value first at each place; they may overlap."""
        found: list[tuple[int, int, str]] = []
        if self._by_prefix:
            for match in _STARTS.finditer(text):
                start = match.start()
                found += [
                    (start, start + len(value), value)
                    for value in self._by_prefix.get(text[start : start + _PREFIX], ())
                    if text.startswith(value, start) and _apart(text, start, len(value))
                ]
            return found
        for value in self._values:
            start = text.find(value)
            while start >= 0:
                if _apart(text, start, len(value)):
                    found.append((start, start + len(value), value))
                start = text.find(value, start + len(value))
        return found


def _apart(text: str, start: int, length: int) -> bool:
    before, after = text[start - 1 : start], text[start + length : start + length + 1]
    return not (
        (before.isalnum() and text[start].isalnum())
        or (after.isalnum() and text[start + length - 1].isalnum())
    )
