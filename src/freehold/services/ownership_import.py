"""``freehold import``: an archive is put into a home, and nothing that differs is replaced."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.declared import Names
from freehold.bundle.load import load
from freehold.bundle.meaning import unset
from freehold.bundle.problems import Problems
from freehold.bundle.resolve import Lookup
from freehold.bundle.snapshot import Snapshot, read_folder
from freehold.core.deployments import Deployment, Step
from freehold.core.errors import RequestError
from freehold.core.trials import Standing
from freehold.learning.datasets import folder as datasets
from freehold.learning.datasets.verifying import verify as changes
from freehold.learning.registry import Registry
from freehold.learning.registry.manifest import CARD, GATE, SIGNATURE
from freehold.services import ownership
from freehold.services.ownership import Manifest
from freehold.services.ownership_labels import Line, read_line, same
from freehold.services.ownership_open import Signed

State = Literal["new", "there", "differs"]
_AT_ONCE = 500


class Item(Struct, frozen=True, kw_only=True):
    """One thing of the archive, and what the home has in its place."""

    kind: str
    name: str
    state: State
    why: str = ""


class Standings(Struct, frozen=True):
    """``deployments.json``; ``trials`` is left out where nothing is a canary."""

    deployments: tuple[Deployment, ...]
    steps: tuple[Step, ...]
    trials: tuple[Standing, ...] = ()


class Labels(Protocol):
    """The labels of a home."""

    def known(self, label_ids: list[str]) -> Mapping[str, Mapping[str, Any]]:
        """Those that are there."""
        ...


class Home(Struct, frozen=True):
    """Where it shall go.

    Attributes:
        bundle: the bundle's folder; the archive's stays where it is, if there is none.
        rows: of deployments that the home has.
        live: a bundle was live in it already.
    """

    home: Path
    bundle: Path | None
    registry: Registry
    rows: Sequence[Deployment]
    labels: Labels
    live: bool


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be done, with the unpacked archive in ``staged``."""

    staged: Path
    signed: Signed
    items: tuple[Item, ...]
    standings: Standings

    def new(self, kind: str) -> list[str]:
        """The names of what is not there yet."""
        return [item.name for item in self.items if item.kind == kind and item.state == "new"]

    @property
    def conflicts(self) -> list[Item]:
        """What the home has otherwise."""
        return [item for item in self.items if item.state == "differs"]


def plan(signed: Signed, staged: Path, home: Home, as_state: str = "") -> Plan:
    """Compare an unpacked archive with a home; nothing is changed.

    Args:
        as_state: ``shadow``: what answered somebody goes into the shadow first.

    Raises:
        RequestError: the archive is not as one is made.
        AlteredModel: a model in it is not what was signed when it was trained.
    """
    manifest = signed.manifest
    standings = _standings(staged, as_state)
    items = [
        *_bundle(manifest, staged, home),
        *_models(signed, staged, home),
        *_datasets(manifest, staged, home),
        *_deployments(standings, home),
        *_labels(staged, home),
    ]
    if manifest.bundle is not None and home.bundle is not None and not home.live:
        items.append(Item(kind="live", name=manifest.bundle.name, state="new"))
    return Plan(staged=staged, signed=signed, items=tuple(items), standings=standings)


def _bundle(manifest: Manifest, staged: Path, home: Home) -> Iterator[Item]:
    if manifest.bundle is None or home.bundle is None:
        return
    brought = snapshot_of(staged / ownership.BUNDLE)
    if brought.hash != manifest.bundle.own:
        raise RequestError("`bundle/` is not the bundle that the manifest names")
    name = manifest.bundle.name
    if not home.bundle.exists() or (home.bundle.is_dir() and not any(home.bundle.iterdir())):
        yield Item(kind="bundle", name=name, state="new")
    elif home.bundle.is_dir() and snapshot_of(home.bundle).hash == brought.hash:
        yield Item(kind="bundle", name=name, state="there")
    else:
        why = f"{home.bundle} has another bundle: name another folder, or `freehold diff` the two"
        yield Item(kind="bundle", name=name, state="differs", why=why)


def snapshot_of(folder: Path) -> Snapshot:
    """The files of a bundle's folder."""
    return read_folder(folder, Problems())


def unset_variables(staged: Path, lookup: Lookup) -> tuple[str, ...]:
    """Variables that an unpacked archive's bundle names, and that are not set here."""
    root = load(snapshot_of(staged / ownership.BUNDLE), Problems()).root
    return tuple(sorted({name for *_, name in unset(root, Names(root, ()), lookup)}))


def _models(signed: Signed, staged: Path, home: Home) -> Iterator[Item]:
    folder = staged / ownership.CUSTOM
    keys = [public for pin in signed.pins for public in pin.public] + home.registry.keys()
    brought = Registry(folder)
    there = sorted(p.parent.relative_to(folder) for p in folder.glob("*/*/model.json"))
    stated = {model.id: model.digest for model in signed.manifest.models}
    if sorted(stated) != sorted(f"{path.parts[0]}@{path.parts[1]}" for path in there):
        raise RequestError("`custom/` has other versions than the manifest names")
    for which in sorted(stated):
        version = brought.verify(which, keys)
        if version.manifest.digest != stated[which]:
            raise RequestError(f"{which} is not the version that the manifest names")
        mine = home.registry.folder / version.model / version.name
        if not mine.exists():
            yield Item(kind="model", name=which, state="new")
            continue
        wrong = _other(version.folder, mine, (GATE, CARD, SIGNATURE))
        why = f"`{wrong}` of it is another one here" if wrong else ""
        yield Item(kind="model", name=which, state="differs" if wrong else "there", why=why)


def _datasets(manifest: Manifest, staged: Path, home: Home) -> Iterator[Item]:
    for one in manifest.datasets:
        name = f"{datasets.checked_name(one.name)}/{datasets.short(one.digest)}"
        folder = staged / ownership.DATASETS / name
        wrong = changes(folder)
        if wrong:
            raise RequestError(f"dataset {name}: {wrong[0]}")
        mine = home.home / datasets.FOLDER / name
        others = [] if mine.exists() else datasets.versions(home.home, one.name)
        if others and others[-1].owner != one.owner:
            why = f"a dataset of that name belongs to {others[-1].owner} here"
            yield Item(kind="dataset", name=name, state="differs", why=why)
        elif not mine.exists():
            yield Item(kind="dataset", name=name, state="new")
        else:
            other = _other(folder, mine, ())
            why = f"`{other}` of it is another one here" if other else ""
            yield Item(kind="dataset", name=name, state="differs" if other else "there", why=why)


def _deployments(standings: Standings, home: Home) -> Iterator[Item]:
    here: dict[str, set[Deployment]] = {}
    for row in home.rows:
        here.setdefault(row.model, set()).add(row)
    brought: dict[str, set[Deployment]] = {}
    for row in standings.deployments:
        brought.setdefault(row.model, set()).add(row)
    for model, rows in sorted(brought.items()):
        if model not in here:
            yield Item(kind="deployment", name=model, state="new")
        elif rows <= here[model]:
            yield Item(kind="deployment", name=model, state="there")
        else:
            why = "its versions stand otherwise here: leave deployments out, or retire these first"
            yield Item(kind="deployment", name=model, state="differs", why=why)


def _labels(staged: Path, home: Home) -> Iterator[Item]:
    new = there = 0
    for page in pages(staged):
        known = home.labels.known([line.label["label_id"] for line in page])
        for line in page:
            row = known.get(line.label["label_id"])
            if row is None:
                new += 1
            elif same(line, dict(row)):
                there += 1
            else:
                name = line.label["label_id"]
                yield Item(
                    kind="label", name=name, state="differs", why="it says something else here"
                )
    if new:
        yield Item(kind="labels", name=f"{new:,} labels", state="new")
    if there:
        yield Item(kind="labels", name=f"{there:,} labels", state="there")


def pages(staged: Path) -> Iterator[list[Line]]:
    """The labels of an unpacked archive, some at a time.

    Raises:
        RequestError: a line is none.
    """
    path = staged / ownership.LABELS
    if not path.exists():
        return
    page: list[Line] = []
    with path.open("rb") as file:
        for number, octets in enumerate(file, 1):
            page.append(read_line(octets, number))
            if len(page) == _AT_ONCE:
                yield page
                page = []
    if page:
        yield page


def _standings(staged: Path, as_state: str) -> Standings:
    path = staged / ownership.DEPLOYMENTS
    if not path.exists():
        return Standings((), ())
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Standings)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestError(f"{ownership.DEPLOYMENTS} can't be read: {error}") from None
    if as_state != "shadow":
        return found
    rows = [_shadowed(row, found.deployments) for row in found.deployments]
    return Standings(tuple(rows), found.steps)


def _shadowed(row: Deployment, rows: Iterable[Deployment]) -> Deployment:
    """A route has room for one trial: of a model with several, the live one; the rest retire."""
    if row.state not in ("live", "canary"):
        return replace(row, state="retired") if row.state == "shadow" and _live(row, rows) else row
    if row.state == "canary" and _live(row, rows):
        return replace(row, state="retired")
    return replace(row, state="shadow")


def _live(row: Deployment, rows: Iterable[Deployment]) -> bool:
    return any(one.model == row.model and one.state == "live" for one in rows)


# -- putting it in --


def put_models(plan: Plan, registry: Registry) -> None:
    """Move the new versions to their place; each is there whole, or not at all."""
    for which in plan.new("model"):
        model, _, version = which.partition("@")
        _moved(plan.staged / ownership.CUSTOM / model / version, registry.folder / model / version)


def put_datasets(plan: Plan, home: Path) -> None:
    """The same with datasets; which one is the newest is taken over where there was none."""
    newest = {one.name: one.digest for one in plan.signed.manifest.datasets if one.newest}
    for each in plan.new("dataset"):
        name, _, version = each.partition("/")
        top = home / datasets.FOLDER / name
        first = not top.exists()
        _moved(plan.staged / ownership.DATASETS / each, top / version)
        if first and name in newest:
            mark = top / datasets.NEWEST
            mark.write_text(datasets.short(newest[name]) + "\n", encoding="ascii")


def put_bundle(plan: Plan, folder: Path) -> None:
    """The bundle's folder, where it was not there, or empty."""
    if plan.new("bundle"):
        if folder.exists():
            folder.rmdir()
        _moved(plan.staged / ownership.BUNDLE, folder, writable=True)


def _moved(source: Path, target: Path, *, writable: bool = False) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            path.chmod(0o600 if writable else 0o400)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source.rename(target)


def _other(one: Path, other: Path, but: Sequence[str]) -> str:
    """The first file that is not the same in both folders; nothing where all are."""
    files = {_name(path, one): path for path in one.rglob("*") if path.is_file()}
    theirs = {_name(path, other): path for path in other.rglob("*") if path.is_file()}
    for name in sorted((files.keys() | theirs.keys()) - set(but)):
        if name not in files or name not in theirs or not _same(files[name], theirs[name]):
            return name
    return ""


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while piece := left.read(1 << 20):
            if piece != right.read(1 << 20):
                return False
    return True


def cleared(folder: Path) -> None:
    """Remove what an import laid aside, read-only files too."""
    shutil.rmtree(folder, ignore_errors=True)


Sealing = Callable[[Line], tuple[str, bytes]]
"""From a label with words to the key and the box that they are sealed in here; empty for none."""


def rows_of(page: Iterable[Line], seal: Sealing) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows for the tables of labels."""
    found = []
    for line in page:
        key, box = seal(line)
        found.append((line.label | {"seal_key": key, "box": box}, dict(line.task)))
    return found
