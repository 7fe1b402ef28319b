"""Adjudication: cases on which people do not agree, or that somebody passed on, are decided."""

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.cases import Case, Moment
from freehold.core.decisions import MILLION
from freehold.core.errors import LabelError, NotFound, RequestError, TaskTaken
from freehold.core.labels import Label, QueueSpec, Standing, Words
from freehold.learning.labelling.settling import Said, settle
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_people import Labeler, may_decide
from freehold.services.labelling_words import Given, Suggestion, opened


class Dispute(Struct, frozen=True, kw_only=True):
    """A case to be decided, with what was said of it, and why it is not settled."""

    queue: QueueSpec
    standing: Standing
    case: Case
    moment: Moment
    suggestion: Suggestion
    said: tuple[tuple[Label, Words | None], ...]
    why: str


class Deciding:
    """The use cases of whoever decides between labels. It is a second person: nobody decides about
    a case that they have labelled themselves.
    """

    def __init__(self, book: LabelBook) -> None:
        self.book = book

    def waiting(self, queue: QueueSpec, who: Labeler, limit: int = 100) -> list[Standing]:
        """What is to be decided, the oldest first; without texts.

        Raises:
            LabelError: they do not decide here.
        """
        may_decide(who, queue)
        bundle = self.book.bundle
        found = self.book.store.tasks(queue.name, ("disputed", "escalated"), limit)
        return [s for s in reversed(found) if who.reaches(s.task.tenant, bundle)]

    def show(self, task_id: str, who: Labeler) -> Dispute:
        """One of them, with all that was said.

        Raises:
            NotFound: there is no such task for this person, or its texts are gone.
            LabelError: they do not decide here.
        """
        standing, queue, case = self.book.found(task_id, who)
        may_decide(who, queue)
        moment = self.book.readable(case)
        details = {"queue": queue.name, "case": case.case_id, **who.told}
        self.book.log("label.shown", who.name, task_id, details, tenant=case.tenant)
        said = tuple((label, opened(label, self.book.find)) for label in standing.labels)
        counted = {one.label_id for one in standing.counted}
        whole = [
            Said(label=one, words=words, released=moment.released)
            for one, words in said
            if one.label_id in counted
        ]
        return Dispute(
            queue=queue,
            standing=standing,
            case=case,
            moment=moment,
            suggestion=self.book.suggestion(queue, case, moment),
            said=said,
            why=settle(queue, standing.task.wanted, whole).why,
        )

    def know(
        self, queue: QueueSpec, case_id: str, who: Labeler, *, answer: str = "", intent: str = ""
    ) -> tuple[Label, Standing]:
        """Say that the answer of a settled case is known: what its labels came to, unless another
        one is given.

        Raises:
            NotFound: nobody has labelled such a case here.
            LabelError: they do not decide here, or have labelled it themselves.
            TaskTaken: it is not settled.
            RequestError: it is no label for this queue.
        """
        standing = self.book.store.standings(queue.name, [case_id]).get(case_id)
        if standing is None:
            raise NotFound(
                f"no labelled case {case_id}",
                public="Nobody has labelled this case here: only a settled one can be known.",
            )
        if not (answer or intent):
            settled = [
                one for one in standing.counted if one.verdict in ("correct", "edit", "reject")
            ]
            if len({(one.verdict, one.intent) for one in settled}) != 1:
                said = "Its labels differ: say with `answer` or `intent` which one is right."
                raise RequestError(said, param="answer")
            first = settled[0]
            words = opened(first, self.book.find)
            case = self.book.cases.find(case_id)
            right = words.answer if words is not None else ""
            if case is not None and first.verdict == "correct":
                right = right or self.book.readable(case).released
            # what is suggested now may be another answer than the one that was correct then
            given = Given(
                verdict="reject" if first.verdict == "reject" else "edit",
                answer=right if first.verdict != "reject" and "answer" in queue.ask else "",
                intent=first.intent,
                rating=None if first.rating is None else first.rating / MILLION,
            )
        else:
            given = Given(verdict="edit", answer=answer, intent=intent)
        return self.decide(standing.task.task_id, who, given)

    def decide(self, task_id: str, who: Labeler, given: Given) -> tuple[Label, Standing]:
        """Say what is right; ``skip`` says that nothing is to be learned from the case.

        Raises:
            NotFound: there is no such task for this person, or its texts are gone.
            LabelError: they do not decide here, or have labelled it themselves.
            TaskTaken: there is nothing to decide.
            RequestError: it is no label for this queue.
            StorageError, AuditError: it can't be kept.
        """
        standing, queue, case = self.book.found(task_id, who)
        may_decide(who, queue)
        if standing.task.state == "open":
            raise TaskTaken("Nothing is to be decided about this case: it waits for labels.")
        own = [one for one in standing.counted if one.kind == "label"]
        if any(one.labeler.casefold() == who.name.casefold() for one in own):
            raise LabelError("Nobody decides about a case that they have labelled themselves.")
        if given.verdict == "escalate":
            raise LabelError("There is nobody to pass it on to: `skip` sets the case aside.")
        moment = self.book.readable(case)
        suggestion = self.book.suggestion(queue, case, moment)
        what = self.book.checked(given, queue, case, suggestion, moment.released)
        now = self.book.clock.now_ns()
        label = self.book.made(queue, case, who, what, suggestion, now)
        label = replace(label, kind="adjudication")
        return label, self.book.put(label, moment.released, queue, who)
