"""Approved answers that contradict each other: the heavier side counts, or neither."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec import Struct

from freehold.learning.trainers.responder_lessons import Lesson
from freehold.learning.trainers.responder_merging import Draft
from freehold.text.slots.templates import Template

_HEAVIER = 2
"""A side must weigh so many times the other to be believed."""
_SHOWN = 3


class Conflicts(Struct, frozen=True):
    """Cases whose answer is not used: those outvoted, and those of questions left to others."""

    outvoted: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def conflicts(pairs: Sequence[tuple[Draft, Template]]) -> Conflicts:
    """Of templates that say different things to the same question in the same context."""
    owners: dict[tuple[int, str], list[tuple[Draft, Template, Lesson]]] = defaultdict(list)
    for draft, template in pairs:
        for lesson in draft.lessons:
            asked = lesson.question.masked.casefold()
            owners[template.group, asked].append((draft, template, lesson))
    outvoted: set[str] = set()
    undecided: set[str] = set()
    notes: list[str] = []
    for same in owners.values():
        for one, other in _sides(same):
            weights = sum(le.weight for le in one), sum(le.weight for le in other)
            light, heavy = (one, other) if weights[0] < weights[1] else (other, one)
            cases = ", ".join(le.case for le in light[:_SHOWN])
            against = ", ".join(le.case for le in heavy[:_SHOWN])
            if max(weights) >= _HEAVIER * min(weights):
                outvoted |= {le.case for le in light}
                notes.append(f"{cases}: left out, {against} say otherwise and weigh more")
            else:
                undecided |= {le.case for le in (*light, *heavy)}
                notes.append(f"{cases} and {against} contradict each other: left to other models")
    return Conflicts(frozenset(outvoted), frozenset(undecided - outvoted), tuple(notes))


def _sides(
    same: Sequence[tuple[Draft, Template, Lesson]],
) -> Iterator[tuple[list[Lesson], list[Lesson]]]:
    """Lessons of each two templates of which one would answer what the other was approved for."""
    templates = {template.template: template for _, template, _ in same}
    lessons: dict[str, list[Lesson]] = defaultdict(list)
    for _, template, lesson in same:
        lessons[template.template].append(lesson)
    names = sorted(templates)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            crossed = any(_answers(templates[other], le) for le in lessons[one]) or any(
                _answers(templates[one], le) for le in lessons[other]
            )
            if crossed:
                yield lessons[one], lessons[other]


def _answers(template: Template, lesson: Lesson) -> bool:
    """Whether a template would say something else than what was approved."""
    if not template.applies(lesson.states, lesson.context, lesson.asked):
        return False
    text = template.text(lesson.context, lesson.asked)
    return text is not None and text.split() != lesson.answer.split()
