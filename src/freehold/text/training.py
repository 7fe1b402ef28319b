"""Training a head on labelled texts, in seconds on one core: `train_head`.

Logistic regression for each label against all else, on the vector that every head shares. Of a long
text the stretches that say yes most clearly train it (multiple instance learning, Dietterich et al.
1997), since in a long attack or complaint most of the text is neither. The threshold is drawn where
it does best on texts held back, near copies together; so are the figures in ``trained``.
The same texts give the same file.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.text.fitting import Floats, Table, fit, stretches, table
from freehold.text.heads import LABEL, Head, Header, pack, unpack
from freehold.text.vectors import BITS, VERSION, vector

MIN_EXAMPLES = 10
MAX_LABELS = 32
MAX_STRETCHES = 64
"""Of one text, in training: its first 10,000 characters."""
FOLDS = 5

_BEGINNING = 80

Flags = NDArray[np.bool_]


class Rows(Struct, frozen=True):
    """The stretches of many texts; row i is one of text ``owners[i]`` and counts ``weights[i]``."""

    table: Table
    owners: NDArray[np.intp]
    weights: Floats

    def of(self, texts: Flags) -> "Rows":
        """Only the stretches of some of the texts."""
        keep = texts[self.owners]
        return Rows(self.table.some(keep), self.owners[keep], self.weights[keep])


def rows(
    texts: Sequence[str],
    weights: Sequence[float] | None = None,
    most: int | Sequence[int] = MAX_STRETCHES,
) -> Rows:
    """Texts as rows of columns, each text's weight shared among its stretches.

    ``most`` of them count, one number for all texts or one for each.
    """
    found, owners, counts = [], [], []
    for number, text in enumerate(texts):
        some = stretches(vector(text), most if isinstance(most, int) else most[number])
        found += some
        owners += [number] * len(some)
        weight = 1.0 if weights is None else weights[number]
        counts += [weight / len(some) ** 0.5] * len(some)
    return Rows(table(found), np.array(owners), np.array(counts, dtype=np.float32))


def learn(examples: Rows, yes: Flags) -> tuple[Floats, float]:
    """Weights and bias of one label; ``yes`` says of each text whether it has it."""
    has = yes[examples.owners]

    def balanced(keep: Flags) -> Floats:
        counted = examples.weights * keep
        counted[has] *= 0.5 * counted[~has].sum() / counted[has].sum()
        return np.asarray(counted, dtype=np.float32)

    everything = balanced(np.ones_like(has))
    if len(examples.owners) == len(np.unique(examples.owners)):
        return fit(examples.table, has, everything)
    weights, bias = fit(examples.table, has, everything, epochs=1)
    scores = examples.table.times(weights) + np.float32(bias)
    return fit(examples.table, has, balanced(~has | _loudest(scores, examples.owners)))


def _loudest(scores: Floats, owners: NDArray[np.intp]) -> Flags:
    """Of each text the two stretches that say yes most clearly, the second only if it does."""
    order = np.lexsort((-scores, owners))
    rank = np.arange(len(order)) - np.searchsorted(owners[order], owners[order])
    keep = np.zeros(len(scores), dtype=np.bool_)
    keep[order] = (rank == 0) | ((rank == 1) & (scores[order] > 0))
    return keep


def quantised(weights: Floats) -> tuple[NDArray[np.int8], float]:
    """Weights as whole numbers of eight bits, and what 1 of them stands for."""
    some = np.abs(weights[weights != 0])
    step = float(np.quantile(some, 0.9999)) / 127 if len(some) else 1.0
    return np.clip(np.rint(weights / step), -127, 127).astype(np.int8), float(f"{step:.6g}")


def train_head(
    texts: Sequence[str],
    labels: Sequence[str | None],
    *,
    name: str = "custom",
    weights: Sequence[float] | None = None,
    false_alarms: float = 0.02,
) -> Head:
    """A head that says of new texts which of the labels they have.

    Args:
        texts: at least `MIN_EXAMPLES` for each label, and as many with another or none.
        labels: of each text, or None where it has none.
        weights: how much each text counts; alike if not given.
        false_alarms: the share of texts without a label that may be given it. The threshold is the
            one with the best F1 among those that keep to it, on texts held back (five folds).

    Returns:
        A head whose ``header.trained`` says what it did on the texts held back: ``recall``,
        ``precision``, ``f1`` and ``false_positive_rate`` of each label, shares from 0 to 1.

    Raises:
        ValueError: too few texts, a label with other characters than a-z, 0-9, `_`, `.`, `-`.
    """
    names = _names(texts, labels, weights)
    examples = rows(texts, weights)
    fold = _folds(texts, labels)
    made, scales, shifts, measured = [], [], [], {}
    for label in names:
        yes = np.array([given == label for given in labels])
        held = _held_back(examples, yes, fold)
        threshold, measured[label] = draw(held, yes, false_alarms)
        learned, bias = learn(examples, yes)
        whole, step = quantised(learned)
        made.append(whole)
        scales.append(step)
        shifts.append(round(bias - threshold, 4))
    trained = {"texts": len(texts), "false_alarms": false_alarms, "held_back": measured}
    header = Header(
        name=name,
        vector=VERSION,
        bits=BITS,
        labels=tuple(names),
        scales=tuple(scales),
        shifts=tuple(shifts),
        trained=trained,
    )
    return unpack(pack(header, np.stack(made)))


def _names(
    texts: Sequence[str], labels: Sequence[str | None], weights: Sequence[float] | None
) -> list[str]:
    """The labels, in order, when the texts can train them."""
    if len(texts) != len(labels) or (weights is not None and len(weights) != len(texts)):
        raise ValueError("a head needs one label (and one weight, if any) for each text")
    names = sorted({label for label in labels if label is not None})
    if not names:
        raise ValueError("a head needs texts with a label")
    if len(names) > MAX_LABELS:
        raise ValueError(f"a head has {MAX_LABELS} labels at most, there are {len(names)}")
    for name in names:
        if not LABEL.fullmatch(name):
            raise ValueError(f"the label {name[:20]!r} has other characters than a-z, 0-9, _ . -")
        for has, what in ((True, f"with the label {name}"), (False, f"without the label {name}")):
            chosen = {
                alike(text, None)
                for text, given in zip(texts, labels, strict=True)
                if (given == name) is has
            }
            if len(chosen) < MIN_EXAMPLES:
                raise ValueError(
                    f"a head needs {MIN_EXAMPLES} different texts {what}, there are {len(chosen)}"
                )
    return names


def alike(text: str, chars: int | None = _BEGINNING) -> bytes:
    """The same for texts that begin alike, so that near copies stay on one side of a split."""
    letters = re.sub(r"\W+", " ", text.lower()).strip()[:chars]
    return sha256(letters.encode("utf-8", "surrogatepass")).digest()


def _folds(texts: Sequence[str], labels: Sequence[str | None]) -> NDArray[np.intp]:
    """The fold of each text: near copies together, each label spread evenly.

    Texts are near copies when they begin alike. Where all begin alike (mails with one letterhead),
    only equal ones are.
    """
    keys: list[bytes] = []
    first: dict[bytes, str | None] = {}
    for chars in (_BEGINNING, None):
        keys = [alike(text, chars) for text in texts]
        first = dict(zip(reversed(keys), reversed(labels), strict=True))
        kinds = Counter(first.values())
        if min(kinds[label] for label in set(labels)) >= MIN_EXAMPLES:
            break
    spread = sorted(first, key=lambda key: (first[key] or "", key))
    given = {key: number % FOLDS for number, key in enumerate(spread)}
    return np.array([given[key] for key in keys])


def _held_back(examples: Rows, yes: Flags, fold: NDArray[np.intp]) -> Floats:
    """Each text's logit from a head that was not trained on it."""
    logits = np.zeros(len(yes), dtype=np.float32)
    for number in range(FOLDS):
        out = fold == number
        if not out.any() or not (yes & ~out).any() or not (~yes & ~out).any():
            continue
        learned, bias = learn(examples.of(~out), yes)
        asked = examples.of(out)
        said = asked.table.times(learned) + np.float32(bias)
        logits[out] = -np.inf
        np.maximum.at(logits, asked.owners, said)
    return logits


def draw(logits: Floats, yes: Flags, false_alarms: float) -> tuple[float, Mapping[str, Any]]:
    """The threshold with the best F1 of those with few enough false alarms, and what it does.

    Of equally good ones the middle of the widest gap.
    """
    order = np.sort(logits.astype(np.float64))
    steps = np.diff(order)
    lines = np.concatenate((order[:-1][steps > 0] + steps[steps > 0] / 2, [order[-1] + 0.5]))
    gaps = np.append(steps[steps > 0], 1.0)
    sure = np.sort(logits[yes])
    rest = np.sort(logits[~yes])
    hit = len(sure) - np.searchsorted(sure, lines)
    false = len(rest) - np.searchsorted(rest, lines)
    f1 = 2 * hit / (hit + false + len(sure))
    allowed = false <= false_alarms * len(rest)
    best = int(np.lexsort((gaps, f1, allowed))[-1])
    flagged = max(1, int(hit[best] + false[best]))
    return float(lines[best]), {
        "texts_with_it": len(sure),
        "recall": round(float(hit[best]) / len(sure), 4),
        "precision": round(float(hit[best]) / flagged, 4),
        "f1": round(float(f1[best]), 4),
        "false_positive_rate": round(float(false[best]) / len(rest), 4),
    }
