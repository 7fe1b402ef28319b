"""Writing a version: beside its place first, then named at once; half of one is never seen."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct
from msgspec.structs import replace

import freehold
from freehold.core.cases import Sharing
from freehold.core.clock import Clock, rfc3339
from freehold.core.decisions import MILLION
from freehold.core.errors import StorageError
from freehold.core.training import Split
from freehold.learning.datasets import tables
from freehold.learning.datasets.doubts import Votes, warnings
from freehold.learning.datasets.folder import (
    FOLDER,
    HEX,
    NEWEST,
    FolderDataset,
    checked_name,
    latest,
)
from freehold.learning.datasets.lineage import Draft, Gone, Origin, gone, origin_of, origins, places
from freehold.learning.datasets.manifest import (
    LINEAGE,
    MANIFEST,
    PLACES,
    SUMS,
    Manifest,
    Part,
    written,
)
from freehold.learning.datasets.marks import (
    Grouping,
    common,
    mark,
    marks_of,
    records_of,
    words_of,
)
from freehold.learning.datasets.rows import SPLITS, digest_of, line_of, row_of
from freehold.learning.datasets.splitting import Marked, Shares, place
from freehold.ledger.canonical import encode
from freehold.ledger.files import seal_file, sync_folder
from freehold.ledger.locking import FileLock

DUPLICATES = "the same row twice"
_PATIENCE_S = 60.0
_STAGING = ".staging"
_lines = msgspec.json.Encoder(order="sorted")
_drafts = msgspec.json.Decoder(Draft)


class Wanted(Struct, frozen=True, kw_only=True):
    """What a version is to be.

    Attributes:
        grouping: which rows belong together; see `marks.Grouping`.
        declared: the classes that there should be.
        recipe: as the manifest says it.
        left_out: how many were left out before, by reason.
        forgotten: ids of rows of the version before whose persons were erased: nothing made from
            what they said is carried on.
    """

    name: str
    owner: str
    share: Sharing = "none"
    grouping: Grouping = "question"
    shares: Shares = Shares()
    declared: tuple[str, ...] = ()
    recipe: dict[str, Any] = {}
    left_out: dict[str, int] = {}
    forgotten: frozenset[str] = frozenset()


class _Spooled(Struct):
    """All drafts, in a file; of each only what splitting needs is in memory."""

    marked: list[Marked]
    starts: list[int]
    questions: list[bytes]
    votes: Votes
    twice: int = 0


def write(home: Path, wanted: Wanted, drafts: Iterable[Draft], clock: Clock) -> FolderDataset:
    """A new version with these rows; the newest one itself, where they are the same.

    Args:
        drafts: read once, one by one; a hundred thousand do not fill the memory.

    Raises:
        RequestError: no dataset can be called that.
        StorageError: the disk refused, or somebody else has been writing this dataset for a
            minute; nothing of the version is left.
    """
    folder = home / FOLDER / checked_name(wanted.name)
    with _alone(folder):
        before = latest(home, wanted.name)
        staging = folder / f"{_STAGING}-{os.getpid()}"
        try:
            staging.mkdir(mode=0o700)
            made = _Version(staging, wanted, before, clock).fill(drafts)
            target = folder / made.digest.removeprefix("sha256:")[:HEX]
            if target.exists():
                shutil.rmtree(staging)
            else:
                staging.rename(target)
            _point(folder, target.name)
        except OSError as error:
            raise StorageError(
                f"dataset {wanted.name} can't be written: {error.strerror or error}"
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return FolderDataset(target)


def _point(folder: Path, version: str) -> None:
    """Say which version is the newest: rows that come back as they were are an old version."""
    aside = folder / f"{_STAGING}-newest"
    with aside.open("wb") as file:
        file.write(version.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / NEWEST)
    sync_folder(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else writes versions of this dataset; what a killed writer left is removed."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / ".lock")
        held = lock.acquire(_PATIENCE_S)
    except OSError as error:
        raise StorageError(f"{folder} can't be written: {error.strerror or error}") from error
    if not held:
        raise StorageError(f"somebody else is writing {folder.name}: try again")
    try:
        for stale in folder.glob(f"{_STAGING}-*"):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
        yield
    finally:
        lock.release()


class _Version:
    """One version being written into a folder of its own."""

    def __init__(
        self, staging: Path, wanted: Wanted, before: FolderDataset | None, clock: Clock
    ) -> None:
        self._folder = staging
        self._wanted = wanted
        self._before = before
        self._clock = clock
        self._counts: dict[str, dict[str, dict[str, int]]] = {}
        self._sums: dict[str, str] = {}
        self._gone = False

    def fill(self, drafts: Iterable[Draft]) -> Manifest:
        """Write all its files, the manifest last."""
        spool = self._folder / "spool"
        known = self._known()
        spooled = self._spool(spool, drafts)
        placed = place(spooled.marked, known, self._wanted.shares)
        parts = self._parts(spool, spooled, placed.splits)
        spool.unlink()
        self._write_gone({row.marks[0] for row in spooled.marked})
        self._write_tables()
        left = dict(self._wanted.left_out)
        for reason, count in (*placed.left_out.items(), (DUPLICATES, spooled.twice)):
            if count:
                left[reason] = left.get(reason, 0) + count
        manifest = self._manifest(parts, spooled.votes, placed.frozen, left)
        self._put(MANIFEST, written(manifest))
        lines = (f"{digest}  {name}\n" for name, digest in sorted(self._sums.items()))
        self._put(SUMS, "".join(lines).encode())
        sync_folder(self._folder)
        return manifest

    def _known(self) -> dict[bytes, Split]:
        if self._before is None:
            return {}
        known = places(self._before.folder)
        for origin in self._forgotten():
            for each in origin.marks[1:]:
                known.pop(bytes.fromhex(each), None)
        return known

    def _forgotten(self) -> Iterator[Origin]:
        if self._before is not None and self._wanted.forgotten:
            for origin in origins(self._before.folder):
                if origin.id in self._wanted.forgotten:
                    yield origin

    # -- reading the drafts, once --

    def _spool(self, path: Path, drafts: Iterable[Draft]) -> _Spooled:
        spooled = _Spooled(marked=[], starts=[0], questions=[], votes=Votes())
        seen: set[str] = set()
        records: list[tuple[bytes, ...]] = []
        with path.open("xb") as file:
            for draft in drafts:
                row = draft.row
                if row.id in seen:
                    spooled.twice += 1
                    continue
                seen.add(row.id)
                octets = encode(draft)
                file.write(octets)
                spooled.starts.append(spooled.starts[-1] + len(octets))
                marks = marks_of(row, self._wanted.grouping)
                spooled.marked.append(Marked(row.id, row.at_ns, marks, row.label, draft.wanted))
                records.append(records_of(row))
                question = mark("asked", words_of(row.question)) if row.label else b""
                spooled.questions.append(question)
                if question:
                    spooled.votes.add(question, row.label, row.weight, row.id)
        shared = common(records)
        for at, own in enumerate(records):
            more = tuple(each for each in own if each not in shared)
            if more:
                row_marks = spooled.marked[at]
                spooled.marked[at] = replace(row_marks, marks=row_marks.marks + more)
        return spooled

    # -- the parts --

    def _parts(
        self, spool: Path, spooled: _Spooled, splits: list[Split | None]
    ) -> dict[Split, Part]:
        parts: dict[Split, Part] = {}
        with self._new(LINEAGE) as lineage, spool.open("rb") as file:
            for split in SPLITS:
                chosen = [at for at, where in enumerate(splits) if where == split]
                chosen.sort(key=lambda at: (spooled.marked[at].at_ns, spooled.marked[at].id))
                name = f"rows/{split}.jsonl"
                with self._new(name) as out:
                    for at in chosen:
                        file.seek(spooled.starts[at])
                        draft = _drafts.decode(
                            file.read(spooled.starts[at + 1] - spooled.starts[at])
                        )
                        row = replace(draft.row, split=split, weight=_weight(draft, spooled, at))
                        line = line_of(row)
                        out.write(line)
                        origin = origin_of(draft, split, line, spooled.marked[at].marks)
                        lineage.write(_lines.encode(origin) + b"\n")
                        self._count(replace(draft, row=row))
                parts[split] = Part(file=name, sha256=self._sums[name], rows=len(chosen))
        return parts

    def _count(self, draft: Draft) -> None:
        row = draft.row
        told = {
            "label": row.label,
            "tenant": row.tenant,
            "app": row.app,
            "language": row.language,
            "source": draft.source,
            "owner": draft.owner,
            "gives": "+".join(n for n in ("label", "answer", "rejected") if getattr(row, n)),
        }
        for kind, value in told.items():
            by = self._counts.setdefault(kind, {}).setdefault(value, {})
            by[row.split] = by.get(row.split, 0) + 1

    def _write_gone(self, here: Collection[bytes]) -> None:
        """What earlier versions placed and this one has not; of persons erased, only the id."""
        lines: list[bytes] = []
        if self._before is not None:
            for origin in origins(self._before.folder):
                if bytes.fromhex(origin.marks[0]) not in here:
                    forgotten = origin.id in self._wanted.forgotten
                    marks = origin.marks[:1] if forgotten else origin.marks
                    lines.append(_lines.encode(Gone(marks=marks, split=origin.split)) + b"\n")
            lines += [
                _lines.encode(each) + b"\n"
                for each in gone(self._before.folder)
                if bytes.fromhex(each.marks[0]) not in here
            ]
        self._put(PLACES, b"".join(sorted(lines)))
        self._gone = bool(lines)

    def _write_tables(self) -> None:
        if not tables.available():
            return
        (self._folder / "parquet").mkdir(mode=0o700)
        for split in SPLITS:
            name = f"parquet/{split}.parquet"
            path = self._folder / name
            with (self._folder / f"rows/{split}.jsonl").open("rb") as file:
                tables.write_rows(path, map(row_of, file))
            self._sums[name] = sealed(path)

    # -- the manifest --

    def _manifest(
        self, parts: Mapping[Split, Part], votes: Votes, frozen: int, left_out: dict[str, int]
    ) -> Manifest:
        wanted, now = self._wanted, self._clock.now_ns()
        places = self._sums[PLACES] if self._gone else ""
        shas = {split: part.sha256 for split, part in parts.items()}
        digest = digest_of(wanted.owner, wanted.share, shas, places)
        sizes = {split: part.rows for split, part in parts.items()}
        shares = msgspec.to_builtins(wanted.shares)
        parent = self._before.digest if self._before is not None else ""
        return Manifest(
            name=wanted.name,
            digest=digest,
            owner=wanted.owner,
            share=wanted.share,
            created=rfc3339(now),
            created_ns=now,
            parts=dict(parts),
            counts=self._counts,
            recipe={**wanted.recipe, "grouping": wanted.grouping, "shares": shares},
            lineage={"file": LINEAGE, "sha256": self._sums[LINEAGE], "rows": sum(sizes.values())},
            places=places,
            parent=parent if parent != digest else "",
            frozen=frozen,
            left_out=left_out,
            warnings=tuple(warnings(self._counts, sizes, votes.contradictions(), wanted.declared)),
            made_with={
                "freehold": freehold.__version__,
                **({"pyarrow": tables.available()} if tables.available() else {}),
            },
        )

    # -- files --

    @contextmanager
    def _new(self, name: str) -> Iterator["_Out"]:
        path = self._folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with path.open("xb") as file:
            out = _Out(file)
            yield out
            seal_file(file)
        self._sums[name] = out.sha.hexdigest()

    def _put(self, name: str, octets: bytes) -> None:
        with self._new(name) as out:
            out.write(octets)


class _Out:
    """A file whose digest is known when it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha = sha256()

    def write(self, octets: bytes) -> None:
        self._file.write(octets)
        self.sha.update(octets)


def _weight(draft: Draft, spooled: _Spooled, at: int) -> int:
    if not draft.row.label:
        return draft.row.weight
    share = spooled.votes.share(spooled.questions[at], draft.row.label)
    return draft.row.weight * share // MILLION


def sealed(path: Path) -> str:
    """Make a file that was written lasting and read-only; its SHA-256 in hex."""
    sha = sha256()
    with path.open("rb+") as file:
        while octets := file.read(1 << 20):
            sha.update(octets)
        seal_file(file)
    return sha.hexdigest()
