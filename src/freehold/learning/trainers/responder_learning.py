"""From lessons to templates and the questions that they answer."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import combinations, count, product

from msgspec import Struct
from msgspec.structs import replace

from freehold.learning.trainers.responder_conditions import When, conditions, rows_of
from freehold.learning.trainers.responder_conflicts import Conflicts, conflicts
from freehold.learning.trainers.responder_easing import eased
from freehold.learning.trainers.responder_lessons import Lesson
from freehold.learning.trainers.responder_merging import Draft, drafts
from freehold.learning.trainers.responder_usable import Constants
from freehold.text.slots.nearness import Near, Point, code_of
from freehold.text.slots.small_talk import bare, small_talk
from freehold.text.slots.templates import Entry, Template

ALIKE = 0.8
"""How near two questions are that want the same."""
_SHOWN = 3


class Learning(Struct, frozen=True, kw_only=True):
    """What was learned; ``aside`` is how many approved answers are not used."""

    templates: tuple[Template, ...]
    entries: tuple[Entry, ...]
    talk: tuple[str, ...] = ()
    eased: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    aside: int = 0


def learn(lessons: Sequence[Lesson]) -> Learning:
    """Templates of the approved answers, with their conditions; whatever can't be used again, and
    every counterexample, stays as a question that is left to others. Where answers contradict each
    other, it is learned again without those that count less.
    """
    talk = small_talk(lesson.question.masked for lesson in lessons)
    lessons = [replace(lesson, question=bare(lesson.question, talk)) for lesson in lessons]
    made, found = _pass(lessons, talk)
    if not found.notes:
        return made
    kept = [
        replace(lesson, answer="", marks=()) if lesson.case in found.undecided else lesson
        for lesson in lessons
        if lesson.case not in found.outvoted
    ]
    again, _ = _pass(kept, talk)
    return replace(
        again,
        notes=(*found.notes, *again.notes),
        aside=again.aside + len(found.outvoted) + len(found.undecided),
    )


def _pass(lessons: Sequence[Lesson], talk: frozenset[str]) -> tuple[Learning, Conflicts]:
    notes: list[str] = []
    kept: list[Draft] = []
    left: list[Lesson] = [lesson for lesson in lessons if not lesson.answer]
    made = drafts(lesson for lesson in lessons if lesson.answer)
    constants = Constants(made)
    aside = 0
    for draft in made:
        unvouched = constants.unvouched(draft)
        if not unvouched:
            kept.append(draft)
            continue
        cases = ", ".join(lesson.case for lesson in draft.lessons[:_SHOWN])
        notes.append(f"{cases}: left out, nothing vouches for {_quoted(unvouched)}")
        left += draft.lessons
        aside += len(draft.lessons)
    names = count(1)
    pairs: list[tuple[Draft, Template]] = []
    entries: list[Entry] = []
    groups, links = _groups(kept)
    whens = conditions(groups, [_wider(alike) for alike in links])
    for number, (group, alike, when_of) in enumerate(zip(groups, links, whens, strict=True)):
        lessons_of = (lesson for draft in group for lesson in draft.lessons)
        sources = sorted({source for one in lessons_of for source in one.context.sources})
        called = [f"t{next(names)}" for _ in group]
        for place, (draft, when) in enumerate(zip(group, when_of, strict=True)):
            beside = [called[b if a == place else a] for a, b in sorted(alike) if place in (a, b)]
            template = _template(called[place], number, draft, when, sources, beside)
            pairs.append((draft, template))
            entries += _entries(draft.lessons, template.template)
    entries += _entries(left, "")
    learning = Learning(
        templates=tuple(template for _, template in pairs),
        entries=tuple(entries),
        talk=tuple(sorted(talk)),
        eased=eased(pairs, left),
        notes=tuple(notes),
        aside=aside,
    )
    return learning, conflicts(pairs)


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words[:_SHOWN])


def _template(
    name: str,
    group: int,
    draft: Draft,
    when: When,
    sources: Sequence[str],
    beside: Sequence[str],
) -> Template:
    return Template(
        template=name,
        group=group,
        answer=draft.answer,
        slots=draft.slots,
        when=when,
        rows=rows_of(draft),
        sources=tuple(sources),
        beside=tuple(beside),
        language=draft.lessons[0].language,
        weight=sum(lesson.weight for lesson in draft.lessons),
        cases=tuple(lesson.case for lesson in draft.lessons),
    )


def _entries(lessons: Sequence[Lesson], template: str) -> list[Entry]:
    """One for each question that is asked in another way."""
    seen: dict[str, Entry] = {}
    for lesson in lessons:
        seen.setdefault(
            lesson.question.masked.casefold(),
            Entry(
                question=lesson.question,
                template=template,
                case=lesson.case,
                code=code_of(lesson.question.masked),
            ),
        )
    return list(seen.values())


def _groups(
    kept: Sequence[Draft],
) -> tuple[list[list[Draft]], list[set[tuple[int, int]]]]:
    """Drafts whose questions are alike, with whatever they are alike with in turn; and which of
    each group are alike themselves.
    """
    owners = [at for at, draft in enumerate(kept) for _ in draft.lessons]
    texts = [lesson.question.masked for draft in kept for lesson in draft.lessons]
    unique = dict.fromkeys(texts)
    points = {text: Point(text) for text in unique}
    first: dict[str, int] = {}
    asking: dict[str, set[int]] = defaultdict(set)
    linked: set[tuple[int, int]] = set()
    parents = list(range(len(kept)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    for owner, text in zip(owners, texts, strict=True):
        other = first.setdefault(text, owner)
        asking[text].add(owner)
        parents[root(owner)] = root(other)
    ordered = list(unique)
    near = Near([points[text] for text in ordered])
    for text in ordered:
        places, likeness = near.of(points[text])
        for place, how in zip(places.tolist(), likeness.tolist(), strict=True):
            if how < ALIKE:
                break
            parents[root(first[text])] = root(first[ordered[place]])
            linked |= set(product(asking[text], asking[ordered[place]]))
    found: dict[int, list[int]] = defaultdict(list)
    for at in range(len(kept)):
        found[root(at)].append(at)
    links = [
        {(a, b) for a, b in combinations(range(len(own)), 2) if _linked(own[a], own[b], linked)}
        for own in found.values()
    ]
    return [[kept[at] for at in own] for own in found.values()], links


def _wider(alike: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """With those that are both like a third: the same question may be meant."""
    near: dict[int, set[int]] = defaultdict(set)
    for one, other in alike:
        near[one].add(other)
        near[other].add(one)
    return {*alike, *(pair for own in near.values() for pair in combinations(sorted(own), 2))}


def _linked(one: int, other: int, linked: Collection[tuple[int, int]]) -> bool:
    return (one, other) in linked or (other, one) in linked
