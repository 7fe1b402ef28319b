"""The trainer of classifiers: intents, routes, guards, triage. Seconds, on a processor.

A question's words are read twice (`freehold.text.readings`): hashed, by a softmax classifier, and
as a dense vector, by ridge regression on a kernel. The dense vector is the mean of static ones, or
a transformer's. What is written is one ONNX file that holds everything, transformer included.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from freehold.core.errors import TrainingError
from freehold.core.training import Dataset, Example, Progress, Trained, TrainingJob
from freehold.learning.trainers.adapting import adapted
from freehold.learning.trainers.classifier_figures import Told, figures, threshold
from freehold.learning.trainers.classifier_rows import OUTSIDE, Lesson, lesson
from freehold.learning.trainers.encoders import load, read_by
from freehold.learning.trainers.options import wrong
from freehold.text.class_files import Base, pack
from freehold.text.intents import KEEP, Intents, ends, read
from freehold.text.margins import held_back_places, line_of, platt
from freehold.text.readings import STATIC, Examples, Manner, fitted

FILE, LABELS = "model.onnx", "labels.json"
_STEP = 256


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle may say.

    Attributes:
        features: ``static``, or ``minilm`` (`freehold features add` has it made).
        encoder: the folder of the transformer, where it is not at its usual place.
        adapt: adapt the transformer to these questions first; needs torch, and minutes.
        unlabelled: with ``minilm``, learn also from the dataset's questions that have no label.
        accuracy: the share of its answers that should be right; below, it abstains.
        keep: the share of questions with a class that must count as having one.
        answers: class → what to answer; the class itself as JSON without.
        otherwise: what to answer to what has no class; without, it abstains.
    """

    features: str = "static"
    encoder: str = ""
    adapt: bool = False
    unlabelled: bool = True
    accuracy: float = 0.9
    keep: float = KEEP
    answers: dict[str, str] = {}
    otherwise: str = ""


class ClassifierTrainer:
    """`core.training.Trainer` of the kind ``classifier``."""

    kind = "classifier"

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises: ValueError: an option is none, or can't be."""
        _options(options)

    def train(self, dataset: Dataset, job: TrainingJob, progress: Progress) -> Trained:
        """Learn the rows of ``train``, judge those of ``validation``.

        Raises:
            TrainingError: too few rows or classes, or a transformer that is not there.
        """
        try:
            options = _options(job.options)
        except ValueError as error:
            raise TrainingError(f"the options of {job.model}: {error}") from None
        validation = dataset.rows("validation")
        rows = dataset.rows("train")
        learned = lesson(rows, {row.label for row in (*validation, *dataset.rows("test"))})
        how, base = _manner(options, job, learned, progress)
        counting, texts = _counting(how, learned, progress)
        spare = learned.spare if options.unlabelled and how.unlabelled else ()
        names, examples = read(
            learned.inside,
            learned.outside,
            manner=counting,
            importance=learned.importance,
            named=True,
            spare=spare,
        )
        progress("read", texts, texts)
        trained, told = _fit(names, examples, options, how, progress)
        least, kept = threshold(told, options.accuracy)
        beside = [f"{len(spare)} questions without a label were learned from, too"] if spare else []
        notes = [*learned.notes, *beside, *_threshold_notes(told, kept, options)]
        measured = _measured(trained, validation, told, least, notes, progress)
        job.out.mkdir(parents=True, exist_ok=True)
        (job.out / FILE).write_bytes(pack(trained, base))
        about = _about(trained, learned, options, least)
        (job.out / LABELS).write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=2))
        serving = {
            "kind": "classifier",
            "threshold": least,
            "options": _serving(options, names),
        }
        return Trained(
            kind=self.kind,
            serving=serving,
            file=FILE,
            files=(FILE, LABELS),
            figures=measured,
            notes=tuple(notes),
        )


def _options(given: Mapping[str, Any]) -> Options:
    """Raises: ValueError: an option is none, or can't be."""
    try:
        options = msgspec.convert(dict(given), Options, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(wrong(error, Options)) from None
    if options.features not in {"static", "minilm"}:
        raise ValueError(f"`features` is `static` or `minilm`, not `{options.features[:40]}`")
    if options.adapt and options.features == "static":
        raise ValueError("`adapt` is for `features: minilm`: static vectors can't be adapted")
    for name in ("accuracy", "keep"):
        if not 0.5 <= getattr(options, name) < 1:
            raise ValueError(f"`{name}` is a share from 0.5 to 1, and below 1")
    return options


def _manner(
    options: Options, job: TrainingJob, learned: Lesson, progress: Progress
) -> tuple[Manner, Base | None]:
    """Raises: TrainingError: the transformer is not there, or can't be run or adapted here."""
    if options.features == "static":
        return STATIC, None
    parts, encoder = load(options.encoder, job.out)
    if not options.adapt:
        return read_by(parts)
    texts = [ends(text) for some in learned.inside.values() for text in some]
    sizes = [len(some) for some in learned.inside.values()]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    weights = adapted(parts, encoder, texts, groups, seed=job.seed, progress=progress)
    return read_by(parts, weights)


def _counting(how: Manner, learned: Lesson, progress: Progress) -> tuple[Manner, int]:
    """The same, saying how far it is; and how many texts there are to read."""
    # the classes' names are read, too
    total = sum(map(len, (learned.outside, learned.spare, learned.inside)))
    total += sum(map(len, learned.inside.values()))
    done = 0

    def of(text: str) -> Any:
        nonlocal done
        if done % _STEP == 0:
            progress("read", min(done, total), total)
        done += 1
        return how.of(text)

    return msgspec.structs.replace(how, of=of), total


def _fit(
    names: Sequence[str], examples: Examples, options: Options, how: Manner, progress: Progress
) -> tuple[Intents, list[Told]]:
    """The classifier, and what models without them said of examples held back."""
    progress("fit", 0, 2)
    model = fitted(examples, np.arange(len(examples.rows)))
    progress("fit", 1, 2)
    tried, places, best = held_back_places(examples)
    line = round(line_of(examples, tried, options.keep), 4)
    slope, shift = platt(*tried)
    made = Intents(names, model, line, slope, shift, manner=how)
    wanted = [*names, ""]
    told = [
        Told(wanted[int(examples.groups[place])], made.told(float(margin), int(said), -1))
        for margin, place, said in zip(tried[0], places, best, strict=True)
    ]
    progress("fit", 2, 2)
    return made, told


def _threshold_notes(told: Sequence[Told], kept: bool, options: Options) -> list[str]:
    if not told:
        return [
            (
                "no class has two questions, so nothing could be held back: its scores are a"
                " guess; label more"
            )
        ]
    if not kept:
        return [
            (
                f"on questions held back it nowhere reached {options.accuracy:.0%} right answers;"
                " it answers where it was best: label more, or ask less of it"
            )
        ]
    return []


def _measured(
    trained: Intents,
    validation: Sequence[Example],
    told: Sequence[Told],
    least: float,
    notes: list[str],
    progress: Progress,
) -> dict[str, float]:
    known = set(trained.names)
    asked = []
    for done, row in enumerate(validation):
        if done % _STEP == 0:
            progress("judge", done, len(validation))
        if row.label == OUTSIDE or row.label in known:
            wanted = "" if row.label == OUTSIDE else row.label
            asked.append(Told(wanted, trained.of(row.question)))
    if validation:
        progress("judge", len(validation), len(validation))
    if asked:
        return figures(asked, least)
    notes.append("no labelled question for validation: the figures are of questions held back")
    return figures(told, least) if told else {}


def _about(trained: Intents, learned: Lesson, options: Options, least: float) -> dict[str, Any]:
    """What others who run the graph need to know of it."""
    return {
        "labels": list(trained.names),
        "outside": bool(trained.model.outside),
        "questions": {name: len(texts) for name, texts in learned.inside.items()},
        "line": trained.line,
        "threshold": least,
        "features": options.features,
    }


def _serving(options: Options, names: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if options.answers:
        made["answers"] = {name: text for name, text in options.answers.items() if name in names}
    if options.otherwise:
        made["otherwise"] = options.otherwise
    return made
