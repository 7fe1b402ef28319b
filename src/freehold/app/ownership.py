"""Everything that is the owner's, out of a home in one archive: wired for the terminal."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from freehold.app.archives import archived, needs_room
from freehold.app.homes import custom_folder, opened, own_log, registry_of, vault_of
from freehold.app.terminal import records_of
from freehold.app.whoever import at_terminal
from freehold.bundle.kept import live_mark, load_kept_files
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.secrets import named_files
from freehold.core.clock import SystemClock, rfc3339
from freehold.core.decisions import MILLION
from freehold.core.deployments import Deployment
from freehold.core.errors import NotFound, RequestError, StorageError
from freehold.learning.registry.pins import pinned
from freehold.services import ownership
from freehold.services.audit_export import Exporting, Prepared
from freehold.services.bundles import kept_or_none
from freehold.services.contents import Contents
from freehold.services.deployment_trials import CustomTrials
from freehold.services.export_choice import Asked
from freehold.services.ownership import CanaryOf, Manifest
from freehold.services.ownership_export import Carrying, Made
from freehold.services.ownership_labels import Reading, Who, lines
from freehold.services.ownership_pick import Holdings, Picked, Wanted, pick
from freehold.services.records import Records
from freehold.storage.cases import StoredCases
from freehold.storage.engine import Database
from freehold.storage.label_transfer import LabelRows
from freehold.storage.models import StoredDeployments
from freehold.storage.secrets import KeyFolder
from freehold.storage.subject_keys import StoredKeys
from freehold.storage.trials import StoredTrials
from freehold.storage.vault import Vault

_ALL_STEPS = 1_000_000
_SPOOL = 4 << 20
Tell = Callable[[str], None]


def export_all(home: Path, wanted: Wanted, target: Path, *, force: bool, tell: Tell) -> Made:
    """Write the archive: whole or not at all.

    Args:
        force: replace a file that is there.
        tell: is told how it goes on.

    Raises:
        NotFound: no home is there, or not what was asked for.
        AlteredModel, TrainingError, BundleError, StorageError: a file can't be carried away; it is
            named.
        AuditError: the export can't be recorded, so it is refused.
    """
    needs_room(target, force=force)
    with ExitStack() as stack:
        carrying = stack.enter_context(Carrying(home, wanted, at_terminal(), tell))
        manifest, picked, proof = _prepared(home, wanted, carrying, stack, tell)
        proofs = stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL))
        if proof is not None:
            exporting, prepared = proof
            try:
                exporting.write(prepared, proofs)
            except OSError as error:
                raise StorageError(f"the ledger's entries can't be laid aside: {error}") from error
        told = proofs if proof is not None else None
        pins = pinned(custom_folder(home))
        write = partial(carrying.write, manifest, picked, pins, told)
        made, digest = archived(write, target, force=force)
    return Made(manifest=made, sha256=digest, fingerprint=carrying.fingerprint)


def _prepared(
    home: Path, wanted: Wanted, carrying: Carrying, stack: ExitStack, tell: Tell
) -> tuple[Manifest, Picked, tuple[Exporting, Prepared] | None]:
    """Everything up to the ledger's entries; the ledger is closed behind it, which signs them."""
    clock = SystemClock()
    with opened(home) as database:
        on_disk = KeyFolder(home)
        records = records_of(home, database)
        tenants = records.within(wanted.tenant) if wanted.tenant else None
        mine = _anybody if tenants is None else tenants.__contains__
        picked = pick(wanted, _holdings(home, database, mine))
        vault = vault_of(home, on_disk, clock)
        with closing(vault.database), own_log(home, on_disk, clock) as (audit, journal):
            reading = _reading(home, database, vault, records) if wanted.words else None
            labels = lines(LabelRows(database).all(), mine, reading)
            made_at = rfc3339(clock.now_ns())
            canaries = _canaries(home, database, picked)
            manifest = carrying.prepare(picked, labels, made_at, audit.event, canaries)
            if "ledger" in wanted.without:
                return manifest, picked, None
            contents = Contents(vault, at_terminal(), audit.event)
            exporting = stack.enter_context(
                Exporting(home, records, contents, lambda _: [], at_terminal(), audit.event, tell)
            )
            asked = Asked(
                tenant=wanted.tenant or None,
                tenants=tenants,
                bundles=False,
                kinds=ownership.KINDS,
            )
            prepared = exporting.prepare(asked, journal.writer)
            return manifest, picked, (exporting, prepared)


def _anybody(_owner: str) -> bool:
    return True


def _holdings(home: Path, database: Database, mine: Callable[[str], bool]) -> Holdings:
    book = StoredDeployments(database)
    return Holdings(
        home=home,
        registry=registry_of(home),
        rows=book.all(),
        steps=book.steps(limit=_ALL_STEPS),
        trials=StoredTrials(database).all(),
        live=partial(_live, home),
        mine=mine,
    )


def _canaries(home: Path, database: Database, picked: Picked) -> tuple[CanaryOf, ...]:
    """How far those are that are carried away; nothing where the live bundle can't be read."""
    rows = [row for row in picked.rows if row.state == "canary"]
    bundle = kept_or_none(home)(live_mark(home)[1]) if rows else None
    return () if bundle is None else far(database, bundle, rows)


def far(
    database: Database, bundle: ResolvedBundle, rows: Iterable[Deployment]
) -> tuple[CanaryOf, ...]:
    """How far canaries are under a bundle; those that it does not declare are not told."""
    trials = StoredTrials(database)
    trials.load()
    custom = CustomTrials(lambda: bundle, trials, SystemClock())
    found = []
    for row in rows:
        if row.state == "canary" and row.model in bundle.bundle.custom_models:
            newcomers, others = custom.evidence(row)
            share = round(custom.share(row) * MILLION)
            found.append(
                CanaryOf(
                    id=row.id,
                    stage=custom.stage(row) or 0,
                    share=share,
                    newcomers=newcomers,
                    others=others,
                )
            )
    return tuple(found)


def _live(home: Path) -> tuple[str, str, Mapping[str, bytes], set[str]]:
    live = live_mark(home)[1]
    bundle, files = load_kept_files(home, live)
    return bundle.name, live, files, {named for _, named in named_files(bundle.model_dump())}


def _reading(home: Path, database: Database, vault: Vault, records: Records) -> Reading:
    bundle = kept_or_none(home)(live_mark(home)[1])
    cases = StoredCases(database)
    if bundle is None:
        raise RequestError("which texts may leave is not known: the live bundle can't be read")

    def who(case_id: str) -> Who:
        case = cases.find(case_id)
        if case is None:
            return Who(conversation=case_id)
        try:
            told = (records.find(case.exchange_id).opened or {}).get("principal") or {}
        except (NotFound, StorageError):
            told = {}
        if not told.get("id"):
            return Who(conversation=case.conversation or case_id)
        return Who(issuer=str(told.get("issuer", "")), person=str(told["id"]))

    return Reading(StoredKeys(vault).find, partial(_keeps, bundle), who)


def _keeps(bundle: ResolvedBundle, tenant: str, app: str) -> bool:
    try:
        return bundle.app_for(tenant, app).content_kept != "none"
    except NotFound:
        return False  # who could say what may leave is gone
