"""Opening a ledger again: whatever a death, a disk or a hand left there, what goes on is one log
that holds together, and what was signed for is never gone without a word.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import AuditError, StorageError
from freehold.ledger import checkpoint_files, merkle_log, opening
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoint_files import CheckpointFiles
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder, segment_path, writers
from freehold.ledger.segment import SegmentJournal
from freehold.ledger.tree_files import TreeFiles
from tests.ledger import log_checks as logs
from tests.ledger.killing import leave

Abandon = Callable[[SegmentJournal], None]
NEVER_S = 3600.0


def record(tenant: str, n: int = 0, length: int = 40) -> bytes:
    body = {"at_ns": n, "tenant": tenant, "text": "x" * length, "type": "closed", "v": 2}
    return encode({key: body[key] for key in body if key != "text"} | {"a": body["text"]})


def opened(home: Path, rotate_bytes: int = 3_000) -> SegmentJournal:
    return SegmentJournal(home, rotate_bytes=rotate_bytes, sign_every_s=NEVER_S).open()


def written(home: Path, lines: int = 60) -> SegmentJournal:
    """A journal with so many lines of two tenants, half of them signed for."""
    journal = opened(home)
    for n in range(lines):
        journal.append(record("acme" if n % 3 else "zenith", n), "acme" if n % 3 else "zenith")
        if n == lines // 2:
            journal.checkpoint()
    return journal


class Died(BaseException):
    """The process is gone."""


STEPS: tuple[tuple[object, str], ...] = (
    (TreeFiles, "append"),
    (TreeFiles, "sync"),
    (merkle_log.MerkleLog, "_sync"),
    (CheckpointFiles, "put"),
    (checkpoint_files, "replace_file"),
    (CheckpointFiles, "remember"),
    (merkle_log, "write_state"),
)


@pytest.mark.parametrize("step", range(len(STEPS)))
@pytest.mark.parametrize("after", [False, True])
def test_a_death_between_any_two_files_loses_nothing(
    tmp_path: Path, step: int, after: bool, abandon: Abandon, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = written(tmp_path)
    owner, name = STEPS[step]
    with monkeypatch.context() as patch:
        if name == "_sync":
            owner = journal._checkpointer._merkle  # type: ignore[union-attr]
        real = getattr(owner, name)

        def die(*args: object, **options: object) -> None:
            if after:
                real(*args, **options)
            raise Died

        patch.setattr(owner, name, die)
        with pytest.raises(Died):
            journal._checkpointer._sign(keep=True)  # type: ignore[union-attr]
    abandon(journal)
    again = opened(tmp_path)
    again.append(record("acme"), "acme")
    again.close()
    assert writers(tmp_path) == [journal.writer]
    # started, 60, two counted; started, one, two counted
    assert logs.check(tmp_path, again.writer) == 1 + 60 + 3 + 1 + 1 + 2
    assert logs.events(tmp_path, opening.ROLLED_BACK) == []


DERIVED = ("tree/0", "tree/1", "state")


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("how", ["gone", "empty", "shorter", "longer", "other"])
@pytest.mark.parametrize("killed", [False, True])
def test_what_follows_from_the_lines_is_made_again(
    tmp_path: Path, name: str, how: str, killed: bool, abandon: Abandon
) -> None:
    journal = written(tmp_path, 600)
    if killed:
        abandon(journal)
    else:
        journal.close()
    path = ledger_folder(tmp_path) / journal.writer / name
    data = path.read_bytes() if path.exists() else b""
    assert data or killed
    if how == "gone":
        path.unlink(missing_ok=True)
    else:
        changed = {
            "empty": b"",
            "shorter": data[:-40],
            "longer": data + bytes(77),
            "other": bytes(len(data)),
        }
        path.write_bytes(changed[how])
    again = opened(tmp_path)
    again.close()
    assert writers(tmp_path) == [journal.writer]
    logs.check(tmp_path, again.writer)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 40)),
        st.tuples(st.just("checkpoint"), st.just(0)),
        st.tuples(st.just("close"), st.just(0)),
        st.tuples(st.just("kill"), st.integers(0, 3)),
        st.tuples(st.just("die in"), st.integers(0, len(STEPS) - 1)),
        st.tuples(st.just("tear"), st.integers(1, 200)),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=25)
@given(steps, st.booleans())
def test_whatever_happens_the_log_goes_on_as_one(plan: list[tuple[str, int]], big: bool) -> None:
    home = Path(tempfile.mkdtemp())
    appended = 0
    journal = opened(home, 100_000 if big else 2_000)
    try:
        for what, number in plan:
            if what == "append":
                for n in range(number):
                    tenant = ("", "acme", "zenith")[n % 3]
                    journal.append(record(tenant, n), tenant)
                appended += number
                continue
            if what == "checkpoint":
                journal.checkpoint()
                continue
            _end(journal, what, number)
            journal = opened(home, 100_000 if big else 2_000)
        journal.close()
        (writer,) = writers(home)
        logs.check(home, writer)
        bodies = [line["body"] for line in logs.envelopes(home, writer)]
        assert sum(body["type"] == "closed" for body in bodies) == appended
        assert logs.events(home, opening.ROLLED_BACK) == []
    finally:
        shutil.rmtree(home)


def _end(journal: SegmentJournal, what: str, number: int) -> None:
    """End a journal in one of the ways in which processes end."""
    folder, segment = journal.folder, journal.segment
    if what == "close":
        journal.close()
        return
    if what == "die in":
        owner, name = STEPS[number]
        if name != "_sync":
            with pytest.MonkeyPatch.context() as patch:

                def die(*_: object, **__: object) -> None:
                    raise Died

                patch.setattr(owner, name, die)
                try:
                    journal._checkpointer._sign(keep=True)  # type: ignore[union-attr]
                except Died:
                    pass
    leave(journal)
    if what == "kill":
        for name in ("state", "tree/0", "tree/1")[:number]:
            (folder / name).unlink(missing_ok=True)
    if what == "tear":
        with segment_path(folder, segment).open("ab") as file:
            file.write(b'{"body":{"at":"' + b"y" * number)


def one_byte(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def tail_cut(folder: Path) -> None:
    last = max(folder.glob("segment-*.log"))
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join(lines[:-1]))


def everything_cut_back(folder: Path) -> None:
    """To the state of an hour ago, but for the newest checkpoint."""
    for path in sorted(folder.glob("segment-*.log"))[1:]:
        path.unlink()
    (folder / "state").unlink()
    shutil.rmtree(folder / "tree")


def line_dropped(folder: Path) -> None:
    last = max(folder.glob("segment-*.log"))
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join(lines[:1] + lines[2:]))


def line_doubled(folder: Path) -> None:
    last = max(folder.glob("segment-*.log"))
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join([*lines[:2], lines[1], *lines[2:]]))


def lines_swapped(folder: Path) -> None:
    last = max(folder.glob("segment-*.log"))
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))


def byte_in_the_newest(folder: Path) -> None:
    one_byte(max(folder.glob("segment-*.log")), 20)


def byte_in_the_first(folder: Path) -> None:
    """Which opening reads only where the state does not stand for it."""
    one_byte(segment_path(folder, 1), 200)
    (folder / "state").unlink()


def first_cut(folder: Path) -> None:
    path = segment_path(folder, 1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def first_gone(folder: Path) -> None:
    segment_path(folder, 1).unlink()


def all_gone(folder: Path) -> None:
    for path in folder.glob("segment-*.log"):
        path.unlink()


def checkpoint_changed(folder: Path) -> None:
    one_byte(folder / "checkpoint", -9)


def checkpoint_and_history_gone(folder: Path) -> None:
    """The signed state has outlived them, and goes further than what is left."""
    (folder / "checkpoint").unlink()
    (folder / "checkpoints.jsonl").unlink()
    all_gone(folder)


@pytest.mark.parametrize(
    "attack",
    [
        tail_cut,
        everything_cut_back,
        line_dropped,
        line_doubled,
        lines_swapped,
        byte_in_the_newest,
        byte_in_the_first,
        first_cut,
        first_gone,
        all_gone,
        checkpoint_changed,
        checkpoint_and_history_gone,
    ],
    ids=lambda attack: attack.__name__,
)
@pytest.mark.parametrize("killed", [False, True])
def test_a_log_that_is_not_what_was_signed_is_left_for_evidence(
    tmp_path: Path,
    attack: Callable[[Path], None],
    killed: bool,
    abandon: Abandon,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = written(tmp_path, 66)
    journal.checkpoint()
    if killed:
        abandon(journal)
    else:
        journal.close()
    folder = ledger_folder(tmp_path) / journal.writer
    attack(folder)
    evidence = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = opened(tmp_path)
    assert again.writer != journal.writer
    again.close()
    assert "is not continued (ledger.rolled_back)" in caplog.text
    (event,) = logs.events(tmp_path, opening.ROLLED_BACK)
    assert event["subject"] == event["details"]["writer"] == journal.writer
    assert event["details"]["found"]
    for name, data in evidence.items():
        assert next(folder.rglob(name)).read_bytes() == data
    third = opened(tmp_path)
    assert third.writer == again.writer
    third.close()
    assert len(logs.events(tmp_path, opening.ROLLED_BACK)) == 1
    logs.check(tmp_path, again.writer)


def test_a_restored_home_is_noticed_where_the_history_is_newer(tmp_path: Path) -> None:
    journal = written(tmp_path)
    journal.checkpoint()
    folder = journal.folder
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    journal.append(record("acme"), "acme")
    journal.close()
    for path in [*folder.glob("segment-*.log"), folder / "checkpoint"]:
        path.unlink()
    for path in [*old.glob("segment-*.log"), old / "checkpoint"]:
        shutil.copy(path, folder / path.name)
    again = opened(tmp_path)
    again.close()
    assert again.writer != journal.writer
    assert "were signed for" in logs.events(tmp_path, opening.ROLLED_BACK)[0]["details"]["found"]


def test_the_unsigned_tail_of_a_dead_process_is_taken_as_it_is(
    tmp_path: Path, abandon: Abandon
) -> None:
    """Nothing on the disk can tell what a hand changed there before anybody had signed for it."""
    journal = opened(tmp_path)
    journal.checkpoint()
    journal.append(record("acme", 1), "acme")
    abandon(journal)
    path = segment_path(journal.folder, 1)
    path.write_bytes(path.read_bytes().replace(b'"at_ns":1,', b'"at_ns":2,'))
    again = opened(tmp_path)
    again.close()
    assert again.writer == journal.writer
    logs.check(tmp_path, again.writer)


def test_what_is_changed_on_the_disk_before_it_is_signed_is_not_signed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(record("acme", 1), "acme")
    path = segment_path(journal.folder, 1)
    path.write_bytes(path.read_bytes().replace(b'"at_ns":1,', b'"at_ns":2,'))
    journal.checkpoint()
    signed = logs.newest(tmp_path, journal.writer)
    assert signed.size == 2
    assert signed.root != logs.roots(tmp_path, journal.writer)[2]
    journal.close()
    again = opened(tmp_path)
    again.close()
    assert again.writer != journal.writer
    assert len(logs.events(tmp_path, opening.ROLLED_BACK)) == 1


def format_1(home: Path, lines: int, writer: str = "w-0123456789ab") -> Path:
    """A writer's folder as version 1 left it."""
    folder = ledger_folder(home) / writer
    folder.mkdir(parents=True)
    with segment_path(folder, 1).open("wb") as file:
        for n in range(1, lines + 1):
            body = encode({"at_ns": n, "tenant": "acme", "type": "closed", "v": 1})
            file.write(
                b'{"body":%b,"salt":"%032x","seq":%d,"v":1,"writer":"%b"}\n'
                % (body, n, n, writer.encode())
            )
    return folder


def test_a_log_of_format_1_is_anchored_once_and_never_continued(tmp_path: Path) -> None:
    first = format_1(tmp_path, 5)
    second = format_1(tmp_path, 2, "w-ffffffffffff")
    before = segment_path(first, 1).read_bytes()
    journal = opened(tmp_path)
    assert journal.writer not in (first.name, second.name)
    journal.close()
    for _ in range(2):
        opened(tmp_path).close()
    told = {one["subject"]: one["details"] for one in logs.events(tmp_path, opening.ADOPTED)}
    assert len(logs.events(tmp_path, opening.ADOPTED)) == 2
    assert told[first.name]["lines"] == 5
    assert told[first.name]["root"] == logs.roots(tmp_path, first.name)[-1].hex()
    assert told[second.name]["root"] == logs.roots(tmp_path, second.name)[-1].hex()
    assert segment_path(first, 1).read_bytes() == before
    assert len(writers(tmp_path)) == 3
    logs.check(tmp_path, journal.writer)


def test_an_adoption_that_was_not_remembered_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    format_1(tmp_path, 5)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("freehold.ledger.segment.retire", refuse)
        with pytest.raises(StorageError, match="can't be opened"):
            opened(tmp_path)
    opened(tmp_path).close()
    assert len(logs.events(tmp_path, opening.ADOPTED)) == 2


def test_a_log_of_format_1_that_somebody_writes_to_is_left_alone(tmp_path: Path) -> None:
    from freehold.ledger.locking import FileLock

    folder = format_1(tmp_path, 3)
    lock = FileLock(folder / "lock")
    assert lock.acquire()
    opened(tmp_path).close()
    assert logs.events(tmp_path, opening.ADOPTED) == []
    lock.release()
    opened(tmp_path).close()
    assert len(logs.events(tmp_path, opening.ADOPTED)) == 1


def test_the_log_of_a_dead_process_is_taken_first(tmp_path: Path, abandon: Abandon) -> None:
    """Or nobody would sign for what it left."""
    journals = [opened(tmp_path) for _ in range(4)]
    for journal in journals:
        journal.append(record("acme"), "acme")
    for journal in journals[:2]:
        abandon(journal)
    for journal in journals[2:]:
        journal.close()
    again = opened(tmp_path), opened(tmp_path)
    assert {one.writer for one in again} == {one.writer for one in journals[:2]}
    for one in again:
        one.close()
    for writer in writers(tmp_path):
        logs.check(tmp_path, writer)
    assert len(writers(tmp_path)) == 4


def test_a_cut_tail_is_noticed_whichever_log_it_is_of(tmp_path: Path) -> None:
    journals = [opened(tmp_path) for _ in range(4)]
    for journal in journals:
        journal.append(record("acme"), "acme")
        journal.close()
    last = max(journals, key=lambda one: one.writer)
    tail_cut(last.folder)
    opened(tmp_path).close()
    (event,) = logs.events(tmp_path, opening.ROLLED_BACK)
    assert event["subject"] == last.writer


def test_writers_beside_each_other_have_a_log_each(tmp_path: Path) -> None:
    journals = [opened(tmp_path) for _ in range(3)]
    for n, journal in enumerate(journals):
        journal.append(record("acme", n), "acme")
    origins = set()
    for journal in journals:
        journal.close()
        logs.check(tmp_path, journal.writer)
        origins.add(logs.newest(tmp_path, journal.writer).origin)
    assert len(origins) == 3


def test_whoever_can_not_sign_does_not_open(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    seed = tmp_path / "keys" / "ledger-1.key"
    kept = seed.read_bytes()
    seed.unlink()
    with pytest.raises(StorageError, match=r"ledger-1\.key can't be read"):
        opened(tmp_path)
    with pytest.raises(AuditError):
        journal.append(record("acme"))
    seed.write_bytes(kept)
    seed.chmod(0o600)
    again = opened(tmp_path)
    assert again.writer == journal.writer
    again.close()


def test_opening_reads_the_newest_segment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = written(tmp_path, 300)
    journal.close()
    assert journal.segment > 10
    seen: list[int] = []
    real = opening.read

    def watched(*arguments: object) -> object:
        for entry in real(*arguments):  # type: ignore[arg-type]
            seen.append(entry.segment)
            yield entry

    monkeypatch.setattr(opening, "read", watched)
    again = opened(tmp_path)
    last = max(seen)
    # the very first line is looked at for its format
    assert set(seen) <= {1, last}
    assert seen.count(1) <= 1
    again.close()
    logs.check(tmp_path, again.writer)


def test_checkpoints_are_never_taken_back(tmp_path: Path, abandon: Abandon) -> None:
    """All that was ever signed in the life of a log is consistent with its end."""
    signed: list[Checkpoint] = []
    for turn in range(4):
        journal = written(tmp_path, 20 + turn)
        signed.append(logs.newest(tmp_path, journal.writer))
        if turn % 2:
            abandon(journal)
        else:
            journal.close()
        signed.append(logs.newest(tmp_path, journal.writer))
    opened(tmp_path).close()
    known = logs.roots(tmp_path, journal.writer)
    assert all(one.root == known[one.size] for one in signed)
    assert [one.size for one in signed] == sorted(one.size for one in signed)
