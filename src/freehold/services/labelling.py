"""Labelling: queues, the next case, and what is said of it; at every door alike.

Every method waits for the store, so that a door with an event loop calls them in a thread. Of what
people do, each step is an entry in the ledger, without a word of what was written or read.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.cases import Case, Moment, Read
from freehold.core.errors import NotFound, RequestError, TaskTaken
from freehold.core.labels import CHECK, Label, QueueSpec, Standing, Task, queue_of
from freehold.core.subjects import DAY_NS
from freehold.learning.labelling.choosing import takes
from freehold.learning.labelling.settling import Said
from freehold.learning.selection import Chosen
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_checks import as_usual, check_of, due, unseen
from freehold.services.labelling_people import Labeler, may_label, may_see
from freehold.services.labelling_plans import PLAN_NS, STALE_NS, Plans
from freehold.services.labelling_words import (
    Checked,
    Given,
    Suggestion,
    fitted,
    followed,
    of_another,
    unlike,
)

_MINUTE_NS = 60 * 1_000_000_000
_LONGEST_MS = 86_400_000
_SHOWN = 10_000


class InHand(Struct, frozen=True, kw_only=True):
    """A case that somebody has in hand, with all that they decide by; ``chosen`` says why it came
    now, and what is like it.
    """

    queue: QueueSpec
    standing: Standing
    read: Read
    suggestion: Suggestion
    until_ns: int
    since_ns: int
    chosen: Chosen | None = None

    @property
    def case(self) -> Case:
        """The case."""
        return self.read.case

    @property
    def task(self) -> Task:
        """Its place in the queue."""
        return self.standing.task


class Nothing(Struct, frozen=True):
    """There is nothing to do; says why."""

    why: str


class Labelling:
    """The use cases of whoever labels."""

    def __init__(self, book: LabelBook) -> None:
        self.book = book
        self._shown: dict[tuple[str, str], int] = {}
        self.plans = Plans(lambda: book.bundle, book.store, book.cases, book.read_many, book.clock)

    # -- queues --

    def queues(self, who: Labeler) -> list[QueueSpec]:
        """Those that are for this person, by name."""
        return [q for _, q in sorted(self.book.bundle.queues.items()) if may_see(who, q)]

    def queue(self, name: str, who: Labeler) -> QueueSpec:
        """One of them.

        Raises:
            NotFound: there is none of this name, or none for this person.
        """
        found = self.book.bundle.queues.get(name)
        if found is None or not may_see(who, found):
            known = ", ".join(queue.name for queue in self.queues(who)) or "none"
            raise NotFound(
                f"no queue `{name}`; there is {known}", public="There is no such queue here."
            )
        return found

    # -- the next case --

    def next(self, name: str, who: Labeler) -> InHand | Nothing:
        """The case that this person is to label now; the same again, until it is labelled, given
        back, or too long in hand. What they were handed comes first.

        Raises:
            NotFound: there is no such queue for this person.
            LabelError: they may not label.
            StorageError, AuditError: it can't be given to them.
        """
        queue = self.queue(name, who)
        may_label(who, queue)
        now = self.book.clock.now_ns()
        for place in (queue, check_of(queue)) if queue.gold_share else (queue,):
            for standing in self.book.store.in_hand(place.name, who.name, now):
                found = self._take(place, standing.task.case_id, who, now, standing)
                if found is not None:
                    return found
        if queue.per_day:
            done = self.book.store.count(queue.name, now // DAY_NS * DAY_NS, now)
            if done >= queue.per_day:
                return Nothing(f"Today's {queue.per_day} labels are given, or in hand.")
        checked = self._check(queue, who, now)
        if checked is not None:
            return checked
        for patience in (PLAN_NS, STALE_NS):  # what is new since may have to wait no minute
            for case_id in self._candidates(queue, who, now, patience):
                found = self._take(queue, case_id, who, now)
                if found is not None:
                    return found
            if not self.plans.plan(queue, who, now).whole:
                self.plans.drop(queue, who)  # it is used up, and there is more
        return Nothing("No case waits for you here.")

    def _check(self, queue: QueueSpec, who: Labeler, now: int) -> InHand | None:
        """A case whose answer is known, where this person's next is to be one."""
        if not queue.gold_share:
            return None
        counts = self.book.store.counts(queue.name, who.name, queue.digest, now)
        if not due(queue, who, counts.yours):
            return None
        for case_id in unseen(self.book, queue, who):
            found = self._take(check_of(queue), case_id, who, now)
            if found is not None:
                return found
        return None

    def _candidates(self, queue: QueueSpec, who: Labeler, now: int, patience: int) -> Iterator[str]:
        """Cases in the order in which they should be done: those first that others have begun, last
        those that are like another one.
        """
        plan = self.plans.plan(queue, who, now, patience)
        like = (case_id for one in plan.chosen.values() for case_id in one.similar)
        wanted_here = list(dict.fromkeys((*plan.chosen, *like)))
        standings = self.book.store.standings(queue.name, wanted_here)
        fresh = []
        for case_id in wanted_here:
            standing = standings.get(case_id)
            if standing is None:
                fresh.append(case_id)
            elif standing.task.state == "settled":
                if self.book.cases_say_open(case_id):  # whoever settled it died before it said so
                    self.book.tell_case(standing.task)
                self.plans.forget(queue, who, case_id)
            elif standing.room(who.name, now):
                if standing.counted:
                    yield case_id
                else:
                    fresh.append(case_id)
        yield from fresh

    def _take(
        self,
        queue: QueueSpec,
        case_id: str,
        who: Labeler,
        now: int,
        before: Standing | None = None,
    ) -> InHand | None:
        """Into this person's hands, if nobody was first and there is something to read."""
        case = self.book.cases.find(case_id)
        if case is None or not who.reaches(case.tenant, self.book.bundle):
            return None
        read = self.book.read(case)
        if read.moment is None:  # nothing to look at: erased, expired, or never kept
            if before is not None:
                self.book.store.release(before.task.task_id, who.name)
            self.plans.forget(queue, who, case_id)
            return None
        until = now + queue.reserve_minutes * _MINUTE_NS
        standing = self.book.store.reserve(self.book.task(queue, case, now), who.name, now, until)
        if standing is None:
            return None
        seat = next(s for s in standing.seats if s.labeler == who.name)
        held = () if before is None else before.seats
        if not any(s.labeler == who.name and s.until_ns > now for s in held):
            details = {"queue": queue.name, "case": case_id, **who.told}
            self.book.log(
                "label.shown", who.name, standing.task.task_id, details, tenant=case.tenant
            )
        suggestion = self.book.suggestion(queue, case, read.moment, standing)
        self._remember(standing.task.task_id, who, suggestion)
        return InHand(
            queue=self.book.bundle.queues[queue_of(queue.name)],
            standing=standing,
            read=read,
            suggestion=suggestion,
            until_ns=seat.until_ns,
            since_ns=seat.since_ns,
            chosen=None
            if queue.name.endswith(CHECK)
            else self.plans.plan(queue, who, now).chosen.get(case_id),
        )

    # -- what is said of it --

    def label(self, task_id: str, who: Labeler, given: Given) -> tuple[Label, Standing]:
        """Keep a label.

        Raises:
            NotFound: there is no such task for this person.
            LabelError: they may not label; TaskTaken: others were first, or they themselves.
            RequestError: it is no label for this queue.
            StorageError, AuditError: it can't be kept.
        """
        standing, queue, case = self.book.found(task_id, who)
        may_label(who, queue)
        self._still(standing, who)
        moment = self.book.readable(case)
        suggestion = self.book.suggestion(queue, case, moment, standing)
        self._as_shown(task_id, who, given, suggestion)
        what = self.book.checked(given, queue, case, suggestion, moment.released)
        usual = self.book.bundle.queues[queue_of(queue.name)]
        alike = self._alike(given, case, usual, who)
        now = self.book.clock.now_ns()
        since = next((s.since_ns for s in standing.seats if s.labeler == who.name), now)
        label = self.book.made(queue, case, who, what, suggestion, now)
        took = given.took_ms or (now - since) // 1_000_000
        label = replace(label, took_ms=min(max(took, 0), _LONGEST_MS))
        kept = self.book.put(label, moment.released, queue, who)
        for other in alike:
            self._follow(other, label, what, usual, who, (moment, suggestion))
        if queue.name != usual.name:
            label = replace(label, queue=usual.name)
            said = Said(label=label, words=what.words, released=moment.released)
            kept = as_usual(usual, kept, said)
        return label, kept

    def _remember(self, task_id: str, who: Labeler, suggestion: Suggestion) -> None:
        """Which suggestion they were shown; of the text only a digest."""
        shown = self._shown
        shown[task_id, who.name] = hash((suggestion.answer, suggestion.intent))
        if len(shown) > _SHOWN:
            shown.pop(next(iter(shown)))

    def _as_shown(self, task_id: str, who: Labeler, given: Given, now: Suggestion) -> None:
        """Raises: RequestError: they agree with a suggestion that is another one by now."""
        known = self._shown.get((task_id, who.name))
        if known is None or given.verdict != "correct" or given.answer:
            return
        if known != hash((now.answer, now.intent)):
            self._remember(task_id, who, now)
            raise RequestError(
                "What is suggested has changed since you were shown it: look at the case again.",
                param="verdict",
            )

    def _alike(self, given: Given, case: Case, queue: QueueSpec, who: Labeler) -> list[Case]:
        """The other cases of which the same is said.

        Raises:
            RequestError: one of them is none of this queue, or not for this person.
        """
        found = []
        for case_id in dict.fromkeys(given.alike):
            other = self.book.cases.find(case_id)
            if (
                other is None
                or case_id == case.case_id
                or not takes(queue, other, self.book.bundle.is_descendant)
                or not who.reaches(other.tenant, self.book.bundle)
            ):
                said = f"No case {case_id[:80]!r} of this queue is like it."
                raise RequestError(said, param="alike")
            found.append(other)
        return found

    def _still(self, standing: Standing, who: Labeler) -> None:
        """Raises: TaskTaken: there is no room for a label of theirs."""
        if standing.room(who.name, self.book.clock.now_ns()):
            return
        if any(one.labeler.casefold() == who.name.casefold() for one in standing.counted):
            raise TaskTaken("You have labelled this case already: undo that label first.")
        if standing.task.state != "open":
            raise TaskTaken(f"This case is {standing.task.state} by now.")
        if any(seat.labeler.casefold() == who.name.casefold() for seat in standing.seats):
            raise TaskTaken("Your time with this case was over, and somebody else has it in hand.")
        raise TaskTaken("Somebody else has this case in hand.")

    def _follow(
        self,
        case: Case,
        first: Label,
        what: Checked,
        queue: QueueSpec,
        who: Labeler,
        shown: tuple[Moment, Suggestion],
    ) -> None:
        """The same of another case, unless somebody has it in hand, its texts are gone or may not
        be kept, the verdict was on an answer that was not given there, or what was written names
        what nobody asked about there.
        """
        moment = self.book.read(case).moment
        if moment is None:
            return
        suggestion = self.book.suggestion(queue, case, moment)
        written = what.words.answer if what.verdict == "edit" else ""
        if unlike(what.verdict, shown[1], suggestion) or of_another(written, shown[0], moment):
            return
        try:  # it may be another tenant's, whose rule is stricter
            what = fitted(followed(what, suggestion, moment.released), self.book.fit(case))
        except RequestError:
            return
        now = self.book.clock.now_ns()
        task = self.book.task(queue, case, now)
        if self.book.store.reserve(task, who.name, now, now + _MINUTE_NS) is None:
            return
        label = self.book.made(queue, case, who, what, suggestion, now)
        self.book.put(replace(label, alike=first.label_id), moment.released, queue, who)
