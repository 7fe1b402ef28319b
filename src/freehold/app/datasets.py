"""Datasets, wired for the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from freehold.app.cases import acting, governance_at
from freehold.app.homes import ledger_of, needs_data, with_vault
from freehold.app.terminal import records_of
from freehold.app.whoever import at_terminal
from freehold.bundle.kept import live_mark
from freehold.bundle.problems import missing
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import SystemClock
from freehold.core.errors import NotFound, StorageError
from freehold.core.labels import Gold
from freehold.core.subjects import Destroyed, KeyStore, SubjectKey
from freehold.ledger.reading import read_all
from freehold.ledger.tree import leaf_hash
from freehold.services.bundles import described_bundle, kept_bundle, kept_or_none
from freehold.services.case_reading import CaseReader, may_learn, visible_owners
from freehold.services.dataset_rows import Learnable
from freehold.services.datasets import Datasets
from freehold.services.labelling_gold import Golds, gold_of
from freehold.services.later_words import LaterWords
from freehold.services.records import Records
from freehold.storage.cases import StoredCases
from freehold.storage.labels import StoredLabels
from freehold.storage.secrets import KeyFolder


def dataset_list(home: Path) -> Datasets:
    """Datasets, to look at: nothing is written into the ledger."""
    return Datasets(home, SystemClock(), at_terminal(), _no_change)


@contextmanager
def dataset_service(home: Path) -> Iterator[Datasets]:
    """Datasets, to bring rows in and hand them out; the home is made if it is not there."""
    clock = SystemClock()
    with ledger_of(home, KeyFolder(home), clock) as audit:
        yield Datasets(home, clock, at_terminal(), audit.event, partial(_words, home))


def _words(home: Path) -> LaterWords | None:
    """The rules of the tenants of the live bundle; ``None`` where none was ever live.

    Raises:
        NotFound, BundleError: the one that is live can't be read, so nobody knows the rules.
    """
    try:
        digest = live_mark(home)[1]
    except NotFound:
        return None
    bundle = kept_bundle(home, digest)
    return LaterWords(lambda: bundle, acting(governance_at(home, bundle)))


def check_owner(home: Path, owner: str) -> None:
    """Whether there is such a tenant; where no bundle was ever live here, nobody can tell.

    Raises:
        NotFound: there is none in the bundle that is live.
    """
    try:
        bundle = kept_or_none(home)(live_mark(home)[1])
    except NotFound:
        return
    if bundle is not None and owner not in bundle.bundle.tenants:
        raise NotFound(missing("tenant", owner, bundle.bundle.tenants))


@contextmanager
def learning_service(
    home: Path, bundle: ResolvedBundle | None, owner: str, purpose: str
) -> Iterator[tuple[Datasets, Learnable]]:
    """Datasets and the cases that a tenant may learn from; that they are read is an entry in the
    ledger. Without a bundle, no case may be learned from: then it is only told which are gone.

    Raises:
        NotFound: no home is there, or the bundle has no such tenant.
    """
    with with_vault(home) as (database, vault, audit):
        records = records_of(home, database)
        reader = CaseReader(vault.find, vault.find_all)
        cases = StoredCases(database)
        golds = Golds(
            StoredLabels(database),
            cases,
            reader.read_many,
            partial(_live_key, vault),
            vault.find_all,
        )

        @cache
        def labelled(queue: str) -> tuple[list[Gold], set[str]]:
            found = golds.settled(bundle.queues[queue]) if bundle is not None else []
            return gold_of(found), {one.case.case_id for one in found if one.contested}

        if bundle is not None:
            details = {"purpose": purpose}
            audit.event("cases.read", at_terminal(), owner, details, tenant=owner)
        learnable = Learnable(
            cases=cases,
            read=reader.read,
            gold=lambda queue: labelled(queue)[0],
            contested=lambda queue: labelled(queue)[1],
            owners=visible_owners(owner, bundle) if bundle is not None else (owner,),
            may_learn=lambda case: bundle is not None and may_learn(owner, case, bundle),
            record_hash=lambda exchange: _record_hash(records, exchange),
        )
        yield Datasets(home, SystemClock(), at_terminal(), audit.event), learnable


def bundle_of(home: Path, folder: Path | None) -> ResolvedBundle:
    """The bundle in a folder, or the one that is live in this home.

    Raises:
        NotFound: no bundle was ever live here.
        BundleError: it has errors.
    """
    if folder is not None:
        return described_bundle(folder)
    needs_data(home)
    return kept_bundle(home, live_mark(home)[1])


def recorded_manifest(home: Path, name: str, digest: str) -> str:
    """SHA-256 of a version's manifest, as the ledger has it; empty where it tells of none.

    Raises:
        StorageError: the ledger can't be read.
    """
    for entry in read_all(home):
        if b'"dataset.built"' in entry.line and digest.encode() in entry.line:
            body = entry.envelope()["body"]
            if body.get("subject") == name and body["details"].get("digest") == digest:
                return str(body["details"].get("manifest", ""))
    return ""


def _live_key(vault: KeyStore, key_id: str) -> SubjectKey | None:
    found = vault.find(key_id)
    return None if isinstance(found, Destroyed) else found


def _record_hash(records: Records, exchange: str) -> str:
    try:
        lines = records.lines(exchange)
    except (NotFound, StorageError):
        return ""
    return leaf_hash(lines[-1]).hex() if lines else ""


def _no_change(*_: object, **__: object) -> str:
    raise StorageError("these datasets were opened to be read")
