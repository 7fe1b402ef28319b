"""A small sequence tagger: which words of a text name a person, a place, an organisation and so on.

A linear model over hashed features of each word and its neighbours, decoded with Viterbi's
algorithm over ten labels (an averaged structured perceptron: Collins, EMNLP 2002). What a word
contributes is computed once and remembered, so that ordinary text costs about a microsecond a word.
`scripts/tagger` makes the model file; the format is that of safetensors: eight bytes with the
length of a JSON header (little endian), the header, then the tensors' bytes.
"""

import json
import re
import struct
import zlib
from functools import cache
from importlib.resources import files
from operator import add
from typing import Any

import numpy as np
from msgspec import Struct

Array = np.ndarray[Any, np.dtype[Any]]

LABELS = ("O", "PERSON", "TITLE", "ADDRESS", "POSTCODE", "PLACE", "NRP", "ORG", "DATE", "AGE")
BITS = 18
MODEL = "tagger.safetensors"
TOKEN = re.compile(r"[^\W_]+(?:['’](?!s\b)[^\W_]+)*|\n|[^\w\s]|_")

_MARGIN = 1
_ZERO = np.zeros(1, np.int64)
_BITS = 1 << np.arange(len(LABELS) - 1)
_NEVER = -(1 << 40)
_MAX_WORDS = 20_000
_MAX_LENGTH = 40
_ENDS = frozenset(".!?\n:;•")
_MASK32 = 0xFFFFFFFF
_SHIFT = np.uint64(64 - BITS)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
# Odd constants: which words a joint feature is about (offset from the word, word or shape).
_JOINT: tuple[tuple[tuple[int, str, int], ...], ...] = (
    ((-2, "h", 0xD6E8FEB86659FD93), (-1, "h", 0xA0761D6478BD642F)),
    ((-1, "h", 0xE7037ED1A0B428DB), (1, "h", 0x8EBC6AF09C88C6E3)),
    ((1, "h", 0x589965CC75374CC3), (2, "h", 0x1D8E4E27C47D124F)),
    ((-1, "h", 0xEB44ACCAB455D165), (0, "s", 0x9FB21C651E98DF25)),
    ((0, "s", 0xC2B2AE3D27D4EB4F), (1, "h", 0x165667B19E3779F9)),
    ((-1, "s", 0x27D4EB2F165667C5), (0, "s", 0x85EBCA77C2B2AE63), (1, "s", 0xFF51AFD7ED558CCD)),
    ((-2, "s", 0xC4CEB9FE1A85EC53), (-1, "s", 0x2545F4914F6CDD1D), (0, "s", 0xBF58476D1CE4E5B9),
     (1, "s", 0x94D049BB133111EB), (2, "s", 0x60BEE2BEE120FC15)),
)  # fmt: skip
SLOTS = len(_JOINT)
SELF, LEFT, RIGHT, LEFT2, RIGHT2 = range(5)


class Tag(Struct, frozen=True):
    """A stretch of words under one label; ``margin`` is its lead over *nothing*, per word."""

    label: str
    start: int
    end: int
    margin: float


@cache
def _labels(mask: int) -> tuple[int, ...]:
    """No label, and those whose bits are set."""
    return (0, *(label for label in range(1, len(LABELS)) if mask >> (label - 1) & 1))


def shape(word: str) -> str:
    """``Xx``, ``X``, ``XX``, ``x``, digits by their number, mixtures, or the sign itself."""
    if word.isdigit():
        if len(word) == 4 and word[:2] in {"19", "20"}:
            return "year"
        return f"d{min(len(word), 7)}"
    if not word[0].isalnum():
        return word
    if word.isalpha():
        if word.islower():
            return "x"
        if word.isupper():
            return "X" if len(word) == 1 else "XX"
        return "Xx" if word[0].isupper() and word[1:].islower() else "XxX"
    kinds = [
        "d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word
    ]
    return "".join(kind for i, kind in enumerate(kinds) if not i or kind != kinds[i - 1])[:6]


def word_features(
    word: str, *, initial: bool, plain: bool = False
) -> tuple[list[list[int]], int, int]:
    """Hashed features of a word: by itself and as a neighbour, then two numbers for joint ones.

    ``initial``: it begins a sentence or a line. ``plain`` leaves out what only this very word has,
    as for a word never seen.
    """
    form = shape(word)
    low = word[:_MAX_LENGTH].lower()
    if form[0] == "d" and form[1:].isdigit():
        name = low if len(low) < 3 else form
    elif form == "year":
        name = f"year{low[:3]}"
    else:
        name = low
    place = f"{form}^" if initial else form
    own = ["bias", f"s={place}", f"s0={form}", f"l={form}{min(len(low), 9)}"]
    if low[0].isalpha():
        own += [f"p1={low[:1]}", f"p2={low[:2]}", f"p3={low[:3]}", f"u1={low[-1:]}"]
        own += [f"u2={low[-2:]}", f"u3={low[-3:]}", f"u4={low[-4:]}", f"s3={form}{low[-3:]}"]
        if len(low) > 3:
            own.append(f"s2={place}{low[-2:]}")
    near = [f"s={place}", f"u3={low[-3:]}" if low[0].isalpha() else f"n={name}"]
    far = [f"s={form}"]
    if not plain:
        own += [f"w={name}", f"w={name}/{place}"]
        near += [f"w={name}", f"w={name}/{form}"]
        far.append(f"w={name}")
    columns = [
        _hashes(own, 1),
        _hashes(near, 2),
        _hashes(near, 3),
        _hashes(far, 4),
        _hashes(far, 5),
    ]
    heard = "<rare>" if plain else name
    return columns, _wide(heard, 7), _wide(place, 11)


def _hashes(features: list[str], seed: int) -> list[int]:
    return [
        ((zlib.crc32(f.encode(), seed * 0x01000193) * 0x9E3779B1) & _MASK32) >> (32 - BITS)
        for f in features
    ]


def _wide(text: str, seed: int) -> int:
    return (zlib.crc32(text.encode(), seed) << 32 | zlib.crc32(text.encode(), seed + 1)) | 1


def joint_features(words: Array, shapes: Array) -> Array:
    """Indices of joint features, (SLOTS, n), from the numbers of n + 4 words (two at each end)."""
    count = len(words) - 4
    rows = np.empty((SLOTS, count), np.uint64)
    for slot, parts in enumerate(_JOINT):
        row = np.zeros(count, np.uint64)
        for offset, kind, factor in parts:
            source = words if kind == "h" else shapes
            row += source[2 + offset : 2 + offset + count] * np.uint64(factor)
        rows[slot] = row
    rows ^= rows >> np.uint64(29)
    rows *= _SPREAD
    return (rows >> _SHIFT).astype(np.int64)


def tokens(text: str) -> list[tuple[str, int, int, bool]]:
    """(word, start, end, whether it begins a sentence or line) of every word and sign."""
    found = []
    initial = True
    for match in TOKEN.finditer(text):
        word = match[0]
        found.append((word, match.start(), match.end(), initial))
        initial = word in _ENDS or (initial and not word[0].isalnum())
    return found


def _starts(text: str, read: list[str]) -> list[int]:
    """Where each word begins: between two of them there are only blanks."""
    found = []
    end = 0
    for word in read:
        start = text.find(word, end)
        found.append(start)
        end = start + len(word)
    return found


class Tagger:
    """The model with its memory of words."""

    def __init__(self, weights: Array, moves: list[list[int]], scale: float, version: str) -> None:
        """``weights`` (2^BITS, labels) int8; ``moves``: worth of staying, leaving, entering."""
        self.version = version
        self._weights = weights
        self._moves = moves
        stay, leave, enter = (np.array(row) for row in moves)
        # what a label for one word must lead by, and what each further word may add
        self._least = 2 * stay[0] - (leave[0] + enter + leave + enter[0])[1:]
        self._bonus = np.maximum(stay[1:] - stay[0], 0)
        self._scale = scale
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[str, int] = {}
        self._vectors = np.zeros((256, 5, len(LABELS)), np.int32)
        self._words = np.zeros(256, np.uint64)
        self._shapes = np.zeros(256, np.uint64)
        self._row("\n")  # stands for what lies outside the text

    def _row(self, key: str) -> int:
        """The place of a word; ``\\0`` before it says that it begins a sentence."""
        row = len(self._rows)
        if row == len(self._words):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._words = np.concatenate([self._words, np.zeros_like(self._words)])
            self._shapes = np.concatenate([self._shapes, np.zeros_like(self._shapes)])
        initial = key[0] == "\0"
        columns, word, form = word_features(key[1:] if initial else key, initial=initial)
        for place, indices in enumerate(columns):
            self._weights[indices].sum(0, dtype=np.int32, out=self._vectors[row, place])
        self._words[row] = word
        self._shapes[row] = form
        self._rows[key] = row
        return row

    def tag(self, text: str) -> list[Tag]:
        """What the text names, in order."""
        read = TOKEN.findall(text)
        if not read:
            return []
        scores = self._scores(read)
        leads = scores[:, 1:] - scores[:, :1]
        active = np.flatnonzero((leads > 0).any(1))
        if not len(active):
            return []
        found: list[Tag] = []
        starts: list[int] = []
        for first, last, mask in self._stretches(leads, active):
            labels = _labels(mask)
            path = self.best(scores[first:last, labels].tolist(), labels)
            if any(path):
                starts = starts or _starts(text, read)
                found += self._collect(read, starts, first, scores, path)
        return found

    def _stretches(self, leads: Array, active: Array) -> list[tuple[int, int, int]]:
        """Where labels may stand, with a margin of words: first, behind the last, which labels.

        A label is out where all that it leads by can't pay for entering and leaving it.
        """
        cuts = np.flatnonzero(np.diff(active) > 2 * _MARGIN + 1) + 1
        starts = np.concatenate([_ZERO, cuts])
        begins = active[starts]
        ends = active[np.concatenate([cuts, [len(active)]]) - 1]
        worth = np.add.reduceat(np.maximum(leads[active], 0), starts)
        worth += (ends - begins)[:, None] * self._bonus
        masks = (worth >= self._least) @ _BITS
        kept = masks > 0
        firsts = np.maximum(begins[kept] - _MARGIN, 0)
        lasts = np.minimum(ends[kept] + _MARGIN + 1, len(leads))
        return list(zip(firsts.tolist(), lasts.tolist(), masks[kept].tolist(), strict=True))

    def _scores(self, read: list[str]) -> Array:
        if len(self._rows) > _MAX_WORDS:
            self._forget()
        rows = self._rows
        ids = [0, 0]
        initial = True
        for word in read:
            key = "\0" + word if initial else word
            row = rows.get(key)
            ids.append(self._row(key) if row is None else row)
            initial = word in _ENDS or (initial and not word[0].isalnum())
        ids += (0, 0)
        at = np.array(ids)
        vectors = self._vectors
        scores: Array = vectors[at[2:-2], SELF] + vectors[at[1:-3], LEFT]
        scores += vectors[at[3:-1], RIGHT]
        scores += vectors[at[:-4], LEFT2]
        scores += vectors[at[4:], RIGHT2]
        joint = joint_features(self._words[at], self._shapes[at])
        scores += self._weights[joint].sum(0, dtype=np.int32)
        return scores

    def best(self, scores: list[list[int]], labels: tuple[int, ...]) -> list[int]:
        """The best path through ``labels`` between two words without one (Viterbi).

        A step either stays with its label or leaves it for any other, and what it costs to leave
        one and to enter another are independent: so each step takes one look at each label.
        """
        stay, leave, enter = ([row[label] for label in labels] for row in self._moves)
        reached = [0] + [_NEVER] * (len(labels) - 1)
        steps: list[tuple[list[int], int]] = []
        for row in scores:
            out = max(map(add, reached, leave))
            steps.append((reached, out))
            reached = [
                score + (max(value + kept, out + come))
                for score, value, kept, come in zip(row, reached, stay, enter, strict=True)
            ]
        out = max(map(add, reached, leave))
        at = 0
        if reached[0] + stay[0] < out + enter[0]:
            at = list(map(add, reached, leave)).index(out)
        path = []
        for values, out in reversed(steps):
            path.append(labels[at])
            if values[at] + stay[at] < out + enter[at]:
                at = list(map(add, values, leave)).index(out)
        path.reverse()
        return path

    def _collect(
        self,
        read: list[str],
        starts: list[int],
        first: int,
        scores: Array,
        path: list[int],
    ) -> list[Tag]:
        found = []
        at = 0
        while at < len(path):
            label = path[at]
            begin = at
            while at < len(path) and path[at] == label:
                at += 1
            if not label:
                continue
            stop = at
            while begin < stop and not read[first + begin][0].isalnum():
                begin += 1
            while stop > begin and not read[first + stop - 1][-1].isalnum():
                stop -= 1
            if begin < stop:
                part = scores[first + begin : first + stop]
                lead = int((part[:, label] - part[:, 0]).sum())
                found.append(
                    Tag(
                        LABELS[label],
                        starts[first + begin],
                        starts[first + stop - 1] + len(read[first + stop - 1]),
                        lead / (stop - begin) / self._scale,
                    )
                )
        return found


def dump(weights: Array, moves: Array, scale: float, version: str) -> bytes:
    """The bytes of a model file: the same model always gives the same bytes."""
    first, second = weights.astype(np.int8).tobytes(), moves.astype("<i4").tobytes()
    header = {
        "__metadata__": {"version": version, "scale": repr(scale), "labels": " ".join(LABELS)},
        "weights": {"dtype": "I8", "shape": list(weights.shape), "data_offsets": [0, len(first)]},
        "moves": {
            "dtype": "I32",
            "shape": list(moves.shape),
            "data_offsets": [len(first), len(first) + len(second)],
        },
    }
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + first + second


def load(data: bytes) -> Tagger:
    """A tagger from a model file's bytes.

    Raises:
        ValueError: the file is no model of this version of the code.
    """
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    about = header["__metadata__"]
    body = memoryview(data)[8 + size :]
    shape_of = tuple(header["weights"]["shape"])
    if about["labels"].split() != list(LABELS) or shape_of != (1 << BITS, len(LABELS)):
        raise ValueError("the tagger's model file does not fit this version")
    low, high = header["weights"]["data_offsets"]
    weights = np.frombuffer(body[low:high], np.int8).reshape(shape_of)
    low, high = header["moves"]["data_offsets"]
    moves = np.frombuffer(body[low:high], "<i4").reshape(3, len(LABELS))
    return Tagger(weights, moves.tolist(), float(about["scale"]), about["version"])


@cache
def shipped() -> Tagger:
    """The tagger that Freehold ships, read when it is first needed."""
    return load((files("freehold.text") / MODEL).read_bytes())
