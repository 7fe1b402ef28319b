"""Where the rows of a dataset come from: the cases of a plan, and versions that are there."""

from collections.abc import Callable, Collection, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.problems import missing
from freehold.core.cases import Case, CaseBook, CaseFilter, Read, Sharing
from freehold.core.decisions import MILLION
from freehold.core.errors import NotFound, StorageError
from freehold.core.labels import Gold
from freehold.learning.datasets.folder import FolderDataset
from freehold.learning.datasets.from_cases import SETTLED, draft_of
from freehold.learning.datasets.lineage import Draft, Origin, Source, origins
from freehold.learning.datasets.marks import Grouping
from freehold.learning.datasets.rows import SPLITS
from freehold.learning.datasets.splitting import Shares

GoldOf = Callable[[str], Iterable[Gold]]
"""From a queue to what all its labels come to."""
MayLearn = Callable[[Case], bool]
_UNSHARED = 100_000
_PAGE = 500
CONTESTED = "its labels contradict what is known of it, and nobody has settled that yet"


class Plan(Struct, frozen=True, kw_only=True):
    """What to build a dataset from.

    Attributes:
        apps: whose cases; ``intents`` only of these, where named.
        queues: whose labels; ``guidelines`` the digest of each one's, now.
        sources: what may settle a case.
        success_weight: in millionths, what an answer weighs that nobody objected to.
        since_ns, until_ns: when the exchange was; 0 for no bound.
        grouping: which rows belong together; see `marks.Grouping`.
        declared: the classes that there should be.
        bundle: the hash of the one that says all this.
    """

    name: str
    owner: str
    share: Sharing = "none"
    apps: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    guidelines: dict[str, str] = {}
    sources: tuple[Source, ...] = SETTLED
    success_weight: int = MILLION
    since_ns: int = 0
    until_ns: int = 0
    grouping: Grouping = "input"
    shares: Shares = Shares()
    declared: tuple[str, ...] = ()
    bundle: str = ""


class Learnable(Struct, frozen=True):
    """Where rows may come from, opened.

    Attributes:
        contested: from a queue to the cases that are not settled there, and of which somebody has
            said that something is wrong.
        owners: of cases that the dataset's owner may learn from; ``may_learn`` judges each.
        record_hash: of an exchange, the hash of its last line in the ledger.
    """

    cases: CaseBook
    read: Callable[[Case], Read]
    gold: GoldOf
    owners: tuple[str, ...]
    may_learn: MayLearn
    record_hash: Callable[[str], str] = lambda _: ""
    contested: Callable[[str], Collection[str]] = lambda _: ()


def drafts(plan: Plan, from_: Learnable, left: dict[str, int]) -> Iterator[Draft]:
    """The rows of a plan; ``left`` is told why cases have none, and how many, as they are read.

    Raises:
        NotFound: an intent is asked for that no case has and no queue of the plan knows.
    """
    gold = _gold(plan, from_)
    contested = {case_id for queue in plan.queues for case_id in from_.contested(queue)}
    intents = set(plan.declared)
    seen = 0
    for page in _pages(plan, from_):
        seen += len(page)
        intents |= {case.intent for case in page}
        for case in page:
            if plan.intents and case.intent not in plan.intents:
                continue
            given = gold.get(case.case_id)
            if case.state in ("dropped", "set_aside") and given is None:
                _add(left, f"the case is {case.state.replace('_', ' ')}")
                continue
            if given is None and case.case_id in contested:
                _add(left, CONTESTED)
                continue
            made = draft_of(
                from_.read(case),
                given,
                plan.sources,
                success_weight=plan.success_weight,
            )
            if isinstance(made, str):
                _add(left, made)
            else:
                yield replace(made, record=from_.record_hash(case.exchange_id))
    if not seen:
        _unshared(plan, from_, left)
    unknown = sorted(set(plan.intents) - intents)
    if unknown:
        raise NotFound(missing("case with the intent", unknown[0], intents - {""}))


def _unshared(plan: Plan, from_: Learnable, left: dict[str, int]) -> None:
    """Says why there is no case at all, where others have some."""
    for app in plan.apps:
        others = CaseFilter(
            app=app, since_ns=plan.since_ns, until_ns=plan.until_ns, limit=_UNSHARED
        )
        if count := len(from_.cases.list(others)):
            _add(left, f"of tenants that share none with `{plan.owner}` (`capture.share`)", count)


def _pages(plan: Plan, from_: Learnable) -> Iterator[list[Case]]:
    """The cases of a plan, some at a time, the newest first; each once."""
    for app in plan.apps:
        until, seen, limit = plan.until_ns, set[str](), _PAGE
        while True:
            page = from_.cases.list(
                CaseFilter(
                    owners=from_.owners,
                    app=app,
                    since_ns=plan.since_ns,
                    until_ns=until,
                    limit=limit,
                )
            )
            fresh = [case for case in page if case.case_id not in seen]
            yield [case for case in fresh if from_.may_learn(case)]
            if len(page) < limit:
                break
            if not fresh:  # all of one moment
                limit *= 2
            oldest = page[-1].at_ns
            seen = {case.case_id for case in page if case.at_ns == oldest}
            until = oldest + 1


def _gold(plan: Plan, from_: Learnable) -> dict[str, Gold]:
    """What labels come to, by case; of two queues' the later. Each queue is read as a whole, since
    how far to trust somebody shows in all that they said.
    """
    found: dict[str, Gold] = {}
    for queue in plan.queues:
        for gold in from_.gold(queue):
            known = found.get(gold.case_id)
            if known is None or known.at_ns <= gold.at_ns:
                found[gold.case_id] = gold
    return found


def unreadable(origin: Origin, from_: Learnable) -> bool:
    """Whether the case of a row can't be read any more: erased, expired, or forgotten."""
    case = from_.cases.of_exchange(origin.exchange)
    return case is None or from_.read(case).moment is None


def kept(before: FolderDataset | None, keep: Callable[[Origin], bool]) -> Iterator[Draft]:
    """Rows of a version, with where they come from."""
    if before is None:
        return
    rows = (row for split in SPLITS for row in before.rows(split))
    for row, origin in zip(rows, origins(before.folder), strict=True):
        if row.id != origin.id:
            raise StorageError(f"{before.folder}: the lineage of {row.id} is another row's")
        if keep(origin):
            yield Draft(
                row=replace(row, weight=origin.weight),
                source=origin.source,
                exchange=origin.exchange,
                owner=origin.owner,
                record=origin.record,
                queue=origin.queue,
                by=origin.by,
            )


def chained(*parts: Iterable[Draft]) -> Iterator[Draft]:
    """One after the other."""
    for part in parts:
        yield from part


def _add(left: dict[str, int], reason: str, count: int = 1) -> None:
    left[reason] = left.get(reason, 0) + count
