"""Cases whose answer is known, given to people now and then without saying so: what they say of
them tells how reliable they are.

Such a case is a task of its own, in ``QUEUE:check``, which never ends and counts towards nothing
but reliability.
"""

from hashlib import blake2b

from msgspec.structs import replace

from freehold.core.decisions import MILLION
from freehold.core.labels import CHECK, QueueSpec, Standing
from freehold.learning.labelling.choosing import wanted
from freehold.learning.labelling.settling import Said, settle
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_people import Labeler


def check_of(queue: QueueSpec) -> QueueSpec:
    """The queue of those tasks."""
    return replace(queue, name=f"{queue.name}{CHECK}")


def due(queue: QueueSpec, who: Labeler, given: int) -> bool:
    """Whether this person's next case is to be one, by a draw over how much they have done: the
    same again, however often they ask.
    """
    if not queue.gold_share:
        return False
    place = f"{queue.name}\n{who.name}\n{given}".encode()
    drawn = int.from_bytes(blake2b(place, digest_size=8).digest(), "big") % MILLION
    return drawn < queue.gold_share


def unseen(book: LabelBook, queue: QueueSpec, who: Labeler) -> list[str]:
    """Known cases of which this person has said nothing yet, those first that fewest have seen."""
    me = who.name.casefold()
    given = book.store.labels(queue.name)
    known = {
        one.case_id: one.verdict in ("correct", "edit", "reject")
        for one in given
        if one.kind == "adjudication"
    }
    mine = {one.case_id for one in given if one.labeler.casefold() == me}
    answers: dict[str, int] = {}
    for one in book.store.labels(f"{queue.name}{CHECK}"):
        answers[one.case_id] = answers.get(one.case_id, 0) + 1
        if one.labeler.casefold() == me:
            mine.add(one.case_id)
    left = [case_id for case_id, sure in known.items() if sure and case_id not in mine]
    return sorted(left, key=lambda case_id: (answers.get(case_id, 0), case_id))


def as_usual(queue: QueueSpec, standing: Standing, said: Said) -> Standing:
    """How a case of the queue itself would stand with this label, so that nobody can tell."""
    task = standing.task
    would = settle(queue, wanted(queue, task.case_id), [said]).state
    return replace(standing, task=replace(task, queue=queue.name, state=would))
