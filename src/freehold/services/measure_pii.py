"""How much personal data the built-in detectors find in labelled texts.

The form of the data and the metric are presidio-research's: word by word, whether it is personal
data at all; a function word or a sign that only one side has counts for neither (`TokenEvaluator`,
github.com/microsoft/presidio-research). F2 values recall four times as much as precision.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.core.decisions import Finding
from freehold.core.errors import FreeholdError
from freehold.core.spec import DetectorSetting
from freehold.services.json_files import parsed, read_text
from freehold.stages.governance.registry import builtin_detectors
from freehold.stages.governance.scanner import Scanner, Use

Spans = Sequence[tuple[int, int, str]]
Find = Callable[[str], Spans]
"""From a text to what is found in it: start, end, type."""

_TOKEN = re.compile(r"\S*@\S+|https?://\S+|www\.\S+|[^\W_]+(?:['’.\-][^\W_]+)*|[^\w\s]|_")
_PASSED_OVER = frozenset(
    "a about above after again all also am an and any are as at be been before but by can could "
    "do does for from had has have he her his how i if in into is it its me my no not of on or "
    "our she should so than that the their them then there these they this those to up us was "
    "we were what when where which who why will with would you your 's street st st. de rue via "
    "day address country state city zip po apt unit corner p.o. box suite mr mr. mrs mrs. miss "
    "year years y/o month months old morning noon afternoon night evening first last week weeks "
    "weekend days age ago inc inc. ltd ltd.".split()
)


class Sample(Struct, frozen=True):
    """A text and what in it is personal data."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


class Measured(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1; ``per_type`` has, for each type of the data, recall and words."""

    precision: float
    recall: float
    f2: float
    per_type: dict[str, dict[str, float]]
    us_per_text: float
    texts: int
    words: int
    false_words: int


def read_samples(path: Path) -> tuple[Sample, ...]:
    """The texts of a file in presidio-research's JSON form.

    Raises:
        FreeholdError: the file can't be read or has another form; says where.
    """
    data = parsed(read_text(path), str(path))
    if not isinstance(data, list) or not data:
        raise FreeholdError(f"{path} must hold a list of texts with their spans")
    return tuple(_sample(entry, f"{path}: entry {number}") for number, entry in enumerate(data))


def _sample(entry: Any, place: str) -> Sample:
    try:
        text = entry["full_text"]
        spans = tuple(
            (span["start_position"], span["end_position"], span["entity_type"])
            for span in entry["spans"]
        )
    except (KeyError, TypeError, IndexError):
        raise FreeholdError(
            f"{place} needs `full_text` and `spans`, each with `entity_type`, `start_position` and"
            " `end_position`"
        ) from None
    whole = isinstance(text, str) and all(
        type(a) is int and type(b) is int and 0 <= a < b <= len(text) and isinstance(kind, str)
        for a, b, kind in spans
    )
    if not whole:
        raise FreeholdError(f"{place} has a span that is not inside its text")
    return Sample(text, spans)


def builtin() -> Find:
    """All of the built-in ``pii.*`` detectors with their defaults."""
    detectors = [d for d in builtin_detectors() if d.id.startswith("pii.")]
    scanner = Scanner([Use(DetectorSetting(id=d.id), d) for d in detectors])

    def find(text: str) -> list[tuple[int, int, str]]:
        found: Iterable[Finding] = scanner.scan(text, "bench", lambda *_: None)
        return [(f.start, f.end, f.kind) for f in found]

    find("Warm up: Jane Roe, 4 March 2001.")  # the model is read when it is first needed
    return find


def measure(samples: Sequence[Sample], find: Find) -> Measured:
    """What ``find`` finds of the samples' spans; each text is read once, as a new one."""
    hits: Counter[tuple[str, bool]] = Counter()
    started = time.perf_counter_ns()
    answers = [find(sample.text) for sample in samples]
    spent = time.perf_counter_ns() - started
    for sample, answer in zip(samples, answers, strict=True):
        _count(sample, answer, hits)
    gold = sum(n for (kind, _), n in hits.items() if kind)
    said = sum(n for (_, found), n in hits.items() if found)
    both = sum(n for (kind, found), n in hits.items() if kind and found)
    precision, recall = both / said if said else 0.0, both / gold if gold else 0.0
    weighed = 4 * precision + recall
    return Measured(
        precision=round(precision, 4),
        recall=round(recall, 4),
        f2=round(5 * precision * recall / weighed, 4) if weighed else 0.0,
        per_type=_per_type(hits),
        us_per_text=round(spent / 1000 / max(len(samples), 1), 1),
        texts=len(samples),
        words=gold,
        false_words=said - both,
    )


def _per_type(hits: Counter[tuple[str, bool]]) -> dict[str, dict[str, float]]:
    kinds = sorted({kind for kind, _ in hits if kind})
    totals = {kind: hits[kind, True] + hits[kind, False] for kind in kinds}
    return {
        kind: {"recall": round(hits[kind, True] / totals[kind], 4), "words": totals[kind]}
        for kind in kinds
        if totals[kind]
    }


def _count(sample: Sample, answer: Spans, hits: Counter[tuple[str, bool]]) -> None:
    for token in _TOKEN.finditer(sample.text):
        start, end = token.span()
        kind = next((k for a, b, k in sample.spans if a < end and start < b), "")
        found = any(a < end and start < b for a, b, _ in answer)
        word = token[0].lower()
        if bool(kind) != found and (word in _PASSED_OVER or not any(map(str.isalnum, word))):
            continue
        hits[kind, found] += 1
