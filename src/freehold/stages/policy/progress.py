"""How far the judging of one growing answer has come."""

from functools import cache, partial
from typing import Any

from msgspec import Struct

from freehold.core.facts import FactKind, TextFact
from freehold.core.handoffs import Checked, Choice
from freehold.core.spec import Obligation
from freehold.stages.policy.changes import Edit, edited
from freehold.stages.policy.demands import Fired
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
        edits: what was replaced in them; ``gone`` are the sentences that a template stands for.
        facts: what was found in them; ``kept``: in those that are not gone.
        sentences: how many have been judged.
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
        "calls_gone",
        "edits",
        "facts",
        "fired",
        "gone",
        "kept",
        "left",
        "out",
        "pending",
        "seen",
        "sentences",
    )

    def __init__(self) -> None:
        self._scanned: list[int] = []
        self._settled: dict[int, str] = {}  # the languages that are sure, by choice
        self.seen: list[int] = []
        self.out: list[str] = []
        self.edits: list[list[Edit]] = []
        self.gone: list[list[Edit]] = []
        self.facts: list[TextFact] = []
        self.kept: list[TextFact] = []
        self.sentences = 0
        self.calls_gone = False
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
            self.edits.append([])
            self.gone.append([])
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
        """Facts of a step's text, with offsets in its choice; they are added to ``facts``, and the
        step to the ``sentences``.

        `language` is the question's; an answer is read in its own as soon as it tells.
        """
        about = self._asked(checked, language)
        found: list[list[TextFact]] = []
        for i, text in enumerate(step.fresh):
            seen = self.seen[i]
            facts: tuple[TextFact, ...] = ()
            if kinds and text:
                before = checked.choices[i].text[max(0, seen - SPAN) : seen]
                own = self._language(i, checked.choices[i].text[: seen + len(text)], language)
                facts = extract(text, own, kinds, before=before, about=about, last=step.last)
            found.append([_shifted(fact, seen) for fact in facts])
        for new in found:
            self.facts.extend(new)
        self.sentences += any(text and not text.isspace() for text in step.fresh)
        return found

    def whole(
        self, checked: Checked, language: str, kinds: frozenset[FactKind]
    ) -> list[list[TextFact]]:
        """The facts of each choice, read as a whole: what rules see that need all of it."""
        about = self._asked(checked, language)
        return [
            list(
                extract(choice.text, spoken(choice.text) or language, kinds, about=about, last=True)
            )
            for choice in checked.choices
        ]

    def _asked(self, checked: Checked, language: str) -> Subject:
        if self.about is None:
            query = checked.answer.sendable.plan.ruled.grounded.screened.prepared.query
            self.about = cache(partial(subject, query, language))
        return self.about

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

    def advance(self, step: Step, cut: list[list[Edit]], found: list[list[TextFact]]) -> None:
        """A step has been judged, and this is what has to be replaced in it."""
        for i, text in enumerate(step.fresh):
            self.out[i] += edited(text, cut[i], self.seen[i])
            self.edits[i] += cut[i]
            self.seen[i] += len(text)
            self.kept += found[i]

    def replace(self, step: Step, template: str) -> None:
        """The template stands for a step's sentence, and once for those that follow each other;
        the last sentence takes the tool calls with it.
        """
        self.calls_gone = step.last
        for i, text in enumerate(step.fresh):
            begin = self.seen[i]
            self.seen[i] += len(text)
            body = text.strip()
            if not body and not step.last:
                self.out[i] += text
                continue
            again = bool(self.gone[i]) and self.gone[i][-1][1:] == (begin, template)
            start = begin + len(text) - len(text.lstrip())
            end = self.seen[i] if again else start + len(body)
            said = "" if again else template
            self.out[i] += text[: start - begin] + said + text[end - begin :]
            self.edits[i].append((start, end, said))
            self.gone[i].append((start, self.seen[i], template))

    def rebuild(self, checked: Checked, more: list[list[Edit]]) -> None:
        """Replace more, also in what was judged before; nothing of it has left."""
        for i, choice in enumerate(checked.choices):
            if more[i]:
                self.out[i] = edited(choice.text, [*self.edits[i], *more[i]])

    def kept_texts(self, texts: list[str]) -> list[str]:
        """The texts with blanks where a template stands, so that all offsets stay."""
        kept = []
        for text, gone in zip(texts, self.gone, strict=True):
            for start, end, _ in gone:
                text = f"{text[:start]}{' ' * (end - start)}{text[end:]}"
            kept.append(text)
        return kept

    def texts(self, checked: Checked, step: Step) -> list[str]:
        """What rules may read at a step: the text judged so far and the step's own."""
        return [
            choice.text[: self.seen[i] + len(step.fresh[i])]
            for i, choice in enumerate(checked.choices)
        ]

    def choices(self, checked: Checked) -> tuple[Choice, ...]:
        """The choices as they may leave; tool calls only with the end."""
        done = checked.answer.complete
        calls = done and not self.calls_gone
        return tuple(
            Choice(
                index=choice.index,
                text=self.out[i],
                tool_calls=choice.tool_calls if calls else (),
                finish_reason=self._reason(choice) if done else None,
            )
            for i, choice in enumerate(checked.choices)
        )

    def _reason(self, choice: Choice) -> str | None:
        """Why the choice ended; not for calls that are gone."""
        if self.calls_gone and choice.finish_reason == "tool_calls":
            return "stop"
        return choice.finish_reason


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
