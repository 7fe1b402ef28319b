"""Bytes that are made to break their reader: always a finding or a refusal, never a traceback."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from freehold.ledger import verifying
from freehold.testing.ledgers import WRITER, WrittenLedger

NAMES = ("checkpoint", "checkpoints.jsonl", "cosigned", "segment-00000001.log", "tree/0", "tree/1")
HOSTILE = (
    b"",
    b"\n",
    b"\n\n\n",
    b"\0" * 100,
    b"\xff\xfe\xfd\n",
    b"{" * 200_000 + b"\n",
    b"[" * 200_000 + b"\n",
    b'{"body":' * 50_000 + b"\n",
    b'{"body":{},"salt":"","seq":1e999,"tenant_seq":1,"v":2,"writer":""}\n',
    b'{"body":{},"salt":"","seq":NaN,"tenant_seq":1,"v":2,"writer":""}\n',
    b'{"body":{},"salt":"","seq":true,"tenant_seq":1,"v":2,"writer":""}\n',
    b'{"body":{},"salt":"","seq":' + b"9" * 10_000 + b',"tenant_seq":1,"v":2,"writer":""}\n',
    b'{"body":{"tenant":{}},"salt":[],"seq":1,"tenant_seq":1,"v":2,"writer":1}\n',
    b'{"body":{"tenant":"\\ud800"},"salt":"","seq":1,"tenant_seq":1,"v":2,"writer":"\\ud800"}\n',
    b"a\n" * 5_000,
    b"origin\n-1\nAAAA\n\n\xe2\x80\x94 a AAAAAAAA\n",
    b"origin\n99999999999999999999\nAAAA\n\n\xe2\x80\x94 a AAAAAAAA\n",
    b"a\n\n\xe2\x80\x94 a \n",
    b'{"at":"2026-01-01T00:00:00Z","note":"\\u0000"}\n',
    b'{"at":"2026-01-01T00:00:00Z","note":"\\ud800\\n\\n"}\n',
    b'{"at":1,"note":2}\n',
)
ROUND = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    ledger = WrittenLedger(tmp_path / "home").fill(20)
    ledger.checkpoint()
    return tmp_path / "home"


def told(path: Path, **pins: object) -> verifying.Report | None:
    """What is said; ``None`` where nothing can be. Anything else that is raised fails the test."""
    try:
        report = verifying.verify(path, **pins)  # type: ignore[arg-type]
    except verifying.Unreadable:
        return None
    assert verifying.as_text(report)
    json.dumps(report.as_dict())
    return report


@pytest.mark.parametrize("name", NAMES)
def test_hostile_files_of_a_log(name: str, home: Path) -> None:
    path = home / "ledger" / WRITER / name
    kept = path.read_bytes() if path.exists() else b""
    for data in HOSTILE:
        for whole in (data, kept + data, data + kept):
            path.write_bytes(whole)
            report = told(home)
            assert report is not None
            if name == "segment-00000001.log" and whole != kept:
                assert not report.ok or whole.startswith(kept)


@pytest.mark.parametrize("name", ["keys.jsonl", "origin"])
def test_hostile_files_of_a_ledger(name: str, home: Path) -> None:
    path = home / "ledger" / name
    kept = path.read_bytes()
    for data in HOSTILE:
        for whole in (data, kept + data, data + kept):
            path.write_bytes(whole)
            report = told(home)
            assert report is not None
            if whole.strip() != kept.strip():
                assert not report.ok, whole[:80]


def test_hostile_files_that_somebody_brings(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "brought"
    for data in HOSTILE:
        path.write_bytes(data)
        assert told(home, checkpoints=[path]) is None
        assert told(path) is None
        path.write_bytes(b"PK\3\4" + data)
        assert told(path) is None
        path.write_bytes(b"c2sp.org/tlog-proof@v1\n" + data)
        assert told(path, line=path) is None
    for pin in (
        "",
        "+",
        "a+b+c",
        "x" * 100_000,
        "sha256:" + "f" * 63,
        "\ud800",
        "a+0000\n0000+AAAA",
    ):
        assert told(home, keys=[pin]) is None
        assert told(home, witnesses=[pin]) is None


def test_hostile_json_as_a_proof(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    note = "a/b\n1\n" + "A" * 43 + "=\n\n\u2014 a/b AAAAAAAA\n"
    good = {"format": "freehold proof", "v": 1, "base": "a", "keys": [], "proofs": []}
    for value in (
        None,
        [],
        1,
        {},
        good,
        {**good, "keys": 1},
        {**good, "keys": [1]},
        {**good, "keys": [{}], "proofs": [{}]},
        {**good, "proofs": [{"line": 1, "proof": 2}]},
        {
            **good,
            "proofs": [{"line": "\ud800", "proof": "c2sp.org/tlog-proof@v1\nindex 0\n\n\ud800"}],
        },
        {**good, "format": "freehold consistency", "old": note},
        {**good, "format": "freehold consistency", "old": 1, "new": 2, "hashes": 3},
        {**good, "format": "freehold consistency", "old": note, "new": note, "hashes": [1]},
    ):
        path.write_text(json.dumps(value), encoding="utf-8")
        report = told(path)
        assert report is None or not report.ok
    path.write_text(
        json.dumps(
            {**good, "format": "freehold consistency", "old": note, "new": note, "hashes": []}
        )
    )
    report = told(path)
    assert report is not None
    assert not report.ok


def test_links_and_odd_files_are_not_followed(home: Path, tmp_path: Path) -> None:
    folder = home / "ledger" / WRITER
    (tmp_path / "elsewhere").mkdir()
    for name in ("checkpoint", "checkpoints.jsonl", "segment-00000001.log", "tree"):
        shutil.move(folder / name, tmp_path / "elsewhere" / name)
        (folder / name).symlink_to(tmp_path / "elsewhere" / name)
        report = told(home)
        assert report is not None
        assert not report.ok, name
        (folder / name).unlink()
        (folder / name).symlink_to(folder / name)  # leads to itself
        assert not verifying.verify(home).ok
        (folder / name).unlink()
        os.mkfifo(folder / name)  # opening it would wait for ever
        assert verifying.verify(home).ok == (name == "tree")  # which may be missing
        (folder / name).unlink()
        shutil.move(tmp_path / "elsewhere" / name, folder / name)
    assert verifying.verify(home).ok
    (home / "ledger" / "w-000000000000").symlink_to(folder)
    assert not verifying.verify(home).ok


def test_a_line_without_an_end_takes_no_memory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.ledger.verifying.files.LINE_LIMIT", 10_000)
    path = home / "ledger" / WRITER / "segment-00000001.log"
    path.write_bytes(path.read_bytes() + b"x" * 5_000_000)
    report = told(home)
    assert report is not None
    assert not report.ok


@given(st.binary(max_size=400))
@example(b"\n\n")
def test_notes(data: bytes) -> None:
    try:
        note = verifying.read_note(data)
        verifying.read_checkpoint(note.text)
    except verifying.Malformed:
        return
    assert data.decode().startswith(note.text)


@given(st.text(max_size=200))
def test_keys_and_proofs(text: str) -> None:
    readers = (verifying.read_vkey, verifying.read_proof, verifying.read_checkpoint, verifying.b64)
    for read in readers:
        try:
            read(text)
        except verifying.Malformed:
            continue
        except UnicodeEncodeError:
            pytest.fail("a lone surrogate got through")


@given(st.binary(max_size=300))
@example(b'{"body":{"tenant":"a"},"salt":"","seq":1,"tenant_seq":1,"v":2,"writer":"w"}')
def test_lines(data: bytes) -> None:
    for version in (1, 2):
        try:
            line = verifying.read_line(data, version)
        except verifying.Malformed:
            continue
        assert line.seq >= 1


@ROUND
@given(data=st.data())
def test_any_bytes_in_any_file(home: Path, data: st.DataObject) -> None:
    """Pieces overwritten, put in and cut out, wherever it may be."""
    files = sorted(path for path in (home / "ledger").rglob("*") if path.is_file())
    path = data.draw(st.sampled_from([one for one in files if one.name != "keys.lock"]))
    kept = path.read_bytes()
    at = data.draw(st.integers(0, len(kept)))
    end = data.draw(st.integers(at, min(len(kept), at + 100)))
    path.write_bytes(kept[:at] + data.draw(st.binary(max_size=60)) + kept[end:])
    try:
        assert told(home) is not None
    finally:
        path.write_bytes(kept)


@ROUND
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists))
def test_any_value_as_a_manifest(tmp_path: Path, value: object) -> None:
    folder = tmp_path / "archive"
    folder.mkdir(exist_ok=True)
    for name in ("logs", "files", "base", "scope", "event", "claim"):
        manifest = {
            "format": verifying.ARCHIVE_FORMAT,
            "v": 1,
            "base": "b",
            "claim": "complete",
            "lines": 0,
            "scope": {},
            "files": {},
            "logs": [],
            name: value,
        }
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        report = told(folder)
        assert report is not None
        assert not report.ok
