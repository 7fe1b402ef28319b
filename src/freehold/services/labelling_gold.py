"""What labels come to: gold for datasets, how far people agree, what is to be labelled again."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.cases import Case, CaseBook, Moment, Read
from freehold.core.labels import CHECK, Gold, Label, LabelStore, QueueSpec
from freehold.core.subjects import Destroyed, SubjectKey
from freehold.learning.agreement import same
from freehold.learning.labelling.settling import Outcome, Said, answer_by, settle
from freehold.learning.labelling.weighing import weigh
from freehold.services.case_reading import FindKeys
from freehold.services.labelling_words import FindKey, opened


class Settled(Struct, frozen=True, kw_only=True):
    """A case with what its labels come to; ``counted`` are those that were given since it was last
    opened again.
    """

    case: Case
    moment: Moment
    said: tuple[Said, ...]
    outcome: Outcome
    counted: tuple[Said, ...] = ()

    @property
    def contested(self) -> bool:
        """Whether somebody has said that something about it is wrong, and nobody knows yet what is
        right.
        """
        against = any(s.label.verdict in ("edit", "reject", "escalate") for s in self.counted)
        return self.outcome.state != "settled" and against


class Golds:
    """Reads what people have said of cases. Every method waits for the store and the vault.

    Args:
        read: opens cases, in their order; who uses it answers for what the ledger is told of that.
    """

    def __init__(
        self,
        store: LabelStore,
        cases: CaseBook,
        read: Callable[[Iterable[Case]], Iterable[Read]],
        find: FindKey,
        find_all: FindKeys | None = None,
    ) -> None:
        self._store = store
        self._cases = cases
        self._read = read
        self._find = find
        self._find_all = find_all

    def gold(self, queue: QueueSpec, case_ids: Collection[str] | None = None) -> list[Gold]:
        """What is settled, in the order in which it was; of cases whose texts are gone, nothing.

        Args:
            case_ids: of these only; `None`: of all.

        Raises:
            StorageError: the store or the vault can't be read.
        """
        return gold_of(self.settled(queue, case_ids))

    def settled(self, queue: QueueSpec, case_ids: Collection[str] | None = None) -> list[Settled]:
        """Every case with a label, and what its labels come to.

        Raises:
            StorageError: the store or the vault can't be read.
        """
        said = self.said(queue, case_ids)
        everything = said if case_ids is None else self.said(queue)
        weights = weigh(queue, [*_all(everything), *self.checks(queue)])
        found = []
        standings = self._store.standings(queue.name, list(said))
        for case_id, (case, moment, some) in said.items():
            standing = standings.get(case_id)
            since, wanted = 0, 1
            if standing is not None:
                since, wanted = standing.task.reopened_ns, standing.task.wanted
            counted = [one for one in some if one.label.at_ns >= since]
            outcome = settle(queue, wanted, counted, weights=weights)
            one = Settled(
                case=case,
                moment=moment,
                said=tuple(some),
                outcome=outcome,
                counted=tuple(counted),
            )
            found.append(one)
        return found

    def checks(self, queue: QueueSpec) -> list[Said]:
        """What people said of cases whose answer is known, without knowing that.

        Raises:
            StorageError: the store or the vault can't be read.
        """
        return _all(self.said(replace(queue, name=f"{queue.name}{CHECK}")))

    def known(self, queue: QueueSpec) -> list[str]:
        """The cases whose answer is known, since somebody has decided it, the newest first."""
        given = self._store.labels(queue.name)
        decided = {one.case_id: one for one in given if one.kind == "adjudication"}
        return [
            one.case_id
            for one in sorted(decided.values(), key=lambda one: -one.at_ns)
            if one.verdict in ("correct", "edit", "reject")
        ]

    def said(
        self, queue: QueueSpec, case_ids: Collection[str] | None = None
    ) -> dict[str, tuple[Case, Moment, list[Said]]]:
        """The labels of a queue by case, opened, in the order in which they were given.

        Raises:
            StorageError: the store or the vault can't be read.
        """
        labels = self._store.labels(queue.name, case_ids=case_ids)
        find = self._finder(labels)
        by_case: dict[str, list[Label]] = defaultdict(list)
        for label in labels:
            by_case[label.case_id].append(label)
        found: dict[str, tuple[Case, Moment, list[Said]]] = {}
        known = {case.case_id: case for case in self._cases.find_all(by_case)}
        for read in self._read([known[case_id] for case_id in by_case if case_id in known]):
            case, moment = read.case, read.moment
            if moment is None:
                continue
            case_id, given = case.case_id, by_case[case.case_id]
            said = [
                Said(label=label, words=opened(label, find), released=moment.released)
                for label in given
            ]
            found[case_id] = (case, moment, said)
        return found

    def _finder(self, labels: Iterable[Label]) -> FindKey:
        """Finds the keys of these labels, asked for all at once where that can be done."""
        if self._find_all is None:
            return self._find
        keys = self._find_all({label.seal_key for label in labels if label.seal_key})

        def find(key_id: str) -> SubjectKey | None:
            key = keys.get(key_id)
            return None if isinstance(key, Destroyed) else key

        return find


def gold_of(settled: Iterable[Settled]) -> list[Gold]:
    """What is settled of these, in the order in which it was."""
    found = [one.outcome.gold for one in settled]
    return sorted((g for g in found if g is not None), key=lambda g: (g.at_ns, g.case_id))


def _all(said: dict[str, tuple[Case, Moment, list[Said]]]) -> list[Said]:
    return [one for _, _, some in said.values() for one in some]


def units(queue: QueueSpec, settled: Iterable[Settled]) -> dict[str, list[list[Hashable]]]:
    """What people said of each case that several have labelled, for each thing that is asked; as
    `agreement.alpha` reads it.
    """
    found: dict[str, list[list[Hashable]]] = {asked: [] for asked in queue.ask}
    for one in settled:
        said = [
            s
            for s in one.said
            if s.label.kind == "label" and s.label.verdict in ("correct", "edit", "reject")
        ]
        if len(said) < 2:
            continue
        if "intent" in found:
            found["intent"].append([s.label.intent for s in said])
        if "rating" in found:
            found["rating"].append([s.label.rating for s in said if s.label.rating is not None])
        if "answer" in found:
            found["answer"].append(_answers(said))
    return found


def _answers(said: Sequence[Said]) -> list[Hashable]:
    """For each the same value as for those that say the same; another case has other answers."""
    leads: list[str] = []
    values: list[Hashable] = []
    for one in said:
        text = answer_by(one)
        if not text:
            values.append("rejected")
            continue
        place = next((n for n, lead in enumerate(leads) if same(lead, text)), len(leads))
        if place == len(leads):
            leads.append(text)
        values.append(f"{one.label.case_id}:{place}")
    return values


def outdated(queue: QueueSpec, labels: Iterable[Label]) -> list[Label]:
    """Labels that were given under another guideline than the one that holds now."""
    return [label for label in labels if label.guideline != queue.digest]
