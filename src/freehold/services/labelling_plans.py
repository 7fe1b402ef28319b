"""In which order the cases of a queue come: planned ahead for a minute, by ids only."""

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case, CaseBook, CaseFilter, CaseState, Read
from freehold.core.clock import Clock
from freehold.core.labels import LabelStore, QueueSpec
from freehold.learning.labelling.choosing import takes
from freehold.learning.selection import Chosen, candidate, order
from freehold.services.labelling_people import Labeler

ReadCase = Callable[[Case], Read]
ReadCases = Callable[[Iterable[Case]], Iterable[Read]]
_MOST = 450
"""So many of the newest cases of an app are candidates for being next."""
_ALL = 100_000
_MANY = 1_000
_AHEAD = 200
"""So many are put in order at once."""
_LABELLED = 300
"""What is like the last so many that are labelled is worth less."""
PLAN_NS = 60 * 1_000_000_000
STALE_NS = 3 * 1_000_000_000


class Plan(Struct):
    """In which order cases come, by their ids; no text stays in memory."""

    made_ns: int
    chosen: dict[str, Chosen]
    whole: bool = True
    """Nothing waits that is not in it."""

    @property
    def case_ids(self) -> list[str]:
        """All of them, last those that are like another one."""
        like = (case_id for one in self.chosen.values() for case_id in one.similar)
        return list(dict.fromkeys((*self.chosen, *like)))


class Plans:
    """The plans of one process, one for each queue and reach.

    Args:
        bundle: gives the one that is live.
        read: opens cases.
    """

    def __init__(
        self,
        bundle: Callable[[], ResolvedBundle],
        store: LabelStore,
        cases: CaseBook,
        read: ReadCases,
        clock: Clock,
    ) -> None:
        self._bundle = bundle
        self._store = store
        self._cases = cases
        self._read = read
        self._clock = clock
        self._counted: dict[tuple[str, frozenset[str]], tuple[int, int]] = {}
        self._plans: dict[tuple[str, frozenset[str]], Plan] = {}

    def plan(self, queue: QueueSpec, who: Labeler, now: int, patience: int = PLAN_NS) -> Plan:
        place = queue.name, who.tops
        plan = self._plans.get(place)
        if plan is None or now - plan.made_ns > patience:
            waiting = self.waiting(queue, who, _MOST)
            reads = [read for read in self._read(waiting) if read.moment]
            given = self._store.labels(queue.name, limit=_LABELLED)
            known = self._cases.find_all({one.case_id for one in given})
            vectors = [candidate(read).vector for read in self._read(known)]
            chosen = order(
                [candidate(read) for read in reads],
                _AHEAD,
                now_ns=now,
                labelled=[vector for vector in vectors if vector is not None],
                labels=len(given),
            )
            plan = Plan(now, {one.case_id: one for one in chosen})
            plan.whole = len(waiting) < _MOST and len(plan.case_ids) >= len(reads)
            self._plans[place] = plan
        return plan

    def waiting(self, queue: QueueSpec, who: Labeler | None = None, most: int = _ALL) -> list[Case]:
        """The cases of a queue that are not settled in it, the newest first; of each app the newest
        ``most`` with texts are looked at.
        """
        bundle = self._bundle()
        found: list[Case] = []
        for app in queue.apps:
            for state in self.states(queue):
                found += self._cases.list(CaseFilter(app=app, state=state, texts=True, limit=most))
        mine = [
            case
            for case in found
            if takes(queue, case, bundle.is_descendant)
            and (who is None or who.reaches(case.tenant, bundle))
        ]
        standings = self._store.standings(queue.name, [case.case_id for case in mine])
        return [
            case
            for case in mine
            if (s := standings.get(case.case_id)) is None or s.task.state != "settled"
        ]

    def count(self, queue: QueueSpec, who: Labeler) -> int:
        """How many cases wait for a label, without looking at each; where other queues have the
        same cases, of more than a thousand for a minute the same number.
        """
        states, bundle = self.states(queue), self._bundle()
        if states == ("open",):
            places = [
                place
                for app in queue.apps
                for place in self._cases.places(CaseFilter(app=app, state="open", texts=True))
            ]
            open_ones = sum(
                count
                for case, count in places
                if takes(queue, case, bundle.is_descendant) and who.reaches(case.tenant, bundle)
            )
            return max(0, open_ones - self._undecided(queue, who))
        place, now = (queue.name, who.tops), self._clock.now_ns()
        known = self._counted.get(place)
        if known is None or known[1] <= _MANY or now - known[0] > PLAN_NS:
            known = self._counted[place] = now, len(self.waiting(queue, who))
        return max(0, known[1] - self._undecided(queue, who))

    def _undecided(self, queue: QueueSpec, who: Labeler) -> int:
        """Cases that wait for whoever decides, and for no label."""
        found = self._store.tasks(queue.name, ("disputed", "escalated"), _ALL)
        return sum(who.reaches(one.task.tenant, self._bundle()) for one in found)

    def states(self, queue: QueueSpec) -> tuple[CaseState, ...]:
        """In which states a case may wait here: what another queue has settled may still want
        looking at.
        """
        shared = any(
            not set(other.apps).isdisjoint(queue.apps)
            for other in self._bundle().queues.values()
            if other.name != queue.name
        )
        return ("open", "labelled") if shared else ("open",)

    def drop(self, queue: QueueSpec, who: Labeler) -> None:
        """Make a new one next time."""
        self._plans.pop((queue.name, who.tops), None)

    def forget(self, queue: QueueSpec, who: Labeler, case_id: str) -> None:
        """This case can't be looked at, or needs nobody any more."""
        plan = self._plans.get((queue.name, who.tops))
        if plan is None:
            return
        chosen = plan.chosen.pop(case_id, None)
        if chosen is not None and chosen.similar:  # they wait all the same, for another to lead
            first, *rest = chosen.similar
            plan.chosen.setdefault(first, replace(chosen, case_id=first, similar=tuple(rest)))
            return
        for place, one in plan.chosen.items():
            if case_id in one.similar:
                others = tuple(each for each in one.similar if each != case_id)
                plan.chosen[place] = replace(one, similar=others)
                return
