"""Labelling, wired: over the store of a home, for the terminal and for a gateway."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from freehold.app.cases import acting, governance_at
from freehold.app.deployments import custom_rows
from freehold.app.homes import registry_of, with_vault
from freehold.app.resources import verifying
from freehold.bundle.kept import live_mark
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case
from freehold.core.clock import Clock, SystemClock
from freehold.core.ports import IdentityVerifier
from freehold.core.principal import KeyGrant
from freehold.core.subjects import Destroyed, SubjectKey
from freehold.services.bundles import kept_bundle
from freehold.services.case_reading import CaseReader
from freehold.services.labelling_book import LabelBook, LogEvent
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_effect import Effects
from freehold.services.labelling_people import Labeler, Masking, named, verified
from freehold.services.labelling_suggesting import Suggesting
from freehold.services.labelling_words import FindKey
from freehold.services.later_words import LaterWords
from freehold.services.unasked import masked
from freehold.stages.audit import Audit
from freehold.stages.governance import Governance
from freehold.storage.cases import StoredCases
from freehold.storage.engine import Database
from freehold.storage.labels import StoredLabels
from freehold.storage.models import StoredDeployments
from freehold.storage.subject_keys import StoredKeys

_LOG_S = 10.0


@contextmanager
def labelling_desk(home: Path) -> Iterator[LabellingDesk]:
    """Labelling for the terminal, under the bundle that a server of this home made live.

    Raises:
        NotFound: no home is there, or no bundle was ever live in it.
    """
    with with_vault(home) as (database, vault, audit):
        bundle = kept_bundle(home, live_mark(home)[1])
        reader = CaseReader(vault.find, vault.find_all)
        find, clock = StoredKeys(vault).find, SystemClock()
        words = LaterWords(lambda: bundle, acting(governance_at(home, bundle)))
        book = _book(home, database, lambda: bundle, reader, find, audit.event, clock, words)
        yield LabellingDesk(book, find_all=vault.find_all)


def _book(
    home: Path,
    database: Database,
    bundle: Callable[[], ResolvedBundle],
    reader: CaseReader,
    find: FindKey,
    log: LogEvent,
    clock: Clock,
    words: LaterWords,
) -> LabelBook:
    """Tasks and labels of a home, over its open store; live custom models suggest."""
    return LabelBook(
        bundle,
        StoredLabels(database),
        StoredCases(database),
        reader.read,
        find,
        log,
        clock,
        Suggesting(bundle, registry_of(home), StoredDeployments(database).all),
        reader.read_many,
        fit=words.of_case,
    )


def effects(home: Path) -> Effects:
    """What became of labels."""
    return Effects(home, registry_of(home), lambda: custom_rows(home))


def whoever(home: Path, name: str, token: str, bundle: ResolvedBundle) -> Labeler:
    """Who labels at the terminal: the person behind a token, or else a name.

    Raises:
        IdentityRefused: the token does not verify.
        LabelError: it names no tenant, or the name is none.
    """
    if not token:
        return named(name)
    folder, _ = live_mark(home)

    async def ask() -> Labeler:
        async with verifying(folder) as identity:
            return await verified(token, identity, bundle)

    return asyncio.run(ask())


class HeldKeys(Protocol):
    """Keys of subjects, by their ids."""

    def find(self, key_id: str) -> SubjectKey | None: ...
    def find_all(self, key_ids: Collection[str]) -> Mapping[str, SubjectKey | Destroyed]: ...


class Wired(Protocol):
    """The parts of a gateway that labelling shares; ``identity`` changes with the bundle."""

    audit: Audit
    clock: SystemClock
    governance: Governance
    identity: IdentityVerifier


def for_gateway(
    home: Path,
    database: Database,
    keys: HeldKeys,
    wired: Wired,
    bundle: Callable[[], ResolvedBundle],
) -> dict[str, Any]:
    """What a gateway needs to label: the desk, which its doors call in threads, and who labels."""

    reader = CaseReader(keys.find, keys.find_all)

    def desk() -> LabellingDesk:
        log = _from_threads(wired.audit.event)
        words = LaterWords(bundle, acting(lambda: wired.governance))
        book = _book(home, database, bundle, reader, keys.find, log, wired.clock, words)
        became = Effects(home, registry_of(home), StoredDeployments(database).all)
        return LabellingDesk(book, masking(bundle, wired.governance), keys.find_all, became)

    async def labeler(token: str | None, grant: KeyGrant) -> Labeler:
        return await verified(token, wired.identity, bundle(), grant)

    return {"labelling": desk, "labeler": labeler}


def masking(bundle: Callable[[], ResolvedBundle], governance: Governance) -> Masking:
    """Texts of a case as somebody may read them: what its app's detectors find there is taken out,
    unless they are cleared for it.
    """

    def of(case: Case, who: Labeler) -> Callable[[str], str]:
        if who.clearances is None:
            return str
        cleared = who.clearances
        app = bundle().app_for(case.tenant, case.app)
        return lambda text: masked(governance, app, text, cleared)

    return of


def _from_threads(log: Callable[..., str]) -> Callable[..., str]:
    """A ``log`` that may be called in any thread, while this event loop runs."""
    loop = asyncio.get_running_loop()

    def call(*told: Any, **more: Any) -> str:
        async def write() -> str:
            return log(*told, **more)

        return asyncio.run_coroutine_threadsafe(write(), loop).result(_LOG_S)

    return call
