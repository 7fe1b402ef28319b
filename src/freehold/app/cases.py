"""Cases, wired: what captures them while a gateway runs, and who looks at them at the terminal."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from freehold.app.homes import with_vault
from freehold.app.terminal import records_of
from freehold.app.whoever import at_terminal
from freehold.bundle.kept import live_mark
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.legal_holds import Kept
from freehold.core.ports import SubjectKeys
from freehold.core.subjects import DAY_NS, Subject, SubjectKey
from freehold.services.bundles import kept_bundle
from freehold.services.capturing import Capture
from freehold.services.case_desk import MOST_ROWS, CaseDesk
from freehold.services.case_import import CaseImport, Sealing
from freehold.services.case_making import CaseMaker, Later, Masked
from freehold.services.case_reading import CaseReader
from freehold.services.cases import Cases
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_people import Labeler
from freehold.services.records import Records
from freehold.services.unasked import masked
from freehold.stages.governance import Governance
from freehold.storage.cases import StoredCases
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.labels import StoredLabels
from freehold.storage.secrets import KeyFolder
from freehold.storage.subject_keys import StoredKeys
from freehold.storage.vault import Vault

_log = logging.getLogger("freehold.cases")
_SWEEP_S = 3_600.0
_MISSED = 1_000
_MISSED_NS = 3_600 * 1_000_000_000


class Capturing:
    """One process's part in it.

    Args:
        bundle: the one that is live.
        kept: what legal holds keep.
    """

    def __init__(
        self,
        home: Path,
        database: Database,
        keys: SubjectKeys,
        governance: Callable[[], Governance],
        bundle: Callable[[], ResolvedBundle],
        clock: Clock,
        kept: Callable[[], Kept],
    ) -> None:
        self.book = StoredCases(database)
        self._labels = StoredLabels(database)
        self._kept = kept
        self._clock = clock
        records = records_with(home, database)
        maker = CaseMaker(keys.find, records.find, masking(governance), clock)
        self.records = records
        self.maker = maker

        def missed() -> Iterator[Later]:
            return _missed(records, bundle(), clock)

        self.capture = Capture(self.book, maker, bundle, clock, missed)

    def tasks(self) -> tuple[Callable[[Any], Any], ...]:
        """What runs beside the requests."""
        return (lambda _: self.capture.run(), lambda _: self.sweep())

    async def sweep(self) -> None:
        """Forget cases whose time is over, every hour, for as long as the gateway runs."""
        while True:
            try:
                await asyncio.to_thread(self._prune)
            except FreeholdError as error:
                _log.warning("cases whose time is over stay: %s", error)
            await asyncio.sleep(_SWEEP_S)

    def _prune(self) -> int:
        gone = self.book.prune(self._clock.now_ns(), self._kept())
        if gone:
            self._labels.prune()
        return gone


def _missed(records: Records, bundle: ResolvedBundle, clock: Clock) -> Iterator[Later]:
    """What ended lately in apps that capture: a process that was killed may not have written it."""
    since = clock.now_ns() - _MISSED_NS
    for row in records.recent(limit=_MISSED):
        if (row.closed_ns or 0) < since:
            continue
        try:
            spec = bundle.app_for(row.tenant, row.app).capture
        except NotFound:
            continue
        if spec is not None:
            yield Later(row.exchange_id, row.tenant, row.app, None)


@contextmanager
def deciding_capture(
    home: Path,
    database: Database,
    vault: Vault,
    governance: Governance,
    bundle: ResolvedBundle,
) -> Iterator[Capture]:
    """What makes cases of what is decided at the terminal, of which no gateway is told; written
    when it is closed.
    """
    clock = SystemClock()
    records = records_with(home, database)
    find = StoredKeys(vault).find
    maker = CaseMaker(find, records.find, masking(lambda: governance), clock)
    capture = Capture(StoredCases(database), maker, lambda: bundle, clock)
    try:
        yield capture
    finally:
        capture.close()


def records_with(home: Path, database: Database) -> Records:
    """The records of a home, indexed when they are asked for."""
    return Records(home, StoredExchanges(database), lambda: fill(home, database))


def masking(governance: Callable[[], Governance]) -> Masked:
    """How words that come later are read by an app's detectors."""
    return lambda app, text: masked(governance(), app, text)


def acting(governance: Callable[[], Governance]) -> Masked:
    """The same of words that experts write to be learned from, without what detectors only observe:
    a right answer that lost a word to a guess is none.
    """
    return lambda app, text: masked(governance(), app, text, frozenset())


def governance_at(home: Path, bundle: ResolvedBundle) -> Callable[[], Governance]:
    """What reads texts where no gateway runs; made when the first is to be read."""

    @cache
    def made() -> Governance:
        governance = Governance(placeholder_key=KeyFolder(home).placeholders())
        governance.adopt(bundle.heads)
        return governance

    return made


@contextmanager
def case_import(home: Path) -> Iterator[CaseImport]:
    """What brings exchanges in that happened elsewhere, under the bundle that was live last.

    Raises:
        NotFound: no home is there, or no bundle was ever live in it.
    """
    clock = SystemClock()
    with with_vault(home) as (database, vault, audit):
        bundle = kept_bundle(home, live_mark(home)[1])
        yield CaseImport(
            StoredCases(database),
            bundle,
            _digest(KeyFolder(home).lineage()),
            masking(governance_at(home, bundle)),
            _sealing(vault, clock),
            clock,
            at_terminal(),
            audit.event,
        )


def _digest(secret: bytes) -> Callable[[bytes], str]:
    def digest(data: bytes) -> str:
        return blake2b(data, key=secret, digest_size=32, person=b"case import").hexdigest()

    return digest


def _sealing(vault: Vault, clock: Clock) -> Sealing:
    def sealing(subjects: Collection[Subject], days: int) -> dict[Subject, SubjectKey]:
        return dict(vault.fresh(subjects, clock.now_ns() + days * DAY_NS))

    return sealing


class Wired(Protocol):
    """The parts of a gateway that cases for people share."""

    cases: Capturing
    clock: SystemClock
    governance: Governance


def case_desk(home: Path, vault: Vault, wired: Wired, desk: LabellingDesk) -> CaseDesk:
    """Cases for the people who come to a gateway."""
    book = desk.book
    reader = CaseReader(vault.find, vault.find_all)
    digest, seal = _digest(KeyFolder(home).lineage()), _sealing(vault, wired.clock)

    def log(who: Labeler) -> Callable[..., str]:
        def written(kind: str, actor: str, subject: str, details: Any, **more: Any) -> str:
            return book.log(kind, actor, subject, {**details, **who.told}, **more)

        return written

    def cases(who: Labeler) -> Cases:
        known, maker = wired.cases.records, wired.cases.maker
        return Cases(book.cases, reader, known, maker, book.bundle, who.name, log(who))

    def importing(who: Labeler) -> CaseImport:
        masked = masking(lambda: wired.governance)
        clock, name, most = wired.clock, who.name, MOST_ROWS
        return CaseImport(
            book.cases, book.bundle, digest, masked, seal, clock, name, log(who), most
        )

    return CaseDesk(desk, cases, importing)


@contextmanager
def case_service(home: Path) -> Iterator[Cases]:
    """Cases for the terminal, under the bundle that was live last.

    Raises:
        NotFound: no home is there, or no bundle was ever live in it.
    """
    clock = SystemClock()
    with with_vault(home) as (database, vault, audit):
        bundle = kept_bundle(home, live_mark(home)[1])
        records = records_of(home, database)
        keys = StoredKeys(vault)
        maker = CaseMaker(keys.find, records.find, masking(governance_at(home, bundle)), clock)
        yield Cases(
            StoredCases(database),
            CaseReader(vault.find),
            records,
            maker,
            bundle,
            at_terminal(),
            audit.event,
        )
