"""Versions on the disk: immutable, whole or not there, and every change is named."""

import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from freehold.core.errors import NotFound, RequestError, StorageError
from freehold.learning.datasets import MemoryDataset, find, latest, versions
from freehold.learning.datasets.comparing import compare
from freehold.learning.datasets.lineage import origins
from freehold.learning.datasets.splitting import Shares
from freehold.learning.datasets.verifying import manifest_digest, verify
from freehold.learning.datasets.writing import Wanted, write
from tests.learning.datasets.samples import Ticking, draft

CLOCK = Ticking()


def wanted(**more) -> Wanted:
    return Wanted(**({"name": "answers", "owner": "chain", "grouping": "input"} | more))


def test_a_version_is_read_back_and_named_by_what_is_in_it(tmp_path: Path) -> None:
    made = write(tmp_path, wanted(), [draft(n) for n in range(50)], CLOCK)
    sizes = {split: len(made.rows(split)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 35, "validation": 5, "test": 10}
    assert made.folder == tmp_path / "datasets" / "answers" / made.digest[7:23]
    test = made.rows("test")
    assert [row.id for row in test] == [f"case_{n:05d}" for n in range(40, 50)]
    assert test[-1] == list(test)[-1]
    assert test[2:4] == list(test)[2:4]
    with pytest.raises(IndexError):
        test[10]
    same = [row for split in sizes for row in made.rows(split)]
    assert MemoryDataset("answers", same, owner="chain").digest == made.digest
    found = find(tmp_path, f"answers@{made.digest[7:17]}")
    assert found.digest == find(tmp_path, "answers").digest == made.digest
    assert made.manifest.counts["tenant"] == {"store-1": sizes}
    assert [o.exchange for o in origins(made.folder) if o.id == "case_00007"] == ["exch_7"]
    assert verify(made.folder, manifest_digest(made.folder)) == []


def test_the_same_rows_are_the_same_version_in_any_order(tmp_path: Path) -> None:
    rows = [draft(n) for n in range(20)]
    one = write(tmp_path, wanted(), rows, CLOCK)
    other = write(tmp_path / "elsewhere", wanted(), rows[::-1], CLOCK)
    assert one.digest == other.digest
    assert write(tmp_path, wanted(), rows, CLOCK).manifest == one.manifest
    assert len(versions(tmp_path, "answers")) == 1
    shared = write(tmp_path, wanted(share="down"), rows, CLOCK)
    assert shared.digest != one.digest
    back = write(tmp_path, wanted(), rows, CLOCK)
    assert back.digest == one.digest
    assert find(tmp_path, "answers").digest == one.digest


def test_rows_keep_their_part_whatever_comes_and_goes(tmp_path: Path) -> None:
    one = write(tmp_path, wanted(), [draft(n) for n in range(50)], CLOCK)
    tested = [row.id for row in one.rows("test")]
    fewer = write(tmp_path, wanted(), [draft(n) for n in range(45)], CLOCK)
    assert fewer.manifest.parent == one.digest
    assert fewer.manifest.frozen == 5
    more = write(tmp_path, wanted(), [draft(n) for n in range(100)], CLOCK)
    # the new test rows are the newest of the new ones
    assert [row.id for row in more.rows("test")][: len(tested)] == tested
    assert [row.id for row in more.rows("test")][-1] == "case_00099"
    told = compare(fewer.folder, more.folder)
    assert len(told.added) == 55
    assert (told.removed, told.changed, told.moved, told.same) == ((), (), (), 45)


def test_a_return_to_older_rows_forgets_nothing_of_the_later_ones(tmp_path: Path) -> None:
    few, more, most = ([draft(n) for n in range(count)] for count in (20, 80, 120))
    first = write(tmp_path, wanted(), few, CLOCK)
    second = write(tmp_path, wanted(), more, CLOCK)
    again = write(tmp_path, wanted(), few, CLOCK)
    assert again.digest not in (first.digest, second.digest)
    assert verify(again.folder, manifest_digest(again.folder)) == []
    assert write(tmp_path, wanted(), few, CLOCK).digest == again.digest
    (again.folder / "splits.jsonl").chmod(0o600)
    last = write(tmp_path, wanted(), most, CLOCK)
    asked = {row.id for row in second.rows("test")}
    assert asked <= {row.id for row in last.rows("test")}
    with (again.folder / "splits.jsonl").open("ab") as file:
        file.write(b"\n")
    assert any("splits.jsonl" in one for one in verify(again.folder))


def test_of_erased_persons_nothing_is_carried_on_but_ids(tmp_path: Path) -> None:
    rows = [draft(n, "hello, it is " + "abcdefghij"[n] * 4) for n in range(10)]
    one = write(tmp_path, wanted(), rows, CLOCK)
    marks = {o.id: o.marks for o in origins(one.folder)}
    left = [row for row in rows if row.row.id != "case_00009"]
    two = write(tmp_path, wanted(forgotten=frozenset({"case_00009"})), left, CLOCK)
    said = (two.folder / "splits.jsonl").read_text()
    assert marks["case_00009"][0] in said
    assert not any(mark in said for mark in marks["case_00009"][1:])
    three = write(tmp_path, wanted(), left[:5], CLOCK)
    said = (three.folder / "splits.jsonl").read_text()
    assert marks["case_00008"][2] in said
    assert marks["case_00009"][0] in said


def test_rows_that_contradict_each_other_share_their_weight_and_are_told(tmp_path: Path) -> None:
    rows = [draft(n, "My card is lost!", label="lost") for n in range(3)]
    rows += [draft(3, "my card is lost", label="stolen"), draft(4, "Hi", label="hello")]
    made = write(tmp_path, wanted(grouping="question", declared=("lost", "pin")), rows, CLOCK)
    weights = {
        row.id: row.weight for split in ("train", "validation", "test") for row in made.rows(split)
    }
    assert weights["case_00000"] == 750_000
    assert weights["case_00003"] == 250_000
    assert weights["case_00004"] == 1_000_000
    told = "\n".join(made.manifest.warnings)
    assert "no row has the class `pin`" in told
    assert "one row only has the class `hello`, `stolen`" in told
    assert "case_00000 says lost, case_00003 says stolen" in told


def test_other_languages_and_empty_parts_are_told(tmp_path: Path) -> None:
    rows = [draft(n) for n in range(3)] + [draft(9, language="de")]
    shares = Shares(test=0, validation=0)
    told = "\n".join(write(tmp_path, wanted(shares=shares), rows, CLOCK).manifest.warnings)
    assert "the test part is empty" in told
    assert "most rows are in en, others are not: 1 in de" in told
    empty = write(tmp_path, wanted(name="none"), [], CLOCK)
    assert empty.manifest.warnings == ("there is not one row",)
    assert list(empty.rows("train")) == []


def test_every_changed_byte_is_named(tmp_path: Path) -> None:
    made = write(tmp_path, wanted(), [draft(n) for n in range(20)], CLOCK)
    known = manifest_digest(made.folder)
    for path in sorted(p for p in made.folder.rglob("*") if p.is_file()):
        octets = path.read_bytes()
        name = path.relative_to(made.folder).as_posix()
        path.chmod(0o600)
        for at in {0, len(octets) // 2, len(octets) - 1} if octets else ():
            path.write_bytes(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :])
            problems = verify(made.folder, known)
            assert any(name in problem for problem in problems), (name, at)
        path.write_bytes(octets)
        path.rename(path.with_name("away"))
        assert any(name in problem for problem in verify(made.folder, known))
        path.with_name("away").rename(path)
    assert verify(made.folder, known) == []


def test_a_changed_row_is_named_and_never_trained_on(tmp_path: Path) -> None:
    made = write(tmp_path, wanted(), [draft(n) for n in range(20)], CLOCK)
    path = made.folder / "rows" / "train.jsonl"
    path.chmod(0o600)
    place = [row.id for row in made.rows("train")].index("case_00003") + 1
    path.write_bytes(path.read_bytes().replace(b"It arrives in 3 days", b"It arrives in 9 days"))
    fresh = find(tmp_path, "answers")
    with pytest.raises(StorageError, match="was changed"):
        fresh.rows("train")
    assert f"rows/train.jsonl: line {place} was changed (case_00003)" in verify(made.folder)


def test_somebody_who_forges_every_sum_is_found_out_by_the_ledger(tmp_path: Path) -> None:
    made = write(tmp_path, wanted(), [draft(n) for n in range(20)], CLOCK)
    known = manifest_digest(made.folder)
    manifest, sums = made.folder / "manifest.json", made.folder / "SHA256SUMS"
    for path in (manifest, sums):
        path.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b'"store-1"', b'"store-2"'))
    sums.write_text(
        sums.read_text().replace(known, hashlib.sha256(manifest.read_bytes()).hexdigest())
    )
    assert verify(made.folder) == []
    assert verify(made.folder, known) == ["manifest.json is not the one of which the ledger tells"]


def test_a_writer_that_is_killed_leaves_nothing_that_anybody_sees(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.learning.datasets.samples import Ticking, draft
from freehold.learning.datasets.writing import Wanted, write

def rows():
    for number in range(500):
        if number == 400:
            os.kill(os.getpid(), signal.SIGKILL)
        yield draft(number)

write(Path(sys.argv[1]), Wanted(name="answers", owner="chain"), rows(), Ticking())
"""
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), here], timeout=60)
    assert done.returncode == -9
    folder = tmp_path / "datasets" / "answers"
    assert list(folder.glob(".staging-*"))
    assert latest(tmp_path, "answers") is None
    made = write(tmp_path, wanted(), [draft(n) for n in range(10)], CLOCK)
    assert sorted(p.name for p in folder.iterdir()) == [".lock", made.digest[7:23], "newest"]


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limits on this system")
def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.learning.datasets.samples import Ticking, draft
from freehold.core.errors import StorageError
from freehold.learning.datasets.writing import Wanted, write

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write(Path(sys.argv[1]), Wanted(name="a", owner="b"), map(draft, range(500)), Ticking())
except StorageError as error:
    print(error)
"""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, str(tmp_path), here]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "dataset a can't be written" in done.stdout
    assert sorted(p.name for p in (tmp_path / "datasets" / "a").iterdir()) == [".lock"]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    made = write(tmp_path, wanted(), [draft(1)], CLOCK)
    if os.name == "posix":
        assert all(p.stat().st_mode & 0o377 == 0 for p in made.folder.rglob("*") if p.is_file())
        assert made.folder.stat().st_mode & 0o077 == 0


def test_names_and_versions_that_are_none(tmp_path: Path) -> None:
    write(tmp_path, wanted(), [draft(1)], CLOCK)
    for name in ("../x", "A", "", ".hidden", "x/y"):
        with pytest.raises(RequestError, match="can't be a dataset's name"):
            find(tmp_path, name)
    with pytest.raises(NotFound, match=r"there is no dataset `other`.*answers"):
        find(tmp_path, "other")
    with pytest.raises(NotFound, match="has no version 000000"):
        find(tmp_path, "answers@000000")
    with pytest.raises(RequestError, match="is no digest"):
        find(tmp_path, "answers@../../x")


def test_lines_are_canonical(tmp_path: Path) -> None:
    made = write(tmp_path, wanted(), [draft(1, "Zürich \ud800?")], CLOCK)
    line = (made.folder / "rows/train.jsonl").read_bytes()
    assert orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS) + b"\n" == line
