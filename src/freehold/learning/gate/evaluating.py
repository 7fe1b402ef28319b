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
from freehold.learning.gate.answers import NO_CLASS, Answer, Compared
from freehold.learning.gate.paired import interval, worse_by_chance
from freehold.learning.gate.report import Changed, Criterion, Figure, Report, Slice
from freehold.learning.gate.slices import alone, slices

TRUSTED = MILLION // 2
"""Whose truth is less sure than this is no example to be judged by."""
_NANO = 1_000_000_000
_MOST_CHANGED = 1_000


class _Held(Struct, frozen=True, kw_only=True):
    """The held-out examples, parted by what they can tell."""

    every: list[Compared]
    judged: list[Compared]
    paired: list[Compared]
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
    remembered = list(regressions)
    figures = _figures(held, gate)
    again = _regressed(remembered, gate)
    answered = [one for one in held.judged if not one.candidate.abstained]
    parts = slices(held.paired, gate) if held.paired else alone(answered, gate)
    changed = [*_changes(held.every, "held_out"), *_changes(remembered, "regressions")]
    broken = _broken([*held.every, *remembered])
    speed, cost = _speed(held.every), _cost(held.every)
    criteria = [
        _enough(held, gate),
        *_floors(figures, gate),
        *_not_worse(figures.get("difference"), gate),
        *_worst(parts, bool(held.paired), gate),
        *_rules(changed, broken, [*held.every, *remembered], gate),
        *_regressions(again, gate),
        *_bounds(speed, cost, gate),
    ]
    reasons = tuple(one.why for one in criteria if not one.met)
    more = [*notes]
    if len(changed) > _MOST_CHANGED:
        more.append(f"{len(changed)} examples changed; the first {_MOST_CHANGED} are listed")
    return Report(
        verdict="refused" if reasons else "passed",
        reasons=reasons,
        criteria=tuple(criteria),
        examples=len(held.judged),
        against=against,
        accuracy=figures.get("accuracy"),
        coverage=figures.get("coverage"),
        with_it=figures.get("with_it"),
        without_it=figures.get("without_it"),
        difference=figures.get("difference"),
        chance=_by_chance(changed),
        regressions=again,
        p50_ms=None if speed is None else speed[0],
        p95_ms=None if speed is None else speed[1],
        cost=cost,
        broken=dict(sorted(broken.items())),
        set_aside=held.set_aside,
        slices=parts,
        changed=tuple(changed[:_MOST_CHANGED]),
        notes=tuple(more),
    )


def _parted(seen: Iterable[Compared]) -> _Held:
    every, judged, paired = [], [], []
    aside: Counter[str] = Counter()
    for one in seen:
        every.append(one)
        if one.example.weight < TRUSTED:
            aside["its label is not trusted"] += 1
        elif one.right(one.candidate) is None:
            aside["nobody says what is right"] += 1
        else:
            judged.append(one)
            if one.live is not None:
                paired.append(one)
    return _Held(every=every, judged=judged, paired=paired, set_aside=dict(aside))


def _figures(held: _Held, gate: Gate) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    answered = [one for one in held.judged if not one.candidate.abstained]
    answerable = [one for one in held.judged if one.example.label != NO_CLASS]
    if answered:
        good = [bool(one.right(one.candidate)) for one in answered]
        found["accuracy"] = _share(good, gate)
    if answerable:
        found["coverage"] = _share([not one.candidate.abstained for one in answerable], gate)
    if held.paired:
        then = [bool(one.right(one.given)) for one in held.paired]
        now = [one.live is not None and bool(one.right(one.live)) for one in held.paired]
        found["with_it"], found["without_it"] = _share(then, gate), _share(now, gate)
        differences = [float(a) - float(b) for a, b in zip(then, now, strict=True)]
        low, high = interval(differences, gate.confidence)
        mean = sum(differences) / len(differences)
        found["difference"] = Figure(value=mean, low=low, high=high, examples=len(differences))
    return found


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


def _enough(held: _Held, gate: Gate) -> Criterion:
    count = len(held.judged)
    return Criterion(
        name="examples",
        asked=gate.examples,
        measured=count,
        met=count >= gate.examples,
        why=f"{count} held-out examples can be judged, {gate.examples} are asked",
    )


def _floors(figures: dict[str, Figure], gate: Gate) -> Iterable[Criterion]:
    said = {"accuracy": "of what it answers is right", "coverage": "of the questions it answers"}
    for name, asked in (("accuracy", gate.accuracy), ("coverage", gate.coverage)):
        if asked is None:
            continue
        figure = figures.get(name)
        why = f"it answers nothing, so there is no {name}"
        if figure is not None:
            why = (
                f"{figure.value:.1%} {said[name]} ({figure.low:.1%} to {figure.high:.1%}),"
                f" {asked:.1%} is asked"
            )
        yield Criterion(
            name=name,
            asked=asked,
            measured=None if figure is None else figure.value,
            met=figure is not None and figure.value >= asked,
            why=why,
        )


def _not_worse(figure: Figure | None, gate: Gate) -> Iterable[Criterion]:
    if gate.not_worse is None:
        return
    if figure is None:
        yield Criterion(
            name="not_worse",
            asked=-gate.not_worse,
            measured=None,
            met=True,
            why="nothing is said today that it could be compared with",
        )
        return
    yield Criterion(
        name="not_worse",
        asked=-gate.not_worse,
        measured=figure.low,
        met=figure.low >= -gate.not_worse,
        why=f"with it {figure.value:+.1%} of all answers are right ({figure.low:+.1%} to"
        f" {figure.high:+.1%}); surely no less than {-gate.not_worse:+.1%} is asked",
    )


def _worst(parts: Sequence[Slice], paired: bool, gate: Gate) -> Iterable[Criterion]:
    if gate.worst_slice is None or not paired:
        return
    refused = [part for part in parts if part.refused]
    if refused:
        why = "; ".join(
            f"{part.by} {part.name} gets worse by {-part.difference:.1%} ({part.live:.1%} to"
            f" {part.candidate:.1%} of {part.examples})"
            for part in refused[:5]
        )
        why += f" and {len(refused) - 5} more" if len(refused) > 5 else ""
    else:
        why = _least(parts, gate)
    judged = [part.difference for part in parts if part.judged]
    yield Criterion(
        name="worst_slice",
        asked=gate.worst_slice,
        measured=min(judged, default=None),
        met=not refused,
        why=why,
    )


def _least(parts: Sequence[Slice], gate: Gate) -> str:
    """Which slices do worst, where none is refused: a large one, and a small one that lost."""
    if not parts:
        return f"all are of one {', '.join(gate.slices)}, or of none: nothing to tell apart"
    large = [part for part in parts if part.examples >= gate.slice_examples]
    small = [part for part in parts if part.examples < gate.slice_examples]
    told = [f"no slice has {gate.slice_examples} examples"]
    if large:
        told = [f"of {len(large)} slices {_told(large, gate)}"]
    if any(part.difference < 0 for part in small):
        told.append(f"of {len(small)} smaller ones {_told(small, gate)}")
    return "; ".join(told)


def _told(parts: Sequence[Slice], gate: Gate) -> str:
    worst = min(parts, key=lambda part: (part.difference, -part.examples))
    told = f"{worst.by} {worst.name} does worst: {worst.difference:+.1%} of {worst.examples}"
    floor = gate.worst_slice or 0.0
    return told + (", which may be chance" if worst.difference < floor else "")


def _rules(
    changed: Sequence[Changed], broken: Counter[str], asked: Sequence[Compared], gate: Gate
) -> Iterable[Criterion]:
    if gate.new_violations is None:
        return
    answers = [one.candidate for one in asked if not one.candidate.abstained]
    seen = sum(not one.unseen for one in answers)
    left = sum(bool(one.candidate.passed_over) for one in asked)
    unjudged = _unjudged(answers, left)
    count = sum(one.way == "breaks" for one in changed)
    named = ", ".join(f"{rule} ({times})" for rule, times in broken.most_common(5))
    why = f"{count} of its {seen} answers that controls saw break what today's keep"
    why += (f": {named}" if named else "") + (f"; {unjudged}" if unjudged else "")
    yield Criterion(
        name="new_violations",
        asked=gate.new_violations,
        measured=count if seen or not (answers or left) else None,
        met=count <= gate.new_violations and not unjudged,
        why=why,
    )


def _unjudged(answers: Sequence[Answer], left: int) -> str:
    """Why nobody can say that its answers break nothing; empty where somebody can. A request that
    is refused before any model is asked never gets one, nor does one that other models are asked;
    but where that is all of them, nothing was judged.

    Args:
        left: how many of its answers nobody gets, since the route asks other models.
    """
    aside = "; or let nobody ask: `new_violations: null`"
    homeless = sum(one.unseen == "no app" for one in answers)
    if homeless:
        return (
            f"no control saw {homeless} more, since no app of the bundle takes the model's routes"
            " and their rows name none: give an app its route, or name one by"
            f" `freehold dataset import --app`{aside}"
        )
    if answers and all(one.unseen for one in answers):
        return (
            "every request was refused before any model is asked (the notes say by what): the rows"
            f" lack what a request needs there, such as facts or context{aside}"
        )
    if left and not answers:
        return (
            f"the route asks other models wherever it has an answer ({left}; the notes say why), so"
            f" it would never be heard{aside}"
        )
    return ""


def _regressions(figure: Figure | None, gate: Gate) -> Iterable[Criterion]:
    if gate.regressions is None or figure is None:
        return
    yield Criterion(
        name="regressions",
        asked=gate.regressions,
        measured=figure.value,
        met=figure.value >= gate.regressions,
        why=f"{figure.value:.1%} of {figure.examples} past incidents are right or left to the next"
        f" model, {gate.regressions:.1%} is asked",
    )


def _bounds(
    speed: tuple[float, float] | None, cost: float | None, gate: Gate
) -> Iterable[Criterion]:
    if gate.p95_ms is not None:
        most = None if speed is None else speed[1]
        yield Criterion(
            name="p95_ms",
            asked=gate.p95_ms,
            measured=most,
            met=most is not None and most <= gate.p95_ms,
            why="nobody measured how long it takes"
            if most is None
            else f"19 of 20 answers take at most {most:.1f} ms, {gate.p95_ms:g} ms is asked",
        )
    if gate.cost_per_answer is not None:
        spent = cost or 0.0
        yield Criterion(
            name="cost_per_answer",
            asked=gate.cost_per_answer,
            measured=spent,
            met=spent <= gate.cost_per_answer,
            why=f"an answer costs {spent:.6f}, {gate.cost_per_answer:g} is asked",
        )
