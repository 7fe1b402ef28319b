"""One vector of a text for every learned head: hashed words and characters, each with its place.

Characters are lowered, digits become 0, runs of white space one blank. From that come runs of 3 to
5 characters and single words, pairs, pairs with a word between them, and triples. Each is hashed
to one of `SIZE` columns ("hashing trick", Weinberger et al. 2009). A run's hash is the difference
of two sums of a polynomial over 2^64 (Rabin and Karp 1987), so numpy makes all of them at once.

Places are kept, so that a head can judge stretches of a long text and say where it saw something.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BITS = 17
SIZE = 1 << BITS
VERSION = "2"
"""Changes whenever a text may get another vector: heads say which one they were trained on."""

MAX_CHARS = 16_384
"""Longer texts are read in parts: see `parts`."""
OVERLAP = 512
STRIDE = 80
_NARROW, _WIDE = 2, 4
"""Long texts are judged by stretches of so many strides, runs of blanks counted once."""
_WHOLE, _ONE, _SHORT = 480, 80, 24
"""Places up to which a text is also judged as a whole, or only so, and of a sentence alone."""

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


def _flags(chars: str) -> NDArray[np.bool_]:
    table = np.zeros(_ASCII, dtype=np.bool_)
    table[[ord(char) for char in chars]] = True
    return table


_STOP, _MARK = _flags(".!?;:"), _flags('\n"<>{}[]|')


class Vector:
    """A text as columns with places.

    Attributes:
        chars, char_places: columns of runs of characters, ascending by place within each length.
        words, word_places: the same for words.
        offsets: place → character of the text; one more at the end, for the text's length.
        breaks: places at which a sentence may begin.
    """

    __slots__ = (
        "_steps",
        "_stretches",
        "breaks",
        "char_places",
        "chars",
        "offsets",
        "word_places",
        "words",
    )

    def __init__(
        self,
        chars: Columns,
        char_places: Places,
        words: Columns,
        word_places: Places,
        offsets: Places,
        breaks: Places,
    ) -> None:
        self.chars = chars
        self.char_places = char_places
        self.words = words
        self.word_places = word_places
        self.offsets = offsets
        self.breaks = breaks
        self._steps: tuple[Steps, Steps] | None = None
        self._stretches: NDArray[np.intp] | None = None

    @property
    def length(self) -> int:
        """How many places it has."""
        return len(self.offsets) - 1

    def stretches(self) -> NDArray[np.intp]:
        """The stretches to judge, from and to which place; a short text is one.

        Wide ones of 320, one every 160 (or the whole, up to 480), narrow ones of 160, one every 80,
        each sentence, and each two that follow one another: a short instruction hidden in a page
        drowns in the wide ones, a long one is cut by the narrow ones.
        """
        if self._stretches is None:
            spans = [(0, self.length)]
            if self.length > _WHOLE:
                last = self.length - _NARROW * STRIDE
                spans = [(at, at + _WIDE * STRIDE) for at in range(0, last, 2 * STRIDE)]
            if self.length > 3 * STRIDE:
                last = self.length - STRIDE
                spans += [(at, at + _NARROW * STRIDE) for at in range(0, last, STRIDE)]
            if self.length > _ONE:
                spans += self._sentences()
            self._stretches = np.minimum(np.array(spans), self.length)
        return self._stretches

    def _sentences(self) -> list[tuple[int, int]]:
        """Those of at least `_SHORT` places; shorter ones go with the next."""
        edges = [0]
        for edge in (*self.breaks.tolist(), self.length):
            if edge - edges[-1] >= _SHORT:
                edges.append(edge)
        if len(edges) < 3:
            return []
        edges[-1] = self.length
        runs = (*pairwise(edges), *zip(edges, edges[2:], strict=False))
        return [(start, end) for start, end in runs if end - start <= _WIDE * STRIDE]

    def steps(self) -> tuple["Steps", "Steps"]:
        """The columns of each stretch; made once for all heads."""
        if self._steps is None:
            spans = self.stretches()
            self._steps = Steps(self.char_places, spans), Steps(self.word_places, spans)
        return self._steps


class Steps:
    """Columns by place, and stretches of places."""

    __slots__ = ("_count", "_firsts", "_lasts", "_places", "_roots")

    def __init__(self, places: Places, spans: NDArray[np.intp]) -> None:
        self._places = places
        self._firsts, self._lasts = spans[:, 0], spans[:, 1]
        self._count = int(spans.max())
        self._roots = np.sqrt(np.maximum(self._sums(None), 1))

    def _sums(self, weights: NDArray[np.int8] | None) -> NDArray[np.float64]:
        sums = np.zeros(self._count + 1)
        np.cumsum(np.bincount(self._places, weights, minlength=self._count), out=sums[1:])
        found: NDArray[np.float64] = sums[self._lasts] - sums[self._firsts]
        return found

    def totals(self, weights: NDArray[np.int8]) -> NDArray[np.float64]:
        """For each stretch the sum of the weights, over the root of how many there are."""
        scaled: NDArray[np.float64] = self._sums(weights) / self._roots
        return scaled


def vector(text: str) -> Vector:
    """The vector of at most `MAX_CHARS` characters; what is longer is cut off."""
    text = text[:MAX_CHARS]
    codes = _codes(text)
    if text.isascii():
        breaks = _breaks(codes, codes)
    else:
        breaks = _breaks(codes, np.where(codes < _ASCII, codes, 0))
    kept, sums, edges = _line(codes)
    size = len(kept)
    chars, char_places = _characters(sums, size + 2)
    words, word_places = _words(sums, edges[0::2], edges[1::2])
    offsets = np.empty(size + 3, dtype=np.intp)
    offsets[0] = 0
    offsets[1:-2] = kept
    offsets[-2:] = len(text)
    begins = np.searchsorted(kept, breaks) + 1
    return Vector(chars, char_places, words, word_places, offsets, begins)


def columns_of(text: str) -> tuple[Columns, Columns]:
    """The columns of a text's characters and of its words, as its vector has them, but no place."""
    _, sums, edges = _line(_codes(text[:MAX_CHARS]))
    chars, _ = _characters(sums, len(sums) - 1)
    words, _ = _words(sums, edges[0::2], edges[1::2])
    return chars, words


def _codes(text: str) -> NDArray[np.uint32]:
    """A text's characters in small letters, each where it stands."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text
    return np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _line(codes: NDArray[np.uint32]) -> tuple[Places, NDArray[np.uint64], Places]:
    """Which characters are kept, the sums of the line that they make, and the edges of words in it:
    where one begins and where it ends, in turns.
    """
    if not len(codes) or codes.max() < _ASCII:
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
    inside = np.zeros(size + 2, dtype=np.bool_)
    inside[1:-1] = wordy[kept]
    return kept, sums, np.flatnonzero(inside[1:] != inside[:-1]) + 1


def _breaks(codes: NDArray[np.uint32], plain: NDArray[np.uint32]) -> Places:
    """Characters before which a sentence ends: after a stop and a blank, at a line's end or a mark.

    Quotation marks, brackets and tags count too, since an instruction may be a string in JSON or a
    comment in HTML.
    """
    stop = _STOP[plain]
    stop[:-1] &= codes[1:] <= _SPACE
    return np.flatnonzero(stop | _MARK[plain]) + 1


def parts(text: str) -> list[tuple[int, str]]:
    """A long text as overlapping stretches, each with its offset."""
    if len(text) <= MAX_CHARS:
        return [(0, text)]
    step = MAX_CHARS - OVERLAP
    return [(at, text[at : at + MAX_CHARS]) for at in range(0, len(text) - OVERLAP, step)]


def distinct(columns: Columns) -> Places:
    """Each column once, ascending: `numpy.unique` without what a short text need not pay for."""
    ordered = np.sort(columns)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first].astype(np.intp)


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
