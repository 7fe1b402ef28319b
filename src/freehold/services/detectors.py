"""Use cases around detectors: which there are, training a head of one's own, trying one out."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.bundle.names import DETECTORS, QUIET
from freehold.core.decisions import MILLION
from freehold.core.errors import BundleError, FreeholdError
from freehold.core.spec import ClassifierSpec
from freehold.services.bundles import check_bundle
from freehold.services.json_files import parsed
from freehold.stages.governance.detectors.classifier import Classifier
from freehold.stages.governance.installed import ADAPTERS, listed
from freehold.text.heads import Head, load
from freehold.text.normalise import fold
from freehold.text.training import MAX_LABELS, MIN_EXAMPLES, train_head

MAX_TEXTS = 200_000
MAX_FILE_BYTES = 500_000_000
MAX_TEXT_CHARS = 100_000
_TEXT_KEYS = ("text", "prompt", "query")

Tell = Callable[[str], None]


class Entry(Struct, frozen=True, kw_only=True):
    """A detector that can be used, and where it comes from: ``built-in``, ``adapter``,
    ``installed`` or ``bundle``. ``note`` says what to know before it is used.
    """

    id: str
    origin: str
    package: str = ""
    version: str = ""
    place: str = ""
    named: bool = False
    note: str = ""


class Trained(Struct, frozen=True, kw_only=True):
    """What training gave. ``held_out`` has, for each label, shares from 0 to 1 on texts that the
    figures' own head had not seen; ``threshold`` is what to write in a bundle.
    """

    file: str
    version: str
    labels: tuple[str, ...]
    texts: int
    without_label: int
    duplicates: int
    held_out: dict[str, Any]
    threshold: float
    seconds: float
    warnings: tuple[str, ...] = ()


class Tried(Struct, frozen=True, kw_only=True):
    """How a head does on labelled texts: per label counts and shares from 0 to 1."""

    file: str
    version: str
    texts: int
    threshold: float
    labels: dict[str, Any]
    us_per_text: float


def detectors(bundle: Path | None) -> list[Entry]:
    """Everything that a bundle could name; with a bundle, what it declares too. No package that it
    does not name is imported.

    Raises:
        BundleError: the bundle has errors.
    """
    declared = {}
    if bundle is not None:
        report = check_bundle(bundle)
        if report.bundle is None:
            first = "; ".join(str(problem) for problem in report.errors[:3])
            raise BundleError(f"the bundle has errors: {first}")
        declared = report.bundle.detectors
    found = [
        Entry(
            id=name,
            origin="built-in",
            named=name not in QUIET,
            note="reads nothing until a bundle names it" if name in QUIET else "",
        )
        for name in DETECTORS
    ]
    for name, (place, package, extra) in sorted(ADAPTERS.items()):
        note = f"needs {package.replace('_', '-')}: pip install 'freehold[{extra}]'"
        found.append(
            Entry(id=name, origin="adapter", place=place, named=name in declared, note=note)
        )
    offered = listed()
    found += [
        Entry(
            id=one.id,
            origin="installed",
            package=one.package,
            version=one.version,
            place=one.place,
            named=one.id in declared and not one.clash,
            note=one.clash,
        )
        for one in offered
    ]
    known = {one.id for one in offered} | set(ADAPTERS)
    for name, own in sorted(declared.items()):
        if name not in known:
            kind = "guard" if own.guard is not None else "classifier"
            said = own.guard.model if own.guard is not None else ""
            said = own.classifier.file if own.classifier is not None else f"model {said}"
            found.append(Entry(id=name, origin="bundle", named=True, place=said, note=kind))
    return found


def train(data: Path, out: Path, label: str | None, false_alarms: float, tell: Tell) -> Trained:
    """Train a head on the labelled texts of a file, and write it.

    Args:
        data: JSON lines with ``text`` and ``label``.
        label: with it, ``label`` is 1 or 0 (or true, or this name) and the head has this one label;
            without, ``label`` is a name, or null for texts that have none.
        false_alarms: the share of texts without a label that may be given it.

    Raises:
        FreeholdError: the data can't be read, or is too little; the file can't be written.
    """
    texts, labels, doubled = read_examples(data, label)
    without = sum(given is None for given in labels)
    tell(f"{len(texts)} texts, {without} of them without a label")
    if out.suffix != ".safetensors":
        raise FreeholdError(f"{out}: the file of a head ends with .safetensors")
    if out.exists():
        raise FreeholdError(f"{out} is there already; nothing was trained")
    began = time.perf_counter()
    tell("training, and measuring on texts held back (five parts)")
    try:
        head = train_head(texts, labels, name=out.stem, false_alarms=false_alarms)
    except ValueError as error:
        raise FreeholdError(f"{data}: {error}") from None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        head.save(out)
    except OSError as error:
        raise FreeholdError(f"{out} can't be written: {error.strerror or error}") from None
    held_out = dict(head.header.trained["held_back"])
    return Trained(
        file=str(out),
        version=head.version,
        labels=head.header.labels,
        texts=len(texts),
        without_label=without,
        duplicates=doubled,
        held_out=held_out,
        threshold=0.5,
        seconds=round(time.perf_counter() - began, 2),
        warnings=tuple(_doubts(held_out, doubled)),
    )


def _doubts(held_out: dict[str, Any], doubled: int) -> list[str]:
    said = []
    for label, figures in sorted(held_out.items()):
        if figures["texts_with_it"] < 3 * MIN_EXAMPLES:
            said.append(
                f"{label}: {figures['texts_with_it']} texts have it, so the figures say little;"
                " a hundred and more tell well"
            )
        if figures["f1"] < 0.5:
            said.append(f"{label}: F1 is {figures['f1']}; let it observe before it enforces")
    if doubled:
        said.append(f"{doubled} texts stand there more than once; each counts once")
    return said


def read_examples(data: Path, label: str | None) -> tuple[list[str], list[str | None], int]:
    """Texts and labels of a file, each text once, and how many were repeated.

    Raises:
        FreeholdError: it can't be read, a line is malformed, or one text has two labels.
    """
    known: dict[str, str | None] = {}
    doubled = 0
    try:
        if data.stat().st_size > MAX_FILE_BYTES:
            raise FreeholdError(f"{data} is larger than {MAX_FILE_BYTES // 10**6} MB")
        with data.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                text, given = _example(line, label, f"{data}: line {number}")
                if text in known:
                    doubled += 1
                    if known[text] != given:
                        raise FreeholdError(
                            f"{data}: line {number}: the same text has another label further up"
                        )
                known[text] = given
                if len(known) > MAX_TEXTS:
                    raise FreeholdError(f"{data} has more than {MAX_TEXTS} texts")
    except OSError as error:
        raise FreeholdError(f"{data} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise FreeholdError(f"{data} is not UTF-8 text") from None
    labels = list(known.values())
    names = {given for given in labels if given is not None}
    if not known:
        raise FreeholdError(f"{data} holds no text")
    if not names or (len(names) == 1 and None not in labels):
        every = "no text has a label" if not names else "every text has the same label"
        raise FreeholdError(
            f"{data}: {every}, so there is nothing to tell apart; add texts"
            f" {'with' if not names else 'without'} it (label 0, or null)"
        )
    if len(names) > MAX_LABELS:
        raise FreeholdError(f"{data} has {len(names)} labels; a head has {MAX_LABELS} at most")
    return list(known), labels, doubled


def _example(line: str, label: str | None, where: str) -> tuple[str, str | None]:
    row = parsed(line, where)
    text = next(
        (row[k] for k in _TEXT_KEYS if isinstance(row, dict) and isinstance(row.get(k), str)), None
    )
    if text is None or not text.strip():
        raise FreeholdError(f"{where} has no `text`")
    if len(text) > MAX_TEXT_CHARS:
        raise FreeholdError(f"{where}: a text has {MAX_TEXT_CHARS} characters at most")
    if "label" not in row:
        raise FreeholdError(f"{where} has no `label`")
    return text, _given(row["label"], label, where)


def _given(value: object, label: str | None, where: str) -> str | None:
    """Raises: FreeholdError: it is no label."""
    if isinstance(value, bool):
        value = int(value)
    if value is None or value == "":
        return None
    if isinstance(value, str) and label is None:
        return value
    if isinstance(value, str):
        if value.lower() in {label, "1", "true"}:
            return label
        if value.lower() in {"0", "false"}:
            return None
        raise FreeholdError(
            f"{where}: the label {value[:20]!r} is neither {label!r}, 1, 0 nor null"
        )
    if value not in (0, 1):
        said = str(value)[:20]
        raise FreeholdError(f"{where}: a label is a name, 1, 0 or null, not {said!r}")
    if label is None:
        raise FreeholdError(f"{where}: a label of 0 or 1 needs a name (--label NAME)")
    return label if value == 1 else None


def try_out(head_file: Path, data: Path, label: str | None, threshold: float) -> Tried:
    """How a head does on labelled texts that it was not trained on.

    Raises:
        FreeholdError: a file can't be read, or the head has no label that the texts have.
    """
    head = read_head(head_file)
    only = label or (head.header.labels[0] if len(head.header.labels) == 1 else None)
    texts, labels, _ = read_examples(data, only)
    unknown = sorted({given for given in labels if given is not None} - set(head.header.labels))
    if unknown:
        known = ", ".join(head.header.labels)
        raise FreeholdError(f"the head has no label {unknown[0]!r}; it has {known}")
    spec = ClassifierSpec(file=str(head_file), digest="", label=label or "")
    detector = Classifier("test", spec, head)
    limit = round(threshold * MILLION)
    detector.detect("warm", "warm", "text")
    began = time.perf_counter()
    found = [{f.label for f in _found(detector, text, limit)} for text in texts]
    spent = time.perf_counter() - began
    measured = {
        name: _figures(name, found, labels)
        for name in head.header.labels
        if name in set(labels) or label == name
    }
    return Tried(
        file=str(head_file),
        version=head.version,
        texts=len(texts),
        threshold=threshold,
        labels=measured,
        us_per_text=round(spent / len(texts) * 1e6, 1),
    )


def judged(head_file: Path, text: str) -> list[dict[str, Any]]:
    """What a head says of one text: score, and the stretch that speaks loudest, by label.

    Raises:
        FreeholdError: the file is no head.
    """
    head = read_head(head_file)
    detector = Classifier("test", ClassifierSpec(file=str(head_file), digest=""), head)
    return [
        {"label": f.label, "score": f.score / MILLION, "start": f.start, "end": f.end}
        for f in detector.detect(text, fold(text), "text")
    ]


def read_head(path: Path) -> Head:
    """Raises: FreeholdError: it can't be read, or is no head."""
    try:
        return load(path)
    except OSError as error:
        raise FreeholdError(f"{path} can't be read: {error.strerror or error}") from None
    except ValueError as error:
        raise FreeholdError(f"{path}: {error}") from None


def _found(detector: Classifier, text: str, limit: int) -> list[Any]:
    return [f for f in detector.detect(text, fold(text), "text") if f.score >= limit]


def _figures(
    name: str, found: Sequence[set[str]], labels: Sequence[str | None]
) -> dict[str, float | int]:
    hit = sum(name in said and given == name for said, given in zip(found, labels, strict=True))
    said_so = sum(name in said for said in found)
    have = sum(given == name for given in labels)
    rest = len(labels) - have
    return {
        "texts_with_it": have,
        "precision": round(hit / said_so, 4) if said_so else 0.0,
        "recall": round(hit / have, 4) if have else 0.0,
        "f1": round(2 * hit / (said_so + have), 4) if said_so + have else 0.0,
        "false_positive_rate": round((said_so - hit) / rest, 4) if rest else 0.0,
    }
