"""What labelling, taking back and deciding share: tasks, suggestions, how a label is kept."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case, CaseBook, Moment
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, TaskTaken
from freehold.core.ids import prefixed
from freehold.core.labels import (
    CHECK,
    Label,
    LabelStore,
    QueueSpec,
    Standing,
    Task,
    TaskState,
    queue_of,
)
from freehold.learning.labelling.choosing import wanted
from freehold.learning.labelling.settling import Said, settle
from freehold.services.labelling_people import Labeler, may_see
from freehold.services.labelling_plans import ReadCase, ReadCases
from freehold.services.labelling_words import (
    Checked,
    FindKey,
    Given,
    Suggestion,
    checked,
    fitted,
    opened,
    sealed,
    sound,
)
from freehold.services.later_words import Fit

ENDLESS = 1_000_000
"""So many may say something of a case whose answer is known."""
LogEvent = Callable[..., str]
"""kind, actor, subject, details, tenant=…; gives the ledger entry's id."""
Suggest = Callable[[Case, Moment], Suggestion | None]


class LabelBook:
    """Tasks and labels, with the rules that hold at every door.

    Args:
        bundle: gives the one that is live.
        read: opens a case.
        find: keys of subjects, by their id.
        log: writes the ledger entry that each step must leave.
        suggest: what a case is pre-filled with; ``None`` where it knows nothing better than the
            answer that left.
        read_many: opens many cases, in their order; one after the other if left out.
        fit: holds what is written about a case to what its tenant lets be kept.
    """

    def __init__(
        self,
        bundle: Callable[[], ResolvedBundle],
        store: LabelStore,
        cases: CaseBook,
        read: ReadCase,
        find: FindKey,
        log: LogEvent,
        clock: Clock,
        suggest: Suggest | None = None,
        read_many: ReadCases | None = None,
        *,
        fit: Callable[[Case], Fit],
    ) -> None:
        self.fit = fit
        self.store = store
        self.cases = cases
        self.read = read
        self.read_many: ReadCases = read_many or (lambda cases: map(read, cases))
        self.find = find
        self.clock = clock
        self.log = log
        self._bundle = bundle
        self._suggest = suggest

    @property
    def bundle(self) -> ResolvedBundle:
        """The one that is live."""
        return self._bundle()

    def task(self, queue: QueueSpec, case: Case, now: int) -> Task:
        """A case's place in a queue, as it is made when somebody is first given it."""
        return Task(
            task_id=prefixed("tsk", now),
            queue=queue.name,
            case_id=case.case_id,
            owner=case.owner,
            tenant=case.tenant,
            app=case.app,
            wanted=wanted(queue, case.case_id) if not queue.name.endswith(CHECK) else ENDLESS,
            given_ns=now,
            changed_ns=now,
        )

    def suggestion(
        self, queue: QueueSpec, case: Case, moment: Moment, standing: Standing | None = None
    ) -> Suggestion:
        """What a task is pre-filled with: what the first reader said, where the second may see it;
        a right answer that somebody gave; a live custom model's; else the answer that left.
        """
        if standing is not None and not queue.blind:
            for label in standing.counted:
                words = opened(label, self.find)
                if label.verdict in ("correct", "edit") and words is not None:
                    answer = words.answer or moment.released
                    return Suggestion(answer=answer, intent=label.intent, by=label.labeler)
        by = f"{case.model}@{case.version}" if case.version else case.model
        usual = Suggestion(answer=moment.released or moment.said, intent=case.intent, by=by)
        if moment.correction:
            return replace(usual, answer=moment.correction, by="correction")
        found = None if self._suggest is None else self._suggest(case, moment)
        if found is None:
            return usual
        return replace(
            found, answer=found.answer or usual.answer, intent=found.intent or usual.intent
        )

    def found(self, task_id: str, who: Labeler) -> tuple[Standing, QueueSpec, Case]:
        """A task that this person may know of.

        Raises:
            NotFound: there is none.
        """
        standing = self.store.standing(task_id)
        gone = NotFound(f"no task {task_id}", public="There is no such task here.")
        if standing is None:
            raise gone
        queue = self.bundle.queues.get(queue_of(standing.task.queue))
        case = self.cases.find(standing.task.case_id)
        if queue is None or case is None or not may_see(who, queue):
            raise gone
        if not who.reaches(case.tenant, self.bundle):
            raise gone
        return standing, replace(queue, name=standing.task.queue), case

    def readable(self, case: Case) -> Moment:
        """Its texts.

        Raises:
            NotFound: they are gone.
        """
        read = self.read(case)
        if read.moment is None:
            raise NotFound(
                f"the texts of {case.case_id} are gone ({read.fate})",
                public="The texts of this case are gone.",
            )
        return read.moment

    def checked(
        self, given: Given, queue: QueueSpec, case: Case, suggestion: Suggestion, released: str
    ) -> Checked:
        """What a label says, with words as they may be kept.

        Raises:
            RequestError: it is no label for this queue, or what is written may not be kept.
        """
        sound(given)
        fit = self.fit(case)
        as_kept = given.answer in (suggestion.answer, released)
        given = replace(
            given,
            answer=given.answer if as_kept else fit(given.answer),
            comment=fit(given.comment),
        )
        return fitted(checked(given, queue, suggestion, released), fit)

    def made(
        self,
        queue: QueueSpec,
        case: Case,
        who: Labeler,
        what: Checked,
        suggestion: Suggestion,
        now: int,
    ) -> Label:
        """A label, sealed.

        Raises:
            RequestError: something is written about a case whose texts are not kept.
        """
        label_id = prefixed("lbl", now)
        key = self.find(case.seal_key) if case.seal_key else None
        box = sealed(what.words, label_id, case.case_id, key)
        return Label(
            label_id=label_id,
            case_id=case.case_id,
            queue=queue.name,
            labeler=who.name,
            verdict=what.verdict,
            intent=what.intent,
            rating=what.rating,
            seal_key=key.id if key is not None and box else "",
            box=box,
            guideline=queue.digest,
            suggested=suggestion.by[:400],
            at_ns=now,
            issuer=who.issuer,
            verified=who.verified,
            owner=case.owner,
            tenant=case.tenant,
        )

    def followers(self, label: Label) -> list[Label]:
        """What was said of other cases by giving this label."""
        given = self.store.labels(label.queue, labeler=label.labeler, since_ns=label.at_ns)
        return [one for one in given if one.alike == label.label_id]

    def put(self, label: Label, released: str, queue: QueueSpec, who: Labeler) -> Standing:
        """Keep a label.

        Raises:
            TaskTaken: there is no room for it any more.
        """
        kind = "label.given" if label.kind == "label" else "label.decided"
        kept = self.store.put(
            label,
            label.at_ns,
            self.judge(queue, released),
            lambda: self.note(kind, label, who),
            seat=label.kind == "label",
        )
        if kept is None:
            raise TaskTaken("Somebody else was faster: this case has its labels, or other hands.")
        self.tell_case(kept.task, dropped=label.kind == "adjudication" and label.verdict == "skip")
        return kept

    def judge(
        self, queue: QueueSpec, released: str
    ) -> Callable[[Task, Sequence[Label]], TaskState]:
        """What the labels of a case make of its task."""

        checks = queue.name.endswith(CHECK)

        def judged(task: Task, labels: Sequence[Label]) -> TaskState:
            since = [one for one in labels if one.at_ns >= task.reopened_ns]
            said = [Said(label=x, words=opened(x, self.find), released=released) for x in since]
            return settle(queue, task.wanted, said).state if not checks else "open"

        return judged

    def note(self, kind: str, label: Label, who: Labeler) -> str:
        """The ledger entry of a label, without its words."""
        details = {
            "queue": label.queue,
            "case": label.case_id,
            "verdict": label.verdict,
            "intent": label.intent,
            "rating": label.rating,
            "guideline": label.guideline,
            "suggested": label.suggested,
            "alike": label.alike,
            "took_ms": label.took_ms,
            **who.told,
        }
        return self.log(kind, who.name, label.label_id, details, tenant=label.tenant)

    def cases_say_open(self, case_id: str) -> bool:
        """Whether a case knows of no label yet."""
        case = self.cases.find(case_id)
        return case is not None and case.state == "open"

    def tell_case(self, task: Task, *, dropped: bool = False) -> None:
        """The case's own state follows; a queue that still wants it finds it all the same."""
        if task.state == "settled":
            self.cases.move([task.case_id], "set_aside" if dropped else "labelled")
