"""The trainer of responders: approved answers become templates that serve every case like them."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import missing
from freehold.core.decisions import MILLION
from freehold.core.errors import TrainingError
from freehold.core.training import Dataset, Progress, Trained, TrainingJob
from freehold.learning.trainers.responder_calibration import STRANGERS, Line, Tried, draw
from freehold.learning.trainers.responder_learning import Learning, learn
from freehold.learning.trainers.responder_lessons import Lesson, lesson
from freehold.text.local.learned import VECTORS, Learned
from freehold.text.slots.templates import FORMAT, File, Header

FILE = "responder.jsonl"
_ALPHA = 0.05
_LEAST = 4
_HELD_BACK = 400
"""So many held-back examples with an answer draw a line; with fewer, each eighth of all examples is
held back in turn instead, and all are learned from: examples that are few are worth more learned
from than kept apart."""
_FOLDS = 8
_MOST_NOTES = 40


class Options(Struct, frozen=True, kw_only=True):
    """What may be set.

    Attributes:
        alpha: the share of wrong answers to stay below.
        agree: how many conversations must have approved a number that stands in no context.
    """

    alpha: float = _ALPHA


class ResponderTrainer:
    """``responder``: templates with slots, conditions, and a line drawn on held-back examples."""

    kind = "responder"

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises: ValueError: an option is none, or can't be."""
        _options(options)

    def train(self, dataset: Dataset, job: TrainingJob, progress: Progress) -> Trained:
        """Train it; some seconds for some thousand examples, the same file each time.

        Raises:
            TrainingError: there are too few approved answers, or none can be used again.
        """
        try:
            options = _options(job.options)
        except ValueError as wrong:
            raise TrainingError(str(wrong)) from None
        lessons = _lessons(dataset, "train")
        answered = [one for one in lessons if one.answer]
        if len(answered) < _LEAST:
            raise TrainingError(
                f"{len(answered)} approved answers are too few for a responder: it takes at least"
                f" {_LEAST}, and some dozens to be of use; label more cases"
            )
        progress("read", len(lessons), len(lessons))
        made = learn(lessons)
        if not made.templates:
            raise TrainingError(
                "no approved answer can be used again: each has a number, a date or a name that"
                " stands in no context; see that sources give what experts write"
            )
        progress("templates", len(made.templates), len(made.templates))
        held = _lessons(dataset, "validation")
        tried = trials(made, held)
        crossed = len(tried) < _HELD_BACK
        if crossed:
            held = [*lessons, *held]
            tried = _crossed(held, progress)
            made = learn(held)
        others = sum(not one.answer for one in held)
        line = draw(tried, len(held), options.alpha, others=others)
        (job.out / FILE).write_bytes(_file(made, line, options.alpha).dump())
        chance = _chance(line)
        return Trained(
            kind=self.kind,
            serving={"kind": self.kind, "threshold": chance / MILLION, "options": {}},
            file=FILE,
            files=(FILE,),
            figures=_figures(made, line),
            notes=(
                *_notes(line, options.alpha, others, crossed=crossed),
                *made.notes[:_MOST_NOTES],
            ),
        )


def _options(options: Mapping[str, Any]) -> Options:
    unknown = options.keys() - {"alpha"}
    if unknown:
        raise ValueError(missing("option", min(unknown), ["alpha"]))
    alpha = options.get("alpha", _ALPHA)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha < 1:
        raise ValueError("`alpha` is a share between 0 and 1")
    return Options(alpha=float(alpha))


def _lessons(dataset: Dataset, split: Any) -> list[Lesson]:
    found = (lesson(example) for example in dataset.rows(split))
    return [one for one in found if one is not None]


def _crossed(lessons: Sequence[Lesson], progress: Progress) -> list[Tried]:
    """What becomes of each part of them by what is learned from the others."""
    tried: list[Tried] = []
    folds = _folds(lessons)
    for number, fold in enumerate(folds):
        tried += trials(learn([one for other in folds if other is not fold for one in other]), fold)
        progress("hold back", number + 1, len(folds))
    return tried


def _folds(lessons: Sequence[Lesson]) -> list[list[Lesson]]:
    """Parts such that no conversation is in two of them."""
    places: dict[str, int] = {}
    folds: list[list[Lesson]] = [[] for _ in range(_FOLDS)]
    for one in lessons:
        folds[places.setdefault(one.conversation, len(places)) % _FOLDS].append(one)
    return [fold for fold in folds if fold]


def trials(made: Learning, held: Sequence[Lesson]) -> list[Tried]:
    """How examples fare that were not learned from."""
    learned = Learned(made.templates, made.entries, made.talk, made.eased)
    found = []
    for one in held:
        guess = learned.best(one.asked, one.context, follows=one.follows)
        if not isinstance(guess, str):
            right = plain(guess.text) == plain(one.answer)
            found.append(Tried(round(guess.score * MILLION), right))
    return found


def plain(text: str) -> str:
    """Without what makes no other answer of it."""
    return " ".join(text.split()).rstrip(".!")


def _chance(line: Line) -> int:
    known = [chance for score, chance in line.chances if score <= line.line]
    return known[-1] if known else 0


def _file(made: Learning, line: Line, alpha: float) -> File:
    header = Header(
        responder=FORMAT,
        vectors=VECTORS,
        line=line.line,
        chances=line.chances,
        alpha=round(alpha * MILLION),
        bound=round(line.bound * MILLION),
        talk=made.talk,
        eased=made.eased,
    )
    return File(header, made.templates, made.entries)


def _figures(made: Learning, line: Line) -> dict[str, float]:
    return {
        "coverage": round(line.answered / line.asked, 4) if line.asked else 0.0,
        "accuracy": round(line.right / line.answered, 4) if line.answered else 0.0,
        "error_bound": round(line.bound, 4),
        "held_back": float(line.asked),
        "templates": float(len(made.templates)),
        "questions": float(len(made.entries)),
        "set_aside": float(made.aside),
    }


def _notes(line: Line, alpha: float, others: int, *, crossed: bool) -> list[str]:
    told = (
        f"answers {line.answered} of {line.asked} held-back questions, {line.right} of them as"
        f" approved; with 90 % confidence at most {line.bound:.1%} of its answers are wrong"
    )
    notes = [told]
    if crossed:
        notes.append(
            "the validation part is small: each eighth of all examples was held back in turn"
            " instead, and all were learned from, so that the bound holds only about"
        )
    if others < STRANGERS:
        notes.append(
            f"{others} of these questions were left to others, so little shows where it must not"
            " answer: it keeps near to what was approved. Label some of what it is not for `reject`"
        )
    if not line.proved:
        notes.append(
            f"too few were right to show an error below {alpha:.0%}: it only answers questions that"
            " are all but the same as an approved one"
        )
    return notes
