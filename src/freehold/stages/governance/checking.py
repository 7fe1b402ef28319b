"""The answer's check: what is no leak, what is recorded, what is handed on."""

import re
from collections.abc import Iterator

import orjson

from freehold.bundle.names import SAID
from freehold.core.ask import ToolCall
from freehold.core.decisions import Decision, Finding
from freehold.core.errors import Refusal
from freehold.core.handoffs import Answer, Checked, Choice, Sendable
from freehold.core.trail import Trail
from freehold.stages.governance import identifiers, screening, verdicts
from freehold.stages.governance.answers import (
    Line,
    Watch,
    beside_placeholders,
    quotes,
    whole_call,
)
from freehold.stages.governance.placeholders import NUMBERS, canonical, spoken
from freehold.stages.governance.scanner import Scanner
from freehold.text.escapes import Shown, shown_json
from freehold.text.structured import is_json

_MIN_DIGITS = 7
_DIGITS_COUNT = NUMBERS | {"phone"}
_NO_DIGITS = re.compile(r"\D+")


class Recipient:
    """What the recipient has sent or is shown, so that the model's saying it is no leak."""

    __slots__ = ("_known", "_own", "_sendable", "_shown")

    def __init__(self, sendable: Sendable, known: set[str]) -> None:
        self._sendable = sendable
        self._known = known
        self._own: tuple[str, str] | None = None
        self._shown: tuple[str, str] | None = None

    def knows(self, finding: Finding, value: str) -> bool:
        """Whether the value stands in the request, or, secrets apart, in its context.

        Numbers are compared by their digits, so that another way of writing one is no leak; days,
        addresses and the like are not, since others have the same digits in the same order.
        """
        if canonical(finding.kind, value) in self._known:
            return True
        if self._own is None:
            self._own = _haystack(_request_texts(self._sendable))
        if _within(finding.kind, value, self._own):
            return True
        if finding.label == "secret":
            return False
        if self._shown is None:
            self._shown = _haystack(_shown_texts(self._sendable))
        return _within(finding.kind, value, self._shown)


def _request_texts(sendable: Sendable) -> list[str]:
    texts = []
    for message in sendable.plan.ruled.grounded.screened.prepared.messages:
        texts.append(message.content)
        texts += [call.arguments for call in message.tool_calls]
    return texts


def _shown_texts(sendable: Sendable) -> list[str]:
    ruled = sendable.plan.ruled
    ask = ruled.admitted.ask
    texts = [ruled.admitted.app.system_prompt]
    texts += [piece.text for piece in ruled.grounded.pieces]
    texts += [message.content for message in sendable.messages]
    if ask.tools or ask.response_format:
        texts.append(orjson.dumps([ask.tools, ask.response_format]).decode())
    return texts


def _haystack(texts: list[str]) -> tuple[str, str]:
    return "\n".join(texts).casefold(), "|".join(_NO_DIGITS.sub("", text) for text in texts)


def _within(kind: str, value: str, haystack: tuple[str, str]) -> bool:
    if value.casefold() in haystack[0]:
        return True
    if kind not in _DIGITS_COUNT:
        return False
    digits = _NO_DIGITS.sub("", value)
    letters = sum(c.isalpha() for c in value)
    return not letters and len(digits) >= _MIN_DIGITS and digits in haystack[1]


class Checker:
    """Reads and judges what is new of one answer.

    It knows the trail, and the trail's state must not know it: what points in a circle is freed by
    the collector only, with all that the exchange held, and stops every other one meanwhile.
    """

    __slots__ = ("_recipient", "_trail", "_watch")

    def __init__(self, watch: Watch, trail: Trail) -> None:
        self._watch = watch
        self._trail = trail
        if watch.recipient is None:
            watch.recipient = Recipient(watch.sendable, watch.known)
        self._recipient: Recipient = watch.recipient

    def read(self, scanner: Scanner, text: str, where: str) -> tuple[Finding, ...]:
        """Findings of a stretch of the answer; it is new, so nothing is remembered."""
        return screening.scan(scanner, text, where, self._trail, self._watch.sendable)[0]

    def named(self, call: ToolCall, place: tuple[int, int]) -> ToolCall:
        """A tool call whose name was offered, with an id that may leave.

        Raises:
            GovernanceRefusal: the model called a tool that was not offered.
            ControlFailed: a detector in enforce mode failed.
        """
        watch = self._watch
        panel = watch.reader.panel
        return identifiers.answered(call, watch.sendable, place, self.read, panel, self._trail)

    def late(self, text: str, where: str) -> None:
        """Let detectors read a text that has left, since the bundle accepts `late: terminate`.

        Raises:
            GovernanceRefusal: one would block it, or take out what has left.
            ControlFailed: one of them failed.
        """
        try:
            found = self.read(self._watch.reader.panel.answer_late, text, where)
            self.verdict(
                text, beside_placeholders(text, found, 0, len(text), self._watch.own), late=True
            )
        except Refusal as refusal:
            self._trail.too_late(refusal, "governance")
            raise

    def verdict(
        self, text: str, found: tuple[Finding, ...], *, late: bool = False
    ) -> list[Finding]:
        """Record what is a leak, and return what is to be masked.

        Raises:
            GovernanceRefusal: a detector that enforces says block, or redact when it is ``late``.
        """
        if found and self._trail.seen is not None:
            # whatever is found, leak or not, the record must not hold it
            self._trail.seen.learn_said(text, tuple(f for f in found if f.label not in SAID))
        knows = self._recipient.knows
        # what the company says is its own, whoever used the words first
        # and a judgement is about what is said, whoever said it before
        judges = self._watch.reader.panel.judges
        leaks = tuple(
            f
            for f in found
            if f.label in SAID or f.detector in judges or not knows(f, text[f.start : f.end])
        )
        if not leaks:
            return []
        self._watch.findings += leaks
        self._trail.answer_findings.extend(leaks)
        self._trail.inputs.leaks.append(-len(leaks) if late else len(leaks))
        return verdicts.judge_answer(leaks, self._watch.reader.panel, self._trail, late=late)

    def still_json(self, said: str, made: str) -> None:
        """What was JSON before anything was taken out or put back must be JSON after it.

        Raises:
            GovernanceRefusal: it is not.
        """
        if said != made and is_json(said) and not is_json(made):
            raise identifiers.broken(self._trail)


def check(answer: Answer, watch: Watch, trail: Trail) -> Checked:
    """What `Governance.answer` says, for one answer's state."""
    checker = Checker(watch, trail)
    complete = answer.complete
    late = checker.late if answer.streams else None
    answer = watch.visible(answer)
    choices = []
    for choice in answer.choices:
        line = watch.lines.get(choice.index)
        if line is None:
            line = watch.lines[choice.index] = watch.line(choice.index, watch.promised)
        line.grow(choice.text, complete, checker.read, checker.verdict, late)
        if complete and not watch.settled:
            checker.still_json(choice.text, line.text)
        choices.append(
            Choice(
                index=choice.index,
                text=line.text,
                tool_calls=_calls(choice, watch, checker) if choice.tool_calls else (),
                finish_reason=choice.finish_reason,
            )
        )
    if complete and not watch.settled:
        watch.settled = True
        _conclude(watch, trail)
    return Checked(
        answer=answer,
        choices=tuple(choices),
        safe_chars=tuple(len(choice.text) for choice in choices),
        findings=watch.findings,
    )


def whole_texts(answer: Answer) -> Iterator[tuple[str, str]]:
    """The texts of a complete answer as detectors that need all of it read them, and where each
    stands.
    """
    promised = quotes(answer.sendable)
    for choice in answer.choices:
        place = f"answer:{choice.index}" if choice.index else "answer"
        yield Shown(promised=promised).grow(choice.text, True), place
        for number, call in enumerate(choice.tool_calls):
            yield shown_json(call.arguments)[0], f"{place}:call:{number}"


def _calls(choice: Choice, watch: Watch, checker: Checker) -> tuple[ToolCall, ...]:
    done = []
    for number, call in enumerate(choice.tool_calls):
        known = watch.calls.get((choice.index, number))
        if known is None or known[0] != call:
            line = watch.line(choice.index, True, f":call:{number}")
            told = checker.named(call, (choice.index, number))
            done_call = whole_call(told, line, watch.reader, checker.read, checker.verdict)
            checker.still_json(call.arguments, done_call.arguments)
            known = (call, done_call, line)
            watch.calls[choice.index, number] = known
        done.append(known[1])
    return tuple(done)


def _conclude(watch: Watch, trail: Trail) -> None:
    """What happened to hidden characters and to placeholders, once for the answer."""
    hidden = watch.removed()
    if hidden:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(hidden.items()))
        trail.decide(
            Decision(
                stage="governance",
                outcome="transform",
                rule="hidden.unicode",
                why=f"characters that nobody sees were taken out of the answer ({counts})",
            )
        )
    lines: list[Line] = [*watch.lines.values(), *(known[2] for known in watch.calls.values())]
    restored = sum(line.splicer.restored for line in lines)
    if restored:
        trail.decide(
            Decision(
                stage="governance",
                outcome="allow",
                rule="placeholders",
                why=f"{restored} placeholders stand for the recipient's own values, put back",
            )
        )
    invented = [kind for line in lines for kind in line.splicer.invented]
    if invented:
        kinds = ", ".join(sorted({spoken(kind) for kind in invented}))
        trail.decide(
            Decision(
                stage="governance",
                outcome="transform",
                rule="placeholders",
                why=f"{len(invented)} placeholders with nothing to put back were masked ({kinds})",
            )
        )
