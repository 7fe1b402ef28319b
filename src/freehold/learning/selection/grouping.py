"""Cases that ask the same: an expert sees one of them, and how many are like it."""

import re
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from freehold.learning.agreement.same import denials, plain
from freehold.learning.selection.candidates import Candidate, Floats
from freehold.text.embedding import embed

ALIKE = 0.92
"""Cosine from which on two questions ask the same."""
_DIGITS = re.compile(r"\d+")


class Group(Struct, frozen=True, kw_only=True):
    """``lead`` stands for the others: the newest of them. ``similar`` are newest first."""

    lead: Candidate
    similar: tuple[Candidate, ...] = ()

    @property
    def size(self) -> int:
        """How many cases it stands for, itself included."""
        return 1 + len(self.similar)


def group(candidates: Sequence[Candidate]) -> list[Group]:
    """Put together what asks the same: the same words but for case and digits, or vectors that
    nearly agree where nothing is denied in one text and not in the other.

    Each is held against those that lead a group, never against its other members, so that a chain
    of small differences joins nothing. The order of what is given does not matter.
    """
    order = sorted(candidates, key=lambda one: (-one.at_ns, one.case_id))
    texts = [_DIGITS.sub("0", plain(one.text)) for one in order]
    by_text: dict[str, int] = {}
    leads: dict[int, list[Candidate]] = {}
    near = _Near()
    for place, one in enumerate(order):
        lead = by_text.get(texts[place]) if texts[place] else None
        # an order's number has pieces with vectors of their own, which say nothing of the question
        vector = embed(texts[place]) if texts[place] else one.vector
        if lead is None and vector is not None:
            lead = near.of(vector, denials(one.text))
        if lead is None:
            leads[place] = []
            if vector is not None:
                near.add(place, vector, denials(one.text))
        else:
            leads[lead].append(one)
        if texts[place]:
            by_text.setdefault(texts[place], place if lead is None else lead)
    return [Group(lead=order[place], similar=tuple(more)) for place, more in leads.items()]


class _Near:
    """Vectors of those that lead a group, in an array that grows by doubling."""

    def __init__(self) -> None:
        self._rows: Floats = np.zeros((0, 0), dtype=np.float32)
        self._places: list[int] = []
        self._denials: list[frozenset[str]] = []

    def add(self, place: int, vector: Floats, denied: frozenset[str]) -> None:
        """One more; vectors of another length than the first one's are never near."""
        count = len(self._places)
        if count == len(self._rows):
            grown = np.zeros((max(64, 2 * count), self._rows.shape[1] or len(vector)), np.float32)
            if count:
                grown[:count] = self._rows
            self._rows = grown
        if len(vector) == self._rows.shape[1]:
            self._rows[count] = vector
        self._places.append(place)
        self._denials.append(denied)

    def of(self, vector: Floats, denied: frozenset[str]) -> int | None:
        """The place of the nearest that asks the same."""
        if len(vector) != self._rows.shape[1]:
            return None
        alike = self._rows[: len(self._places)] @ vector
        close = np.flatnonzero(alike >= ALIKE)
        order: list[int] = close[np.argsort(-alike[close], kind="stable")].tolist()
        return next((self._places[at] for at in order if self._denials[at] == denied), None)
