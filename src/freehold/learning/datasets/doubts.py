"""What whoever trains on a dataset should know: rows that contradict each other, empty classes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from freehold.core.decisions import MILLION
from freehold.core.training import Split

_NAMED = 5
NO_CLASS = "none"
UNDETERMINED = "und"


class Votes:
    """What rows that ask the same say of it: the weight of each class."""

    def __init__(self) -> None:
        self._weights: dict[bytes, Counter[str]] = {}
        self._first: dict[bytes, dict[str, str]] = {}

    def add(self, question: bytes, label: str, weight: int, row: str) -> None:
        """One row's."""
        self._weights.setdefault(question, Counter())[label] += weight
        self._first.setdefault(question, {}).setdefault(label, row)

    def share(self, question: bytes, label: str) -> int:
        """In millionths, how much of the weight is for this class; all of it where none differs."""
        votes = self._weights.get(question)
        if votes is None or len(votes) < 2:
            return MILLION
        total = votes.total()
        return votes[label] * MILLION // total if total else MILLION

    def contradictions(self) -> list[dict[str, str]]:
        """For each question with several classes: a row of each, by class."""
        return [
            dict(sorted(self._first[question].items()))
            for question, votes in sorted(self._weights.items())
            if len(votes) > 1
        ]


def warnings(
    counts: Mapping[str, Mapping[str, Mapping[str, int]]],
    parts: Mapping[Split, int],
    contradictions: list[dict[str, str]],
    declared: Collection[str] = (),
) -> list[str]:
    """In plain words, the gravest first.

    Args:
        counts: rows by split, for each ``label`` and ``language``.
        parts: rows in each part.
        declared: the classes that there should be.
    """
    return [
        *_parts(parts),
        *_classes(counts.get("label", {}), declared),
        *_contradicting(contradictions),
        *_languages(counts.get("language", {})),
    ]


def _parts(parts: Mapping[Split, int]) -> Iterable[str]:
    if not sum(parts.values()):
        yield "there is not one row"
        return
    for split in ("train", "validation", "test"):
        if not parts.get(split):
            yield f"the {split} part is empty: there are too few rows, or they all belong together"


def _classes(labels: Mapping[str, Mapping[str, int]], declared: Collection[str]) -> Iterable[str]:
    empty = sorted(set(declared) - set(labels))
    if empty:
        yield f"no row has the class {_named(empty)}: whatever is trained can't know it"
    known = {name: by for name, by in labels.items() if name}
    few = sorted(n for n, by in known.items() if sum(by.values()) == 1)
    if few:
        yield f"one row only has the class {_named(few)}"
    untrained = sorted(n for n, by in known.items() if not by.get("train") and n not in few)
    if untrained:
        yield f"no row to train on has the class {_named(untrained)}"
    untested = sorted(n for n, by in known.items() if by.get("train") and not by.get("test"))
    if untested and any(by.get("test") for by in known.values()):
        yield f"no row to test on has the class {_named(untested)}"
    if len(known) == 1:
        yield f"every label is {_named(known)}: there is nothing to tell apart"


def _contradicting(found: list[dict[str, str]]) -> Iterable[str]:
    if not found:
        return
    shown = "; ".join(
        ", ".join(f"{row} says {label or 'nothing'}" for label, row in each.items())
        for each in found[:_NAMED]
    )
    asked = "one question has" if len(found) == 1 else f"{len(found)} questions have"
    yield (
        f"{asked} several classes, and each row the weight of its side: {shown}"
        f"{'; …' if len(found) > _NAMED else ''}"
    )


def _languages(languages: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    sums = {
        name: sum(by.values()) for name, by in languages.items() if name and name != UNDETERMINED
    }
    if len(sums) < 2:
        return
    main = max(sorted(sums), key=lambda name: sums[name])
    others = [f"{count} in {name}" for name, count in sorted(sums.items()) if name != main]
    yield f"most rows are in {main}, others are not: {', '.join(others)}"


def _named(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(f"`{name}`" for name in listed[:_NAMED]) + more
