"""What goes into an archive that is carried away: files by the name that they get there."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from freehold.bundle.deployed import reserved
from freehold.bundle.snapshot import Snapshot
from freehold.core.deployments import SERVED, Deployment, Step
from freehold.core.errors import AlteredModel, BundleError, NotFound, StorageError
from freehold.core.trials import Standing
from freehold.learning.datasets import FolderDataset
from freehold.learning.datasets import folder as datasets
from freehold.learning.datasets.verifying import verify as changes
from freehold.learning.registry import Registry, Version
from freehold.learning.registry.formats import check_file
from freehold.learning.registry.manifest import OWN_FILES, encoded
from freehold.learning.registry.overlay import overlay_files
from freehold.services.ownership import BUNDLE, CUSTOM, DATASETS, DEPLOYMENTS, BundleOf

Source = Path | bytes
_PICKLED = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".dill", ".npy", ".npz")
_PRIVATE = b"PRIVATE KEY-----"


class Wanted(Struct, frozen=True, kw_only=True):
    """What somebody wants to carry away.

    Attributes:
        models, datasets: only these, where any is named: ``model``, ``model@version``, ``dataset``,
            ``dataset@digest``.
        without: parts that stay; see `ownership.PARTS`.
        all_versions: also versions that answer nobody, and older ones of datasets.
        tenant: only what belongs to it and to those below it.
        words: with what people wrote beside their labels.
    """

    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    all_versions: bool = False
    tenant: str = ""
    words: bool = False


class Picked(Struct, frozen=True, kw_only=True):
    """What was chosen; ``sources`` by name in the archive."""

    sources: dict[str, Source]
    bundle: BundleOf | None
    versions: tuple[Version, ...]
    rows: tuple[Deployment, ...]
    datasets: tuple[FolderDataset, ...]
    newest: frozenset[str]
    """Digests of the newest versions of datasets."""
    left: tuple[str, ...] = ()
    """Files of the bundle that hold secrets, and stay."""


class Holdings(Struct, frozen=True, kw_only=True):
    """What there is to choose from.

    Attributes:
        trials: where canaries stand on routes.
        live: name, hash and files of the bundle that is live, and which of them hold secrets.
        mine: whether something that this tenant owns is asked for.
    """

    home: Path
    registry: Registry
    rows: Sequence[Deployment]
    steps: Sequence[Step]
    trials: Sequence[Standing] = ()
    live: Callable[[], tuple[str, str, Mapping[str, bytes], Collection[str]]]
    mine: Callable[[str], bool]


def pick(wanted: Wanted, held: Holdings) -> Picked:
    """Choose, and see that each file is what was signed, and of an open format.

    Raises:
        NotFound: there is no such model or dataset, or no bundle was ever live.
        AlteredModel, StorageError: a file is not what it was.
        TrainingError, BundleError: a file holds a pickle, or is of no open format; it is named.
    """
    sources: dict[str, Source] = {}
    with _helped("name other versions with --model, or leave models out: --without models"):
        versions = [] if "models" in wanted.without else _versions(wanted, held)
    there = {version.id for version in versions}
    rows = [] if "deployments" in wanted.without else [r for r in held.rows if r.id in there]
    for version in versions:
        sources |= _files_of(version)
    if rows:
        sources[DEPLOYMENTS] = deployments_text(rows, held.steps, held.trials)
    bundle: BundleOf | None = None
    left: list[str] = []
    if "bundle" not in wanted.without:
        bundle, left = _bundle(held, rows, sources)
    with _helped("name others with --dataset, or leave datasets out: --without datasets"):
        sets = [] if "datasets" in wanted.without else _datasets(wanted, held)
        for dataset in sets:
            sources |= _rows_of(dataset)
    every = {s.name: datasets.latest(held.home, s.name) for s in sets}
    return Picked(
        sources=sources,
        bundle=bundle,
        left=tuple(left),
        versions=tuple(versions),
        rows=tuple(rows),
        datasets=tuple(sets),
        newest=frozenset(latest.digest for latest in every.values() if latest is not None),
    )


@contextmanager
def _helped(otherwise: str) -> Iterator[None]:
    """What is damaged is told with what may be done about it."""
    try:
        yield
    except (AlteredModel, StorageError) as error:
        raise type(error)(
            f"{error}. Bring it back from a backup or an earlier archive; or {otherwise}"
        ) from None


def deployments_text(
    rows: Iterable[Deployment], steps: Iterable[Step], trials: Iterable[Standing] = ()
) -> bytes:
    """``deployments.json``: where versions and canaries stand, and how they came there."""
    kept = sorted(rows, key=lambda row: row.id)
    ids = {row.id for row in kept}
    told = sorted(
        (s for s in steps if f"{s.model}@{s.version}" in ids), key=lambda s: (s.at_ns, s.step_id)
    )
    content: dict[str, Any] = {"deployments": kept, "steps": told}
    canaries = {row.id for row in kept if row.state == "canary"}
    running = [s for s in trials if s.model in canaries and s.state == "running"]
    if running:
        content["trials"] = sorted(running, key=lambda s: (s.model, s.route, s.trial))
    text = encoded(content)
    return msgspec.json.format(text, indent=1) + b"\n"


# -- models --


def _versions(wanted: Wanted, held: Holdings) -> list[Version]:
    registry = held.registry
    served = {row.id for row in held.rows if row.state in SERVED}
    if wanted.models:
        found = [v for which in wanted.models for v in _named(which, wanted, registry, served)]
    else:
        # one that can't be read, and answers nobody, is in nobody's way
        every = (v for model in registry.models() for v in registry.versions(model))
        found = list(every) if wanted.all_versions else [_answering(registry, w) for w in served]
    mine = {v.id: v for v in found if held.mine(v.manifest.content.dataset.owner)}
    return [registry.verify(each) for each in sorted(mine)]


def _answering(registry: Registry, which: str) -> Version:
    try:
        return registry.find(which)
    except NotFound:
        raise AlteredModel(f"{which} answers somebody, and its folder is gone") from None


def _named(
    which: str, wanted: Wanted, registry: Registry, served: Collection[str]
) -> list[Version]:
    """A version by its name; of a model those that answer somebody, or else the newest."""
    if "@" in which:
        return [registry.find(which)]
    every = registry.versions(which)
    if not every:
        raise NotFound(f"no version of {which} in {registry.folder}")
    if wanted.all_versions:
        return every
    return [v for v in every if v.id in served] or every[-1:]


def _files_of(version: Version) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for path in _files(version.folder):
        name = path.relative_to(version.folder).as_posix()
        if name not in OWN_FILES:
            check_file(path, name)
        found[f"{CUSTOM}{version.model}/{version.name}/{name}"] = path
    return found


# -- the bundle --


def _bundle(
    held: Holdings, rows: list[Deployment], sources: dict[str, Source]
) -> tuple[BundleOf, list[str]]:
    """The files of the folder as it was when it went live, and what stays of them."""
    name, live, files, secrets = held.live()
    left = {*reserved(files), *secrets}
    left |= {path for path, data in files.items() if _PRIVATE in data}
    own = {path: data for path, data in files.items() if path not in left}
    for path, data in own.items():
        if pickled(path, data):
            raise BundleError(f"`{path}` of the bundle is a pickle, which runs code when opened:"
                              " only open formats are carried away")  # fmt: skip
        sources[BUNDLE + path] = data
    over = overlay_files(held.registry, rows)
    bundle = BundleOf(
        name=name,
        own=Snapshot("", own).hash,
        deployed=Snapshot("", own | over).hash,
        live=live,
    )
    return bundle, sorted(f"{BUNDLE}{path}" for path in left - set(reserved(files)))


def pickled(path: str, data: bytes) -> bool:
    """Whether a file is one of Python's pickles, or an archive of a kind that is made of them."""
    if path.lower().endswith(_PICKLED):
        return True
    return data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


# -- datasets --


def _datasets(wanted: Wanted, held: Holdings) -> list[FolderDataset]:
    home = held.home
    if wanted.datasets:
        found = [d for which in wanted.datasets for d in _sets(which, wanted, home)]
    else:
        found = [d for name in datasets.names(home) for d in _sets(name, wanted, home)]
        mine = (d for d in _trained_on(held, wanted, found))
        found += mine
    chosen = {(d.name, d.digest): d for d in found if held.mine(d.owner)}
    for dataset in chosen.values():
        wrong = changes(dataset.folder)
        if wrong:
            raise StorageError(f"{dataset.name}@{datasets.short(dataset.digest)}: {wrong[0]}")
    return [chosen[key] for key in sorted(chosen)]


def _sets(which: str, wanted: Wanted, home: Path) -> list[FolderDataset]:
    if "@" in which or not wanted.all_versions:
        found = datasets.find(home, which) if wanted.datasets else datasets.latest(home, which)
        return [] if found is None else [found]
    return datasets.versions(home, which)


def _trained_on(
    held: Holdings, wanted: Wanted, known: Iterable[FolderDataset]
) -> Iterable[FolderDataset]:
    """Older versions of datasets that a model in the archive was trained on, if they are there."""
    if "models" in wanted.without:
        return
    there = {dataset.digest for dataset in known}
    for version in _versions(wanted, held):
        of = version.manifest.content.dataset
        if of.digest in there or of.name not in datasets.names(held.home):
            continue
        for each in datasets.versions(held.home, of.name):
            if each.digest == of.digest:
                there.add(each.digest)
                yield each


def _rows_of(dataset: FolderDataset) -> dict[str, Source]:
    top = f"{DATASETS}{dataset.name}/{dataset.folder.name}/"
    return {
        top + path.relative_to(dataset.folder).as_posix(): path for path in _files(dataset.folder)
    }


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
