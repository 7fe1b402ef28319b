"""The answer under way: what of it is settled, what was found, what stands where values were."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from freehold.core.ask import ToolCall
from freehold.core.decisions import Finding
from freehold.core.handoffs import Answer, Choice, Sendable
from freehold.stages.governance.ascii import ascii_copy
from freehold.stages.governance.detectors.base import CONTEXT_CHARS, PatternDetector
from freehold.stages.governance.live import Live
from freehold.stages.governance.placeholders import Kinds
from freehold.stages.governance.restoring import Own
from freehold.stages.governance.scanner import Panel, Scanner, cover, overlaps
from freehold.stages.governance.splicing import Splicer
from freehold.text.escapes import Shown
from freehold.text.sentences import SENTENCE_END

Read = Callable[[Scanner, str, str], tuple[Finding, ...]]
Verdict = Callable[[str, tuple[Finding, ...]], list[Finding]]
"""Records findings in a text of the model's own and returns those to mask; raises to refuse."""
Late = Callable[[str, str], None]
"""Lets late detectors read a whole text at a place that has left; raises to end the stream."""


class Reader:
    """What it takes to read an app's answers; made once for each panel."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        live: dict[str, None] = {}
        for use in panel.answer.uses.values():
            if isinstance(use.detector, PatternDetector):
                live.update(dict.fromkeys(use.detector.live))
        self.live = Live(live)
        self.sentences = bool(panel.answer_sentences.uses)
        self.whole = bool(panel.answer_whole.uses)
        self.late = bool(panel.answer_late.uses)
        self.observed = bool(panel.answer_observed.uses)
        self.watches = bool(panel.answer.uses)


class Line:
    """One choice's text.

    Attributes:
        text: checked, and only ever longer: all of it may leave.
        read: characters of the model's own text that are behind it.
        splicer: what has put masks and values into it.
    """

    __slots__ = ("_points", "_reader", "own", "read", "splicer", "text", "where")

    def __init__(self, reader: Reader, own: Own, kinds: Kinds, where: str, quote: bool) -> None:
        self._reader = reader
        self.own = own
        self._points = [0]
        self.splicer = Splicer(own, kinds, quote)
        self.where = where
        self.text = ""
        self.read = 0

    def grow(
        self, raw: str, complete: bool, read: Read, verdict: Verdict, late: Late | None
    ) -> None:
        """Take in all that the model has said so far; ``late`` where it leaves while it grows.

        Raises:
            GovernanceRefusal: a finding that must not leave.
            ControlFailed: a detector in enforce mode failed.
        """
        if complete:
            self._finish(raw, read, verdict, late)
            return
        if self._reader.whole or len(raw) <= self.read:
            return
        end = self.read + self._reader.live.end(ascii_copy(raw[self.read :]))
        if end <= self.read:
            return
        found = self._scan(raw, read)
        end = _before_crossing(end, found)
        if self._reader.sentences:
            end, found = self._up_to_sentence(raw, end, found, read)
        if end > self.read:
            self._commit(raw, end, tuple(f for f in found if f.start < end), verdict)

    def _scan(self, raw: str, read: Read) -> tuple[Finding, ...]:
        """Findings from ``read`` on, with enough of the text before it for words nearby."""
        if not self._reader.watches:
            return ()
        points = self._points
        while len(points) > 1 and points[1] <= self.read - CONTEXT_CHARS:
            points.pop(0)
        base = points[0]
        found = read(self._reader.panel.answer, raw[base:] if base else raw, self.where)
        found = tuple(
            replace(f, start=f.start + base, end=f.end + base) if base else f
            for f in found
            if f.start + base >= self.read
        )
        return beside_placeholders(raw, found, self.read, len(raw), self.own)

    def _up_to_sentence(
        self, raw: str, end: int, found: tuple[Finding, ...], read: Read
    ) -> tuple[int, tuple[Finding, ...]]:
        """Read whole sentences only, each by itself."""
        more: list[Finding] = list(found)
        start = self.read
        spans = [(a, b) for a, b, _ in cover(found)]
        for match in SENTENCE_END.finditer(raw, self.read, end):
            stop = match.end()
            if overlaps(spans, stop, stop):
                continue
            sentence = read(self._reader.panel.answer_sentences, raw[start:stop], self.where)
            more += [replace(f, start=f.start + start, end=f.end + start) for f in sentence]
            start = stop
        return start, tuple(more)

    def _finish(self, raw: str, read: Read, verdict: Verdict, late: Late | None) -> None:
        found = self._scan(raw, read)
        panel = self._reader.panel
        if self._reader.sentences:
            end, found = self._up_to_sentence(raw, len(raw), found, read)
            for finding in read(panel.answer_sentences, raw[end:], self.where):
                found += (replace(finding, start=finding.start + end, end=finding.end + end),)
        if self._reader.whole:
            found += read(panel.answer_whole, raw, self.where)
        if self._reader.observed:
            verdict(raw, read(panel.answer_observed, raw, self.where))
        if self._reader.late and late is None:
            found += read(panel.answer_late, raw, self.where)
        self._commit(raw, len(raw), found, verdict)
        if self._reader.late and late is not None:
            late(raw, self.where)

    def _commit(self, raw: str, end: int, found: tuple[Finding, ...], verdict: Verdict) -> None:
        found = beside_placeholders(raw, found, self.read, end, self.own)
        leaks = cover(verdict(raw, found)) if found else []
        self.text += self.splicer.splice(raw, self.read, end, leaks)
        self.read = end
        self._points.append(end)


class Watch:
    """The state of one answer: a `Line` for each choice, and its tool calls, checked once each."""

    __slots__ = ("calls", "findings", "kinds", "known", "lines", "own", "promised", "reader",
                 "recipient", "sendable", "settled", "shown", "shown_calls")  # fmt: skip

    def __init__(self, sendable: Sendable, reader: Reader, kinds: Kinds, known: set[str]) -> None:
        self.sendable = sendable
        self.reader = reader
        self.kinds = kinds
        self.known = known
        self.recipient: Any = None
        self.own = Own(sendable.restorations)
        self.lines: dict[int, Line] = {}
        self.calls: dict[tuple[int, int], tuple[ToolCall, ToolCall, Line]] = {}
        self.findings: tuple[Finding, ...] = ()
        self.settled = False
        self.promised = quotes(sendable)
        self.shown: dict[int, Shown] = {}
        self.shown_calls: dict[tuple[int, int], tuple[ToolCall, ToolCall, Shown]] = {}

    def visible(self, answer: Answer) -> Answer:
        """The answer without its hidden characters and needless escapes; those at the end of a text
        wait.
        """
        choices = tuple(self._visible(choice, answer.complete) for choice in answer.choices)
        if all(new is old for new, old in zip(choices, answer.choices, strict=True)):
            return answer
        return replace(answer, choices=choices)

    def _visible(self, choice: Choice, complete: bool) -> Choice:
        shown = self.shown.get(choice.index)
        if shown is None:
            shown = self.shown[choice.index] = Shown(promised=self.promised)
        text = shown.grow(choice.text, complete)
        calls = choice.tool_calls
        if calls:
            seen = tuple(self._visible_call(choice.index, n, call) for n, call in enumerate(calls))
            if any(new is not old for new, old in zip(seen, calls, strict=True)):
                return replace(choice, text=text, tool_calls=seen)
        if not shown.removed and len(text) == len(choice.text):
            return choice
        return replace(choice, text=text)

    def _visible_call(self, index: int, number: int, call: ToolCall) -> ToolCall:
        known = self.shown_calls.get((index, number))
        if known is None or known[0] != call:
            shown = Shown(promised=True)
            text = shown.grow(call.arguments, True)
            seen = call if text == call.arguments else replace(call, arguments=text)
            known = self.shown_calls[index, number] = (call, seen, shown)
        return known[1]

    def removed(self) -> dict[str, int]:
        """How many hidden characters of each kind were taken out of the answer."""
        total: dict[str, int] = {}
        for shown in (*self.shown.values(), *(known[2] for known in self.shown_calls.values())):
            for kind, count in shown.removed.items():
                total[kind] = total.get(kind, 0) + count
        return total

    def line(self, index: int, quote: bool, suffix: str = "") -> Line:
        """A new line for a choice, or for one of its tool calls."""
        where = (f"answer:{index}" if index else "answer") + suffix
        return Line(self.reader, self.own, self.kinds, where, quote)


def _before_crossing(end: int, found: tuple[Finding, ...]) -> int:
    """The point, moved back until no finding crosses it."""
    for finding in reversed(found):
        if finding.start < end < finding.end:
            end = finding.start
    return end


def beside_placeholders(
    text: str, found: Sequence[Finding], start: int, end: int, own: Own
) -> tuple[Finding, ...]:
    """Those that touch no placeholder of ``text[start:end]``: its digits are nobody's number."""
    if not found:
        return ()
    spans = [(begin, stop) for begin, stop, _ in own.find(text, start, end)]
    return tuple(f for f in found if not overlaps(spans, f.start, f.end)) if spans else tuple(found)


def quotes(sendable: Sendable) -> bool:
    """Whether the answer's text is to be JSON, so that what is put back must be escaped."""
    form: dict[str, Any] | None = sendable.plan.ruled.admitted.ask.response_format
    return form is not None and form.get("type") != "text"


def whole_call(
    call: ToolCall, line: Line, reader: Reader, read: Read, verdict: Verdict
) -> ToolCall:
    """A tool call with its arguments checked and restored; JSON stays JSON.

    Raises:
        GovernanceRefusal: a finding that must not leave.
        ControlFailed: a detector in enforce mode failed.
    """
    text = call.arguments
    panel = reader.panel
    found: list[Finding] = []
    # no call leaves before the answer's end, so none is too late for it
    for scanner in (
        panel.answer,
        panel.answer_sentences,
        panel.answer_whole,
        panel.answer_late,
    ):
        if scanner.uses:
            found.extend(read(scanner, text, line.where))
    if reader.observed:
        verdict(text, read(panel.answer_observed, text, line.where))
    own = beside_placeholders(text, found, 0, len(text), line.own)
    leaks = cover(verdict(text, own)) if own else []
    text = line.splicer.splice(text, 0, len(text), leaks)
    return call if text == call.arguments else replace(call, arguments=text)
