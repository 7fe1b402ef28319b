"""Answers that say the same of different values become one template.

What surely came from context is a slot. A small number or a word that says how something is may
also be a constant: it becomes a slot only where examples show it change with its field, and stays
as it is where they show it stay while the field changes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from freehold.learning.trainers.responder_lessons import Lesson
from freehold.text.slots.filling import Slot
from freehold.text.slots.finding import Mark, Origin
from freehold.text.slots.forms import SOFT, STRONG, WEAK
from freehold.text.slots.rows import settled

_LEAST_MOST = 40
"""So many characters may fill any slot; more where three times more stood there."""
_OPEN = 5
"""So many words for a state are no longer the only ones that it may be."""


class Draft(Struct, frozen=True, kw_only=True):
    """A template in the making, of the lessons that it fits.

    ``shared`` are the origins that every lesson leaves to a slot, ``texts`` what stood there, and
    ``kinds`` how sure it is that it came from them. ``states`` are words of the answer that name a
    state: a feature → its state.
    """

    answer: tuple[str | int, ...]
    shared: tuple[frozenset[Origin], ...]
    texts: tuple[frozenset[str], ...]
    kinds: tuple[str, ...]
    lessons: tuple[Lesson, ...]
    states: dict[str, str] = {}

    @property
    def slots(self) -> tuple[Slot, ...]:
        """As they are served."""
        each = zip(self.shared, self.texts, self.kinds, strict=True)
        return tuple(_slot(*one) for one in each)


class _Part(Struct):
    """Lessons whose answers have the same constants around the same number of marks."""

    constants: tuple[str, ...]
    marks: list[tuple[Mark, ...]]
    lessons: list[Lesson]


def drafts(lessons: Iterable[Lesson]) -> list[Draft]:
    """Templates of all the answers, in the order in which they first came."""
    parts: dict[tuple[str, ...], _Part] = {}
    for lesson in lessons:
        constants, marks = _cut(lesson)
        part = parts.setdefault(constants, _Part(constants, [], []))
        part.marks.append(marks)
        part.lessons.append(lesson)
    made = [draft for part in parts.values() for draft in _settle(part)]
    return _joined(made)


def _cut(lesson: Lesson) -> tuple[tuple[str, ...], tuple[Mark, ...]]:
    constants, done = [], 0
    for mark in lesson.marks:
        constants.append(lesson.answer[done : mark.start])
        done = mark.end
    return (*constants, lesson.answer[done:]), lesson.marks


def _settle(part: _Part) -> list[Draft]:
    """Each mark becomes a slot, a constant or a doubt; where that can't be, examples part."""
    for place in range(len(part.constants) - 1):
        column = [marks[place] for marks in part.marks]
        texts = {mark.text for mark in column}
        shared = frozenset.intersection(*(mark.origins for mark in column))
        sure = any(mark.strength == STRONG for mark in column)
        if not shared and (len(texts) > 1 or sure):
            return _parted(part, place, sure=sure)
    return [_draft(part)]


def _parted(part: _Part, place: int, *, sure: bool) -> list[Draft]:
    """By what they share there, greedily, or by what is written there."""
    groups: list[tuple[frozenset[Origin], list[int]]] = []
    for number, marks in enumerate(part.marks):
        mark = marks[place]
        for at, (shared, members) in enumerate(groups):
            same = mark.text == part.marks[members[0]][place].text
            if (sure and shared & mark.origins) or (not sure and same):
                groups[at] = (shared & mark.origins if sure else shared, [*members, number])
                break
        else:
            groups.append((mark.origins, [number]))
    if len(groups) == 1:
        return [_draft(part)]
    made = []
    for _, members in groups:
        own, lessons = [part.marks[n] for n in members], [part.lessons[n] for n in members]
        made += _settle(_Part(part.constants, own, lessons))
    return made


def _draft(part: _Part) -> Draft:
    answer: list[str | int] = [part.constants[0]]
    slots: list[tuple[frozenset[Origin], frozenset[str], str]] = []
    states: dict[str, str] = {}
    for place, constant in enumerate(part.constants[1:]):
        column = [marks[place] for marks in part.marks]
        texts = frozenset(mark.text for mark in column)
        shared = frozenset.intersection(*(mark.origins for mark in column))
        surest = min((mark.strength for mark in column), key=(STRONG, WEAK, SOFT).index)
        if shared and (surest != SOFT or len(texts) > 1):
            answer.append(len(slots))
            slots.append((shared, texts, surest))
        else:
            answer.append(column[0].text)
            states.update(_states(shared, column[0].text))
        answer.append(constant)
    return Draft(
        answer=_plain(answer),
        shared=tuple(one for one, _, _ in slots),
        texts=tuple(one for _, one, _ in slots),
        kinds=tuple(one for _, _, one in slots),
        lessons=tuple(part.lessons),
        states=states,
    )


def _states(shared: frozenset[Origin], text: str) -> dict[str, str]:
    return {f"{o.source}.{o.field}": f"={text}" for o in shared if o.form == "text:"}


def _slot(shared: frozenset[Origin], texts: frozenset[str], kind: str) -> Slot:
    """The origins that are left, each with the rule that must hold and its most usual form."""
    rules: dict[tuple[str, str], set[str]] = defaultdict(set)
    forms: dict[tuple[str, str], list[str]] = defaultdict(list)
    for origin in sorted(shared):
        rules[origin.source, origin.field].add(origin.rule)
        forms[origin.source, origin.field].append(origin.form)
    kept = [
        Origin(source, rule, field, usual(forms[source, field]))
        for (source, field), some in sorted(rules.items())
        for rule in settled(frozenset(some))
    ]
    closed = (kind == SOFT and len(texts) < _OPEN) or (kind == WEAK and len(texts) == 1)
    longest = max(map(len, texts))
    return Slot(
        any=tuple(kept),
        most=max(_LEAST_MOST, 3 * longest),
        among=tuple(sorted(texts)) if closed else (),
    )


def usual(forms: Sequence[str]) -> str:
    """Of forms that write the same so far, the one to go on with: the plainest."""
    order = ("text:", "said", "date:en:", "date:", "money:", "percent:", "word:", "text")
    ranks = {
        form: (next(n for n, o in enumerate(order) if form.startswith(o)), form) for form in forms
    }
    return min(forms, key=ranks.__getitem__)


def _plain(answer: Sequence[str | int]) -> tuple[str | int, ...]:
    """Constants side by side as one; none that is empty."""
    made: list[str | int] = []
    for segment in answer:
        if isinstance(segment, str) and made and isinstance(made[-1], str):
            made[-1] += segment
        elif segment != "":
            made.append(segment)
    return tuple(made)


def _joined(made: list[Draft]) -> list[Draft]:
    """Those that come to the same: a doubt of one is settled by another that shows a constant."""
    constants = {draft.answer for draft in made}
    same: dict[tuple[tuple[str | int, ...], int], Draft] = {}
    for draft in sorted(made, key=_doubts):
        draft = _decided(draft, constants)
        for turn in range(len(made)):
            other = same.get((draft.answer, turn))
            if other is None:
                same[draft.answer, turn] = draft
                break
            both = tuple(a & b for a, b in zip(other.shared, draft.shared, strict=True))
            if all(both):
                same[draft.answer, turn] = _both(other, draft, both)
                break
    order = {id(lesson): at for at, lesson in enumerate(le for d in made for le in d.lessons)}
    return sorted(same.values(), key=lambda one: order[id(one.lessons[0])])


def _doubts(draft: Draft) -> int:
    each = zip(draft.kinds, draft.texts, strict=True)
    return sum(kind == WEAK and len(texts) == 1 for kind, texts in each)


def _decided(draft: Draft, constants: set[tuple[str | int, ...]]) -> Draft:
    """With its doubts as constants, where other answers have them so."""
    if not _doubts(draft):
        return draft
    kept = [n for n, k in enumerate(draft.kinds) if k != WEAK or len(draft.texts[n]) > 1]
    answer = _plain(
        [
            s if isinstance(s, str) else kept.index(s) if s in kept else min(draft.texts[s])
            for s in draft.answer
        ]
    )
    if answer not in constants:
        return draft
    return replace(
        draft,
        answer=answer,
        shared=tuple(draft.shared[n] for n in kept),
        texts=tuple(draft.texts[n] for n in kept),
        kinds=tuple(draft.kinds[n] for n in kept),
    )


def _both(one: Draft, other: Draft, shared: tuple[frozenset[Origin], ...]) -> Draft:
    kinds = zip(one.kinds, other.kinds, strict=True)
    return replace(
        one,
        shared=shared,
        texts=tuple(a | b for a, b in zip(one.texts, other.texts, strict=True)),
        kinds=tuple(min(pair, key=(STRONG, WEAK, SOFT).index) for pair in kinds),
        lessons=(*one.lessons, *other.lessons),
        states={k: v for k, v in one.states.items() if other.states.get(k) == v},
    )
