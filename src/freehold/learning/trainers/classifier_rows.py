"""What a classifier learns from, out of a dataset's rows, and what is left out of them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.errors import TrainingError
from freehold.core.training import Example
from freehold.text.intents import MAX_EXAMPLES, MAX_INTENTS, is_name
from freehold.text.language import spoken
from freehold.text.readings import SPARE

OUTSIDE = "none"
"""The label of a question that wants none of the classes."""
_FEW = 3
_NAMED = 8
_SHARE = 0.02


class Lesson(Struct, frozen=True, kw_only=True):
    """Questions by class.

    Attributes:
        inside: class → its questions, in order of name.
        outside: questions of no class.
        importance: how much each counts, in the order of ``inside``, then ``outside``.
        spare: questions without a label, none of them one of the others.
        notes: what was left out and why; never a text.
    """

    inside: Mapping[str, Sequence[str]]
    outside: tuple[str, ...]
    importance: tuple[float, ...]
    spare: tuple[str, ...]
    notes: tuple[str, ...]


def lesson(rows: Iterable[Example], elsewhere: Iterable[str] = ()) -> Lesson:
    """The questions that can be learned from.

    Args:
        elsewhere: classes that other parts of the dataset have.

    Raises:
        TrainingError: fewer than two classes (no class at all counts as one), or only one question.
    """
    given = list(rows)
    worded = [row for row in given if any(map(str.isalnum, row.question))]
    usable = [row for row in worded if row.label]
    notes = []
    if len(worded) < len(given):
        notes.append(f"{len(given) - len(worded)} rows have no word: left out")
    kept, weights, said = _agreed(usable)
    notes += said
    spare = _spare(worded, {plain(text) for text in kept})
    inside: dict[str, list[str]] = defaultdict(list)
    for text, label in kept.items():
        inside[label].append(text)
    outside = tuple(inside.pop(OUTSIDE, ()))
    _refuse(inside, outside, len(usable), notes)
    ordered = {name: tuple(inside[name]) for name in sorted(inside)}
    texts = [*(text for name in ordered for text in ordered[name]), *outside]
    notes += _thin(ordered, sorted(set(elsewhere) - inside.keys() - {OUTSIDE, ""}))
    notes += _languages(texts)
    return Lesson(
        inside=ordered,
        outside=outside,
        importance=tuple(weights[text] for text in texts),
        spare=spare,
        notes=tuple(notes),
    )


def _spare(rows: Iterable[Example], known: Collection[str]) -> tuple[str, ...]:
    """Questions without a label, each once; the newest where there are more than are used."""
    found: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: -row.at_ns):
        key = plain(row.question)
        if not row.label and key not in known and len(found) < SPARE:
            found.setdefault(key, row.question)
    return tuple(found.values())


def plain(text: str) -> str:
    """Without what makes no other question of it: case, blanks, the marks at its end."""
    return " ".join(text.casefold().split()).rstrip("?!. ")


def _agreed(
    rows: Sequence[Example],
) -> tuple[dict[str, str], dict[str, float], list[str]]:
    """Text → label and → weight; each question once, with the label that weighs most."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    first: dict[str, str] = {}
    owners: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        key = plain(row.question) or row.question
        votes[key][row.label] += max(0, row.weight)
        first.setdefault(key, row.question)
        owners[key].append(row.id)
    labels: dict[str, str] = {}
    weights: dict[str, float] = {}
    contrary, undecided, weightless = [], 0, 0
    for key, counted in votes.items():
        (best, most), *others = counted.most_common(2)
        if others:
            contrary += owners[key][:1]
        if most <= 0:
            weightless += 1
        elif others and others[0][1] == most:
            undecided += 1
        else:
            labels[first[key]] = best
            weights[first[key]] = most / MILLION
    notes = []
    if contrary:
        named = ", ".join(sorted(contrary)[:_NAMED])
        notes.append(
            f"{len(contrary)} questions have several labels; the one that weighs most counts,"
            f" {undecided} with none such were left out ({named})"
        )
    if weightless:
        notes.append(f"{weightless} questions weigh nothing: left out")
    return labels, weights, notes


def _refuse(
    inside: Mapping[str, Sequence[str]], outside: Sequence[str], usable: int, notes: Sequence[str]
) -> None:
    count = sum(map(len, inside.values())) + len(outside)
    if count < 2:
        raise TrainingError(
            f"a classifier can't be learned from {count} questions ({usable} rows with a label and"
            " a word): label at least two classes, better with ten questions each"
            + "".join(f"; {note}" for note in notes)
        )
    if len(inside) + bool(outside) < 2:
        raise TrainingError(
            "all questions have one label: there is nothing to tell apart. Label questions of"
            f" another class, or of none (`{OUTSIDE}`)"
        )
    if not inside:
        raise TrainingError("no question has a class")
    if len(inside) > MAX_INTENTS or count > MAX_EXAMPLES:
        raise TrainingError(
            f"more than {MAX_INTENTS:,} classes or {MAX_EXAMPLES:,} questions; there are"
            f" {len(inside):,} and {count:,}"
        )
    wrong = sorted(name for name in inside if not is_name(name))
    if wrong:
        raise TrainingError(f"the label {wrong[0][:40]!r} is none that a class can have")


def _thin(inside: Mapping[str, Sequence[str]], missing: Sequence[str]) -> list[str]:
    notes = []
    if missing:
        named = ", ".join(missing[:_NAMED])
        notes.append(f"{len(missing)} classes have no question to learn from: {named}")
    few = [name for name, texts in inside.items() if len(texts) < _FEW]
    if few:
        named = ", ".join(few[:_NAMED])
        notes.append(f"{len(few)} classes have fewer than {_FEW} questions: {named}")
    return notes


def _languages(texts: Sequence[str]) -> list[str]:
    found = Counter(map(spoken, texts))
    found.pop("", None)
    if len(found) < 2:
        return []
    (main, _), *others = found.most_common()
    rest = sum(count for _, count in others)
    if rest < max(2, _SHARE * len(texts)):
        return []
    named = ", ".join(f"{code} {count}" for code, count in others[:_NAMED])
    return [
        (
            f"{rest} of {len(texts)} questions seem to be in other languages than {main}"
            f" ({named}): each language wants questions of its own"
        )
    ]
