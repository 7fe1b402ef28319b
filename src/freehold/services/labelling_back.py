"""Giving tasks back, handing them on, taking labels back."""

from msgspec.structs import replace

from freehold.core.errors import LabelError, NotFound, RequestError, TaskTaken
from freehold.core.labels import CHECK, Label, QueueSpec, Standing, queue_of
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_people import Labeler, may_decide

_MINUTE_NS = 60 * 1_000_000_000


class GivingBack:
    """The use cases of whoever does not go on, or was wrong."""

    def __init__(self, book: LabelBook) -> None:
        self.book = book

    def release(self, task_id: str, who: Labeler) -> bool:
        """Give a task back; false where it was in no hand of theirs.

        Raises:
            NotFound: there is no such task for this person.
        """
        self.book.found(task_id, who)
        return self.book.store.release(task_id, who.name)

    def hand(self, task_id: str, who: Labeler, to: str) -> Standing:
        """Hand a task to somebody, whose it is then; with an empty name, to everybody again.

        Raises:
            NotFound: there is no such task for this person.
            LabelError: it is not in their hands, and they do not decide here either.
        """
        standing, queue, case = self.book.found(task_id, who)
        now = self.book.clock.now_ns()
        mine = any(s.labeler == who.name and s.until_ns > now for s in standing.seats)
        if not mine and standing.task.handed != who.name:
            may_decide(who, queue)
        plain = " ".join(to.split())
        if len(plain) > 200 or not plain.isprintable():
            raise RequestError("A name has 200 printable characters at most.", param="to")
        if not self.book.store.hand(task_id, plain, now):
            raise TaskTaken(f"This case is {standing.task.state} by now.")
        details = {"queue": queue.name, "case": case.case_id, "to": plain, **who.told}
        self.book.log("label.handed", who.name, task_id, details, tenant=case.tenant)
        return self.book.store.standing(task_id) or standing

    def undo(self, who: Labeler, *, label_id: str = "", queue: str = "") -> list[Label]:
        """Take back a label of one's own, with those that it was given to others by; the last one
        where none is named. It is in hand again then.

        Raises:
            NotFound: there is none of theirs.
            LabelError: somebody has decided about it since, or stands behind it too.
        """
        label = self._mine(who, label_id, queue)
        spec = self.book.bundle.queues.get(queue_of(label.queue))
        if spec is None:
            raise NotFound(f"no queue {label.queue}", public="There is no such queue any more.")
        last = not label_id
        return [
            done
            for one in (label, *self.book.followers(label))
            if (done := self._undone(one, spec, who, last=last)) is not None
        ]

    def _mine(self, who: Labeler, label_id: str, queue: str) -> Label:
        if label_id:
            found = self.book.store.label(label_id)
            own = found is not None and found.labeler == who.name and found.issuer == who.issuer
            if found is None or not own or found.undone:
                raise NotFound(f"no label {label_id} of {who.name}",
                               public="There is no such label of yours.")  # fmt: skip
            return found
        given = self.book.store.labels(queue, labeler=who.name, limit=1_000)
        if queue:
            given += self.book.store.labels(f"{queue}{CHECK}", labeler=who.name, limit=1_000)
            given.sort(key=lambda one: (one.at_ns, one.label_id))
        own_ones = [one for one in given if not one.alike and one.issuer == who.issuer]
        if not own_ones:
            raise NotFound("nothing to take back", public="There is no label of yours to undo.")
        return own_ones[-1]

    def _undone(self, label: Label, queue: QueueSpec, who: Labeler, *, last: bool) -> Label | None:
        standing = self.book.store.standings(label.queue, [label.case_id]).get(label.case_id)
        if standing is None:
            return None
        others = [one for one in standing.counted if one.label_id != label.label_id]
        if label.kind == "label" and any(one.kind == "adjudication" for one in others):
            raise LabelError("Somebody has decided about this case since: nobody takes it back.")
        if label.kind == "label" and others and standing.task.state == "settled" and not last:
            raise LabelError("Others have said the same since, so it is settled: nobody takes it"
                             " back.")  # fmt: skip
        case = self.book.cases.find(label.case_id)
        moment = self.book.read(case).moment if case is not None else None
        now = self.book.clock.now_ns()
        until = now + queue.reserve_minutes * _MINUTE_NS if not label.alike else 0
        kept = self.book.store.undo(
            label,
            now,
            until if label.kind == "label" else 0,
            self.book.judge(
                replace(queue, name=label.queue), moment.released if moment is not None else ""
            ),
            lambda: self.book.note("label.undone", label, who),
        )
        own = label.queue == queue.name  # not that of a case whose answer is known anyway
        if own and kept is not None and case is not None and kept.task.state != "settled":
            self.book.cases.move([label.case_id], "open")
        return label if kept is not None else None
