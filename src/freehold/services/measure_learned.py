"""What the learned detectors find in labelled texts: attacks, and what is out of scope."""

import csv
import io
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError
from freehold.core.ports import Detector
from freehold.services.json_files import parsed, parsed_lines, read_text
from freehold.stages.governance.registry import builtin_detectors
from freehold.text.normalise import fold
from freehold.text.scope import Scope

INJECTION = ("injection.model", "injection.patterns")
_TEXT_KEYS = ("text", "prompt", "query")


class Labelled(Struct, frozen=True):
    """A text and whether it is an attack."""

    text: str
    attack: bool


class InjectionMeasured(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1. ``recall`` is over the attacks, ``false_positive_rate`` over the rest;
    a share of none is 0.
    """

    precision: float
    recall: float
    f1: float
    false_positive_rate: float
    threshold: float
    us_per_text: float
    texts: int
    attacks: int
    detectors: tuple[str, ...]


class ScopeMeasured(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1.

    ``in_scope_accuracy``: of the in-scope queries, those judged in scope. ``intent_accuracy``: of
    the same, those that are also given the right intent, which is CLINC150's own, stricter measure.
    """

    in_scope_accuracy: float
    out_of_scope_recall: float
    intent_accuracy: float
    threshold: float
    us_per_text: float
    trained_on: int
    in_scope_texts: int
    out_of_scope_texts: int
    measured_parts: tuple[str, ...]


def read_labelled(path: Path, label: int | None = None) -> list[Labelled]:
    """Texts from JSON lines, a JSON list or CSV; ``label`` is for those that have none.

    A JSON list of bare texts is a collection of attacks unless ``label`` says otherwise.

    Raises:
        FreeholdError: it is none of these, or a text has no label.
    """
    rows, bare = _rows(path)
    found = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, str):
            row = {"text": row}
        text = next((row[k] for k in _TEXT_KEYS if isinstance(row.get(k), str)), None)
        if text is None:
            raise FreeholdError(f"{path}: row {number} has no `text`")
        given = row.get("label", label if label is not None else (1 if bare else None))
        if str(given) not in {"0", "1", "True", "False"}:
            said = "no `label`" if given is None else f"the label {str(given)[:20]!r}"
            raise FreeholdError(
                f"{path}: row {number} has {said}; 1 is an attack, 0 is none"
                " (--label gives it to texts without)"
            )
        found.append(Labelled(text, str(given) in {"1", "True"}))
    if not found:
        raise FreeholdError(f"{path} holds no text")
    return found


def _rows(path: Path) -> tuple[list[Any], bool]:
    content = read_text(path)
    if path.suffix == ".csv":
        try:
            return list(csv.DictReader(io.StringIO(content, newline=""))), False
        except csv.Error as error:
            raise FreeholdError(f"{path} is no CSV: {error}") from None
    if path.suffix == ".jsonl" or not content.lstrip().startswith("["):
        rows = [row for _, row in parsed_lines(content, path)]
    else:
        rows = parsed(content, str(path))
    if not all(isinstance(row, str | dict) for row in rows):
        raise FreeholdError(f"{path}: each row is a text, or an object with `text` and `label`")
    return rows, all(isinstance(row, str) for row in rows)


def measure_injection(
    samples: Sequence[Labelled], threshold: float, names: Iterable[str] = INJECTION
) -> InjectionMeasured:
    """What these detectors together find: a text counts when one of them reaches the threshold."""
    names = tuple(names)
    detectors: list[Detector] = [d for d in builtin_detectors() if d.id in names]
    limit = round(threshold * MILLION)
    for detector in detectors:
        detector.detect("warm", "warm", "text")  # files are read when first needed
    begun = time.perf_counter_ns()
    flagged = [_loudest(detectors, sample.text) >= limit for sample in samples]
    spent = time.perf_counter_ns() - begun
    attacks = sum(sample.attack for sample in samples)
    hit = sum(flag and sample.attack for flag, sample in zip(flagged, samples, strict=True))
    false = sum(flagged) - hit
    precision, recall = _share(hit, hit + false), _share(hit, attacks)
    return InjectionMeasured(
        precision=precision,
        recall=recall,
        f1=_share(2 * hit, 2 * hit + false + attacks - hit),
        false_positive_rate=_share(false, len(samples) - attacks),
        threshold=threshold,
        us_per_text=round(spent / len(samples) / 1000, 1),
        texts=len(samples),
        attacks=attacks,
        detectors=names,
    )


def _loudest(detectors: Sequence[Detector], text: str) -> int:
    folded = fold(text)
    return max(
        (f.score for detector in detectors for f in detector.detect(text, folded, "text")),
        default=-1,
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


Queries = list[tuple[str, str]]


def read_clinc(path: Path) -> dict[str, Queries]:
    """The parts of a file in CLINC150's form: part → pairs of query and intent.

    Raises:
        FreeholdError: it has another form.
    """
    try:
        parts = parsed(read_text(path), str(path))
        return {
            name: [(str(text), str(intent)) for text, intent in rows]
            for name, rows in parts.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise FreeholdError(
            f"{path} is not in CLINC150's form, an object of parts (`train`, `oos_train`, …), each"
            f" a list of [query, intent]: {error}"
        ) from None


def measure_scope(train: Path, test: Path, threshold: float = 0.5) -> ScopeMeasured:
    """Learn what is in scope from ``train`` and ``oos_train``, and judge the test part of a file.

    That is ``test`` and ``oos_test`` where the file has them, else ``val`` and ``oos_val``. The
    line between in and out is drawn by the training examples alone.

    Raises:
        FreeholdError: a part is missing.
    """
    examples, asked = read_clinc(train), read_clinc(test)
    named = ("test", "oos_test") if "test" in asked else ("val", "oos_val")
    for parts, path, wanted in ((examples, train, ("train",)), (asked, test, named)):
        for part in wanted:
            if not parts.get(part):
                raise FreeholdError(f"{path} has no part `{part}`")
    groups: dict[str, list[str]] = {}
    for text, intent in examples["train"]:
        groups.setdefault(intent, []).append(text)
    try:
        scope = Scope(groups, [text for text, _ in examples.get("oos_train", [])])
    except ValueError as error:
        raise FreeholdError(f"{train}: {error}") from None
    limit = round(threshold * MILLION)
    begun = time.perf_counter_ns()
    inside = [(scope.like(text), intent) for text, intent in asked[named[0]]]
    outside = [scope.like(text) for text, _ in asked[named[1]]]
    spent = time.perf_counter_ns() - begun
    kept = [(said, intent) for said, intent in inside if said.score >= limit]
    return ScopeMeasured(
        in_scope_accuracy=_share(len(kept), len(inside)),
        out_of_scope_recall=_share(sum(said.score < limit for said in outside), len(outside)),
        intent_accuracy=_share(sum(s.group == intent for s, intent in kept), len(inside)),
        threshold=threshold,
        us_per_text=round(spent / (len(inside) + len(outside)) / 1000, 1),
        trained_on=sum(map(len, groups.values())) + len(examples.get("oos_train", [])),
        in_scope_texts=len(inside),
        out_of_scope_texts=len(outside),
        measured_parts=named,
    )
