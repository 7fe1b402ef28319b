"""A learned responder: approved answers whose values are filled from the present context.

What is asked is compared with the questions of approved answers. Of the nearest, those count whose
conditions hold and whose slots can be filled; the rest of an answer stands as it was approved. The
file says from which score on an answer is given, and what chance to be right a score has.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.ask import Message
from freehold.core.basis import Unsure
from freehold.core.decisions import MILLION
from freehold.core.local import Beside, Known
from freehold.text.embedding import VERSION as EMBEDDING
from freehold.text.local.asked import question, turns
from freehold.text.slots.context import Context, read
from freehold.text.slots.doubts import VERSION as DOUBTS
from freehold.text.slots.doubts import Words, agreement, combined
from freehold.text.slots.features import features
from freehold.text.slots.filling import fill
from freehold.text.slots.nearness import VERSION as NEARNESS
from freehold.text.slots.nearness import Near, Point
from freehold.text.slots.questions import Question, understood
from freehold.text.slots.rows import ASKED, Asked, means
from freehold.text.slots.small_talk import bare, words_of
from freehold.text.slots.templates import (
    ASKS,
    FOLLOWS,
    NEGATED,
    STRAY,
    Entry,
    File,
    Template,
    load,
)

VECTORS = f"{EMBEDDING}.{NEARNESS}.{DOUBTS}"
"""Which vectors a score was measured on, and how it was made of what they tell."""
MOST_CHARS = 2_000
"""A longer question is more than a question: it is left to other models."""
_QUICK = 5_000
"""Questions that are looked through in about a millisecond."""
_FAR = 0.4
"""What is so much further than the nearest is no rival."""
_LEAD = 0.2
"""Up to which lead it counts that no rival is as near."""
_AHEAD, _BEHIND = 0.5, 1.5
"""How much a lead counts, and how much that something is nearer which it does not answer."""
_AS_NEAR = 0.02
"""What differs by less is as near."""
_NOTHING = "no question like it was approved"
_OTHERS = "what is left to others is nearer"
_STATE = "it is asked otherwise, or of another state, than what was approved, or a value is missing"
_FOLLOWS = "it goes on from what was said before"
_NO_QUESTION = "there is no question, or a very long one"
_WORDS: dict[str, Unsure] = {
    _NOTHING: "nothing_near",
    _OTHERS: "left_to_others",
    _STATE: "other_state",
    _FOLLOWS: "follow_up",
    _NO_QUESTION: "no_question",
}


class Told(Struct, frozen=True, kw_only=True):
    """Why an answer is what it is.

    Attributes:
        text: the answer, also where it is not sure enough to be given; empty without one.
        given: whether it is given.
        template, cases: the approved answers that it was learned from.
        slots: each origin as ``source.field (rule, form)``, and what stood there.
        why: for a reader, where nothing is given.
        score, confidence: in millionths.
    """

    text: str = ""
    given: bool = False
    template: str = ""
    cases: tuple[str, ...] = ()
    slots: tuple[tuple[str, str], ...] = ()
    why: str = ""
    score: int = 0
    confidence: int = 0


class Guess(Struct, frozen=True):
    """The best template for a question, what it says here, its score, and the case whose question
    is the nearest.
    """

    template: Template
    text: str
    score: float
    case: str = ""


class Learned:
    """Templates and the questions that they answer, ready to be asked; ``line`` and chances apart.

    The trainer asks it too, so that what was measured is what is served.
    """

    def __init__(
        self,
        templates: Sequence[Template],
        entries: Sequence[Entry],
        talk: Collection[str] = (),
        eased: Collection[str] = (),
    ) -> None:
        self._templates = {template.template: template for template in templates}
        self._entries = list(entries)
        self._talk = frozenset(talk)
        self._eased = frozenset(eased)
        self._near = Near([Point(entry.question.masked, entry.code) for entry in entries])
        self._words = Words((e.template, words_of(e.question.masked)) for e in entries)

    def warm(self) -> None:
        """Make ready now what the first questions would have to wait for."""
        self._near.warm()

    def best(
        self,
        asked: Asked,
        context: Context,
        *,
        follows: bool = False,
    ) -> Guess | str:
        """The best answer, or why there is none; ``follows``: something was said before."""
        seen = bare(understood(asked.text, context, asked), self._talk)
        if follows and seen.leans:
            return _FOLLOWS
        places, near = self._near.of(self._near.point(seen.masked))
        search = _Search(self._templates, seen, asked, context, self._eased, follows=follows)
        ranked = [
            (self._entries[place], likeness)
            for place, likeness in zip(places.tolist(), near.tolist(), strict=True)
        ]
        for entry, likeness in ranked:
            if search.take(entry, self._templates.get(entry.template), likeness):
                break
        found = search.found()
        if isinstance(found, str):
            return found
        template = found.template
        agreed = agreement((like, self._agrees(entry, template)) for entry, like in ranked)
        known = (template.template, *template.beside)
        words = words_of(seen.masked)
        strange, lacks = self._words.strange(words, known), self._words.lacks(words, known)
        score = combined(found.score, agreed, strange, lacks)
        return replace(found, score=score)

    def _agrees(self, entry: Entry, template: Template) -> bool:
        """Whether a question was answered by the same group of templates."""
        other = self._templates.get(entry.template)
        return other is not None and other.group == template.group


class _Search:
    """Entries, the nearest first, until the best and its nearest rival are known."""

    def __init__(
        self,
        templates: Mapping[str, Template],
        seen: Question,
        asked: Asked,
        context: Context,
        eased: Collection[str],
        *,
        follows: bool,
    ) -> None:
        self._templates = templates
        self._seen = seen
        self._eased = frozenset(eased)
        self._asked = asked
        self._context = context
        self._follows = follows
        self._states = features(context, asked)
        self._said: dict[str, str | None] = {}
        self._best: Guess | None = None
        self._shared = False
        self._missed: dict[int, float] = {}
        self._differs = 0.0
        self._rival = 0.0
        self._why = _NOTHING

    def take(self, entry: Entry, template: Template | None, likeness: float) -> bool:
        """Look at one more; whether that is enough."""
        text = self._text(entry, template)
        shared = text is None and template is not None and bool(template.beside)
        if shared and template is not None:
            text, template = self._beside(entry, template)
        if self._best is None:
            if text is not None and template is not None:
                self._best = Guess(template, text, likeness, entry.case)
                self._shared = shared
            else:
                self._miss(entry, template, likeness)
            return False
        if self._shared and template is None and likeness >= self._best.score - _AS_NEAR:
            # the very question is left to others in some context, and approved in none like this
            self._best = None
            self._miss(entry, template, likeness)
            return False
        if likeness < self._best.score - _FAR:
            return True
        same = template is not None and (
            text == self._best.text
            or (text is None and template.group == self._best.template.group)
        )
        if not same:
            self._rival = max(self._rival, likeness)
        return not same

    def _miss(self, entry: Entry, template: Template | None, likeness: float) -> None:
        if not self._missed:
            self._why = _OTHERS if template is None else _STATE
        # they come the nearest first
        self._missed.setdefault(-1 if template is None else template.group, likeness)
        if template is not None and self._turned(entry, template):
            self._differs = max(self._differs, likeness)

    def _text(self, entry: Entry, template: Template | None) -> str | None:
        """What the template says here, if nothing stands against it."""
        if template is None or not _understood(self._seen, entry.question, template):
            return None
        if self._turned(entry, template):
            return None
        if template.template not in self._said:
            may = template.applies(self._states, self._context, self._asked)
            text = template.text(self._context, self._asked) if may else None
            self._said[template.template] = text
        return self._said[template.template]

    def _turned(self, entry: Entry, template: Template) -> bool:
        """Whether it differs from an approved question in what may turn an answer round."""
        differ = differences(self._seen, entry.question, template, follows=self._follows)
        return not differ <= self._eased

    def _beside(self, entry: Entry, template: Template) -> tuple[str | None, Template]:
        """What is said here to questions like this one where it is another state; nothing where
        two of them would say different things.
        """
        told: dict[str, Template] = {}
        for name in template.beside:
            other = self._templates.get(name)
            text = self._text(entry, other)
            if text is not None and other is not None:
                told[text] = other
        return next(iter(told.items())) if len(told) == 1 else (None, template)

    def found(self) -> Guess | str:
        """The best, with its score; or why there is none."""
        if self._best is None:
            return self._why
        first, own = self._best.score, self._best.template.group
        missed = (near for group, near in self._missed.items() if group != own)
        # what is nearer and would be answered so, but for a word that denies, is no support
        rival = max(self._rival, self._differs, *missed)
        lead = min(_LEAD, first - rival)
        score = (first + (_AHEAD if lead > 0 else _BEHIND) * lead) / (1 + _AHEAD * _LEAD)
        return replace(self._best, score=max(0.0, score))


def _understood(seen: Question, entry: Question, template: Template) -> bool:
    """Whether it is asked in the language of an approved question or its answer."""
    known = {entry.language, template.language} - {"und"}
    return seen.language == "und" or not known or seen.language in known


def differences(
    seen: Question, entry: Question, template: Template, *, follows: bool
) -> frozenset[str]:
    """What differs that may turn an answer round."""
    found = {
        FOLLOWS: follows and not _stands_alone(template),
        ASKS: seen.asks > entry.asks,
        STRAY: seen.stray > entry.stray,
        NEGATED: seen.negated != entry.negated,
    }
    return frozenset(name for name, differs in found.items() if differs)


def _stands_alone(template: Template) -> bool:
    """Whether the question itself must name what the answer is about."""
    return any(origin.rule.startswith(ASKED) for slot in template.slots for origin in slot.any)


class LearnedResponder:
    """A responder that was trained. It is ``quick`` as long as it has few thousand questions."""

    def __init__(self, file: File, version: str) -> None:
        self._learned = Learned(file.templates, file.entries, file.header.talk, file.header.eased)
        self._header = file.header
        self._scores = [score for score, _ in file.header.chances]
        self.version = version
        self.quick = len(file.entries) <= _QUICK
        if self.quick:
            self._learned.warm()

    def answer(self, messages: Sequence[Message]) -> Known:
        """Without context: only what needs none."""
        return self.answer_beside(messages, Beside())

    def answer_beside(self, messages: Sequence[Message], beside: Beside) -> Known:
        """The approved answer that fits, filled; no text where none does."""
        guess, _ = self._judge(messages, beside)
        if isinstance(guess, str):
            return Known(text="", confidence=0, why=_WORDS.get(guess, ""))
        score = round(guess.score * MILLION)
        given = score >= self._header.line
        return Known(
            text=guess.text if given else "",
            confidence=self._chance(score),
            nearest=guess.template.template,
            case=guess.case,
            why="" if given else "not_near_enough",
        )

    def explain(self, messages: Sequence[Message], beside: Beside) -> Told:
        """The same, with the reason."""
        guess, context = self._judge(messages, beside)
        if isinstance(guess, str):
            return Told(why=guess)
        score = round(guess.score * MILLION)
        given = score >= self._header.line
        return Told(
            text=guess.text,
            given=given,
            template=guess.template.template,
            cases=guess.template.cases,
            slots=_filled(guess.template, context, Asked(question(messages))),
            why="" if given else "it is not near enough to what was approved",
            score=score,
            confidence=self._chance(score),
        )

    def _judge(self, messages: Sequence[Message], beside: Beside) -> tuple[Guess | str, Context]:
        text = question(messages)
        context = read(beside.pieces, beside.facts, beside.failed)
        if not text.strip() or len(text) > MOST_CHARS:
            return _NO_QUESTION, context
        return self._learned.best(Asked(text), context, follows=turns(messages) > 1), context

    def _chance(self, score: int) -> int:
        place = bisect_right(self._scores, score)
        return self._header.chances[place - 1][1] if place else 0


def _filled(template: Template, context: Context, asked: Asked) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            " and ".join(
                dict.fromkeys(f"`{o.field}` of {means(o.rule, o.source)}" for o in slot.any)
            ),
            fill(slot, context, asked) or "",
        )
        for slot in template.slots
    )


def learned(data: bytes, options: Mapping[str, Any]) -> LearnedResponder:
    """From a file that `freehold.learning.trainers.responder` wrote. It has no options.

    Raises:
        ValueError: a line, an option, or vectors that this release does not make.
    """
    if options:
        raise ValueError(f"a learned responder has no option `{min(options)}`")
    file = load(data)
    if file.header.vectors != VECTORS:
        raise ValueError("it was learned on other vectors or scores: train it again")
    return LearnedResponder(file, sha256(data).hexdigest()[:12])
