"""A small sequence tagger: which words of a text name a person, a place, an organisation and so on.

A linear model over hashed features of each word and its neighbours, decoded with Viterbi's
algorithm over ten labels (an averaged structured perceptron: Collins, EMNLP 2002). What a word
weighs is computed once and remembered (`tagger_words`), and only stretches in which a label leads
are decoded, so that ordinary text costs about a microsecond a word. `scripts/tagger` makes the
model file (`tagger_file`).
"""

from typing import Any

import numpy as np
from msgspec import Struct

from freehold.text.tagger_paths import Paths
from freehold.text.tagger_words import (
    END,
    LEFT,
    LEFT2,
    MODES,
    PARTS,
    PLACES,
    RIGHT,
    RIGHT2,
    SELF,
    TOKEN,
    WIDTHS,
    WORD,
    canonical,
    indices,
    joint_features,
    kind_of,
    known_slot,
    mode_of,
    parts,
    raw_features,
)

Array = np.ndarray[Any, np.dtype[Any]]

LABELS = ("O", "PERSON", "TITLE", "ADDRESS", "POSTCODE", "PLACE", "NRP", "ORG", "DATE", "AGE")
COUNT = len(LABELS)

_MAX_WORDS = 20_000
_STARTS = np.cumsum((0, *WIDTHS[:-1]))
_DARK = np.array([not chr(byte).isspace() or byte == 10 for byte in range(256)])


class Tag(Struct, frozen=True):
    """A stretch of words under one label; ``margin`` is its lead over *nothing*, per word."""

    label: str
    start: int
    end: int
    margin: float


class Words:
    """The memory of words: a row of numbers for each, a second one where it begins a sentence.

    One dictionary for each way in which a text can be written; they share the rows' numbers.
    """

    def __init__(self, weights: Array, known: Array, gate: int) -> None:
        self._weights = weights
        self._known = known
        self._gate = gate
        self.forget()

    def forget(self) -> None:
        """Begin anew: no text is read differently for it."""
        self.rows: tuple[dict[str, int], ...] = tuple({} for _ in range(MODES))
        self.idle: tuple[set[str], ...] = tuple(set() for _ in range(MODES))
        """Words that name nothing whatever stands beside them."""
        self._like: tuple[dict[str, int], ...] = tuple({} for _ in range(MODES))
        self._used = 0
        self.vectors = np.zeros((1024, PLACES, COUNT), np.int16)
        self.parts = np.zeros((1024, PARTS), np.uint32)
        self.kinds = np.zeros(1024, np.int8)
        for mode in range(MODES):
            self.learn(["\n"], mode)  # the first row stands for what lies outside the text

    def __len__(self) -> int:
        return sum(map(len, self.rows))

    def of(self, words: list[str], mode: int) -> list[int]:
        """The row of each word."""
        try:
            return [*map(self.rows[mode].__getitem__, words)]
        except KeyError:
            if len(self) > _MAX_WORDS:
                self.forget()
            self.learn(words, mode)
            return [*map(self.rows[mode].__getitem__, words)]

    def learn(self, words: list[str], mode: int) -> None:
        """Make rows for words without one."""
        rows, like, idle = self.rows[mode], self._like[mode], self.idle[mode]
        missing = {word: canonical(word) for word in words if word not in rows}
        fresh = list({plain for plain in missing.values() if plain not in like})
        if fresh:
            base, leads = self._make(fresh, mode)
            like.update(zip(fresh, range(base, base + 2 * len(fresh), 2), strict=True))
            idle.update(word for word, lead in zip(fresh, leads, strict=True) if lead < self._gate)
        rows.update((word, like[plain]) for word, plain in missing.items())
        idle.update(word for word, plain in missing.items() if plain in idle)

    def lead(self, word: str, mode: int) -> int:
        """How far the best label of a word leads over none, by the word itself."""
        (row,) = self.of([word], mode)
        own = self.vectors[row : row + 2, SELF]
        return int((own[:, 1:].max(1) - own[:, 0]).max())

    def _make(self, words: list[str], mode: int) -> tuple[int, list[int]]:
        """New rows for canonical words, two for each: the first row, and the words' own leads."""
        base, count = self._used, len(words)
        self._used += 2 * count
        while self._used > len(self.kinds):
            self.vectors = np.concatenate([self.vectors, np.zeros_like(self.vectors)])
            self.parts = np.concatenate([self.parts, np.zeros_like(self.parts)])
            self.kinds = np.concatenate([self.kinds, np.zeros_like(self.kinds)])
        raw: list[list[int]] = []
        places: list[int] = []
        for word in words:
            slot = known_slot(word)
            known = bool(self._known[slot >> 3] >> (slot & 7) & 1)
            places.append(len(raw))
            raw.append(raw_features(word, mode, initial=False, known=known))
            if word[0].isupper():
                raw.append(raw_features(word, mode, initial=True, known=known))
            places.append(len(raw) - 1)
        hashes = np.array(raw, np.uint32)
        features = self._weights.take(indices(hashes), 0)
        vectors = np.add.reduceat(features, _STARTS, 1, dtype=np.int16)
        stop = base + 2 * count
        self.vectors[base:stop] = vectors.take(places, 0)
        self.parts[base:stop] = parts(hashes).take(places, 0)
        self.kinds[base:stop:2] = self.kinds[base + 1 : stop : 2] = list(map(kind_of, words))
        own = self.vectors[base:stop, SELF]
        leads = (own[:, 1:].max(1) - own[:, 0]).reshape(-1, 2).max(1)
        return base, leads.tolist()


class Tagger:
    """The model with its memory of words."""

    def __init__(
        self,
        weights: Array,
        costs: list[int],
        known: Array,
        *,
        gate: int,
        scale: float,
        version: str,
    ) -> None:
        """``weights`` (2^BITS, labels) int8; ``costs`` of leaving or entering each label.

        ``known``: a bit for each word seen in training. ``gate``: a word that leads by less, by
        itself, wakes nobody.
        """
        self.version = version
        self.scale = scale
        self.gate = gate
        self.weights = weights
        self.costs = costs
        self.known = known
        self._weights = np.concatenate([weights, np.zeros((1, COUNT), np.int8)]).astype(np.int16)
        self._paths = Paths(costs)
        self.words = Words(self._weights, known, gate)

    def tag(self, text: str) -> list[Tag]:
        """What the text names, in order."""
        read = TOKEN.findall(text)
        mode = mode_of(text)
        if self.words.idle[mode].issuperset(read):
            return []
        leads, kinds = self.leads(read, mode)
        words = kinds == WORD
        found: list[Tag] = []
        starts: list[int] = []
        for first, path in self._paths.find(leads, words):
            starts = starts or starts_of(text, read)
            found += self.collect(read, starts, words, first, leads, path)
        return found

    def leads(self, read: list[str], mode: int) -> tuple[Array, Array]:
        """How far each label leads over none, (words, labels), and what kind each word is."""
        words = self.words
        rows = words.of(read, mode)
        at = np.zeros(len(rows) + 4, np.intp)
        at[2:-2] = rows
        kinds = words.kinds[at]
        kinds[-1] = WORD  # so that every end has a word behind it
        begun = (kinds == WORD).nonzero()[0]
        at[begun[begun.searchsorted((kinds == END).nonzero()[0])]] += 1
        vectors = words.vectors.take(at, 0)
        scores = vectors[2:-2, SELF] + vectors[1:-3, LEFT]
        scores += vectors[3:-1, RIGHT]
        scores += vectors[:-4, LEFT2]
        scores += vectors[4:, RIGHT2]
        for slot in joint_features(words.parts.take(at, 0)):
            scores += self._weights.take(slot, 0)
        return scores - scores[:, :1], kinds[2:-2]

    def collect(
        self,
        read: list[str],
        starts: list[int],
        words: Array,
        first: int,
        leads: Array,
        path: list[int],
    ) -> list[Tag]:
        """The tags of a path that begins at word ``first``; signs at their edges are left out."""
        found = []
        at = 0
        while at < len(path):
            label = path[at]
            begin = at
            while at < len(path) and path[at] == label:
                at += 1
            if not label:
                continue
            low, high = first + begin, first + at
            while low < high and not words[low]:
                low += 1
            while high > low and not words[high - 1]:
                high -= 1
            if low < high:
                lead = int(leads[low:high, label].sum())
                stop = starts[high - 1] + len(read[high - 1])
                margin = lead / (high - low) / self.scale
                found.append(Tag(LABELS[label], starts[low], stop, margin))
        return found


def starts_of(text: str, read: list[str]) -> list[int]:
    """Where each word begins: between two of them there are only blanks."""
    if text.isascii():
        dark = _DARK[np.frombuffer(text.encode(), np.uint8)].nonzero()[0]
        ends = np.fromiter(map(len, read), np.intp, len(read)).cumsum()
        if ends[-1] == len(dark):  # or else there are blanks inside a sign
            starts: list[int] = [int(dark[0]), *dark[ends[:-1]].tolist()]
            return starts
    found = []
    end = 0
    for word in read:
        start = text.find(word, end)
        found.append(start)
        end = start + len(word)
    return found
