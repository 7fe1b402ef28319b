"""What was said of cases that are like one: evidence beside it, for whoever labels."""

from msgspec import Struct

from freehold.core.cases import Case, Moment, Read
from freehold.core.decisions import MILLION
from freehold.core.labels import Label, QueueSpec, Words
from freehold.learning.selection import candidate
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_people import Labeler
from freehold.services.labelling_words import opened

_LOOKED_AT = 300
_NEAR = 0.6
"""Cosine from which on two questions are near each other."""


class Neighbour(Struct, frozen=True, kw_only=True):
    """An earlier label of another case; ``near`` in millionths."""

    near: int
    case: Case
    moment: Moment
    label: Label
    words: Words | None


def neighbours(
    book: LabelBook, queue: QueueSpec, read: Read, who: Labeler, most: int = 3
) -> list[Neighbour]:
    """The nearest of the cases that were labelled last in this queue, with their newest label.

    Raises:
        StorageError: the store or the vault can't be read.
    """
    own = candidate(read).vector
    if own is None:
        return []
    newest: dict[str, Label] = {}
    for label in book.store.labels(queue.name, limit=_LOOKED_AT):
        if label.verdict in ("correct", "edit", "reject") and label.case_id != read.case.case_id:
            newest[label.case_id] = label
    found = []
    known = book.cases.find_all(newest)
    for other in book.read_many([one for one in known if who.reaches(one.tenant, book.bundle)]):
        case, label = other.case, newest[other.case.case_id]
        vector = candidate(other).vector
        if other.moment is None or vector is None or len(vector) != len(own):
            continue
        near = float(own @ vector)
        if near >= _NEAR:
            found.append((near, label, case, other.moment))
    found.sort(key=lambda one: (-one[0], -one[1].at_ns))
    return [
        Neighbour(
            near=round(near * MILLION),
            case=case,
            moment=moment,
            label=label,
            words=opened(label, book.find),
        )
        for near, label, case, moment in found[:most]
    ]
