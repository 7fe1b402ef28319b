"""Judging a candidate by what the bundle asks of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import NormalDist

import numpy as np
from msgspec import Struct

from freehold.bundle.gate import Gate
from freehold.core.decisions import MILLION
from freehold.learning.agreement import same
from freehold.learning.agreement.reliability import wilson
from freehold.learning.gate.answers import NO_CLASS, Compared, answers
from freehold.learning.gate.criteria import Measured, criteria
from freehold.learning.gate.paired import interval, least, most_worse, worse_by_chance
from freehold.learning.gate.report import Changed, Figure, Report
from freehold.learning.gate.slices import alone, slices

TRUSTED = MILLION // 2
"""Whose truth is less sure than this is no example to be judged by."""
_REJECTED = "an answer was rejected and no right one given"
_NANO = 1_000_000_000
_MOST_CHANGED = 1_000


class _Held(Struct, frozen=True, kw_only=True):
    """The held-out examples, parted by what they can tell."""

    every: list[Compared]
    judged: list[Compared]
    paired: list[Compared]
    left: list[Compared]
    set_aside: dict[str, int]


def evaluate(
    seen: Iterable[Compared],
    gate: Gate,
    *,
    regressions: Iterable[Compared] = (),
    against: str = "",
    notes: Sequence[str] = (),
) -> Report:
    """The report on a candidate.

    Args:
        seen: held-out examples with what the candidate and today's model say.
        regressions: the regression set, the same way.
        against: what today's answers are: ``live``, ``recorded``.
    """
    held = _parted(seen)
    measured = _measured(held, list(regressions), gate)
    figures, changed, speed = measured.figures, measured.changed, measured.speed
    met = criteria(measured, gate)
    reasons = tuple(one.why for one in met if not one.met)
    more = [*notes]
    if len(changed) > _MOST_CHANGED:
        more.append(f"{len(changed)} examples changed; the first {_MOST_CHANGED} are listed")
    return Report(
        verdict="refused" if reasons else "passed",
        reasons=reasons,
        criteria=met,
        examples=measured.examples,
        against=against,
        accuracy=figures.get("accuracy"),
        coverage=figures.get("coverage"),
        with_it=figures.get("with_it"),
        without_it=figures.get("without_it"),
        difference=figures.get("difference"),
        negative_flips=figures.get("negative_flips"),
        over_answers=figures.get("over_answers"),
        over_answers_today=figures.get("over_answers_today"),
        chance=_by_chance(changed),
        regressions=measured.again,
        p50_ms=None if speed is None else speed[0],
        p95_ms=None if speed is None else speed[1],
        cost=measured.cost,
        broken=dict(sorted(measured.broken.items())),
        set_aside=held.set_aside,
        slices=tuple(measured.parts),
        changed=tuple(changed[:_MOST_CHANGED]),
        notes=tuple(more),
    )


def _measured(held: _Held, remembered: list[Compared], gate: Gate) -> Measured:
    """What the criteria are about."""
    answered = [one for one in held.judged if not one.candidate.abstained]
    asked = [*held.every, *remembered]
    return Measured(
        examples=len(held.judged),
        answers=len(answered),
        figures=_figures(held, gate),
        parts=slices(held.paired, gate) if held.paired else alone(answered, gate),
        paired=bool(held.paired),
        changed=[*_changes(held.every, "held_out"), *_changes(remembered, "regressions")],
        broken=_broken(asked),
        asked=asked,
        again=_regressed(remembered, gate),
        speed=_speed(held.every),
        cost=_cost(held.every),
    )


def _parted(seen: Iterable[Compared]) -> _Held:
    every, judged, paired, left = [], [], [], []
    aside: Counter[str] = Counter()
    for one in seen:
        every.append(one)
        if one.example.weight < TRUSTED:
            aside["its label is not trusted"] += 1
            continue
        if one.left:
            left.append(one)
        if one.right(one.candidate) is None:
            aside[_REJECTED if one.left else "nobody says what is right"] += 1
        else:
            judged.append(one)
            if one.live is not None:
                paired.append(one)
    return _Held(every=every, judged=judged, paired=paired, left=left, set_aside=dict(aside))


def _figures(held: _Held, gate: Gate) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    answered = [one for one in held.judged if not one.candidate.abstained]
    answerable = [one for one in held.judged if one.example.label != NO_CLASS]
    if answered:
        good = [bool(one.right(one.candidate)) for one in answered]
        found["accuracy"] = _share(good, gate)
    if answerable:
        found["coverage"] = _share([not one.candidate.abstained for one in answerable], gate)
    if held.left:
        found["over_answers"] = _over([answers(one.candidate) for one in held.left], gate)
        said = [answers(one.live) for one in held.left if one.live is not None]
        if said:
            found["over_answers_today"] = _over(said, gate)
    if held.paired:
        then = [bool(one.right(one.given)) for one in held.paired]
        now = [one.live is not None and bool(one.right(one.live)) for one in held.paired]
        found["with_it"], found["without_it"] = _share(then, gate), _share(now, gate)
        differences = [float(a) - float(b) for a, b in zip(then, now, strict=True)]
        low, high = interval(differences, gate.confidence)
        mean = sum(differences) / len(differences)
        count, worse = len(differences), differences.count(-1.0)
        found["difference"] = Figure(value=mean, low=low, high=high, examples=count)
        most = most_worse(worse, count, gate.confidence)
        found["negative_flips"] = Figure(value=worse / count, low=0.0, high=most, examples=count)
    return found


def _over(values: Sequence[bool], gate: Gate) -> Figure:
    """How many are answered, with what is surely the least and the most of it."""
    count, yes = len(values), sum(values)
    low, high = least(yes, count, gate.confidence), most_worse(yes, count, gate.confidence)
    return Figure(value=yes / count, low=low, high=high, examples=count)


def _share(values: Sequence[bool], gate: Gate) -> Figure:
    share = sum(values) / len(values)
    z = NormalDist().inv_cdf((1 + gate.confidence) / 2)
    low, high = wilson(share, len(values), z)
    return Figure(value=share, low=low, high=high, examples=len(values))


def _regressed(remembered: Sequence[Compared], gate: Gate) -> Figure | None:
    kept = [good for one in remembered if (good := _kept(one)) is not None]
    return _share(kept, gate) if kept else None


def _kept(one: Compared) -> bool | None:
    """Whether a past incident does not come again. Where nobody has said yet what is right, what
    was wrong may not be said once more.
    """
    example, said = one.example, one.candidate
    good = one.right(said)
    if good is None and not example.rejected:
        return None
    if said.abstained:
        return True
    return good if good is not None else not same(example.rejected, said.text)


def _changes(seen: Iterable[Compared], part: str) -> Iterable[Changed]:
    for one in seen:
        example = one.example
        named = {
            "id": example.id,
            "part": part,
            "tenant": example.tenant,
            "app": example.app,
            "label": example.label,
        }
        broke, mended = _rules_of(one)
        if broke:
            yield Changed(way="breaks", rules=tuple(sorted(broke)), **named)  # type: ignore[arg-type]
        if mended:
            yield Changed(way="mends", rules=tuple(sorted(mended)), **named)  # type: ignore[arg-type]
        if one.live is None or example.weight < TRUSTED:
            continue
        now, then = one.right(one.live), one.right(one.given)
        if now is not None and then is not None and now != then:
            yield Changed(way="better" if then else "worse", **named)  # type: ignore[arg-type]


def _by_chance(changed: Sequence[Changed]) -> float:
    """How likely so many held-out examples get worse by chance; of what changed for the better or
    the worse.
    """
    ways = Counter(one.way for one in changed if one.part == "held_out")
    return worse_by_chance(ways["better"], ways["worse"])


def _rules_of(one: Compared) -> tuple[frozenset[str], frozenset[str]]:
    """What the candidate's answer breaks and today's keeps, and the other way round."""
    if one.candidate.abstained:
        return frozenset(), frozenset()
    before = one.live.broke if one.live is not None else frozenset()
    return one.candidate.broke - before, before - one.candidate.broke


def _broken(seen: Iterable[Compared]) -> Counter[str]:
    return Counter(rule for one in seen for rule in _rules_of(one)[0])


def _speed(seen: Iterable[Compared]) -> tuple[float, float] | None:
    took = [one.candidate.took_ms for one in seen if one.candidate.took_ms >= 0]
    if not took:
        return None
    middle, most = np.percentile(took, [50, 95])
    return float(middle), float(most)


def _cost(seen: Iterable[Compared]) -> float | None:
    costs = [one.candidate.cost_nano for one in seen if not one.candidate.abstained]
    return sum(costs) / len(costs) / _NANO if costs else None
