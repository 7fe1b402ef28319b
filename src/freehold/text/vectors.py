"""One vector of a text for every learned head: hashed words and characters, each with its place.

Characters are lowered, digits become 0, runs of white space one blank. From that come runs of 3 to
5 characters and single words, pairs, pairs with a word between them, and triples. Each is hashed
to one of `SIZE` columns ("hashing trick", Weinberger et al. 2009). A run's hash is the difference
of two sums of a polynomial over 2^64 (Rabin and Karp 1987), so numpy makes all of them at once.

Places are kept, so that a head can judge stretches of a long text and say where it saw something.
"""

import numpy as np
from numpy.typing import NDArray

BITS = 17
SIZE = 1 << BITS
VERSION = "1"
"""Changes whenever a text may get another vector: heads say which one they were trained on."""

MAX_CHARS = 16_384
"""Longer texts are read in parts: see `parts`."""
OVERLAP = 512
STRIDE = 160
WINDOW = 2 * STRIDE
"""Long texts are judged stretch by stretch: characters of each, runs of blanks counted once."""

_CHARS = (3, 4, 5)
_P = 0x9E3779B97F4A7C55  # odd, so that it has an inverse modulo 2^64
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT, _FOLD = np.uint64(64 - BITS), np.uint64(32)
_SALTS = {n: np.uint64(0x1000193 * (n + 11)) for n in (0, 1, 2, *_CHARS)}
_SECOND, _THIRD, _SKIP = (
    np.uint64(n) for n in (0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F)
)
_SPACE, _ZERO, _ASCII = 32, 48, 128

Columns = NDArray[np.uint64]
Places = NDArray[np.intp]


def _powers(base: int) -> NDArray[np.uint64]:
    made = np.full(MAX_CHARS + 3, base, dtype=np.uint64)
    made[0] = 1
    return np.multiply.accumulate(made)


def _classes() -> NDArray[np.uint32]:
    """What each ASCII character counts as."""
    table = np.arange(_ASCII, dtype=np.uint32)
    table[:33] = table[127] = _SPACE
    table[48:58] = _ZERO
    table[65:91] += 32
    return table


def _wordy() -> NDArray[np.bool_]:
    table = np.zeros(_ASCII, dtype=np.bool_)
    table[[39, *range(48, 58), *range(97, 123)]] = True
    return table


_POWER, _INVERSE = _powers(_P), _powers(pow(_P, -1, 1 << 64))
_CLASS, _WORDY = _classes(), _wordy()


class Vector:
    """A text as columns with places.

    Attributes:
        chars, char_places: columns of runs of characters, ascending by place within each length.
        words, word_places: the same for words.
        offsets: place → character of the text; one more at the end, for the text's length.
    """

    __slots__ = ("_steps", "char_places", "chars", "offsets", "word_places", "words")

    def __init__(
        self,
        chars: Columns,
        char_places: Places,
        words: Columns,
        word_places: Places,
        offsets: Places,
    ) -> None:
        self.chars = chars
        self.char_places = char_places
        self.words = words
        self.word_places = word_places
        self.offsets = offsets
        self._steps: tuple[Steps, Steps] | None = None

    @property
    def length(self) -> int:
        """How many places it has."""
        return len(self.offsets) - 1

    @property
    def windows(self) -> int:
        """How many stretches of `WINDOW` places, one every `STRIDE`; 1 is the text as a whole."""
        return max(1, -(-self.length // STRIDE) - 1) if self.length > WINDOW + STRIDE else 1

    def steps(self) -> tuple["Steps", "Steps"]:
        """Which step of `STRIDE` places each column belongs to; made once for all heads."""
        if self._steps is None:
            count = self.windows + 1
            self._steps = Steps(self.char_places, count), Steps(self.word_places, count)
        return self._steps


class Steps:
    """Columns by step."""

    __slots__ = ("_by_column", "_count", "_roots")

    def __init__(self, places: Places, count: int) -> None:
        self._by_column = places // STRIDE
        self._count = count
        sizes = np.bincount(self._by_column, minlength=count)
        self._roots = np.sqrt(np.maximum(sizes[1:] + sizes[:-1], 1))

    def windows(self, weights: NDArray[np.int8]) -> NDArray[np.float64]:
        """For each stretch the sum of the weights, over the root of how many there are."""
        sums = np.bincount(self._by_column, weights, minlength=self._count)
        scaled: NDArray[np.float64] = (sums[1:] + sums[:-1]) / self._roots
        return scaled


def vector(text: str) -> Vector:
    """The vector of at most `MAX_CHARS` characters; what is longer is cut off."""
    text = text[:MAX_CHARS]
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text
    codes = np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    if lowered.isascii():
        codes = _CLASS[codes]
        wordy = _WORDY[codes]
    else:
        plain = codes < _ASCII
        codes = np.where(plain, _CLASS[np.where(plain, codes, _SPACE)], codes)
        wordy = np.where(plain, _WORDY[np.where(plain, codes, _SPACE)], codes > 0xBF)
    blank = codes == _SPACE
    keep = np.ones(len(codes), dtype=np.bool_)
    np.logical_and(blank[1:], blank[:-1], out=keep[1:])
    np.logical_not(keep[1:], out=keep[1:])
    kept = np.flatnonzero(keep)
    size = len(kept)
    # a blank on both sides, so that a word at an edge looks like one in the middle
    line = np.full(size + 2, _SPACE, dtype=np.uint64)
    line[1:-1] = codes[kept]
    sums = np.zeros(size + 3, dtype=np.uint64)
    np.cumsum(line * _POWER[: size + 2], out=sums[1:])
    edges = np.flatnonzero(np.diff(wordy[kept], prepend=False, append=False)) + 1
    chars, char_places = _characters(sums, size + 2)
    words, word_places = _words(sums, edges[0::2], edges[1::2])
    offsets = np.empty(size + 3, dtype=np.intp)
    offsets[0] = 0
    offsets[1:-2] = kept
    offsets[-2:] = len(text)
    return Vector(chars, char_places, words, word_places, offsets)


def parts(text: str) -> list[tuple[int, str]]:
    """A long text as overlapping stretches, each with its offset."""
    if len(text) <= MAX_CHARS:
        return [(0, text)]
    step = MAX_CHARS - OVERLAP
    return [(at, text[at : at + MAX_CHARS]) for at in range(0, len(text) - OVERLAP, step)]


def _column(hashes: NDArray[np.uint64]) -> Columns:
    hashes ^= hashes >> _FOLD
    hashes *= _MIX
    hashes >>= _SHIFT
    return hashes


def _characters(sums: NDArray[np.uint64], length: int) -> tuple[Columns, Places]:
    columns: list[Columns] = []
    places: list[Places] = []
    for n in _CHARS:
        count = length - n + 1
        if count > 0:
            columns.append((sums[n:] - sums[:-n]) * _INVERSE[:count] + _SALTS[n])
            places.append(np.arange(count))
    if not columns:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.intp)
    return _column(np.concatenate(columns)), np.concatenate(places)


def _words(sums: NDArray[np.uint64], starts: Places, ends: Places) -> tuple[Columns, Places]:
    single = (sums[ends] - sums[starts]) * _INVERSE[starts]
    single ^= single >> _FOLD
    single *= _MIX
    second = single * _SECOND
    pairs = single[:-1] + second[1:]
    columns = [single + _SALTS[0], pairs + _SALTS[1]]
    places = [starts, starts[:-1]]
    if len(starts) > 2:
        columns += [single[:-2] + second[2:] * _SKIP, pairs[:-1] + single[2:] * _THIRD]
        places += [starts[:-2], starts[:-2]]
    return _column(np.concatenate(columns)), np.concatenate(places)
