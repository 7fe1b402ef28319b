"""Attacks on a ledger, each with what shows it; those that nothing shows are documented as such.

The table in docs/reference/verification.md is read here, so what it says is what happens.
"""

import json
import re
import shutil
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from freehold.ledger import verifying
from freehold.testing.ledgers import WRITER, WrittenLedger
from tests.ledger.ledger_attacks import ATTACKS, SIZES, Victim, victim

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verification.md"
_ROW = re.compile(
    r"^\| (?P<attack>[^|]+) \| (?P<alone>[^|]+) \| (?P<key>[^|]+) \| (?P<mirror>[^|]+) \|$"
)


def table(head: str = "Attacks") -> dict[str, dict[str, set[str]]]:
    """For each attack the codes without anything, with a pinned key, with mirrored checkpoints."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {head}\n")[1].split("\n## ")[0]
    rows = [match for line in section.splitlines() if (match := _ROW.match(line))]
    found: dict[str, dict[str, set[str]]] = {}
    for row in rows[1:]:  # below the head
        cells = {name: row[name].strip() for name in ("alone", "key", "mirror")}
        assert all(cell == "does not show" or "`" in cell for cell in cells.values()), row[0]
        found[row["attack"].strip()] = {
            name: set(re.findall(r"`([a-z-]+)`", cell)) for name, cell in cells.items()
        }
    return found


def codes(report: verifying.Report) -> set[str]:
    return {one.code for one in report.problems}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    return victim(tmp_path_factory.mktemp("made"))


@pytest.fixture
def target(made: Victim, tmp_path: Path) -> Victim:
    """A copy that may be damaged."""
    for name in ("home", "mirror", "copy"):
        shutil.copytree(made.home.parent / name, tmp_path / name)
    return Victim(
        tmp_path / "home", tmp_path / "mirror", tmp_path / "copy", made.pin, made.lines, made.seeds
    )


def test_the_table_names_every_attack_and_no_other() -> None:
    assert list(table()) == list(ATTACKS)


def test_nothing_is_found_where_nothing_was_done(made: Victim) -> None:
    report = verifying.verify(made.home, keys=[made.pin], checkpoints=[made.mirror])
    assert (codes(report), report.warnings) == (set(), [])
    assert [log.mirrors for log in report.logs] == [1, 1]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_shows_as_the_table_says(attack: str, target: Victim) -> None:
    ATTACKS[attack](target)
    expected = table()[attack]
    reports = {
        "alone": verifying.verify(target.home),
        "key": verifying.verify(target.home, keys=[target.pin]),
        "mirror": verifying.verify(target.home, checkpoints=[target.mirror]),
    }
    assert {name: codes(report) for name, report in reports.items()} == expected
    for report in reports.values():
        assert (report.exit_status == 0) == report.ok == (not codes(report))
        assert all(one.code in verifying.as_text(report) for one in report.problems)
        json.dumps(report.as_dict())


def test_what_does_not_show_alone_is_said_to_be_so(target: Victim) -> None:
    ATTACKS["the end is cut off together with its checkpoints and hashes"](target)
    report = verifying.verify(target.home, keys=[target.pin])
    assert report.ok
    said = " ".join(report.said)
    assert "lines cut off the end together with their checkpoint" in said
    assert "do not show" in said
    ATTACKS["with the private key: a line is changed and everything signed anew"](target)
    assert "whoever holds the private key" in " ".join(verifying.verify(target.home).said)


def test_a_log_that_was_put_in_is_named_as_one_that_no_mirror_saw(target: Victim) -> None:
    said = verifying.verify(target.home, checkpoints=[target.mirror]).said
    assert not any(row.startswith("No checkpoint of") for row in said)
    ATTACKS["with a private key that was replaced: a whole log is made up and put in"](target)
    said = verifying.verify(target.home, checkpoints=[target.mirror]).said
    assert said[-1] == "No checkpoint of w-ffffffffffff was kept elsewhere."


# every place


SMALL = 6


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of six lines in two segments, under two keys, all of it signed."""
    home = tmp_path_factory.mktemp("small") / "home"
    ledger = WrittenLedger(home, lines_per_segment=4).fill(3)
    ledger.checkpoint()
    ledger.keys.rotate("2026-11-21T12:00:00Z")
    ledger.fill(SMALL - 3).checkpoint()
    assert verifying.verify(home).ok
    return home


def files(home: Path) -> list[Path]:
    paths = (path for path in (home / "ledger").rglob("*") if path.is_file())
    return sorted(path for path in paths if path.name != "keys.lock")


def segments(home: Path) -> list[Path]:
    return sorted((home / "ledger" / WRITER).glob("segment-*.log"))


def unsigned(path: Path, data: bytes) -> set[int]:
    """Places whose content nobody signs: when a checkpoint was put away, and the first key made."""
    if path.name == "checkpoints.jsonl":
        found = re.finditer(rb'"at":"([^"]*)"', data)
    elif path.name == "keys.jsonl":
        found = iter(list(re.finditer(rb'"from":"([^"]*)"', data))[:1])
    else:
        return set()
    return {at for match in found for at in range(*match.span(1))}


@pytest.mark.slow
def test_every_byte_counts(small: Path) -> None:
    """In segments, tree, checkpoint, history, keys and name alike."""
    kept = [path.relative_to(small).as_posix() for path in files(small)]
    assert {name.rsplit("/", 1)[-1] for name in kept} == {
        "0",
        "checkpoint",
        "checkpoints.jsonl",
        "keys.jsonl",
        "origin",
        "segment-00000001.log",
        "segment-00000002.log",
    }
    unseen: list[str] = []
    for path in files(small):
        data = path.read_bytes()
        free = unsigned(path, data)
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            if verifying.verify(small).ok and at not in free:
                unseen.append(f"{path.name} byte {at}")
        path.write_bytes(data)
    assert unseen == []


def all_lines(home: Path) -> list[bytes]:
    return [line for path in segments(home) for line in path.read_bytes().splitlines(keepends=True)]


def put(home: Path, lines: list[bytes]) -> None:
    first, second = segments(home)
    first.write_bytes(b"".join(lines[:4]))
    second.write_bytes(b"".join(lines[4:]))


@pytest.fixture
def open_small(small: Path, tmp_path: Path) -> Path:
    shutil.copytree(small, tmp_path / "home")
    return tmp_path / "home"


def test_every_line_dropped(open_small: Path) -> None:
    lines = all_lines(open_small)
    for at in range(SMALL):
        put(open_small, lines[:at] + lines[at + 1 :])
        report = verifying.verify(open_small)
        wanted = "line-missing" if at < SMALL - 1 else "truncated"
        found = [one for one in report.problems if one.code == wanted]
        assert [one.seq for one in found] == [at + 1]


def test_every_pair_of_lines_exchanged(open_small: Path) -> None:
    lines = all_lines(open_small)
    for first, second in combinations(range(SMALL), 2):
        swapped = list(lines)
        swapped[first], swapped[second] = lines[second], lines[first]
        put(open_small, swapped)
        report = verifying.verify(open_small)
        assert "reordered" in codes(report), (first, second)


def test_every_line_duplicated_at_every_place(open_small: Path) -> None:
    lines = all_lines(open_small)
    for which in range(SMALL):
        for at in range(SMALL + 1):
            put(open_small, [*lines[:at], lines[which], *lines[at:]])
            report = verifying.verify(open_small)
            found = [one for one in report.problems if one.code == "duplicated"]
            assert found, (which, at)


def test_every_line_replaced_by_every_other(open_small: Path) -> None:
    lines = all_lines(open_small)
    for at in range(SMALL):
        for which in range(SMALL):
            if at != which:
                put(open_small, [*lines[:at], lines[which], *lines[at + 1 :]])
                assert codes(verifying.verify(open_small)) & {"duplicated", "line-missing"}


@pytest.mark.slow
def test_cut_at_every_byte(open_small: Path) -> None:
    """Inside of what a checkpoint signs, no cut is taken for a line that is being written."""
    for path in reversed(segments(open_small)):
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at])
            assert "truncated" in codes(verifying.verify(open_small)), (path.name, at)
        path.unlink()
    assert not verifying.verify(open_small).ok


def test_cut_at_every_checkpoint_shows_with_a_mirror_only(tmp_path: Path) -> None:
    """Each state that once was whole, put back whole, is consistent in itself: it is the documented
    limit of any log that is looked at alone.
    """
    ledger = WrittenLedger(tmp_path / "home")
    for count in range(1, 6):
        ledger.fill(1).checkpoint()
        shutil.copytree(tmp_path / "home", tmp_path / f"copy{count}")
    mirror = tmp_path / "mirror"
    mirror.write_text(ledger.checkpoints[-1], encoding="utf-8")
    for count in range(1, 6):
        copy = tmp_path / f"copy{count}"
        assert verifying.verify(copy).ok
        found = codes(verifying.verify(copy, checkpoints=[mirror]))
        assert found == ({"rolled-back"} if count < 5 else set())


def test_an_older_mirror_does_not_show_a_cut_behind_it(tmp_path: Path) -> None:
    """So mirrors are made often, and the newest is asked for."""
    ledger = WrittenLedger(tmp_path / "home")
    ledger.fill(5).checkpoint()
    mirror = tmp_path / "mirror"
    mirror.write_text(ledger.checkpoints[-1], encoding="utf-8")
    ledger.fill(5).checkpoint()
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    ledger.fill(5).checkpoint()
    assert verifying.verify(tmp_path / "copy", checkpoints=[mirror]).ok


def test_the_changed_line_is_named_with_its_place(target: Victim) -> None:
    ATTACKS["a line's body is changed"](target)
    (found,) = verifying.verify(target.home).problems
    place = sum(len(line) for line in target.split(2)[:4])
    assert (found.code, found.log, found.segment, found.offset, found.seq) == (
        "line-changed",
        WRITER,
        2,
        place,
        20,
    )


def test_without_the_tree_a_change_is_narrowed_to_what_lies_between_checkpoints(
    target: Victim,
) -> None:
    ATTACKS["a line's body is changed"](target)
    shutil.rmtree(target.folder / "tree")
    (found,) = verifying.verify(target.home).problems
    assert (found.code, found.seq) == ("root-differs", SIZES[0] + 1)
    assert f"the first {SIZES[0]}" in found.message


def test_several_changes_are_all_named(target: Victim) -> None:
    lines = target.split(1)
    for at in (1, 5, 7):
        lines[at] = lines[at].replace(b"opened", b"Opened")
    target.put(1, lines)
    found = [one.seq for one in verifying.verify(target.home).problems]
    assert found == [2, 6, 8]


def test_every_mix_of_lines_shows(open_small: Path) -> None:
    """Neighbours merged by a changed newline, and a line in two halves."""
    lines = all_lines(open_small)
    for first, second in pairwise(range(4)):
        joined = lines[first][:-1] + b" " + lines[second]
        put(open_small, [*lines[:first], joined, *lines[second + 1 :]])
        assert not verifying.verify(open_small).ok
    halves = lines[2][:40] + b"\n" + lines[2][40:]
    put(open_small, [*lines[:2], halves, *lines[3:]])
    assert "line-unreadable" in codes(verifying.verify(open_small))
