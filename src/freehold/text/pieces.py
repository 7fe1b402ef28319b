"""Words as pieces of a fixed vocabulary (byte-pair encoding: Sennrich et al. 2016).

Of two neighbours whose union is in the vocabulary, those whose union is the commonest are joined,
until none are left. Vocabularies list their pieces with the commonest first. What no piece covers
is spelled in its UTF-8 bytes.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

_BLANK = "\u2581"
_KEPT = 65_536
MAX_WORD, MAX_PARTS = 32, 8
"""A longer word (or a text in a script without blanks) is read in so many parts of this length."""


class Pieces:
    """A vocabulary; the number of a piece is its place."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._places: Mapping[str, int] = {piece: place for place, piece in enumerate(pieces)}
        self._known: dict[str, tuple[int, ...]] = {}

    def of(self, word: str) -> tuple[int, ...]:
        """The pieces of a word that has no white space in it."""
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= _KEPT:  # so that nobody fills the memory with made-up words
                self._known.clear()
            long = range(0, min(len(word), MAX_WORD * MAX_PARTS), MAX_WORD)
            parts = [self._split(word[at : at + MAX_WORD]) for at in long]
            found = self._known[word] = tuple(chain.from_iterable(parts))
        return found

    def _split(self, word: str) -> list[int]:
        places = self._places
        parts = [_BLANK, *word]
        while len(parts) > 1:
            best, at = len(places), -1
            for number in range(len(parts) - 1):
                place = places.get(parts[number] + parts[number + 1], best)
                if place < best:
                    best, at = place, number
            if at < 0:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        found: list[int] = []
        for part in parts:
            if part in places:
                found.append(places[part])
            else:
                spelled = (f"<0x{byte:02X}>" for byte in part.encode("utf-8", "surrogatepass"))
                found += [places[byte] for byte in spelled if byte in places]
        return found
