"""What somebody carried away, put into a home: wired for the terminal."""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.app.deployments import custom_rows
from freehold.app.homes import custom_folder, ledger_of, registry_of, store_of, vault_of
from freehold.app.ownership import far
from freehold.app.whoever import at_terminal
from freehold.bundle.deployed import laid_over
from freehold.bundle.kept import keep, live_mark, mark_live
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import SystemClock
from freehold.core.errors import NotFound, RequestError, StorageError
from freehold.core.subjects import DAY_NS, Subject
from freehold.learning.registry.overlay import overlay_files
from freehold.learning.registry.pins import Pin, pin, pinned
from freehold.ledger.locking import FileLock
from freehold.ledger.signing import LedgerKeys
from freehold.services import ownership, ownership_import
from freehold.services.bundles import kept_bundle, kept_or_none
from freehold.services.labelling_words import sealed
from freehold.services.ownership import CanaryOf
from freehold.services.ownership_import import Home, Item, Plan
from freehold.services.ownership_labels import Line
from freehold.services.ownership_open import Brought, Signed
from freehold.storage.engine import DATABASE_FILE, Database
from freehold.storage.label_transfer import LabelRows
from freehold.storage.models import StoredDeployments
from freehold.storage.secrets import KeyFolder
from freehold.storage.vault import Vault

_USUAL_DAYS = 180
_LOCK = "lock"
Tell = Callable[[str], None]


class Taken(Struct, frozen=True, kw_only=True):
    """What became of an archive.

    Attributes:
        done: something was put in; false where all was there, and for a dry run.
        bundle: the hash under which it answers here, where this home had no bundle before.
        as_exported: that is the hash that it had where it comes from.
        brought: how far canaries were, where they come from, of those that come in as such.
        canaries: how far these are here; none where no bundle of this home says.
        unset: variables that the bundle names, where it comes in, and that are not set here.
    """

    signed: Signed
    items: tuple[Item, ...]
    done: bool = False
    bundle: str = ""
    as_exported: bool | None = None
    brought: tuple[CanaryOf, ...] = ()
    canaries: tuple[CanaryOf, ...] = ()
    unset: tuple[str, ...] = ()

    @property
    def conflicts(self) -> list[Item]:
        """What the home has otherwise."""
        return [item for item in self.items if item.state == "differs"]


class Asked(Struct, frozen=True, kw_only=True):
    """How an archive is to be taken over.

    Attributes:
        bundle: the folder for the bundle; ``None``: it is not wanted.
        keys: fingerprints of keys that may have signed it; empty: a new home's is pinned.
        as_state: ``shadow``, or empty: as it stood.
    """

    bundle: Path | None
    keys: tuple[str, ...] = ()
    as_state: str = ""
    without: frozenset[str] = frozenset()
    dry_run: bool = False


def import_all(path: Path, home: Path, asked: Asked, tell: Tell) -> Taken:
    """Verify an archive, compare it with the home, and put in what is missing. Where something
    differs, nothing is put in at all.

    Raises:
        RequestError: the archive was altered, is hostile, or by nobody who is believed.
        AlteredModel: a model in it is not what was signed when it was trained.
        StorageError, AuditError: the disk refused, or it can't be recorded.
    """
    with Brought(path) as brought, _staging(home) as staged:
        own, pins = _known(home)
        signed = brought.signed(own, pins, asked.keys)
        tell(f"signed by {signed.signer} of {signed.manifest.base}")
        brought.unpack(signed.manifest, staged)
        for part in asked.without:
            _left(staged, part)
        signed = _less(signed, asked)
        if asked.dry_run:
            found = ownership_import.plan(signed, staged, _home(home, asked), asked.as_state)
            return _compared(found)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(home / ".import.lock"):
            found = ownership_import.plan(signed, staged, _home(home, asked), asked.as_state)
            taken = _compared(found)
            if found.conflicts or not any(item.state == "new" for item in found.items):
                return taken
            return _put(found, home, asked, taken, _sha256(path))


def _put(found: Plan, home: Path, asked: Asked, taken: Taken, sha256: str) -> Taken:
    manifest = found.signed.manifest
    registry = registry_of(home)
    clock = SystemClock()
    with ExitStack() as stack:
        database = stack.enter_context(store_of(home))
        on_disk = KeyFolder(home)
        audit = stack.enter_context(ledger_of(home, on_disk, clock))
        details = {
            "archive": sha256,
            "digest": manifest.digest,
            "base": manifest.base,
            "signer": found.signed.signer,
            "known": found.signed.known,
            "new": [f"{item.kind} {item.name}" for item in found.items if item.state == "new"],
            "as": asked.as_state,
            "canaries": msgspec.to_builtins(taken.brought),
        }
        audit.event(ownership.IMPORTED, at_terminal(), manifest.digest, details)
        try:
            pin(custom_folder(home), found.signed.pins)
            ownership_import.put_models(found, registry)
            ownership_import.put_datasets(found, home)
            if asked.bundle is not None:
                ownership_import.put_bundle(found, asked.bundle)
        except OSError as error:
            raise StorageError(f"not all of it could be put in: {error}; run it again") from error
        kept = _kept(home, asked, database, found) if found.new("live") else ""
        if found.new("labels"):
            vault = vault_of(home, on_disk, clock)
            stack.callback(vault.database.close)
            bundle = kept_bundle(home, kept) if kept else _live_bundle(home)
            _put_labels(found, database, vault, bundle, clock)
        rows = [r for r in found.standings.deployments if r.model in set(found.new("deployment"))]
        steps = [s for s in found.standings.steps if s.model in {row.model for row in rows}]
        trials = [s for s in found.standings.trials if s.model in {row.id for row in rows}]
        if rows and not StoredDeployments(database).adopt(rows, steps, trials):
            raise StorageError("somebody deployed a version meanwhile: run it again")
        bundle = kept_bundle(home, kept) if kept else _live_bundle(home)
        canaries = () if bundle is None else far(database, bundle, rows)
        taken = replace(taken, canaries=canaries)
        if not kept or asked.bundle is None:
            return replace(taken, done=True)
        mark_live(home, asked.bundle, kept)
        same = manifest.bundle is not None and kept == manifest.bundle.deployed
        return replace(taken, done=True, bundle=kept, as_exported=same)


def _compared(found: Plan) -> Taken:
    unset: tuple[str, ...] = ()
    if found.new("bundle"):
        unset = ownership_import.unset_variables(found.staged, os.environ.get)
    return Taken(signed=found.signed, items=found.items, brought=_brought(found), unset=unset)


def _brought(found: Plan) -> tuple[CanaryOf, ...]:
    """How far canaries were that come in as such, where they come from."""
    new = set(found.new("deployment"))
    rows = found.standings.deployments
    canaries = {row.id for row in rows if row.model in new and row.state == "canary"}
    return tuple(one for one in found.signed.manifest.canaries if one.id in canaries)


def _live_bundle(home: Path) -> ResolvedBundle | None:
    try:
        return kept_or_none(home)(live_mark(home)[1])
    except NotFound:
        return None


def _kept(home: Path, asked: Asked, database: Database, found: Plan) -> str:
    """A copy of the bundle as it will be live here, where none ever was: its hash."""
    if asked.bundle is None:
        return ""
    rows = StoredDeployments(database).all()
    here = {row.id for row in rows}
    rows += [row for row in found.standings.deployments if row.id not in here]
    over = overlay_files(registry_of(home), rows)
    snapshot = laid_over(ownership_import.snapshot_of(asked.bundle), over)
    try:
        keep(snapshot, home)
    except OSError as error:
        raise StorageError(f"the bundle can't be kept in {home}: {error}") from error
    return snapshot.hash


# -- what the home has --


def _home(home: Path, asked: Asked) -> Home:
    try:
        live = bool(live_mark(home))
    except NotFound:
        live = False
    labels = _Known(home)
    return Home(home, asked.bundle, registry_of(home), custom_rows(home), labels, live)


class _Known:
    """The labels of a home; where it has no store there are none, and none is made."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def known(self, label_ids: list[str]) -> Mapping[str, Mapping[str, Any]]:
        there = os.environ.get("FREEHOLD_DATABASE_URL") or (self._home / DATABASE_FILE).exists()
        if not there:
            return {}
        with store_of(self._home) as database:
            return LabelRows(database).known(label_ids)


def _known(home: Path) -> tuple[Pin | None, list[Pin]]:
    keys = LedgerKeys(home)
    history = keys.history()
    return (Pin(keys.base, history) if history else None), pinned(custom_folder(home))


# -- what is not wanted --


def _left(staged: Path, part: str) -> None:
    name = {
        "bundle": ownership.BUNDLE,
        "models": ownership.CUSTOM,
        "datasets": ownership.DATASETS,
        "labels": "labels/",
        "deployments": ownership.DEPLOYMENTS,
    }.get(part)
    if name is None:
        return
    if name.endswith("/"):
        ownership_import.cleared(staged / name)
    else:
        (staged / name).unlink(missing_ok=True)


def _less(signed: Signed, asked: Asked) -> Signed:
    """The manifest without the parts that are not wanted."""
    manifest = signed.manifest
    if "bundle" in asked.without or asked.bundle is None:
        manifest = replace(manifest, bundle=None)
    if "models" in asked.without:
        manifest = replace(manifest, models=())
    if "datasets" in asked.without:
        manifest = replace(manifest, datasets=())
    return replace(signed, manifest=manifest)


# -- labels --


def _put_labels(
    found: Plan, database: Database, vault: Vault, bundle: ResolvedBundle | None, clock: SystemClock
) -> None:
    rows = LabelRows(database)

    def seal(line: Line) -> tuple[str, bytes]:
        if line.words is None:
            return "", b""
        days = _days(bundle, str(line.label["tenant"]), str(line.task["app"]))
        until = int(line.label["at_ns"]) + days * DAY_NS
        who = line.who
        if who is None or until <= clock.now_ns():
            return "", b""
        subject = Subject(
            str(line.label["tenant"]),
            who.issuer,
            who.person,
            "" if who.person else who.conversation,
        )
        key = vault.fresh([subject], until).get(subject)
        if key is None:
            return "", b""
        label, case = str(line.label["label_id"]), str(line.label["case_id"])
        return key.id, sealed(line.words, label, case, key)

    for page in ownership_import.pages(found.staged):
        known = rows.known([line.label["label_id"] for line in page])
        fresh = [line for line in page if line.label["label_id"] not in known]
        rows.put(ownership_import.rows_of(fresh, seal))


def _days(bundle: ResolvedBundle | None, tenant: str, app: str) -> int:
    if bundle is None:
        return _USUAL_DAYS
    try:
        return bundle.app_for(tenant, app).retention_days
    except NotFound:
        return _USUAL_DAYS


# -- where it is laid aside --


@contextmanager
def _staging(home: Path) -> Iterator[Path]:
    """An empty folder beside the home, on its disk; what killed imports left there is removed."""
    home = home.absolute()
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        for left in home.parent.glob(f".{home.name}.import-*"):
            _sweep(left)
        chance = secrets.token_hex(8)
        begun = home.parent / f".{home.name}.begun-{chance}"
        folder = home.parent / f".{home.name}.import-{chance}"
        (begun / "files").mkdir(mode=0o700, parents=True)
        lock = FileLock(begun / _LOCK)
        lock.acquire()
        begun.rename(folder)  # only now is it one that others look at, and it is locked
    except OSError as error:
        raise StorageError(f"nothing can be written beside {home}: {error}") from error
    try:
        yield folder / "files"
    finally:
        lock.release()
        ownership_import.cleared(folder)


def _sweep(folder: Path) -> None:
    if not (folder / _LOCK).exists():
        return  # somebody is just removing it
    lock = FileLock(folder / _LOCK)
    if lock.acquire():
        lock.release()
        ownership_import.cleared(folder)


def fingerprints(keys: Collection[str]) -> tuple[str, ...]:
    """Keys as somebody got them: a fingerprint, or a public key in base64.

    Raises:
        RequestError: one is none of these.
    """
    found = []
    for key in keys:
        text = key.strip()
        if text.startswith("sha256:") and len(text) == 71:
            found.append(text)
            continue
        try:
            octets = base64.b64decode(
                text.rpartition("+")[2] if "+" in text else text, validate=True
            )
        except (binascii.Error, ValueError):
            octets = b""
        if len(octets) != 32:
            raise RequestError(f"`{text[:80]}` is no key: a fingerprint (sha256:…) or a public key")
        found.append("sha256:" + hashlib.sha256(octets).hexdigest())
    return tuple(found)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
