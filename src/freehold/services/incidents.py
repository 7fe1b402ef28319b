"""What went wrong with a version of a custom model, remembered when it is taken back."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from freehold.bundle.deployed import custom_of, trial_id
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.route_specs import trial_spec
from freehold.core.cases import Case, CaseBook, CaseFilter, Read
from freehold.core.decisions import MILLION
from freehold.core.deployments import Deployment
from freehold.core.errors import FreeholdError
from freehold.core.outcomes import Told
from freehold.core.trials import Trials
from freehold.learning.datasets.folder import FolderDataset
from freehold.learning.datasets.from_cases import incident_of
from freehold.learning.datasets.lineage import Draft
from freehold.services.case_reading import may_learn
from freehold.services.gate import regressions_name
from freehold.services.regressions import Regressions

LogEvent = Callable[..., str]
_SEEN = 100_000
_MOST = 1_000
"""So many incidents of one version are remembered: more of them tell nothing new."""
_KINDS = ("human", "feedback")
_FREEHOLD = "freehold"
_NOT_KEPT = "it is no case, or not one that the owner may learn from"
_WAITS = "nobody has judged it yet: it waits to be labelled"
_log = logging.getLogger("freehold.regressions")


class Incidents:
    """Puts the incidents of a version into the regression set of its model.

    Args:
        bundle: the one that is live.
        trials: which conversations a canary had, and what came of them.
        outcomes: of exchanges; a score below the middle is a dislike.
        read: a case with its texts.
        log: writes a ledger entry.
    """

    def __init__(
        self,
        bundle: Callable[[], ResolvedBundle],
        trials: Trials,
        outcomes: Callable[[Collection[str]], Sequence[Told]],
        cases: CaseBook,
        read: Callable[[Case], Read],
        sets: Regressions,
        log: LogEvent,
    ) -> None:
        self._bundle = bundle
        self._trials = trials
        self._outcomes = outcomes
        self._cases = cases
        self._read = read
        self._sets = sets
        self._log = log

    def remembered(self, model: str) -> str:
        """The digest of a model's past incidents; empty where there are none.

        Raises:
            StorageError: they can't be read.
        """
        known = self._sets.of(model)
        return "" if known is None else known.digest

    def after(self, row: Deployment) -> None:
        """As `remember`, for whoever has just taken a version back: that stands whatever comes of
        this, and what fails here is said in the log.
        """
        self._tried(row, lambda: self.remember(row))

    def missed(self, row: Deployment) -> None:
        """As `later`, of cases that nobody has looked at: a process that was to may have died, or
        what was said came by another way.
        """
        self._tried(row, lambda: self.late(row, self._unseen(row)))

    def _unseen(self, row: Deployment) -> list[str]:
        if row.model not in self._bundle().bundle.custom_models:
            return []
        known, reason = self._sets.cases(row.model), f"incident:{row.version}"
        found = self._corrected(row)
        return [c.case_id for c in found if c.case_id not in known and reason not in c.reasons]

    def later(self, row: Deployment, case_ids: Collection[str]) -> None:
        """As `late`, in the same way."""
        self._tried(row, lambda: self.late(row, case_ids))

    @staticmethod
    def _tried(row: Deployment, act: Callable[[], object]) -> None:
        try:
            act()
        except FreeholdError as error:
            _log.warning("the incidents of %s are not remembered: %s", row.id, error)

    def remember(self, row: Deployment) -> FolderDataset | None:
        """Add the exchanges that this version answered wrongly: those that a control refused, that
        somebody corrected or had to decide about. Where nobody said yet what is right, the row
        holds what must not be said again. What somebody only disliked may have been right: its case
        waits for experts, with the reason ``incident``, and no row is made. ``None`` where there
        is nothing to add.

        Raises:
            StorageError, AuditError: something can't be read or written.
        """
        custom = self._bundle().bundle.custom_models.get(row.model)
        if custom is None:
            return None
        left: Counter[str] = Counter()
        found: dict[str, Case] = {}
        refused, disliked = self._bad(row)
        for exchange in dict.fromkeys((*refused, *disliked)):
            case = self._cases.of_exchange(exchange)
            if case is None or not may_learn(custom.owner, case, self._bundle()):
                left[_NOT_KEPT] += 1
            else:
                found[case.case_id] = case
        for case in self._corrected(row):
            found.setdefault(case.case_id, case)
        return self._remembered(row, custom.owner, found, row.by, left, frozenset(refused))

    def late(self, row: Deployment, case_ids: Collection[str]) -> FolderDataset | None:
        """The same, of a version that was taken back before, with cases that were made or heard of
        since: what is said of its answers is its own, whichever version answers now.

        Raises:
            StorageError, AuditError: something can't be read or written.
        """
        custom, bundle = self._bundle().bundle.custom_models.get(row.model), self._bundle()
        if custom is None:
            return None
        found = {
            case.case_id: case
            for case in self._cases.find_all(case_ids)
            if _its(row, case) and _told(case) and may_learn(custom.owner, case, bundle)
        }
        return self._remembered(row, custom.owner, found, _FREEHOLD, Counter())

    def _remembered(
        self,
        row: Deployment,
        owner: str,
        found: Mapping[str, Case],
        actor: str,
        left: Counter[str],
        refused: Collection[str] = (),
    ) -> FolderDataset | None:
        if not found:
            return None
        purpose = f"regressions of {row.model}, after {row.id} was taken back"
        details = {"purpose": purpose, "cases": len(found)}
        self._log("cases.read", actor, owner, details, tenant=owner)
        drafts: list[Draft] = []
        waits: list[Case] = []
        for case in list(found.values())[:_MOST]:
            made = incident_of(self._read(case))
            if isinstance(made, str):
                left[made] += 1
            elif made.row.answer or case.exchange_id in refused or _judged(case):
                drafts.append(made)
            else:
                waits.append(case)
        if waits:
            self._ask(row, owner, actor, waits)
            left[_WAITS] = len(waits)
        why = {"taken_back": row.id, "reason": row.reason, "left_out": dict(left)}
        return self._sets.grow(row.model, owner, drafts, actor, why)

    def _ask(self, row: Deployment, owner: str, actor: str, waits: Iterable[Case]) -> None:
        """Let experts look at these, if they were not asked to already."""
        reason = f"incident:{row.version}"
        new = [case for case in waits if reason not in case.reasons]
        if not new:
            return
        self._cases.add([replace(case, reasons=(*case.reasons, reason)) for case in new])
        cases = sorted(case.case_id for case in new)
        details = {"taken_back": row.id, "cases": cases}
        name = regressions_name(row.model)
        self._log("regressions.queued", actor, name, details, tenant=owner)

    def _bad(self, row: Deployment) -> tuple[list[str], list[str]]:
        """Exchanges of its canary that a control refused, and that somebody disliked."""
        custom = self._bundle().bundle.custom_models[row.model]
        if not custom.deploy.trials:
            return [], []
        spec = trial_spec(custom.deploy, trial_id(row.model, row.version))
        seen = [
            one
            for route in custom.routes
            for stage in range(len(spec.stages))
            for one in self._trials.seen(spec.id(route), stage, 0, _SEEN)
            if one.newcomer
        ]
        refused = [one.exchange_id for one in seen if one.refused]
        told = self._outcomes([one.exchange_id for one in seen]) if seen else ()
        disliked = [one.exchange_id for one in told if _disliked(one)]
        return refused[-_MOST:], disliked[-_MOST:]

    def _corrected(self, row: Deployment) -> Iterator[Case]:
        """Cases that it answered, and that somebody decided about or disliked: also while it was
        live. The newest first.
        """
        custom, bundle = self._bundle().bundle.custom_models[row.model], self._bundle()
        for app in custom.learns_from:
            for kind in _KINDS:
                for case in self._cases.list(CaseFilter(app=app, kind=kind, limit=_MOST)):
                    if _its(row, case) and may_learn(custom.owner, case, bundle):
                        yield case


def _its(row: Deployment, case: Case) -> bool:
    """Whether this version gave the answer, on trial or live."""
    return custom_of(case.model) == row.model and case.version == row.version


def _told(case: Case) -> bool:
    """Whether a control refused it, or somebody said something of it."""
    kinds = {reason.partition(":")[0] for reason in case.reasons}
    return case.outcome == "denied" or not kinds.isdisjoint(_KINDS)


def _judged(case: Case) -> bool:
    """Whether a control refused it, or a person decided about it."""
    return case.outcome == "denied" or any(r.startswith("human:") for r in case.reasons)


def _disliked(told: Told) -> bool:
    return told.of_the_answer and told.score * 2 < MILLION
