"""Training a custom model: from the bundle and a dataset to a version in the registry."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.problems import missing
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError, NotFound, StorageError, TrainingError
from freehold.core.training import Progress, Trained, Trainer, TrainingJob
from freehold.learning.datasets import FolderDataset, find
from freehold.learning.datasets.rows import SPLITS
from freehold.learning.registry import About, Registry, Version
from freehold.learning.trainers import causal_recipes, trainer_of
from freehold.ledger.canonical import encode
from freehold.ledger.locking import FileLock

LogEvent = Callable[..., str]
FOLDER = "training"
_DONE = "done.json"
_OUT = "out"
_PATIENCE_S = 10.0
_LEARNS = {
    "classifier": ("label", "answer"),
    "responder": ("answer", "label"),
    "causal-lm": ("answer", "label"),
}
"""What a row needs for a kind, and what it has where it is for another one."""
_WHOSE = {"answer": "a `responder` or a `causal-lm`", "label": "a `classifier`"}


class TrainingPlan(Struct, frozen=True, kw_only=True):
    """What is to be trained, on what; the same plan has the same folder, where it goes on.

    Attributes:
        digest: of the dataset's version; ``owner`` the tenant of the model.
        actor: who asked for it.
    """

    model: str
    kind: str
    owner: str
    dataset: str
    digest: str
    options: dict[str, Any] = {}
    base: str = ""
    seed: int = 0
    purpose: str = ""
    licence: str = ""
    actor: str = ""

    @property
    def id(self) -> str:
        """By which its folder is called: nobody's name in it, and no purpose."""
        told = (self.model, self.kind, self.digest, self.options, self.base, self.seed)
        return f"{self.model}-{hashlib.sha256(encode(told)).hexdigest()[:16]}"


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a plan: a version in the registry; ``again`` where it was trained before."""

    model: str
    version: str
    digest: str
    dataset: str
    figures: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    again: bool = False


def plan_of(
    bundle: ResolvedBundle,
    model: str,
    home: Path,
    *,
    dataset: str = "",
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    actor: str = "",
    offered: Callable[[str], Trainer] = trainer_of,
) -> TrainingPlan:
    """The plan for a custom model of the bundle.

    Args:
        dataset: ``name`` or ``name@digest``; the newest version of the one that is called like the
            model, where left out.
        options: in place of those of the bundle, one by one.

    Raises:
        NotFound: there is no such custom model, or dataset.
        TrainingError: there is no trainer of its kind, an option can't be, or the dataset belongs
            to a tenant from which the model's owner may not learn.
    """
    found = bundle.bundle.custom_models.get(model)
    if found is None:
        raise NotFound(missing("custom model", model, bundle.bundle.custom_models))
    rows = _rows(home, model, dataset)
    if not _reaches(bundle, found.owner, rows):
        raise TrainingError(
            f"dataset {rows.name} belongs to {rows.owner}, which does not share it with"
            f" {found.owner}, to which {model} belongs"
        )
    plan = TrainingPlan(
        model=model,
        kind=found.kind,
        owner=found.owner,
        dataset=rows.name,
        digest=rows.digest,
        options={**found.options, **(options or {})},
        base=found.base,
        seed=seed,
        purpose=found.purpose,
        licence=found.licence,
        actor=actor,
    )
    _check(offered(plan.kind), plan)
    _suits(plan, rows)
    return plan


def _rows(home: Path, model: str, dataset: str) -> FolderDataset:
    try:
        return find(home, dataset or model)
    except NotFound as error:
        if dataset:
            raise
        build = f"freehold dataset build --model {model}"
        raise NotFound(f"{error}. Make it with {build}, or name another with --dataset") from None


def _suits(plan: TrainingPlan, rows: FolderDataset) -> None:
    """Whether there is something in it that such a model learns from, before hours are spent."""
    wants, other = _LEARNS.get(plan.kind, ("", ""))
    train = rows.rows("train") if wants else ()
    if not train or any(getattr(row, wants) for row in train):
        return
    has = any(getattr(row, other) for row in train)
    hint = f": they have `{other}`, which {_WHOSE[other]} learns from" if has else ""
    raise TrainingError(
        f"{plan.model} is a `{plan.kind}` and learns from rows with `{wants}`; none of the"
        f" {len(train)} rows to train on in dataset {rows.name} has one{hint}"
    )


def _reaches(bundle: ResolvedBundle, owner: str, rows: FolderDataset) -> bool:
    """Whether what a dataset holds may go to a model's owner."""
    if rows.owner == owner:
        return True
    known = bundle.tenants
    if rows.owner not in known or owner not in known:
        return False
    up = rows.share in ("up", "both") and bundle.is_descendant(rows.owner, owner)
    down = rows.share in ("down", "both") and bundle.is_descendant(owner, rows.owner)
    return up or down


def _check(trainer: Trainer, plan: TrainingPlan) -> None:
    try:
        trainer.check(plan.options)
    except ValueError as error:
        raise TrainingError(f"{plan.model}: {error}") from None


class Training:
    """Runs plans.

    Args:
        log: writes a ledger entry.
        offered: the trainer of a kind.
    """

    def __init__(
        self,
        home: Path,
        registry: Registry,
        log: LogEvent,
        offered: Callable[[str], Trainer] = trainer_of,
    ) -> None:
        self._home = home
        self._registry = registry
        self._log = log
        self._offered = offered

    def folder(self, plan: TrainingPlan) -> Path:
        """Where a run of it lies until it is finished."""
        return self._home / FOLDER / plan.id

    def recipe(self, plan: TrainingPlan, folder: Path) -> tuple[str, ...]:
        """Write what other trainers need to train the same; the names of the files.

        Raises:
            TrainingError: its kind is none that others train, or no row has an answer.
            NotFound, StorageError, AuditError: the dataset is gone, or something can't be written.
        """
        if plan.kind != "causal-lm":
            raise TrainingError(f"recipes are for a `causal-lm`; {plan.model} is a `{plan.kind}`")
        dataset = find(self._home, f"{plan.dataset}@{plan.digest}")
        job = TrainingJob(
            model=plan.model, out=folder, options=plan.options, seed=plan.seed, base=plan.base
        )
        try:
            files = causal_recipes.write(dataset, job, folder)
        except OSError as error:
            raise StorageError(f"{folder} can't be written: {error.strerror or error}") from None
        # The data leave what Freehold watches over: who took them is to be known.
        self._tell("training.recipe", plan, {"files": len(files)})
        return files

    def run(self, plan: TrainingPlan, progress: Progress, *, resume: bool = True) -> Outcome:
        """Train it, and keep what comes of it as the model's next version. One that ended before
        it was finished goes on where it was; one that is finished is not trained again.

        Args:
            resume: without it, what an earlier run left is thrown away; where this one then ends
                half-way, the next with ``resume`` goes on with it.

        Raises:
            TrainingError: nothing can be learned from this, or somebody is training it just now.
            NotFound, StorageError, AuditError: the dataset is gone or was changed, or something
                can't be written.
        """
        folder = self.folder(plan)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = FileLock(folder.with_suffix(".lock"))
            held = lock.acquire(_PATIENCE_S)
        except OSError as error:
            raise StorageError(f"{folder} can't be written: {error.strerror or error}") from None
        if not held:
            raise TrainingError(f"somebody is training {plan.model} from the same plan just now")
        try:
            return self._run(plan, progress, folder, resume=resume)
        finally:
            lock.release()

    def _run(
        self, plan: TrainingPlan, progress: Progress, folder: Path, *, resume: bool
    ) -> Outcome:
        done = _done(folder) if resume else None
        if done is not None and self._kept(done):
            return replace(done, again=True)
        out = folder / _OUT
        if not resume:
            # the finished one stays in the registry; where this one ends half-way, that goes on
            (folder / _DONE).unlink(missing_ok=True)
            shutil.rmtree(out, ignore_errors=True)
        resumed = out.is_dir() and any(out.iterdir())
        out.mkdir(exist_ok=True, mode=0o700)
        dataset = find(self._home, f"{plan.dataset}@{plan.digest}")
        trainer = self._offered(plan.kind)
        _check(trainer, plan)
        self._tell("training.started", plan, {"resumed": resumed})
        job = TrainingJob(
            model=plan.model, out=out, options=plan.options, seed=plan.seed, base=plan.base
        )
        lost = self._lost(plan.model)
        try:
            for split in SPLITS:
                dataset.rows(split)  # all of it is there and unaltered, before hours are spent
            version, trained = self._trained(trainer, dataset, job, plan, progress)
        except FreeholdError as error:
            self._tell("training.failed", plan, {"code": error.code, "said": str(error)[:500]})
            raise
        except KeyboardInterrupt:
            self._tell("training.failed", plan, {"code": "", "said": "interrupted"})
            raise
        mended = lost.get(version.id)
        outcome = Outcome(
            model=plan.model,
            version=version.manifest.version,
            digest=version.manifest.digest,
            dataset=f"{dataset.name}@{dataset.digest}",
            figures=dict(trained.figures),
            notes=(*trained.notes, *([f"put back, since it was missing: {mended}"] * bool(mended))),
        )
        told = {"version": outcome.version, **({"put_back": mended} if mended else {})}
        self._tell("training.finished", plan, told)
        (folder / _DONE).write_bytes(msgspec.json.encode(outcome))
        shutil.rmtree(out, ignore_errors=True)
        return outcome

    def _trained(
        self,
        trainer: Trainer,
        dataset: FolderDataset,
        job: TrainingJob,
        plan: TrainingPlan,
        progress: Progress,
    ) -> tuple[Version, Trained]:
        try:
            trained = trainer.train(dataset, job, progress)
        except (FreeholdError, KeyboardInterrupt):
            raise
        except MemoryError:
            raise TrainingError("there is not enough memory: a smaller batch may help") from None
        except OSError as error:
            raise TrainingError(
                f"{error.filename or job.out}: {error.strerror or error}"
            ) from error
        except Exception as error:
            raise TrainingError(
                f"the trainer `{plan.kind}` failed: {type(error).__name__}: {error}"
            ) from error
        about = About(purpose=plan.purpose, licence=plan.licence, by=plan.actor)
        return self._registry.add(trained, job, dataset, about=about), trained

    def _lost(self, model: str) -> dict[str, str]:
        """The versions of a model that lack files, with these; none where a manifest is altered,
        which is for others to find out.
        """
        try:
            every = [version.id for version in self._registry.versions(model)]
            found = {one: ", ".join(self._registry.lacking(one)) for one in every}
        except FreeholdError:
            return {}
        return {one: files for one, files in found.items() if files}

    def _kept(self, done: Outcome) -> bool:
        try:
            version = self._registry.find(f"{done.model}@{done.version}")
            return version.manifest.digest == done.digest and not self._registry.lacking(version.id)
        except FreeholdError:
            return False

    def _tell(self, kind: str, plan: TrainingPlan, more: dict[str, Any]) -> None:
        details = {
            "kind": plan.kind,
            "dataset": plan.dataset,
            "digest": plan.digest,
            "seed": plan.seed,
            "run": plan.id,
            **more,
        }
        self._log(kind, plan.actor, plan.model, details, tenant=plan.owner)


def _done(folder: Path) -> Outcome | None:
    try:
        return msgspec.json.decode((folder / _DONE).read_bytes(), type=Outcome)
    except (OSError, msgspec.MsgspecError):
        return None
