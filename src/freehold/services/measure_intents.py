"""How well intents are learned from labelled examples, beside chance and what others reached."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from freehold.bundle.intents import OUTSIDE, Unreadable, clinc_parts, read_examples
from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError
from freehold.learning.trainers.adapting import adapted
from freehold.learning.trainers.encoders import find, load, read_by
from freehold.services.json_files import read_text
from freehold.text.cosines import Cosines
from freehold.text.intents import KEEP, Intents, learn, read
from freehold.text.readings import STATIC, Examples, Manner, fitted, row_of
from freehold.text.vectors import vector

SHOTS = (1, 3, 5, 10)
_BINS = 10
Pairs = list[tuple[str, str]]


class Published(Struct, frozen=True, kw_only=True):
    """What somebody else reached on the public test part of a data set."""

    name: str
    source: str
    accuracy: float
    per_intent: int | None = None
    oos_recall: float | None = None


_CASANUEVA = "Casanueva et al. 2020, arXiv 2003.04807, table 3"
_LARSON = "Larson et al. 2019, arXiv 1909.02027, full data, oos-train"
_ZHANG = "Zhang et al. 2021, arXiv 2109.06349, table 2"
_OWN = "measured by us with the same split, not by this command"
_BANKING = (
    Published(name="BERT, tuned", source=_CASANUEVA, accuracy=0.9366),
    Published(name="USE + ConveRT", source=_CASANUEVA, accuracy=0.9336),
    Published(name="MiniLM + logistic regression", source=_OWN, accuracy=0.925),
    Published(name="USE + ConveRT", source=_CASANUEVA, accuracy=0.8519, per_intent=10),
    Published(name="CPFT", source=_ZHANG, accuracy=0.872, per_intent=10),
    Published(name="MiniLM + logistic regression", source=_OWN, accuracy=0.863, per_intent=10),
    Published(name="static embeddings", source=_OWN, accuracy=0.78, per_intent=10),
    Published(name="n-grams", source=_OWN, accuracy=0.69, per_intent=10),
)
_CLINC = (Published(name="BERT", source=_LARSON, accuracy=0.969, oos_recall=0.403),)
_KNOWN: tuple[tuple[frozenset[str], int, tuple[Published, ...]], ...] = (
    (frozenset({"card_arrival", "getting_virtual_card", "lost_or_stolen_card"}), 77, _BANKING),
    (frozenset({"oil_change_how", "meal_suggestion", "translate"}), 150, _CLINC),
)


class Data(Struct, frozen=True):
    """Questions with their intents, and questions that have none."""

    inside: Pairs
    outside: tuple[str, ...]
    part: str


class Ours(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1.

    Attributes:
        accuracy: of the questions with an intent, those whose best intent is right, whether or not
            it counts as one; ``low`` and ``high`` its 95 % interval (Wilson).
        accuracy_accepted: the same, where a question that is told to have none is wrong, too.
        oos_recall: of the questions without an intent those that are told so; ``None`` without any.
        oos_false_positive_rate: of the questions with an intent those that are told to have none.
        calibration_error: how far the scores are from the share that is right (ECE, ten bins).
    """

    accuracy: float
    low: float
    high: float
    accuracy_accepted: float
    oos_recall: float | None
    oos_false_positive_rate: float
    calibration_error: float
    train_seconds: float
    us_per_text: float


class Baseline(Struct, frozen=True, kw_only=True):
    """A simple method to compare with."""

    name: str
    accuracy: float


class IntentsMeasured(Struct, frozen=True, kw_only=True):
    """``few_shot`` is the accuracy by examples of each intent, drawn with ``seed``."""

    features: str
    intents: int
    train: int
    test: int
    test_oos: int
    unknown: int
    per_intent: int | None
    seed: int
    parts: tuple[str, str]
    random: float
    majority: float
    baseline: Baseline
    published: tuple[Published, ...]
    ours: Ours
    few_shot: dict[str, float]


def features_here() -> str:
    """``minilm`` where `freehold features add` has made it and it can be run, else ``static``."""
    try:
        find("", Path.cwd())
    except FreeholdError:
        return "static"
    return "minilm" if all(map(find_spec, ("onnxruntime", "tokenizers"))) else "static"


def manner_of(features: str, encoder: str = "") -> Manner:
    """How ``static`` or ``minilm`` features read texts; each text is read once.

    Raises:
        FreeholdError: the transformer is not there.
    """
    if features == "static":
        return STATIC
    how, _ = read_by(load(encoder, Path.cwd())[0])
    return replace(how, of=cache(how.of))


Adapt = Callable[[Sequence[str], NDArray[np.intp], int], Manner]
"""Labelled texts, the number of each one's intent and a seed → how an adapted transformer reads."""


def adapt_of(encoder: str = "") -> Adapt:
    """Transformers adapted to labelled texts, as the trainer does with ``adapt: true``.

    Raises:
        FreeholdError: the transformer is not there; when called, torch is not installed.
    """
    parts, loaded = load(encoder, Path.cwd())

    def of(texts: Sequence[str], groups: NDArray[np.intp], seed: int) -> Manner:
        weights = adapted(parts, loaded, texts, groups, seed=seed, progress=_quiet)
        how, _ = read_by(parts, weights)
        return replace(how, of=cache(how.of))

    return of


def _quiet(stage: str, done: int, total: int, **figures: float) -> None:
    """Nobody listens."""


def read_data(path: Path, parts: Sequence[str]) -> Data:
    """The labelled questions of a file: CSV or JSON lines, or of a JSON file in CLINC150's form the
    first part of ``parts`` that it has, with what is out of scope.

    Raises:
        FreeholdError: it is nothing of that.
    """
    try:
        if path.suffix == ".json":
            content = clinc_parts(read_text(path))
            part = next((name for name in parts if content.get(name)), None)
            if part is None:
                raise Unreadable(f"it has none of the parts {', '.join(parts)}")
            inside = content[part]
            outside = tuple(text for text, _ in content.get(f"oos_{part}", ()))
        else:
            part = "all"
            pairs = read_examples(path.name, path.read_bytes())
            inside = [pair for pair in pairs if pair[1] not in OUTSIDE]
            outside = tuple(text for text, name in pairs if name in OUTSIDE)
    except OSError as error:
        raise FreeholdError(f"{path} can't be read: {error.strerror or error}") from None
    except Unreadable as error:
        raise FreeholdError(f"{path} can't be used: {error}") from None
    if not inside:
        raise FreeholdError(f"{path} holds no question with an intent")
    return Data(inside, outside, part)


def measure_intents(
    train: Path,
    test: Path,
    *,
    per_intent: int | None = None,
    seed: int = 0,
    keep: float = KEEP,
    shots: Sequence[int] = SHOTS,
    features: str = "static",
    unlabelled: bool = False,
) -> IntentsMeasured:
    """Learn from one file, judge the questions of another.

    Args:
        per_intent: so many examples of each intent at most, drawn with ``seed``.
        keep: the share of questions with an intent that must count as such.
        shots: also learn from so many of each, where there are more.
        features: what dense vectors are; see `manner_of`.
        unlabelled: learn as the trainer of classifiers does: from the intents' names, too, and from
            the questions that were not drawn, without their labels.

    Raises:
        FreeholdError: a file can't be used, or holds nothing to learn from; the transformer is not
            there.
    """
    known, asked = read_data(train, ("train",)), read_data(test, ("test", "val"))
    manner = manner_of(features)
    groups = grouped(known.inside)
    chosen = groups if per_intent is None else drawn(groups, per_intent, seed)
    begun = time.perf_counter()
    try:
        spare = _left(known.inside, chosen) if unlabelled else ()
        model = learn(
            chosen, known.outside, keep=keep, manner=manner, named=unlabelled, spare=spare
        )
    except ValueError as error:
        raise FreeholdError(f"{train} can't be learned from: {error}") from None
    spent = time.perf_counter() - begun
    most = max(chosen, key=lambda name: len(chosen[name]))
    all_known = per_intent is None
    return IntentsMeasured(
        features=features,
        intents=len(chosen),
        train=sum(map(len, chosen.values())) + len(known.outside),
        test=len(asked.inside),
        test_oos=len(asked.outside),
        unknown=sum(name not in chosen for _, name in asked.inside),
        per_intent=per_intent,
        seed=seed,
        parts=(known.part, asked.part),
        random=round(1 / len(chosen), 4),
        majority=_share(sum(name == most for _, name in asked.inside), len(asked.inside)),
        baseline=Baseline(
            name="nearest example on words and runs of characters",
            accuracy=_nearest(chosen, asked.inside),
        ),
        published=published(groups, per_intent),
        ours=_judged(model, asked, spent),
        few_shot=_few(groups, asked.inside, shots, seed, manner, unlabelled) if all_known else {},
    )


def grouped(pairs: Pairs) -> dict[str, list[str]]:
    """Intent → its examples, in order of name."""
    found: dict[str, list[str]] = {name: [] for name in sorted({name for _, name in pairs})}
    for text, name in pairs:
        found[name].append(text)
    return found


def drawn(groups: Mapping[str, Sequence[str]], each: int, seed: int) -> dict[str, list[str]]:
    """So many examples of each intent at most."""
    dice = Random(seed)
    return {name: dice.sample(list(some), min(each, len(some))) for name, some in groups.items()}


def _left(pairs: Pairs, chosen: Mapping[str, Sequence[str]]) -> list[str]:
    """Questions that were not drawn, in an order by chance; those without a word are left out."""
    taken = {text for texts in chosen.values() for text in texts}
    rest = [text for text, _ in pairs if text not in taken and any(map(str.isalnum, text))]
    Random(0).shuffle(rest)
    return rest


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    half /= 1 + z * z / count
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def _judged(model: Intents, asked: Data, train_seconds: float) -> Ours:
    begun = time.perf_counter()
    inside = [model.of(text) for text, _ in asked.inside]
    outside = [model.of(text) for text in asked.outside]
    spent = time.perf_counter() - begun
    right = [said.name == name for said, (_, name) in zip(inside, asked.inside, strict=True)]
    kept = [said.fits for said in inside]
    low, high = wilson(sum(right), len(right))
    refused = sum(not said.fits for said in outside)
    return Ours(
        accuracy=_share(sum(right), len(right)),
        low=low,
        high=high,
        accuracy_accepted=_share(sum(map(min, right, kept)), len(right)),
        oos_recall=_share(refused, len(outside)) if outside else None,
        oos_false_positive_rate=_share(len(kept) - sum(kept), len(kept)),
        calibration_error=_gap([said.score / MILLION for said in inside], right),
        train_seconds=round(train_seconds, 1),
        us_per_text=round(spent / (len(inside) + len(outside)) * 1e6, 1),
    )


def _gap(scores: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error (Naeini et al. 2015) over bins of equal width."""
    bins = np.minimum((np.array(scores) * _BINS).astype(int), _BINS - 1)
    sums = np.bincount(bins, np.array(scores) - np.array(right), minlength=_BINS)
    return round(float(np.abs(sums).sum()) / len(scores), 4)


def _nearest(groups: Mapping[str, Sequence[str]], asked: Pairs) -> float:
    names = [name for name, texts in groups.items() for _ in texts]
    cosines = Cosines([row_of(vector(text)) for texts in groups.values() for text in texts])
    hits = sum(names[int(cosines.of(row_of(vector(text))).argmax())] == n for text, n in asked)
    return _share(hits, len(asked))


def _few(
    groups: Mapping[str, Sequence[str]],
    asked: Pairs,
    shots: Sequence[int],
    seed: int,
    manner: Manner,
    unlabelled: bool,
) -> dict[str, float]:
    fewest = min(map(len, groups.values()))
    found = {}
    for each in shots:
        if each < fewest:
            some = drawn(groups, each, seed)
            pairs = [(text, name) for name, texts in groups.items() for text in texts]
            spare = _left(pairs, some) if unlabelled else ()
            names, examples = read(some, manner=manner, named=unlabelled, spare=spare)
            found[str(each)] = _accuracy(names, examples, asked)
    return found


def _accuracy(names: Sequence[str], examples: Examples, asked: Pairs) -> float:
    """Without a line: which intent is best needs none."""
    model = Intents(names, fitted(examples, np.arange(len(examples.rows))), 0.0, 1.0, 0.0)
    model.manner = examples.manner
    return _share(sum(model.of(text).name == name for text, name in asked), len(asked))


def published(groups: Mapping[str, object], per_intent: int | None) -> tuple[Published, ...]:
    """What others reached on this set, told by its intents; of all numbers of examples if none."""
    for names, count, rows in _KNOWN:
        if names <= groups.keys() and len(groups) == count:
            return tuple(row for row in rows if per_intent is None or row.per_intent == per_intent)
    return ()


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def confusions(said: Sequence[tuple[str, str]], most: int = 10) -> list[tuple[str, str, int]]:
    """The commonest mistakes: wanted, said, how often."""
    wrong = Counter((wanted, found) for wanted, found in said if wanted != found)
    return [(wanted, found, count) for (wanted, found), count in wrong.most_common(most)]
