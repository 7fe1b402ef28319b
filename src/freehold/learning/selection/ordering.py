"""The order in which open cases are shown to experts, each with the reason why.

A case is worth the doubt about all open cases like it, as far as no labelled case is like them,
times what it is worth to the business, less with age. After each choice the rest is judged anew, so
that the first ten of a day are ten different things.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.learning.selection.candidates import Candidate, Floats, kind, stacked
from freehold.learning.selection.covering import Cover, likeness
from freehold.learning.selection.grouping import Group, group

HALF_LIFE_NS = 14 * 86_400 * 1_000_000_000
"""After so long a case is worth half."""
LEAST_FRESH = 0.25
FIRST_LABELS = 300
"""So many labels until doubt counts in full; before, what is different counts more."""
AUDIT_EVERY = 10
"""Every tenth is one that a draw captured, so that labels also tell how good answers are in all."""
_LOOKED_AT = 2_000


class Chosen(Struct, frozen=True, kw_only=True):
    """One case to label.

    Attributes:
        why: one sentence with its numbers.
        score: what it was worth when it was chosen; falls from one to the next, but for those of
            a draw.
        doubt, fresh, new: 0 to 1: how likely the answer is wrong, how recent it is, how little any
            labelled or chosen case is like it.
        value: beside others; 1 is usual.
        stands_for: open cases like it, weighed by how like they are, that nothing covers yet.
        similar: those that ask the same, the newest first.
    """

    case_id: str
    why: str
    score: float
    doubt: float
    new: float
    value: float
    fresh: float
    stands_for: float
    similar: tuple[str, ...] = ()


class _Field:
    """Groups of open cases, and what is known of them."""

    def __init__(self, groups: Sequence[Group], known: Floats, labels: int, now_ns: int) -> None:
        self.groups = groups
        leads = [one.lead for one in groups]
        self.doubts = np.array([one.doubt / MILLION for one in leads], dtype=np.float32)
        self.fresh = np.array([fresh(one.at_ns, now_ns) for one in leads], dtype=np.float32)
        self.values = np.array([one.value / MILLION for one in leads], dtype=np.float32)
        self.sizes = np.array([one.size for one in groups], dtype=np.float32)
        # of a few labels a model says little of value about what it doubts
        counts = self.doubts ** np.float32(min(1.0, labels / FIRST_LABELS)) * self.sizes
        self.alone = counts
        self.seen = np.array([one.vector is not None for one in leads], dtype=np.bool_)
        vectors = stacked([one.vector for one in leads if one.vector is not None])
        self._place = np.cumsum(self.seen) - 1
        own = known if known.shape[1:] == vectors.shape[1:] else np.zeros_like(vectors[:0])
        self._doubted: Cover | None = None
        self._plain: Cover | None = None
        if len(vectors):
            alike = likeness(vectors, vectors)
            self._doubted = Cover(vectors, own, counts[self.seen], alike)
            self._plain = Cover(vectors, own, self.sizes[self.seen], alike)

    def doubted(self) -> Floats:
        """For each group: the doubt that it would settle."""
        doubted = self.alone.copy()
        if self._doubted is not None:
            doubted[self.seen] = self._doubted.gains()
        return doubted

    def settles(self, place: int) -> float:
        """The same of one, now."""
        if self._doubted is None or not self.seen[place]:
            return float(self.alone[place])
        return self._doubted.gain(int(self._place[place]))

    def stands(self, place: int) -> tuple[float, float]:
        """For how many cases it stands that nothing covers yet, and how new it is itself."""
        if self._plain is None or not self.seen[place]:
            return float(self.sizes[place]), 1.0
        own = int(self._place[place])
        return self._plain.gain(own), 1 - float(self._plain.covered[own])

    def take(self, place: int) -> None:
        """Choose one."""
        if self.seen[place] and self._doubted is not None and self._plain is not None:
            self._doubted.take(int(self._place[place]))
            self._plain.take(int(self._place[place]))


def order(
    candidates: Sequence[Candidate],
    budget: int,
    *,
    now_ns: int,
    labelled: Sequence[Floats] = (),
    labels: int | None = None,
    audit_every: int = AUDIT_EVERY,
) -> list[Chosen]:
    """At most ``budget`` cases, the most worth an expert's time first.

    Args:
        candidates: the open cases; what asks the same is grouped first, and of more than 2,000
            groups only those that are worth most by themselves are looked at.
        now_ns: of age.
        labelled: vectors of cases that are labelled.
        labels: how many labels there are; as many as ``labelled`` where it is not told.
        audit_every: one in so many is taken from those that a draw captured; 0: none is.
    """
    groups = _worth_looking(group(candidates), now_ns)
    if not groups or budget <= 0:
        return []
    known = stacked(list(labelled))
    field = _Field(groups, known, len(known) if labels is None else labels, now_ns)
    drawn = [place for place, one in enumerate(groups) if one.lead.audit]
    chosen: list[Chosen] = []
    worth = field.values * field.fresh
    scores = field.doubted() * worth
    for number in range(min(budget, len(groups))):
        audit = bool(audit_every and (number + 1) % audit_every == 0 and drawn)
        best = drawn[0] if audit else _best(field, scores, worth)
        score = float(field.settles(best) * worth[best])
        if best in drawn:
            drawn.remove(best)
        stands, new = field.stands(best)
        chosen.append(_told(field, best, score, stands, new, audit))
        field.take(best)
        scores[best] = -1
    return chosen


def _best(field: _Field, scores: Floats, worth: Floats) -> int:
    """The group that is worth most now. What others were worth before something was chosen they are
    not worth more of since, so that only those in front are judged anew (Minoux 1978).
    """
    sure = -1
    while True:
        best = int(scores.argmax())
        if best == sure:
            return best
        scores[best] = field.settles(best) * worth[best]
        sure = best


def fresh(at_ns: int, now_ns: int) -> float:
    """1 for what has just happened, half after two weeks, never less than a quarter."""
    age = max(0, now_ns - at_ns)
    return max(LEAST_FRESH, float(0.5 ** (age / HALF_LIFE_NS)))


def _worth_looking(groups: list[Group], now_ns: int) -> list[Group]:
    if len(groups) <= _LOOKED_AT:
        return groups

    def worth(one: Group) -> tuple[float, str]:
        lead = one.lead
        return -lead.doubt * lead.value * one.size * fresh(lead.at_ns, now_ns), lead.case_id

    # those of a draw must not all lose against what is surely wrong
    drawn = [one for one in groups if one.lead.audit][: _LOOKED_AT // AUDIT_EVERY]
    rest = [one for one in groups if not one.lead.audit]
    return sorted(rest, key=worth)[: _LOOKED_AT - len(drawn)] + drawn


def _told(
    field: _Field, place: int, score: float, stands: float, own: float, audit: bool
) -> Chosen:
    one = field.groups[place]
    doubt, value = float(field.doubts[place]), float(field.values[place])
    parts = [f"{doubt:.0%} doubt about the answer{_because(one.lead.reasons)}"]
    if audit:
        parts = ["drawn at random, to see how good answers are on the whole"]
    if one.similar:
        parts.append(f"and {len(one.similar)} similar")
    if field.seen[place]:
        parts.append(f"{own:.0%} of it is like nothing labelled; stands for {stands:.1f} cases")
    if value != 1:
        parts.append(f"worth {value:g} times the usual")
    if field.fresh[place] < 0.9:
        parts.append(f"counts {float(field.fresh[place]):.0%} for its age")
    return Chosen(
        case_id=one.lead.case_id,
        why="; ".join(parts),
        score=score,
        doubt=doubt,
        new=own,
        value=value,
        fresh=float(field.fresh[place]),
        stands_for=stands,
        similar=tuple(like.case_id for like in one.similar),
    )


def _because(reasons: tuple[str, ...]) -> str:
    kinds = [name for name in dict.fromkeys(map(kind, reasons)) if name != "random"]
    return f" ({', '.join(kinds)})" if kinds else ""
