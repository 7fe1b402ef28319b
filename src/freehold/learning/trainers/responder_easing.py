"""Which differences from an approved question do not matter, as far as examples show it.

A question that follows others, asks more or names an unknown number is left to other models, until
enough examples have shown that in this place such questions have the very same answer.
"""

from collections import Counter
from collections.abc import Sequence

from freehold.learning.trainers.responder_lessons import Lesson
from freehold.learning.trainers.responder_merging import Draft
from freehold.text.local.learned import differences
from freehold.text.slots.nearness import Near, Point
from freehold.text.slots.templates import Template

_NEAR = 0.85
_SURE = 0.9
"""How many of them must be right, by Laplace's rule: of eight, all."""
_MOST = 2_000


def eased(pairs: Sequence[tuple[Draft, Template]], left: Sequence[Lesson]) -> tuple[str, ...]:
    """Kinds of differences that have made none: of examples that differ in one of them alone from
    the nearest question of another conversation.
    """
    known = [(lesson, template) for draft, template in pairs for lesson in draft.lessons]
    lessons = [lesson for lesson, _ in known] + list(left)
    points: dict[str, Point] = {}
    for lesson in lessons:
        if lesson.question.masked not in points:
            points[lesson.question.masked] = Point(lesson.question.masked)
    near = Near([points[lesson.question.masked] for lesson, _ in known])
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for lesson in lessons[:: 1 + len(lessons) // _MOST]:
        places, likeness = near.of(points[lesson.question.masked])
        for place, how in zip(places.tolist(), likeness.tolist(), strict=True):
            if how < _NEAR:
                break
            other, template = known[place]
            if other.conversation == lesson.conversation:
                continue
            differs = differences(lesson.question, other.question, template, follows=lesson.follows)
            if len(differs) != 1 or not template.applies(
                lesson.states, lesson.context, lesson.asked
            ):
                continue
            said = template.text(lesson.context, lesson.asked)
            if said is not None:
                asked.update(differs)
                right.update(differs if said.split() == lesson.answer.split() else ())
                break
    return tuple(name for name in sorted(asked) if (right[name] + 1) / (asked[name] + 2) >= _SURE)
