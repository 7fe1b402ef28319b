"""How far the judging of one growing answer has come."""

from functools import cache, partial
from typing import Any

from msgspec import Struct

from freehold.core.facts import FactKind, TextFact
from freehold.core.handoffs import Checked, Choice
from freehold.core.spec import Obligation
from freehold.stages.policy.verdicts import Fired
from freehold.text.clauses import Subject
from freehold.text.facts import extract, subject
from freehold.text.language import SAMPLE_CHARS, spoken
from freehold.text.offers import SPAN
from freehold.text.sentences import sentence_ends, unsettled


class Step(Struct, frozen=True):
    """What is judged at once: new text of each choice; ``last`` when nothing will follow."""

    fresh: tuple[str, ...]
    last: bool


class Progress:
    """Policy's working state while an answer grows, choice by choice.

    Attributes:
        seen: characters of the checked text that have been judged.
        out: what those characters became.
        facts: what was found in them.
        about: tells what the question is about; reads it when first asked.
        base: the request's facts that rules on the answer name, once they are known.
        fired: rules that have fired so far; they stay fired.
        pending: what waits for the end of the answer: a hold or a rewriting.
        left: whether any text may have left.
    """

    __slots__ = (
        "_scanned",
        "_settled",
        "about",
        "base",
        "facts",
        "fired",
        "left",
        "out",
        "pending",
        "seen",
    )

    def __init__(self) -> None:
        self._scanned: list[int] = []
        self._settled: dict[int, str] = {}  # the languages that are sure, by choice
        self.seen: list[int] = []
        self.out: list[str] = []
        self.facts: list[TextFact] = []
        self.about: Subject | None = None
        self.base: dict[str, Any] | None = None
        self.fired: dict[str, Fired] = {}
        self.pending: tuple[Fired, Obligation] | None = None
        self.left = False

    def steps(self, checked: Checked, *, by_sentence: bool) -> list[Step]:
        """The new text in the portions in which it is judged.

        Sentence by sentence even when the whole answer is there at once, so that a verdict never
        depends on how the answer happened to arrive.
        """
        choices = checked.choices
        while len(self.seen) < len(choices):
            self.seen.append(0)
            self.out.append("")
            self._scanned.append(0)
        done = checked.answer.complete
        steps = []
        at = list(self.seen)
        if by_sentence:
            for i, choice in enumerate(choices):
                limit = len(choice.text) if done else checked.safe_chars[i]
                for end in self._ends(i, choice.text, limit):
                    steps.append(Step(_only(i, choice.text[at[i] : end], len(choices)), False))
                    at[i] = end
        if done:
            rest = tuple(choice.text[at[i] :] for i, choice in enumerate(choices))
            steps.append(Step(rest, True))
        return steps

    def _ends(self, i: int, text: str, limit: int) -> list[int]:
        start = max(self.seen[i], self._scanned[i])
        ends = sentence_ends(text, start, limit)
        self._scanned[i] = unsettled(text, ends[-1] if ends else start, limit)
        return ends

    def take(
        self, step: Step, checked: Checked, language: str, kinds: frozenset[FactKind]
    ) -> list[list[TextFact]]:
        """Facts of a step's text, with offsets in its choice; they are added to ``facts``.

        `language` is the question's; an answer is read in its own as soon as it tells.
        """
        if self.about is None:
            query = checked.answer.sendable.plan.ruled.grounded.screened.prepared.query
            self.about = cache(partial(subject, query, language))
        found: list[list[TextFact]] = []
        for i, text in enumerate(step.fresh):
            seen = self.seen[i]
            facts: tuple[TextFact, ...] = ()
            if kinds and text:
                before = checked.choices[i].text[max(0, seen - SPAN) : seen]
                own = self._language(i, checked.choices[i].text[: seen + len(text)], language)
                facts = extract(text, own, kinds, before=before, about=self.about, last=step.last)
            found.append([_shifted(fact, seen) for fact in facts])
        for new in found:
            self.facts.extend(new)
        return found

    def _language(self, i: int, text: str, asked: str) -> str:
        """The language in which choice `i` is read, of which `text` has been told so far.

        It depends on whole steps only, never on how the answer arrived. An answer that goes on in
        the question's language is not asked again.
        """
        if i in self._settled:
            return self._settled[i]
        own = spoken(text)
        if own == asked or len(text) >= SAMPLE_CHARS:
            self._settled[i] = own or asked
        return own or asked

    def advance(self, i: int, judged: str, became: str) -> None:
        """Characters have been judged and became this."""
        self.seen[i] += len(judged)
        self.out[i] += became

    def texts(self, checked: Checked, step: Step) -> list[str]:
        """What rules may read at a step: the text judged so far and the step's own."""
        return [
            choice.text[: self.seen[i] + len(step.fresh[i])]
            for i, choice in enumerate(checked.choices)
        ]

    def choices(self, checked: Checked) -> tuple[Choice, ...]:
        """The choices as they may leave; tool calls only with the end."""
        done = checked.answer.complete
        return tuple(
            Choice(
                index=choice.index,
                text=self.out[i],
                tool_calls=choice.tool_calls if done else (),
                finish_reason=choice.finish_reason if done else None,
            )
            for i, choice in enumerate(checked.choices)
        )


def _only(i: int, text: str, count: int) -> tuple[str, ...]:
    return tuple(text if place == i else "" for place in range(count))


def _shifted(fact: TextFact, offset: int) -> TextFact:
    if not offset:
        return fact
    return TextFact(
        kind=fact.kind,
        value=fact.value,
        upper=fact.upper,
        unit=fact.unit,
        start=fact.start + offset,
        end=fact.end + offset,
        text=fact.text,
        polarity=fact.polarity,
        role=fact.role,
        parsed=fact.parsed,
    )
