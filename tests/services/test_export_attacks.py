"""Archives that somebody changed on the way, and archives that their own maker falsified."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from freehold.ledger import notes
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.skeleton import Skeleton
from freehold.ledger.tree import leaf_hash
from freehold.ledger.verifying import Report, Unreadable, verify
from tests.services.test_audit_export import GATEWAY, MINE, House, Opened, day

Files = dict[str, bytes]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home", day())


@pytest.fixture
def made(house: House, monkeypatch: pytest.MonkeyPatch) -> Opened:
    monkeypatch.setattr("freehold.services.audit_export.one_file", lambda: b"pass\n")
    return house.export(tenants="north")


def pin(house: House) -> str:
    return LedgerKeys(house.home).newest()[0].fingerprint


def checked(house: House, data: bytes, path: Path) -> Report | None:
    path.write_bytes(data)
    try:
        return verify(path, keys=(pin(house),))
    except Unreadable:
        return None


def holds(report: Report | None) -> bool:
    if report is None:
        return False
    return not report.problems and not any(log.problems for log in report.logs)


def files_of(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Files) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(files):
            archive.writestr(name, files[name])
    return file.getvalue()


def signed_again(house: House, files: Files, change: Callable[[dict[str, Any]], None]) -> Files:
    """What somebody does who has the key: every hash and the signature fit again."""
    manifest = orjson.loads(files["manifest.json"])
    change(manifest)
    for name, told in manifest["files"].items():
        told |= {"sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])}
    octets = orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)
    keys = LedgerKeys(house.home)
    text = f"freehold audit export\n{keys.base}\nsha256:{hashlib.sha256(octets).hexdigest()}\n"
    signature = notes.sign(text, keys.signer(keys.base)).encode()
    return files | {"manifest.json": octets, "manifest.sig": signature}


def without(house: House, files: Files, seqs: set[int]) -> Files:
    """Lines of the gateway's log taken out, with the skeleton that this takes."""
    fold, rows = Skeleton(), []
    shown = {orjson.loads(line)["seq"] for line in files[_lines()].splitlines()} - seqs
    for seq, line in enumerate(house.lines, 1):
        rows += fold.add(leaf_hash(line), shown=seq in shown)
    rows += fold.end()
    skeleton = b"".join(
        b'[%d,%d,"%b"]\n' % (level, number, base64.b64encode(digest))
        for level, number, digest in rows
    )
    kept = b"".join(house.lines[seq - 1] + b"\n" for seq in sorted(shown))
    return files | {_lines(): kept, f"logs/{GATEWAY}/skeleton.jsonl": skeleton}


def _lines() -> str:
    return f"logs/{GATEWAY}/lines.jsonl"


def fewer(count: int) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        manifest["lines"] -= count
        (log,) = (log for log in manifest["logs"] if log["writer"] == GATEWAY)
        log["lines"] -= count
        log["tenants"][0]["to"] -= count

    return change


def test_an_archive_holds_under_the_key_that_made_it(
    house: House, made: Opened, tmp_path: Path
) -> None:
    assert holds(checked(house, made.data, tmp_path / "a.zip"))
    assert holds(checked(house, packed(files_of(made.data)), tmp_path / "b.zip"))
    other = House(tmp_path / "other", day())
    assert not holds(checked(other, made.data, tmp_path / "c.zip"))


def test_a_flipped_byte_is_found_or_changes_nothing(
    house: House, made: Opened, tmp_path: Path
) -> None:
    whole = files_of(made.data)
    path = tmp_path / "flipped.zip"
    for at in range(0, len(made.data), 17):
        data = bytearray(made.data)
        data[at] ^= 0x20
        if holds(checked(house, bytes(data), path)):
            # a time, a mode: of what an auditor reads nothing may differ
            assert files_of(bytes(data)) == whole, at


@pytest.mark.parametrize("name", ["lines", "skeleton", "checkpoint", "keys", "manifest", "README"])
def test_a_changed_file_is_found(house: House, made: Opened, tmp_path: Path, name: str) -> None:
    files = files_of(made.data)
    (path,) = [p for p in files if p.rsplit("/")[-1].startswith(name) and MINE not in p][:1]
    for at in range(0, len(files[path]), max(1, len(files[path]) // 40)):
        data = bytearray(files[path])
        data[at] ^= 1
        changed = packed(files | {path: bytes(data)})
        assert not holds(checked(house, changed, tmp_path / "x.zip")), (path, at)


def test_a_file_put_in_or_taken_out_is_found(house: House, made: Opened, tmp_path: Path) -> None:
    files = files_of(made.data)
    more = files | {"logs/more.txt": b"x"}
    assert not holds(checked(house, packed(more), tmp_path / "x.zip"))
    for name in files:
        less = {each: data for each, data in files.items() if each != name}
        assert not holds(checked(house, packed(less), tmp_path / "x.zip")), name


def test_whoever_has_the_key_and_drops_a_line_is_found(
    house: House, made: Opened, tmp_path: Path
) -> None:
    """The roots fit, and every signature; the tenant's numbers do not."""
    seqs = sorted(orjson.loads(line)["seq"] for line in made.raw())
    files = without(house, files_of(made.data), {seqs[2]})

    def change(manifest: dict[str, Any]) -> None:
        fewer(1)(manifest)
        (log,) = (log for log in manifest["logs"] if log["writer"] == GATEWAY)
        log["tenants"][0]["to"] += 1

    report = checked(house, packed(signed_again(house, files, change)), tmp_path / "x.zip")
    assert report is not None
    (log,) = (log for log in report.logs if log.writer == GATEWAY)
    assert [problem.code for problem in log.problems] == ["tenant-gap"]


def test_whoever_drops_the_last_lines_has_signed_against_the_ledger(
    house: House, made: Opened, tmp_path: Path
) -> None:
    seqs = sorted(orjson.loads(line)["seq"] for line in made.raw())
    files = without(house, files_of(made.data), set(seqs[-2:]))
    files = signed_again(house, files, fewer(2))
    report = checked(house, packed(files), tmp_path / "x.zip")
    assert report is not None
    found = {problem.code: problem.message for problem in report.problems}
    assert found["line-missing"] == "the ledger says that other lines were exported"


def test_a_filter_that_was_written_wider_afterwards_is_found(
    house: House, made: Opened, tmp_path: Path
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["scope"]["tenant"] = manifest["scope"]["tenants"] = None

    files = signed_again(house, files_of(made.data), change)
    assert not holds(checked(house, packed(files), tmp_path / "x.zip"))


def test_another_tenants_line_put_in_gives_no_root(
    house: House, made: Opened, tmp_path: Path
) -> None:
    files = files_of(made.data)
    files[_lines()] += json.dumps({"body": {}}).encode() + b"\n"
    files = signed_again(house, files, fewer(-1))
    assert not holds(checked(house, packed(files), tmp_path / "x.zip"))
