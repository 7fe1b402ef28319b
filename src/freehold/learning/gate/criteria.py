"""What the bundle asks of a candidate, each with whether it is met and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from freehold.bundle.gate import Gate
from freehold.learning.gate.answers import Answer, Compared
from freehold.learning.gate.report import Changed, Criterion, Figure, Slice


class Measured(Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        examples: how many can be judged; ``answers``: of these, how many it answers.
        figures: shares and differences by their names.
        parts: the slices; ``paired``: whether anything is said today that they are compared with.
        changed: examples that are right, or keep a rule, with one of the two only; ``broken``: the
            rules that the candidate breaks and today's answers keep.
        asked: held-out examples and past incidents; ``again``: of these, what is right or left.
        speed: p50 and p95 of an answer in milliseconds; ``cost``: of one, in the currency.
    """

    examples: int
    answers: int
    figures: Mapping[str, Figure]
    parts: Sequence[Slice]
    paired: bool
    changed: Sequence[Changed]
    broken: Counter[str]
    asked: Sequence[Compared]
    again: Figure | None
    speed: tuple[float, float] | None
    cost: float | None


def criteria(found: Measured, gate: Gate) -> tuple[Criterion, ...]:
    """All that the bundle asks."""
    return (
        _enough(found.examples, gate),
        *_answers(found.answers, found.examples, gate),
        *_floors(found.figures, gate),
        *_not_worse(found.figures, gate),
        *_flips(found.figures.get("negative_flips"), gate),
        *_over(found.figures, gate),
        *_worst(found.parts, found.paired, gate),
        *_rules(found.changed, found.broken, found.asked, gate),
        *_regressions(found.again, gate),
        *_bounds(found.speed, found.cost, gate),
    )


def _enough(count: int, gate: Gate) -> Criterion:
    return Criterion(
        name="examples",
        asked=gate.examples,
        measured=count,
        met=count >= gate.examples,
        why=f"{count} held-out examples can be judged, {gate.examples} are asked",
    )


def _answers(count: int, examples: int, gate: Gate) -> Iterable[Criterion]:
    """What abstains is no worse than what is said today, and no better: it shows nothing. Whoever
    is content with fewer examples is content with as few answers.
    """
    asked = min(gate.answers, gate.examples)
    if not examples:
        return
    why = f"it answers {count} of the {examples} itself, {asked} are asked"
    if count < asked:
        why = (
            f"not enough evidence: it answers {count or 'none'} of the {examples} held-out examples"
            f" itself, {asked} are asked; of what it leaves to other models nothing is shown"
        )
    yield Criterion(name="answers", asked=asked, measured=count, met=count >= asked, why=why)


def _floors(figures: Mapping[str, Figure], gate: Gate) -> Iterable[Criterion]:
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


def _not_worse(figures: Mapping[str, Figure], gate: Gate) -> Iterable[Criterion]:
    figure = figures.get("difference")
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
        f" {figure.high:+.1%}); surely no less than {-gate.not_worse:+.1%} is asked"
        + _unseen(figures),
    )


def _flips(figure: Figure | None, gate: Gate) -> Iterable[Criterion]:
    if gate.negative_flips is None:
        return
    why = "nothing is said today that could get worse"
    if figure is not None:
        worse = round(figure.value * figure.examples)
        why = (
            f"{worse} of {figure.examples} answers are right today and wrong with it: surely no"
            f" more than {figure.high:.1%}, {gate.negative_flips:.1%} is asked"
        )
    yield Criterion(
        name="negative_flips",
        asked=gate.negative_flips,
        measured=None if figure is None else figure.high,
        met=figure is None or figure.high <= gate.negative_flips,
        why=why,
    )


def _over(figures: Mapping[str, Figure], gate: Gate) -> Iterable[Criterion]:
    figure, today = figures.get("over_answers"), figures.get("over_answers_today")
    if gate.over_answers is None or figure is None:
        return
    now = "" if today is None else f", today {_counted(today)} do"
    why = f"{_counted(figure)} questions that experts left without a right answer get one from it"
    why += now
    met = figure.low <= gate.over_answers
    bound = f"surely more than {figure.low:.1%}" if not met else f"{figure.value:.1%}"
    why += f": {bound}, at most {gate.over_answers:.1%} is asked"
    if not met:
        why += "; another answer than the rejected one may be right, but nobody has said so"
    yield Criterion(
        name="over_answers", asked=gate.over_answers, measured=figure.low, met=met, why=why
    )


def _counted(figure: Figure) -> str:
    return f"{round(figure.value * figure.examples)} of {figure.examples}"


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


def _unseen(figures: Mapping[str, Figure]) -> str:
    """What no interval of differences tells where nothing got worse: how much may all the same."""
    flips = figures.get("negative_flips")
    if flips is None or flips.value:
        return ""
    return f"; none of {flips.examples} got worse, so surely no more than {flips.high:.1%} do"
