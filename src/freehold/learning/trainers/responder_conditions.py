"""When an answer holds: what tells the contexts of answers to one question apart."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from freehold.learning.trainers.responder_lessons import Lesson
from freehold.learning.trainers.responder_merging import Draft
from freehold.text.slots.features import ABSENT, OTHER, PAIR, of_rows
from freehold.text.slots.rows import ASKED

_MANY = 20
"""From so many lessons on, a state that was never seen is no sign of another question any more."""
_FREE = 3
_VARIED, _SELDOM = 4, 0.1
"""A feature had several states with so many answers that did not change, and is needed in at most
this share as many groups: elsewhere it hardly matters."""
_SOME = 6
"""So many lessons a group has before that is believed of how two fields compare in rows that its
answers are filled from; of one field it never is."""
_CHANCE = 0.001
"""An answer that was always approved in one state hangs on it, if chance would have shown others
but once in so many times."""
_AMOUNTS = frozenset({"0", "+", "-", "text"})
"""States of a field that fills a slot: where some were meant, none is another answer."""

_STEM, _LEAST_STEM = 6, 4
"""Letters by which a word of a question is told to be one of a field's name; a shorter is none."""
_FIELD_WORD = re.compile(r"[^\W\d_]+")

When = dict[str, tuple[str, ...]]
Usual = Mapping[str, Counter[str]]


def conditions(
    groups: Sequence[Sequence[Draft]], links: Sequence[Collection[tuple[int, int]]]
) -> list[list[When]]:
    """For each draft of each group: feature → states that it may have.

    What separates two drafts whose questions are alike (``links``: their places in the group) is a
    condition of both. A feature that separates nothing must have a state that was seen with some
    draft of the group, until examples have shown it not to matter, here or in all groups together;
    what an answer says or is asked about, and what was always so, stays a condition.
    """
    seen = [_Seen(group, alike) for group, alike in zip(groups, links, strict=True)]
    varied = Counter(
        name for one in seen for own in one.states for name in own if len(own[name]) > 1
    )
    needed = Counter(name for one in seen for name in one.needed)
    idle = {
        name
        for name, times in varied.items()
        if times >= _VARIED and needed[name] <= _SELDOM * times
    }
    usual = _usual(seen)
    return [one.when(idle, usual) for one in seen]


class _Seen:
    """The states of a group's features, by draft."""

    def __init__(self, group: Sequence[Draft], alike: Collection[tuple[int, int]]) -> None:
        self._group = group
        each = [_states_of(draft) for draft in group]
        self.heard = [lesson for own in each for lesson in own]
        self._lessons = sum(map(len, each))
        self._names = sorted({name for own in each for lesson in own for name in lesson})
        self.states = [{name: _seen(own, name) for name in self._names} for own in each]
        self.needed = _separating(self._names, group, self.states, alike)

    def when(self, idle: Collection[str], usual: Usual) -> list[When]:
        everywhere = {
            name: frozenset().union(*(one[name] for one in self.states)) for name in self._names
        }
        made: list[When] = []
        for draft, own in zip(self._group, self.states, strict=True):
            kept = _Kept(draft, self._names, self._lessons)
            when: dict[str, frozenset[str]] = {}
            for name in self._names:
                if name in self.needed or kept.own(name, own[name], usual.get(name)):
                    when[name] = own[name]
                elif kept.shared(name, everywhere[name], idle=name in idle):
                    when[name] = everywhere[name]
            for name, state in draft.states.items():
                when[name] = frozenset((state,))
            made.append({name: tuple(sorted(states)) for name, states in sorted(when.items())})
        return made


class _Kept:
    """Which features stay a condition of a draft that they don't tell from another."""

    def __init__(self, draft: Draft, names: Sequence[str], lessons: int) -> None:
        self._lessons = lessons
        self._used = _sources_of(draft)
        self._named = _named(draft)
        self._said = {f"{o.source}.{o.field}" for shared in draft.shared for o in shared}
        self._meant = _meant(draft, names)
        self._times = len({lesson.conversation for lesson in draft.lessons})

    def own(self, name: str, states: frozenset[str], usual: Counter[str] | None) -> bool:
        """Whether the answer hangs on the states that it was itself approved in: what it says of a
        field, of which row it speaks, and what was so too often to be chance.
        """
        if name.startswith(OTHER) or (name in self._said and states <= _AMOUNTS):
            return True
        if not usual or ABSENT in states:
            return False
        share = sum(usual[state] for state in states) / usual.total()
        return share**self._times < _CHANCE

    def shared(self, name: str, states: frozenset[str], *, idle: bool) -> bool:
        """Whether it must have a state that was seen with some draft of the group; ``idle``: it has
        not mattered elsewhere. In the row that fills the answer it may yet matter here.
        """
        if name.startswith("rows:") and _source(name) in self._named:
            return False  # however many there are: the question says which
        used, meant = _source(name) in self._used, name in self._meant
        told = self._lessons >= _SOME and PAIR in name
        if idle and not meant and (not used or told):
            return False
        return not _free(states) and (self._lessons < _MANY or used or meant)


def _usual(seen: Sequence[_Seen]) -> Usual:
    """How often each state of each field was seen, by all lessons that had the field."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        for states in one.heard:
            for name, state in states.items():
                if ":" not in name and PAIR not in name:
                    found[name][state] += 1
    return found


def rows_of(draft: Draft) -> dict[str, str]:
    """Source → the rule for the row that a draft is about; those named by the question go first."""
    rules: dict[str, str] = {}
    for slot in draft.slots:
        for origin in slot.any:
            known = rules.setdefault(origin.source, origin.rule)
            if not known.startswith(ASKED) and origin.rule.startswith(ASKED):
                rules[origin.source] = origin.rule
    return rules


def _states_of(draft: Draft) -> list[Mapping[str, str]]:
    rules = rows_of(draft)
    return [
        {**lesson.states, **of_rows(lesson.context, lesson.asked, rules)}
        for lesson in draft.lessons
    ]


def _seen(states: Sequence[Mapping[str, str]], name: str) -> frozenset[str]:
    return frozenset(one.get(name, ABSENT) for one in states)


def _free(states: frozenset[str]) -> bool:
    """Whether it has had so many states that it hardly matters."""
    return len(states) >= _FREE


def _source(name: str) -> str:
    return name.partition(":")[2] if ":" in name else name.partition(".")[0]


def _sources_of(draft: Draft) -> set[str]:
    slots = {origin.source for shared in draft.shared for origin in shared}
    return slots | {_source(name) for name in draft.states}


def _meant(draft: Draft, names: Iterable[str]) -> set[str]:
    """Fields whose names its questions have words of, in rows that they name."""
    stems = {word[:_STEM] for lesson in draft.lessons for word in lesson.asked.words}
    stems = {stem for stem in stems if len(stem) >= _LEAST_STEM}
    named = set.intersection(*(_sources_named(lesson) for lesson in draft.lessons))
    return {
        name
        for name in names
        if _source(name) in named and stems & {word[:_STEM] for word in _field_words(name)}
    }


def _sources_named(lesson: Lesson) -> set[str]:
    """Sources of which a question names a row."""
    sources = lesson.context.sources
    return {source for source, rows in sources.items() if lesson.asked.named(rows)}


def _field_words(name: str) -> list[str]:
    field = name.partition(".")[2]
    return _FIELD_WORD.findall(field.casefold()) if ":" not in name and PAIR not in name else []


def _named(draft: Draft) -> set[str]:
    """Sources of which the question names the row."""
    origins = [origin for slot in draft.slots for origin in slot.any]
    named = {origin.source for origin in origins if origin.rule.startswith(ASKED)}
    return named - {o.source for o in origins if not o.rule.startswith(ASKED)}


def _separating(
    names: Sequence[str],
    group: Sequence[Draft],
    seen: Sequence[Mapping[str, frozenset[str]]],
    alike: Collection[tuple[int, int]],
) -> set[str]:
    """Features that together tell apart every two drafts that can be, as few as will do; those that
    tell the most first, and of equals what an answer names itself.
    """
    pairs: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for one, other in sorted(alike):
        for name in names:
            if seen[one][name].isdisjoint(seen[other][name]):
                pairs[name].add((one, other))
    named = {name for draft in group for name in draft.states}
    slots = {source for draft in group for source in _sources_of(draft)}
    left = set().union(*pairs.values()) if pairs else set()
    needed: set[str] = set()
    while left:
        best = max(
            sorted(pairs),
            key=lambda name: (
                len(pairs[name] & left),
                name in named,
                PAIR not in name and ":" not in name,
                _source(name) in slots,
            ),
        )
        needed.add(best)
        left -= pairs[best]
    return needed
