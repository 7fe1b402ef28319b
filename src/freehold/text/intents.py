"""Which of an app's intents a question has, learned from examples: one each is enough to begin.

Two readings of a text are added up. A softmax classifier on hashed words and characters
(`freehold.text.softmax`) tells well where there are many examples. Ridge regression on a Gaussian
kernel between dense vectors (`freehold.text.embedding`) tells well where there are few; the kernel
is taken with at most `LANDMARKS` of the examples (Nyström's method: Williams and Seeger 2001).

How far the best intent leads, times how near its neighbours are, is the margin. Examples that were
held back say which margin goes with which chance to be right (Platt 1999), and below which margin
a question is none of the intents: so many examples must stay in as ``keep`` says (split conformal
prediction: Vovk et al. 2005). Where every intent has but one example, intents that were left out
draw the line instead; where there are one or two, sentences of everyday life do.
"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.text.heads import vector_of
from freehold.text.margins import held_back, line_of, platt
from freehold.text.readings import (
    SPARE,
    STATIC,
    Beside,
    Examples,
    Floats,
    Manner,
    Model,
    fitted,
    row_of,
)
from freehold.text.vectors import vector

MAX_INTENTS, MAX_EXAMPLES = 1_000, 50_000
MAX_NAME = 128
KEEP = 0.95
_WORDS = re.compile(r"[^\W\d_]{2,}")
_EDGE = 400
"""Characters of each end of a longer text that are read."""
_STEP = 1_000
"""Scores are told in thousandths, so that the last bits of a processor's sums don't matter."""


class Intent(Struct, frozen=True):
    """What a question wants.

    Attributes:
        name: the best of the intents, also where it does not fit.
        score: the chance that this is right, in millionths.
        fits: whether it is one of the intents at all.
        second: the next best, for a reader.
    """

    name: str
    score: int
    fits: bool
    second: str = ""


def is_name(name: str) -> bool:
    """Whether an intent may be called so."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def ends(text: str) -> str:
    """What is read of a text: of a long one its two ends."""
    return text if len(text) <= 2 * _EDGE else f"{text[:_EDGE]} {text[-_EDGE:]}"


class Intents:
    """A model of an app's intents, with its line and what its margins mean.

    ``slope`` and ``shift`` make the chance to be right of a margin; ``line`` is the margin from
    which a question counts as one of the intents. ``tried`` is how many examples were held back
    when it was learned, and how many of them it told right; a file does not keep that.
    """

    def __init__(
        self,
        names: Sequence[str],
        model: Model,
        line: float,
        slope: float,
        shift: float,
        tried: tuple[int, int] = (0, 0),
        manner: Manner = STATIC,
    ) -> None:
        self.names = tuple(names)
        self.model = model
        self.line = line
        self.slope = slope
        self.shift = shift
        self.tried = tried
        self.manner = manner

    def of(self, text: str, dense: Floats | None = None) -> Intent:
        """What a text wants; ``dense`` is its vector where it is known, of a text that is read
        whole. A text without a word wants nothing.
        """
        read = ends(text)
        if not any(map(str.isalnum, read)):
            return Intent("", 0, False)
        if dense is None or len(read) != len(text):
            dense = self.manner.of(read)
        return self.told(*self.model.margin(row_of(vector_of(read)), dense))

    def told(self, margin: float, best: int, second: int) -> Intent:
        """What a margin means, of the best intent and the second best (-1: there is none)."""
        fits = bool(round(margin, 4) >= self.line)
        other = self.names[second] if second >= 0 else ""
        return Intent(self.names[best], self._chance(margin), fits, other)

    def _chance(self, margin: float) -> int:
        distance = max(-30.0, min(30.0, self.slope * margin + self.shift))
        return round(MILLION / _STEP / (1 + math.exp(-distance))) * _STEP


def learn(
    inside: Mapping[str, Sequence[str]],
    outside: Sequence[str] = (),
    *,
    keep: float = KEEP,
    manner: Manner = STATIC,
    named: bool = False,
    spare: Sequence[str] = (),
) -> Intents:
    """Learn intents from examples; 10,000 take some seconds, a few hundred none.

    Args:
        inside: intent → its examples.
        outside: examples of what is none of them, if there are any.
        keep: the share of questions with one of the intents that must not fall outside.
        manner: what dense vectors are; a file of trained intents knows static ones only.
        named, spare: as for `read`.

    Raises:
        ValueError: no intent, an intent without an example, or an example without a word.
    """
    names, examples = read(inside, outside, manner=manner, named=named, spare=spare)
    model = fitted(examples, np.arange(len(examples.rows)))
    tried = held_back(examples)
    line = line_of(examples, tried, keep)
    slope, shift = platt(*tried)
    _, right, known = tried
    counts = int(known.sum()), int((right & known).sum())
    return Intents(names, model, round(line, 4), slope, shift, counts, manner)


def read(
    inside: Mapping[str, Sequence[str]],
    outside: Sequence[str] = (),
    *,
    manner: Manner = STATIC,
    importance: Sequence[float] | None = None,
    named: bool = False,
    spare: Sequence[str] = (),
) -> tuple[list[str], Examples]:
    """The intents' names, and their examples as both readings see them.

    Args:
        importance: how much each example counts, in the order of ``inside``, then ``outside``;
            alike if not given.
        named: whether the intents' names are read as if they were examples, at half the weight.
        spare: texts without a label, of the same kind as those that will be asked; the first
            `SPARE` of them are learned from.

    Raises:
        ValueError: as for `learn`.
    """
    names = list(inside)
    texts = [text for name in names for text in inside[name]]
    _refuse(names, inside, [*texts, *outside])
    groups = np.repeat(np.arange(len(names)), [len(inside[name]) for name in names])
    if outside:
        groups = np.concatenate((groups, np.full(len(outside), len(names))))
    parts = [ends(text) for text in (*texts, *outside)]
    rows = [row_of(vector(text)) for text in parts]
    dense = _dense(parts, manner)
    count = len(names) + bool(outside)
    counts = None if importance is None else np.array(importance, np.float32)
    if counts is not None:
        counts /= max(float(counts.mean()), 1e-6)
    made = Examples(
        rows,
        dense,
        groups,
        count,
        outside=bool(outside),
        manner=manner,
        importance=counts,
        beside=Beside(
            names=named_by(names, manner) if named else None,
            spare=_dense([ends(text) for text in spare[:SPARE]], manner) if spare else None,
        ),
    )
    return names, made


def named_by(names: Sequence[str], manner: Manner) -> Floats:
    """The vectors of intents' names, read as words: ``card_arrival`` is "card arrival"; zeros for
    a name without a word.
    """
    words = [" ".join(_WORDS.findall(name)).lower() for name in names]
    found = _dense([text or "?" for text in words], manner)
    found[[not text for text in words]] = 0
    return found


def _dense(texts: Sequence[str], manner: Manner) -> Floats:
    return np.array([manner.of(text) for text in texts], dtype=np.float32)


def _refuse(
    names: Sequence[str], inside: Mapping[str, Sequence[str]], everything: Sequence[str]
) -> None:
    if not names:
        raise ValueError("there is no intent")
    if len(names) > MAX_INTENTS or len(everything) > MAX_EXAMPLES:
        raise ValueError(f"more than {MAX_INTENTS:,} intents or {MAX_EXAMPLES:,} examples")
    wrong = next((name for name in names if not is_name(name)), None)
    if wrong is not None:
        raise ValueError(f"an intent's name has 1 to {MAX_NAME} characters that can be printed")
    empty = next((name for name in names if not inside[name]), None)
    if empty is not None:
        raise ValueError(f"the intent {empty} has no example")
    if not all(any(map(str.isalnum, text)) for text in everything):
        raise ValueError("an example has no word in it")
