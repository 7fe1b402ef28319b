"""Use cases around datasets: building them from cases, bringing rows in, handing them out."""

import random
import shutil
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.cases import Sharing
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, RequestError, StorageError
from freehold.core.ids import prefixed
from freehold.core.training import Example, Split
from freehold.learning.datasets import folder as folders
from freehold.learning.datasets import importing, verifying, views
from freehold.learning.datasets.comparing import Differing, compare
from freehold.learning.datasets.folder import FolderDataset
from freehold.learning.datasets.lineage import Draft, origins
from freehold.learning.datasets.marks import Grouping
from freehold.learning.datasets.splitting import Shares
from freehold.learning.datasets.writing import Wanted, write
from freehold.services.dataset_rows import Learnable, Plan, chained, drafts, kept, unreadable
from freehold.services.later_words import LaterWords

LogEvent = Callable[..., str]


class Holding(Struct, frozen=True, kw_only=True):
    """A version of a dataset that holds rows made from some exchanges."""

    name: str
    digest: str
    rows: int
    newest: bool


class Datasets:
    """The use cases, for every door alike.

    Args:
        actor: who does it, as the ledger is to say.
        log: writes a ledger entry.
        words: what holds rows that are brought in to the rules of tenants; ``None`` where no
            bundle was ever live, and so none are known.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        actor: str,
        log: LogEvent,
        words: Callable[[], LaterWords | None] = lambda: None,
    ) -> None:
        self._words = words
        self._home = home
        self._clock = clock
        self._actor = actor
        self._log = log

    # -- making versions --

    def build(self, plan: Plan, learnable: Learnable) -> FolderDataset:
        """A new version from cases, with what was brought in before.

        Raises:
            RequestError: the name can't be one, or the dataset belongs to another tenant.
            StorageError, AuditError: it can't be read or written.
        """
        before = self._before(plan.name, plan.owner)
        left: dict[str, int] = {}  # filled while the drafts are read
        rows = drafts(plan, learnable, left)
        wanted = Wanted(
            name=plan.name,
            owner=plan.owner,
            share=plan.share,
            grouping=plan.grouping,
            shares=plan.shares,
            declared=plan.declared,
            recipe=_recipe(plan, learnable.owners),
        )
        stays = kept(before, lambda origin: origin.source == "import")
        gone = self._gone(before, learnable)
        return self._written(wanted, chained(rows, stays), before, left, gone)

    def bring_in(
        self,
        file: Path,
        name: str,
        *,
        owner: str,
        share: Sharing = "none",
        app: str = "",
        replaces: bool = False,
        grouping: Grouping = "question",
        shares: Shares = Shares(),  # noqa: B008 -- frozen
    ) -> FolderDataset:
        """A new version with the rows of a file; with ``replaces``, in place of all that was
        brought in before. Rows from cases stay.

        Raises:
            RequestError: the file has mistakes, which it names by line; nothing is taken then.
            StorageError, AuditError: it can't be written.
        """
        before = self._before(name, owner)
        stays = kept(before, lambda origin: origin.source != "import" or not replaces)
        recipe = {**(before.manifest.recipe if before else {}), "imported": file.name}
        if before is not None:
            grouping = before.manifest.recipe.get("grouping", grouping)
            share = before.share
        wanted = Wanted(
            name=name, owner=owner, share=share, grouping=grouping, shares=shares, recipe=recipe
        )
        words = self._words()
        fit = importing.as_it_is if words is None else partial(words.row, owner=owner)
        rows = importing.read(file, tenant=owner, app=app, fit=fit, now_ns=self._clock.now_ns())
        return self._written(wanted, chained(rows, stays), before, {}, set())

    def _before(self, name: str, owner: str) -> FolderDataset | None:
        before = folders.latest(self._home, name)
        if before is not None and before.owner != owner:
            raise RequestError(
                f"dataset {name} belongs to {before.owner}, not {owner}: give this one another name"
            )
        return before

    def _written(
        self,
        wanted: Wanted,
        rows: Iterable[Draft],
        before: FolderDataset | None,
        left: dict[str, int],
        forgotten: Collection[str],
    ) -> FolderDataset:
        wanted = replace(wanted, left_out=left, forgotten=frozenset(forgotten))
        made = write(self._home, wanted, rows, self._clock)
        if before is None or made.digest != before.digest:
            details = {
                "digest": made.digest,
                "manifest": verifying.manifest_digest(made.folder),
                "owner": made.owner,
                "share": made.share,
                "rows": {split: part.rows for split, part in made.manifest.parts.items()},
                "bundle": wanted.recipe.get("bundle", ""),
            }
            self._log("dataset.built", self._actor, made.name, details, tenant=made.owner)
        return made

    def _gone(self, before: FolderDataset | None, from_: Learnable) -> set[str]:
        """Rows of the newest version whose texts may not be kept any more."""
        if before is None:
            return set()
        return {o.id for o in origins(before.folder) if o.exchange and unreadable(o, from_)}

    def purge(
        self, learnable: Learnable, name: str = "", *, dry_run: bool = False
    ) -> list[Holding]:
        """Remove every version that holds rows whose texts were erased since, or whose time is
        over; each dataset's newest is written anew without them first.

        Returns:
            The versions that were removed, or would be.

        Raises:
            StorageError, AuditError: it can't be done; run it again.
        """
        found: list[Holding] = []
        for each in [name] if name else folders.names(self._home):
            every = folders.versions(self._home, each)
            if name and not every:
                raise NotFound(f"there is no dataset `{name}` in {self._home}")
            gone = {v.digest: self._gone(v, learnable) for v in every}
            stale = [v for v in every if gone[v.digest]]
            found += [_holding(v, len(gone[v.digest]), newest=v is every[-1]) for v in stale]
            if stale and not dry_run:
                self._renew(every[-1], set().union(*gone.values()))
                for version in stale:
                    self._remove(version, len(gone[version.digest]))
        return found

    def _renew(self, newest: FolderDataset, gone: set[str]) -> None:
        manifest = newest.manifest
        wanted = Wanted(
            name=newest.name,
            owner=newest.owner,
            share=newest.share,
            grouping=manifest.recipe.get("grouping", "input"),
            shares=msgspec.convert(manifest.recipe.get("shares", {}), Shares),
            recipe=manifest.recipe,
        )
        stays = kept(newest, lambda origin: origin.id not in gone)
        self._written(wanted, stays, newest, dict(manifest.left_out), gone)

    def _remove(self, version: FolderDataset, rows: int) -> None:
        details = {"digest": version.digest, "rows": rows}
        self._log("dataset.purged", self._actor, version.name, details, tenant=version.owner)
        folders.remove(version.folder)

    # -- looking --

    def newest(self) -> list[FolderDataset]:
        """The newest version of each, by name."""
        every = (folders.latest(self._home, name) for name in folders.names(self._home))
        return [each for each in every if each is not None]

    def find(self, wanted: str) -> FolderDataset:
        """A version by ``name`` or ``name@digest``; see `folder.find`."""
        return folders.find(self._home, wanted)

    def versions(self, name: str) -> list[FolderDataset]:
        """Every version, the newest last.

        Raises:
            NotFound: there is no such dataset.
        """
        self.find(name)
        return folders.versions(self._home, name)

    def diff(self, old: str, new: str) -> Differing:
        """What came and went between two versions."""
        return compare(self.find(old).folder, self.find(new).folder)

    def sample(self, wanted: str, count: int, split: Split, seed: int) -> list[Example]:
        """Rows drawn by chance, the same for the same seed."""
        rows = self.find(wanted).rows(split)
        drawn = random.Random(seed).sample(range(len(rows)), min(count, len(rows)))
        return [rows[at] for at in sorted(drawn)]

    def verify(self, wanted: str, manifest_sha256: str = "") -> list[str]:
        """What is not as it was written; nothing where all is well. See `verifying.verify`."""
        return verifying.verify(self.find(wanted).folder, manifest_sha256)

    def export(self, wanted: str, view: str, out: Path) -> dict[str, int]:
        """Write a view of a version into a folder, one file for each part; an entry in the ledger
        says so, since no erasure reaches what was handed out.

        Raises:
            RequestError: the folder is not empty.
            StorageError, AuditError: it can't be read or written.
        """
        dataset = self.find(wanted)
        aside = out.absolute().with_name(f".{prefixed(out.absolute().name)}")
        try:
            if out.exists() and any(out.iterdir()):
                raise RequestError(f"{out} is not empty: name another folder")
            counts = views.export(dataset, view, aside)
            details = {"digest": dataset.digest, "view": view, "rows": sum(counts.values())}
            self._log("dataset.exported", self._actor, dataset.name, details, tenant=dataset.owner)
            if out.exists():
                out.rmdir()
            aside.rename(out)
        except OSError as error:
            raise StorageError(f"{out} can't be written: {error.strerror or error}") from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return counts


def holding(home: Path, name: str, exchanges: Collection[str]) -> list[Holding]:
    """Every version of a dataset with rows made from these exchanges.

    Raises:
        StorageError: one can't be read.
    """
    every = folders.versions(home, name)
    counted = [
        (version, sum(origin.exchange in exchanges for origin in origins(version.folder)))
        for version in every
    ]
    return [_holding(v, rows, newest=v is every[-1]) for v, rows in counted if rows]


def _holding(version: FolderDataset, rows: int, *, newest: bool) -> Holding:
    return Holding(name=version.name, digest=version.digest, rows=rows, newest=newest)


def _recipe(plan: Plan, owners: tuple[str, ...]) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(plan)
    return {
        key: value
        for key, value in (told | {"owners": list(owners)}).items()
        if key not in ("name", "owner", "share", "grouping", "shares")
        and value not in ("", 0, [], {})
    }
