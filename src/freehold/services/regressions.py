"""The regression set of a custom model: what went wrong once, and must not again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from freehold.core.cases import Case, CaseBook, Sharing
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, RequestError, StorageError
from freehold.core.labels import Gold
from freehold.core.training import Dataset, Example
from freehold.learning.datasets.folder import FOLDER, FolderDataset, find, latest
from freehold.learning.datasets.lineage import Draft, Origin, origins
from freehold.learning.datasets.rows import SPLITS
from freehold.learning.datasets.splitting import Shares
from freehold.learning.datasets.writing import Wanted, write
from freehold.learning.registry import Registry
from freehold.ledger.locking import FileLock
from freehold.services.gate import regressions_name

LogEvent = Callable[..., str]
_INCIDENT = "incident"
_PATIENCE_S = 30.0


class Regressions:
    """Grows the sets of one home.

    Args:
        log: writes a ledger entry.
    """

    def __init__(self, home: Path, registry: Registry, log: LogEvent, clock: Clock) -> None:
        self._home = home
        self._registry = registry
        self._log = log
        self._clock = clock

    def of(self, model: str) -> FolderDataset | None:
        """The set as it is, if there is one.

        Raises:
            StorageError: it can't be read.
        """
        return latest(self._home, regressions_name(model))

    def cases(self, model: str) -> set[str]:
        """The cases that it has rows of.

        Raises:
            StorageError: it can't be read.
        """
        before = self.of(model)
        return set() if before is None else {row.id for row in _rows(before)}

    def remember(
        self, model: str, dataset: str, cases: Collection[str], actor: str
    ) -> FolderDataset:
        """Add rows of a dataset, by their cases.

        Raises:
            NotFound: no such dataset, or it has no row of a case.
            RequestError: it belongs to another tenant than the set.
            StorageError, AuditError: something can't be read or written.
        """
        source = find(self._home, dataset)
        rows = {row.id: row for row in _rows(source)}
        missing = sorted(set(cases) - rows.keys())
        if missing:
            raise NotFound(f"{source.name} has no row of {missing[0]!r}")
        before = self.of(model)
        if before is not None and before.owner != source.owner:
            raise RequestError(
                f"{before.name} belongs to {before.owner}, and {source.name} to {source.owner}"
            )
        known = {origin.id: origin for origin in origins(source.folder)}
        drafts = [_draft(rows[case], known.get(case)) for case in cases]
        why = {"from": source.digest}
        with _alone(self._home, model):
            return self._written(model, source.owner, source.share, drafts, actor, why)

    def grow(
        self,
        model: str,
        owner: str,
        incidents: Iterable[Draft],
        actor: str,
        why: Mapping[str, Any],
    ) -> FolderDataset | None:
        """Add rows that are no dataset's yet; ``None`` where none is new. One that the set has
        with its right answer stays as it is.

        Args:
            why: for the ledger.

        Raises:
            RequestError: the set belongs to another tenant.
            StorageError, AuditError: something can't be read or written.
        """
        with _alone(self._home, model):
            before = self.of(model)
            if before is not None and before.owner != owner:
                raise RequestError(f"{before.name} belongs to {before.owner}, and not to {owner}")
            there = {row.id: _told(row) for row in _rows(before)} if before is not None else {}
            new = [d for d in incidents if there.get(d.row.id, -1) < _told(d.row)]
            return self._written(model, owner, "none", new, actor, why) if new else None

    def drop(self, model: str, cases: Collection[str], actor: str) -> FolderDataset:
        """Take rows out again, by their cases; the ledger says who did.

        Raises:
            NotFound: there is no set, or it has no row of a case.
            StorageError, AuditError: something can't be read or written.
        """
        with _alone(self._home, model):
            before = self.of(model)
            rows = [] if before is None else [row.id for row in _rows(before)]
            missing = sorted(set(cases) - set(rows))
            if before is None or missing:
                raise NotFound(f"{regressions_name(model)} has no row of {missing[0]!r}")
            stays = [draft for draft in _drafts(before) if draft.row.id not in cases]
            made = self._made(model, before.owner, before.share, stays)
        details = {"dataset": made.digest, "cases": sorted(set(cases)), "from": before.digest}
        self._log("regressions.dropped", actor, made.name, details, tenant=made.owner)
        return made

    def _written(
        self,
        model: str,
        owner: str,
        share: Sharing,
        new: Collection[Draft],
        actor: str,
        why: Mapping[str, Any],
    ) -> FolderDataset:
        before = self.of(model)
        drafts = {draft.row.id: draft for draft in _drafts(before)}
        drafts |= {draft.row.id: replace(draft, wanted="test") for draft in new}
        stays = share if before is None else before.share
        made = self._made(model, owner, stays, drafts.values())
        cases = sorted(draft.row.id for draft in new)
        details = {"dataset": made.digest, "cases": cases, **why}
        self._log("regressions.grown", actor, made.name, details, tenant=made.owner)
        return made

    def _made(
        self, model: str, owner: str, share: Sharing, drafts: Iterable[Draft]
    ) -> FolderDataset:
        wanted = Wanted(
            name=regressions_name(model),
            owner=owner,
            share=share,
            # nothing is trained on it
            shares=Shares(test=1.0, validation=0.0),
            recipe={"regressions_of": model},
        )
        return write(self._home, wanted, drafts, self._clock)

    def remember_incidents(
        self, model: str, dataset: str, gold: Iterable[Gold], cases: CaseBook, actor: str
    ) -> FolderDataset | None:
        """Add the rows of a dataset whose cases are incidents: somebody had to decide between
        experts, a person had taken over, or a reason of the case names an incident
        (``feedback:incident``, ``incident:v3-0a1b2c3d``). ``None`` where no row is new.

        Raises:
            NotFound: no such dataset; StorageError, and as `remember`.
        """
        decided = {one.case_id for one in gold if one.settled == "adjudicated"}
        before = self.of(model)
        # one of which only the wrong answer was known may be known better now
        known = set() if before is None else {row.id for row in _rows(before) if _told(row)}
        found = [
            row.id
            for row in _rows(find(self._home, dataset))
            if row.id not in known and (row.id in decided or _is_incident(cases.find(row.id)))
        ]
        return self.remember(model, dataset, found, actor) if found else None

    def remember_worse(self, which: str, actor: str) -> FolderDataset | None:
        """Add what a version got wrong or broke at the gate, where today's answers do not; ``None``
        where there was nothing of that.

        Raises:
            NotFound: no such version, or it has not been through the gate; as `remember`.
        """
        version = self._registry.find(which)
        report = version.gate
        if report is None:
            raise NotFound(f"{version.id} has not been through the gate")
        cases = [
            str(one["id"])
            for one in report.get("changed", ())
            if one.get("way") in ("worse", "breaks") and one.get("part") == "held_out"
        ]
        if not cases:
            return None
        held = report["dataset"]
        return self.remember(version.model, f"{held['name']}@{held['digest']}", cases, actor)


@contextmanager
def _alone(home: Path, model: str) -> Iterator[None]:
    """Nobody else changes the set: a gateway may add to it while somebody at a terminal does."""
    folder = home / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / f".{regressions_name(model)}.lock")
        held = lock.acquire(_PATIENCE_S)
    except OSError as error:
        raise StorageError(f"{folder} can't be written: {error.strerror or error}") from error
    if not held:
        raise StorageError(f"somebody else is changing {regressions_name(model)}: try again")
    try:
        yield
    finally:
        lock.release()


def _is_incident(case: Case | None) -> bool:
    if case is None:
        return False
    parts = [reason.partition(":") for reason in case.reasons]
    return any(kind in ("human", _INCIDENT) or detail == _INCIDENT for kind, _, detail in parts)


def _told(row: Example) -> bool:
    """Whether it is known what is right, and not only what is wrong."""
    return bool(row.answer or row.label)


def _rows(dataset: Dataset) -> Iterator[Example]:
    for split in SPLITS:
        yield from dataset.rows(split)


def _drafts(before: FolderDataset | None) -> Iterator[Draft]:
    if before is None:
        return
    known = {origin.id: origin for origin in origins(before.folder)}
    for row in _rows(before):
        yield _draft(row, known.get(row.id))


def _draft(row: Example, origin: Origin | None) -> Draft:
    if origin is None:
        return Draft(row=row, source="import", wanted="test")
    return Draft(
        row=row,
        source=origin.source,
        exchange=origin.exchange,
        record=origin.record,
        queue=origin.queue,
        owner=origin.owner,
        by=origin.by,
        wanted="test",
    )
