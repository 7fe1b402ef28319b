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

FEW = 48
"""So many values are looked for one by one."""

_PREFIX = 5
_STARTS = re.compile(r"(?<![0-9A-Za-z])\S|[^0-9A-Za-z\s]")


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

    def copied(self) -> "Exchange":
        """The same knowledge, to try something out on."""
        copy = Exchange.__new__(Exchange)
        copy.panel, copy.minter, copy.watch = self.panel, self.minter, None
        copy.texts = {scanner: dict(texts) for scanner, texts in self.texts.items()}
        copy.values, copy.known = dict(self.values), set(self.known)
        copy.secrets = dict(self.secrets)
        return copy

    def remember(self, scanner: Scanner, text: str, findings: tuple[Finding, ...]) -> None:
        """Note what a text holds, so that it is not read a second time."""
        self.texts.setdefault(scanner.fingerprint, {})[text] = findings

    def recall(self, scanner: Scanner, text: str) -> tuple[Finding, ...] | None:
        """The findings of a text read before in this exchange."""
        return self.texts.get(scanner.fingerprint, {}).get(text)

    def learn(self, text: str, findings: Iterable[Finding], *, own: bool) -> None:
        """Note the values behind findings; ``own`` ones the sender wrote."""
        for finding in findings:
            if finding.detector in self.panel.judging:
                continue  # a judgement about a stretch of text is no value to hide elsewhere
            value = text[finding.start : finding.end]
            self._value(value, finding)
            if own or finding.label != "secret":
                self.known.add(canonical(finding.kind, value))

    def learn_said(self, text: str, findings: Iterable[Finding]) -> None:
        """Note the values in what the model said, for the record; they make nothing known."""
        for finding in findings:
            if finding.detector in self.panel.judging:
                continue
            self._value(text[finding.start : finding.end], finding)

    def _value(self, value: str, finding: Finding) -> None:
        """Note a value; what is a secret anywhere is one everywhere."""
        known = self.values.setdefault(value, finding)
        if finding.label == "secret" != known.label:
            self.values[value] = finding

    def replaces(self, finding: Finding, attempt: Attempt, demanded: frozenset[str]) -> bool:
        """Whether a finding must not reach this attempt's model in the clear."""
        if finding.label in demanded:
            return True
        setting = self.panel.uses[finding.detector].setting
        if setting.mode != "enforce" or setting.action == "annotate":
            return False
        return finding.label == "secret" or finding.label not in attempt.model.clearances


class Mentions:
    """Finds known values in a text, wherever they stand as words of their own.

    Few values are looked for one by one. Of many, those are looked up that begin as the text does
    at each beginning of a word, so the work grows with the text and not with their number.
    """

    def __init__(self, values: Iterable[str], least: int = MIN_MENTION) -> None:
        self._least = least
        self._values: set[str] = set()
        # the first characters of values, by how many those are -> the lengths of such values
        self._heads: dict[int, dict[str, set[int]]] = {}
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Look for this one too, unless it is too short to be told from other words."""
        if len(value) < self._least or value in self._values:
            return
        self._values.add(value)
        head = value[:_PREFIX]
        self._heads.setdefault(len(head), {}).setdefault(head, set()).add(len(value))

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, value); they may overlap."""
        if len(self._values) > FEW:
            return self._find_many(text)
        found: list[tuple[int, int, str]] = []
        for value in self._values:
            start = text.find(value)
            while start >= 0:
                if _apart(text, start, len(value)):
                    found.append((start, start + len(value), value))
                start = text.find(value, start + len(value))
        return found

    def _find_many(self, text: str) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        values, heads = self._values, tuple(self._heads.items())
        for match in _STARTS.finditer(text):
            start = match.start()
            for size, lengths_of in heads:
                for length in lengths_of.get(text[start : start + size], ()):
                    value = text[start : start + length]
                    if value in values and _apart(text, start, length):
                        found.append((start, start + length, value))
        return found


def _apart(text: str, start: int, length: int) -> bool:
    before, after = text[start - 1 : start], text[start + length : start + length + 1]
    return not (
        (before.isalnum() and text[start].isalnum())
        or (after.isalnum() and text[start + length - 1].isalnum())
    )
