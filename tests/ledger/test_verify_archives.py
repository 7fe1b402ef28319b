"""Archives for auditors, changed in every way that one may be; the verifier never unpacks them."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.ledger import notes, verifying
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.signing import LedgerKeys
from freehold.services import audit_export
from tests.services.test_audit_export import GATEWAY, House, day

Files = dict[str, bytes]
LINES = f"logs/{GATEWAY}/lines.jsonl"
SKELETON = f"logs/{GATEWAY}/skeleton.jsonl"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(audit_export, "one_file", lambda: b"raise SystemExit(0)\n")
    return House(tmp_path / "home", day(8))


@pytest.fixture
def north(house: House) -> Files:
    """What of one tenant was exported, file by file."""
    return unzipped(house.export(tenants="north").data)


def unzipped(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in sorted(files.items()):
            made.writestr(name, data)
    return path


def codes(report: verifying.Report) -> set[str]:
    return {one.code for one in report.problems}


def remarks(report: verifying.Report) -> list[str]:
    """But that no rules were kept, which these ledgers never had."""
    return [one.code for one in report.warnings if one.code != "bundle-absent"]


def checked(tmp_path: Path, files: Files, **pins: Any) -> set[str]:
    """The same of the zip and of the folder that it would be unpacked to."""
    found = codes(verifying.verify(zipped(tmp_path / "a.zip", files), **pins))
    folder = tmp_path / "unpacked"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    assert codes(verifying.verify(folder, **pins)) == found
    return found


def signed(house: House, files: Files, change: Callable[[dict[str, Any]], None]) -> Files:
    """The archive with another manifest, as somebody with the private key makes it."""
    manifest = json.loads(files["manifest.json"])
    for name, data in files.items():
        if name in manifest["files"]:
            digest = hashlib.sha256(data).hexdigest()
            manifest["files"][name] = {"sha256": digest, "bytes": len(data)}
    for name in set(manifest["files"]).difference(files):
        del manifest["files"][name]
    change(manifest)
    data = encode(manifest)
    keys = LedgerKeys(house.home)
    text = f"freehold audit export\n{keys.base}\nsha256:{hashlib.sha256(data).hexdigest()}\n"
    note = notes.sign(text, keys.signer(keys.base))
    return {**files, "manifest.json": data, "manifest.sig": note.encode()}


def of_gateway(manifest: dict[str, Any]) -> dict[str, Any]:
    (found,) = (log for log in manifest["logs"] if log["writer"] == GATEWAY)
    return dict(found)


@pytest.mark.parametrize(
    "asked", [{}, {"tenants": "north"}, {"person": "ada"}, {"exchange": "x3"}], ids=str
)
def test_what_was_exported_is_all_right(house: House, tmp_path: Path, asked: Any) -> None:
    key = LedgerKeys(house.home).history()[0].fingerprint
    files = unzipped(house.export(**asked).data)
    assert checked(tmp_path, files) == set()
    assert checked(tmp_path, files, keys=[key]) == set()


def test_every_file_of_it_is_looked_at(north: Files, tmp_path: Path) -> None:
    for name in north:
        without = {other: data for other, data in north.items() if other != name}
        if name == "manifest.json":
            with pytest.raises(verifying.Unreadable):
                verifying.verify(zipped(tmp_path / "b.zip", without))
        else:
            assert checked(tmp_path, without), name
    assert "manifest-changed" in checked(tmp_path, {**north, "more.txt": b"x"})


@pytest.mark.slow
def test_every_file_counts_from_end_to_end(north: Files, tmp_path: Path) -> None:
    unseen = []
    folder = tmp_path / "unpacked"
    for name, data in north.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for name, data in north.items():
        for at in range(0, len(data), len(data) // 150 + 1):
            changed = bytearray(data)
            changed[at] ^= 1 << at % 8
            (folder / name).write_bytes(changed)
            try:
                seen = not verifying.verify(folder).ok
            except verifying.Unreadable:
                seen = name == "manifest.json"
            if not seen:
                unseen.append((name, at))
        (folder / name).write_bytes(data)
    assert unseen == []


@pytest.mark.slow
def test_a_changed_zip_shows_or_holds_the_same(house: House, tmp_path: Path) -> None:
    """Times and the like in a zip's own tables are nobody's statement."""
    data = house.export(exchange="x3").data
    files = unzipped(data)
    path = tmp_path / "a.zip"
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        try:
            if verifying.verify(path).ok:
                assert unzipped(bytes(changed)) == files, at
        except verifying.Unreadable:
            continue


def test_a_line_that_is_changed_dropped_or_doubled_shows_even_to_who_believes_the_manifest(
    house: House, north: Files, tmp_path: Path
) -> None:
    lines = north[LINES].splitlines(keepends=True)
    assert len(lines) > 4
    for wrong in (
        [lines[0].replace(b"allowed", b"Allowed").replace(b"opened", b"Opened"), *lines[1:]],
        lines[1:],
        lines[:-1],
        lines[:2] + lines[3:],
        [lines[1], lines[0], *lines[2:]],
        [lines[0], *lines],
    ):
        files = signed(house, {**north, LINES: b"".join(wrong)}, lambda manifest: None)
        found = checked(tmp_path, files)
        assert found & {"root-differs", "line-missing"}, wrong[0]


def test_a_skeleton_that_is_changed_shows(house: House, north: Files, tmp_path: Path) -> None:
    rows = north[SKELETON].splitlines(keepends=True)
    other = json.dumps(
        [0, 0, base64.b64encode(b"\1" * 32).decode()], separators=(",", ":")
    ).encode()
    for wrong in (
        rows[1:],
        rows[:-1],
        rows[::-1],
        [*rows, rows[-1]],
        [other + b"\n", *rows[1:]],
        [b"[0,0]\n", *rows],
        [b'[99,0,"x"]\n', *rows],
        [b"[" * 100_000 + b"\n", *rows],
    ):
        files = signed(house, {**north, SKELETON: b"".join(wrong)}, lambda manifest: None)
        assert checked(tmp_path, files) & {"root-differs", "line-missing"}


def behind_a_hash(files: Files, place: int) -> Files:
    """An archive with the hash of one of its lines instead of the line."""
    lines = files[LINES].splitlines(keepends=True)
    hidden = lines.pop(place)
    seq = json.loads(hidden)["seq"]
    digest = base64.b64encode(verifying.leaf_hash(hidden[:-1])).decode()
    rows = [json.loads(row) for row in files[SKELETON].splitlines()]
    rows = sorted([*rows, [0, seq - 1, digest]], key=lambda row: row[1] << row[0])
    skeleton = b"".join(encode(row) + b"\n" for row in rows)
    return {**files, LINES: b"".join(lines), SKELETON: skeleton}


def test_a_tenants_line_behind_a_hash_shows_as_a_gap(
    house: House, north: Files, tmp_path: Path
) -> None:
    """The root still holds, and whoever has the key signs it; the numbers do not."""
    files = behind_a_hash(north, 3)

    def fewer(manifest: dict[str, Any]) -> None:
        manifest["lines"] -= 1
        for log in manifest["logs"]:
            log["lines"] -= log["writer"] == GATEWAY

    assert checked(tmp_path, signed(house, files, fewer)) == {"tenant-gap", "line-missing"}


def test_a_tenants_last_lines_that_were_held_back_contradict_the_ledgers_own_line(
    house: House, north: Files, tmp_path: Path
) -> None:
    files = behind_a_hash(north, -1)

    def fewer(manifest: dict[str, Any]) -> None:
        manifest["lines"] -= 1
        for log in manifest["logs"]:
            if log["writer"] == GATEWAY:
                log["lines"] -= 1
                for claim in log["tenants"]:
                    claim["to"] -= 1

    assert checked(tmp_path, signed(house, files, fewer)) == {"tenant-gap", "line-missing"}


def test_a_log_that_was_held_back_contradicts_the_ledgers_own_line(
    house: House, north: Files, tmp_path: Path
) -> None:
    files = {name: data for name, data in north.items() if f"/{GATEWAY}/" not in name}

    def without(manifest: dict[str, Any]) -> None:
        manifest["lines"] -= of_gateway(manifest)["lines"]
        manifest["logs"] = [log for log in manifest["logs"] if log["writer"] != GATEWAY]

    found = checked(tmp_path, signed(house, files, without))
    assert found == {"log-missing", "line-missing", "bundle-missing"}


def test_a_complete_archive_hides_nothing_behind_a_hash(house: House, tmp_path: Path) -> None:
    files = unzipped(house.export().data)
    part = unzipped(house.export(tenants="north").data)
    mixed = {**files, LINES: part[LINES], SKELETON: part[SKELETON]}

    def told(manifest: dict[str, Any]) -> None:
        log = next(log for log in manifest["logs"] if log["writer"] == GATEWAY)
        lines = part[LINES].count(b"\n")
        manifest["lines"] += lines - log["lines"]
        log["lines"] = lines

    assert "line-missing" in checked(tmp_path, signed(house, mixed, told))


def test_a_strangers_key_signs_for_nobody_who_pinned_one(
    house: House, north: Files, tmp_path: Path
) -> None:
    key = LedgerKeys(house.home).history()[0].fingerprint
    stranger = House(tmp_path / "stranger", day(8))
    base = (house.home / "ledger" / "origin").read_bytes()
    (stranger.home / "ledger" / "origin").write_bytes(base)
    files = unzipped(House(stranger.home / "again", day(8)).export(tenants="north").data)
    assert checked(tmp_path, files) == set()
    assert "key-unknown" in checked(tmp_path, files, keys=[key])
    swapped = {**north, "keys.jsonl": files["keys.jsonl"]}
    assert checked(tmp_path, swapped) & {"manifest-changed", "key-unknown"}


def test_a_checkpoint_from_elsewhere_is_compared(house: House, tmp_path: Path) -> None:
    files = unzipped(house.export().data)
    path = zipped(tmp_path / "a.zip", files)
    kept = tmp_path / "kept"
    kept.write_bytes((house.home / "ledger" / GATEWAY / "checkpoint").read_bytes())
    report = verifying.verify(path, checkpoints=[kept])
    assert report.ok
    assert [log.mirrors for log in report.logs if log.writer == GATEWAY] == [1]
    keys = LedgerKeys(house.home)
    log = next(log for log in report.logs if log.writer == GATEWAY)
    lie = Checkpoint(log.origin, log.lines, b"\1" * 32).text()
    kept.write_text(notes.sign(lie, keys.signer(log.origin)), encoding="utf-8")
    assert codes(verifying.verify(path, checkpoints=[kept])) == {"forked"}
    longer = Checkpoint(log.origin, log.lines + 1, b"\1" * 32).text()
    kept.write_text(notes.sign(longer, keys.signer(log.origin)), encoding="utf-8")
    assert remarks(verifying.verify(path, checkpoints=[kept])) == ["older"]


def test_an_older_checkpoint_is_compared_where_the_archive_gives_its_root(
    house: House, tmp_path: Path
) -> None:
    part = zipped(tmp_path / "part.zip", unzipped(house.export(exchange="x3").data))
    whole = unzipped(house.export().data)
    lines = whole[LINES].splitlines()
    path, kept = zipped(tmp_path / "a.zip", whole), tmp_path / "kept"
    keys = LedgerKeys(house.home)
    origin = keys.origin(GATEWAY)
    told = []
    for size in range(len(lines) + 1):
        root = verifying.merkle_root([verifying.leaf_hash(line) for line in lines[:size]])
        text = Checkpoint(origin, size, root).text()
        kept.write_text(notes.sign(text, keys.signer(origin)), encoding="utf-8")
        report = verifying.verify(path, checkpoints=[kept])
        assert (report.problems, remarks(report), report.compared) == ([], [], 1)
        report = verifying.verify(part, checkpoints=[kept])
        assert codes(report) == set()
        told.append((report.compared, "older" in remarks(report)))
        lie = Checkpoint(origin, size, b"\1" * 32).text()
        kept.write_text(notes.sign(lie, keys.signer(origin)), encoding="utf-8")
        assert "forked" in codes(verifying.verify(path, checkpoints=[kept]))
    assert set(told) == {(1, False), (0, True)}


# zips that are made to hurt


def test_a_zip_that_reaches_outside_or_hides_something_is_refused(
    north: Files, tmp_path: Path
) -> None:
    for name in ("../outside", "/etc/passwd", "a/../../b", "a\\b", "C:x", "a//b", "x\0y", "x\ny"):
        found = codes(verifying.verify(zipped(tmp_path / "a.zip", {**north, name: b"x"})))
        assert "manifest-changed" in found, name
    assert not (tmp_path.parent / "outside").exists()
    twice = tmp_path / "twice.zip"
    with zipfile.ZipFile(twice, "w") as made:
        for name, data in sorted(north.items()):
            made.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr(LINES, b"{}")
    assert "manifest-changed" in codes(verifying.verify(twice))
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as made:
        for name, data in sorted(north.items()):
            made.writestr(name, data)
        made.writestr(link, "/etc/passwd")
    assert "manifest-changed" in codes(verifying.verify(tmp_path / "link.zip"))


def test_a_zip_bomb_is_refused_before_it_goes_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.ledger.verifying.files.ZIP_SMALL", 1_000_000)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("manifest.json", b" " * 50_000_000)
    with pytest.raises(verifying.Unreadable, match="would unpack"):
        verifying.verify(bomb)
    monkeypatch.setattr("freehold.ledger.verifying.files.ZIP_ENTRIES", 10)
    zipped(bomb, {str(n): b"" for n in range(20)})
    with pytest.raises(verifying.Unreadable, match="entries"):
        verifying.verify(bomb)
