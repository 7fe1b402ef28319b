"""Labels: what experts say of cases, and what is made of several of them."""

from collections.abc import Callable, Collection, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from freehold.core.decisions import MILLION

KEY_SCOPE = "labelling"
CHECK = ":check"
"""Stands behind a queue's name where somebody is given a case whose answer is known; no queue of a
bundle can be called that."""
Verdict = Literal["correct", "edit", "reject", "skip", "escalate"]
"""The suggestion is right; here is a better one; it is wrong; I can't tell; somebody should."""
Asked = Literal["answer", "intent", "rating"]
TaskState = Literal["open", "disputed", "escalated", "settled"]
"""Wants labels; those that it has contradict each other; somebody with more say is wanted; done."""


class Label(Struct, frozen=True, kw_only=True):
    """What one expert said of one case, once.

    Attributes:
        queue: the queue of the bundle; ``guideline`` the digest of its guideline then.
        labeler: who; a verified identity, or the name given at the terminal.
        issuer, verified: who vouches for that; nobody does for a name given at the terminal.
        intent: the class that was chosen, where the queue asks for one.
        rating: in millionths, where the queue asks for one.
        seal_key, box: the answer and the comment that were written, sealed like the case; the
            encoded `Words`.
        suggested: whose suggestion it was about: ``model@version``; empty where there was none.
        took_ms: from when it was shown.
        undone: it was taken back.
        kind: ``adjudication`` where it decides between others, or in place of them.
        alike: the label that this one follows, where it was given to several cases at once.
        owner, tenant: of the case.
    """

    label_id: str
    case_id: str
    queue: str
    labeler: str
    verdict: Verdict
    intent: str = ""
    seal_key: str = ""
    box: bytes = b""
    guideline: str = ""
    suggested: str = ""
    took_ms: int = 0
    at_ns: int = 0
    undone: bool = False
    issuer: str = ""
    verified: bool = False
    rating: int | None = None
    kind: Literal["label", "adjudication"] = "label"
    alike: str = ""
    owner: str = ""
    tenant: str = ""


class Words(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was written.

    Attributes:
        answer: the right one in full, where it is another one than the answer that left.
        rejected: the suggestion, where it is wrong and not the answer that left.
    """

    answer: str = ""
    comment: str = ""
    rejected: str = ""


class Gold(Struct, frozen=True, kw_only=True):
    """What a case's labels come to.

    Attributes:
        intent, answer: the truth, as far as it was asked for; both empty for a plain rejection.
        rejected: the model's answer, where it is not the right one.
        weight: in millionths, how far to trust it: by how many agreed and how reliable they are.
        labelers: who said so.
        settled: one voice, all agreed, most agreed, or somebody decided between them.
        at_ns: of the last label in it.
        rating: in millionths, the mean of those that were given.
    """

    case_id: str
    queue: str
    intent: str = ""
    answer: str = ""
    rejected: str = ""
    weight: int = MILLION
    labelers: tuple[str, ...] = ()
    settled: Literal["single", "agreed", "majority", "adjudicated"] = "single"
    at_ns: int = 0
    rating: int | None = None


class QueueSpec(Struct, frozen=True, kw_only=True):
    """A queue of the bundle, resolved.

    Attributes:
        apps: whose cases; ``reasons`` (kinds) and ``intents`` where only some of them.
        tenant: of cases; it and those below it. Empty: every tenant.
        classes: what may be chosen, where an intent is asked for; empty: any name.
        least, most: of a rating, in millionths.
        guideline, digest: its text, and ``sha256:…`` of it; both empty where there is none.
        overlap: how many label a case; ``share``: in millionths, of how many cases. Others get one.
        blind: whoever labels a case later does not see what was said of it before.
        gold_share: in millionths, how much of everybody's work is cases whose answer is known.
        per_day: how many labels in a day; 0: no bound.
        skips: after so many could not tell, an adjudicator is asked.
        labelers, adjudicators: the role that it takes; empty: any verified person.
        named: whether a name given at the terminal will do.
    """

    name: str
    title: str = ""
    skill: str = ""
    apps: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    tenant: str = ""
    ask: tuple[Asked, ...] = ("answer",)
    classes: tuple[str, ...] = ()
    least: int = MILLION
    most: int = 5 * MILLION
    guideline: str = ""
    digest: str = ""
    overlap: int = 1
    share: int = MILLION
    blind: bool = True
    gold_share: int = 0
    per_day: int = 0
    reserve_minutes: int = 15
    skips: int = 2
    labelers: str = ""
    adjudicators: str = ""
    named: bool = True


class Task(Struct, frozen=True, kw_only=True):
    """A case in a queue.

    Attributes:
        wanted: how many are to label it.
        handed: to whom it was handed, who alone is given it then.
        given: when it was first given to anybody.
        reopened: when it was last opened again: labels from before are kept, and do not count.
    """

    task_id: str
    queue: str
    case_id: str
    owner: str
    tenant: str
    app: str
    wanted: int = 1
    state: TaskState = "open"
    handed: str = ""
    given_ns: int = 0
    changed_ns: int = 0
    reopened_ns: int = 0


class Seat(Struct, frozen=True, kw_only=True):
    """Somebody has a task in hand until ``until_ns``, and since ``since_ns``."""

    task_id: str
    labeler: str
    since_ns: int
    until_ns: int


class Standing(Struct, frozen=True, kw_only=True):
    """How a task stands: its labels that were not taken back, and who has it in hand now."""

    task: Task
    labels: tuple[Label, ...] = ()
    seats: tuple[Seat, ...] = ()

    @property
    def counted(self) -> tuple[Label, ...]:
        """The labels that count: those since it was last opened again."""
        return tuple(one for one in self.labels if one.at_ns >= self.task.reopened_ns)

    def room(self, labeler: str, now_ns: int) -> bool:
        """Whether this person may have it in hand, too."""
        task, me = self.task, labeler.casefold()
        if task.state != "open" or task.handed.casefold() not in ("", me):
            return False
        given = self.counted
        if any(label.labeler.casefold() == me for label in given):
            return False
        counted = sum(label.verdict not in ("skip", "escalate") for label in given)
        others = sum(s.until_ns > now_ns and s.labeler.casefold() != me for s in self.seats)
        return counted + others < task.wanted


Judge = Callable[[Task, Sequence[Label]], TaskState]
"""What the labels of a task make of it."""


class QueueCounts(Struct, frozen=True, kw_only=True):
    """How far a queue is.

    Attributes:
        states: tasks by state.
        verdicts: labels that stand, by verdict; ``today`` those since midnight, ``yours`` one
            person's.
        outdated: given under another guideline than the one that holds now.
        median_ms: what one took, of the last thousand; ``None`` where nobody knows.
    """

    states: dict[str, int]
    verdicts: dict[str, int]
    today: int
    yours: int
    yours_today: int
    outdated: int
    median_ms: int | None


def queue_of(name: str) -> str:
    """The queue of the bundle to which a label or a task belongs."""
    return name.removesuffix(CHECK)


class LabelStore(Protocol):
    """Where labels are kept. Whatever changes a task has it to itself meanwhile, so that of two
    people at once one is first.

    Raises:
        StorageError: from each, where the store can't be read or written.
    """

    def reserve(self, task: Task, labeler: str, now_ns: int, until_ns: int) -> Standing | None:
        """Take a task in hand, which is made if it is not there; ``None`` where others were first.
        Whoever has it in hand already keeps it, until then.
        """
        ...

    def release(self, task_id: str, labeler: str) -> bool:
        """Give it back."""
        ...

    def reopen(self, task_id: str, now_ns: int, log: Callable[[], str]) -> bool:
        """Have a settled task labelled again: its labels are kept, and do not count any more. False
        where it is not settled. Whatever ``log`` raises changes nothing.
        """
        ...

    def hand(self, task_id: str, labeler: str, now_ns: int) -> bool:
        """Keep it for somebody, or with an empty name for nobody any more; nobody has it in hand
        then. False where no such task is open.
        """
        ...

    def put(
        self, label: Label, now_ns: int, judge: Judge, log: Callable[[], str], *, seat: bool = True
    ) -> Standing | None:
        """Keep a label, with the ledger entry that it leaves; ``None`` where there is no room for
        it any more. Whatever ``log`` raises keeps nothing.

        Args:
            seat: whether it wants room on the task; an adjudication does not.
        """
        ...

    def undo(
        self, label: Label, now_ns: int, until_ns: int, judge: Judge, log: Callable[[], str]
    ) -> Standing | None:
        """Take a label back; its labeler has the task in hand again until ``until_ns``, unless that
        is 0. ``None`` where it was taken back already.
        """
        ...

    def standings(self, queue: str, case_ids: Collection[str]) -> dict[str, Standing]:
        """How these cases stand in a queue; those that nobody was ever given are missing."""
        ...

    def standing(self, task_id: str) -> Standing | None:
        """One of them."""
        ...

    def tasks(
        self, queue: str, states: Collection[TaskState] = (), limit: int = 1_000
    ) -> list[Standing]:
        """Those of a queue, the one that changed last first."""
        ...

    def in_hand(self, queue: str, labeler: str, now_ns: int) -> list[Standing]:
        """What this person has in hand, or was handed."""
        ...

    def label(self, label_id: str) -> Label | None:
        """One label, also one that was taken back."""
        ...

    def labels(
        self,
        queue: str = "",
        *,
        labeler: str = "",
        case_ids: Collection[str] | None = None,
        since_ns: int = 0,
        undone: bool = False,
        limit: int = 100_000,
    ) -> list[Label]:
        """Labels in the order in which they were given, the last ``limit`` of them; with ``undone``
        also those that were taken back.
        """
        ...

    def counts(self, queue: str, labeler: str, digest: str, day_ns: int) -> QueueCounts:
        """How far a queue is.

        Args:
            digest: of the guideline that holds now.
            day_ns: when today began.
        """
        ...

    def count(self, queue: str, since_ns: int, now_ns: int) -> int:
        """How many labels of this queue were given since then, or are in hand."""
        ...
