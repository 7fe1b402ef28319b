"""Parts of the examples: a candidate that is better on the whole may be worse for one store."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from freehold.bundle.gate import Gate
from freehold.bundle.gate import Slice as By
from freehold.core.training import Example
from freehold.learning.gate.answers import Compared
from freehold.learning.gate.paired import holm, worse_by_chance
from freehold.learning.gate.report import Slice

_OF: dict[By, Callable[[Example], str]] = {
    "tenant": lambda example: example.tenant,
    "app": lambda example: example.app,
    "language": lambda example: example.language,
    "label": lambda example: example.label,
}


def slices(seen: Sequence[Compared], gate: Gate) -> tuple[Slice, ...]:
    """Every part with a name, the worst first.

    Of stores, apps, languages and classes each, chances are corrected for how many are judged at
    once. One with fewer than ``slice_examples`` is judged by the plain sign test, which errs on the
    candidate's side, and only where its pairs could tell at all. That is known without a look at
    which of the two is right, so those that could not need no correction (Tarone 1990). A part that
    is all there is tells nothing of its own, and is left out.

    Args:
        seen: those that can be judged, all with an answer of today.
    """
    found = [one for by in gate.slices for one in _by(by, seen, gate)]
    return tuple(sorted(found, key=lambda s: (not s.refused, s.difference, -s.examples, s.name)))


def alone(answered: Sequence[Compared], gate: Gate) -> tuple[Slice, ...]:
    """The same where nothing is said today: each part beside the whole, to be seen, not judged.

    Args:
        answered: those that can be judged and that the candidate answers.
    """
    good = [(one, bool(one.right(one.candidate))) for one in answered]
    whole = sum(right for _, right in good) / len(good) if good else 0.0
    found = []
    for by in gate.slices:
        parts: dict[str, list[bool]] = defaultdict(list)
        for one, right in good:
            name = _OF[by](one.example)
            if name:
                parts[name].append(right)
        for name, own in parts.items() if len(parts) > 1 else ():
            share = sum(own) / len(own)
            found.append(
                Slice(
                    by=by,
                    name=name,
                    examples=len(own),
                    live=whole,
                    candidate=share,
                    difference=share - whole,
                    better=0,
                    worse=0,
                    chance=1.0,
                    judged=False,
                    refused=False,
                )
            )
    return tuple(sorted(found, key=lambda s: (s.difference, -s.examples, s.name)))


def _by(by: By, seen: Sequence[Compared], gate: Gate) -> list[Slice]:
    parts: dict[str, list[Compared]] = defaultdict(list)
    for one in seen:
        name = _OF[by](one.example)
        if name:
            parts[name].append(one)
    if len(parts) < 2:
        return []
    counted = {name: _counts(own) for name, own in parts.items()}
    alone: dict[str, float] = {}
    for name, (better, worse, _) in counted.items():
        small = len(parts[name]) < gate.slice_examples
        if not small or 0.5 ** (better + worse) < 1 - gate.confidence:
            alone[name] = worse_by_chance(better, worse, plain=small)
    chances = dict(zip(alone, holm(list(alone.values())), strict=True))
    made = []
    for name, own in parts.items():
        better, worse, before = counted[name]
        difference = (better - worse) / len(own)
        chance = chances.get(name, 1.0)
        floor = gate.worst_slice
        made.append(
            Slice(
                by=by,
                name=name,
                examples=len(own),
                live=before / len(own),
                candidate=(before + better - worse) / len(own),
                difference=difference,
                better=better,
                worse=worse,
                chance=chance,
                judged=name in chances,
                refused=floor is not None and difference < floor and chance < 1 - gate.confidence,
            )
        )
    return made


def _counts(own: Sequence[Compared]) -> tuple[int, int, int]:
    """Examples that got better, that got worse, and that are right today."""
    better = worse = before = 0
    for one in own:
        now = one.live is not None and bool(one.right(one.live))
        then = bool(one.right(one.given))
        better += then and not now
        worse += now and not then
        before += now
    return better, worse, before
