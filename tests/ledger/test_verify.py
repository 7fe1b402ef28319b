"""The stand-alone verifier: what it computes agrees with the standards and with the writer."""

import ast
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger import notes, tree, verifying
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.reading import read
from freehold.ledger.segment import SegmentJournal
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying.joined import one_file
from freehold.testing.ledgers import WRITER, WrittenLedger, relined, write_format_one

# RFC 8032, section 7.1: public key, message, signature
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


def names(report: verifying.Report) -> set[str]:
    return {one.code for one in report.problems}


def test_the_file_imports_only_the_standard_library_and_runs_on_older_pythons() -> None:
    parsed = ast.parse(one_file(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(parsed)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "freehold"]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_ed25519_is_that_of_rfc_8032(public: str, message: str, signature: str) -> None:
    key, text, signed = map(bytes.fromhex, (public, message, signature))
    assert verifying.ed25519_verify(key, text, signed)
    assert not verifying.ed25519_verify(key, text + b"x", signed)
    for at in range(0, 64, 7):
        changed = bytearray(signed)
        changed[at] ^= 1
        assert not verifying.ed25519_verify(key, text, bytes(changed))


def test_a_signature_has_one_form_only() -> None:
    """A scalar beyond the group's order would be a second signature of the same text."""
    key, text, signed = map(bytes.fromhex, RFC_8032[0])
    scalar = int.from_bytes(signed[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    assert not verifying.ed25519_verify(key, text, signed[:32] + scalar.to_bytes(32, "little"))
    assert not verifying.ed25519_verify(key, text, signed + b"\0")
    assert not verifying.ed25519_verify(b"\xff" * 32, text, signed)
    assert not verifying.ed25519_verify(key[:31], text, signed)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_ed25519_agrees_with_cryptography(seed: bytes, message: bytes, flip: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    signed = private.sign(message)
    assert verifying.ed25519_verify(public, message, signed)
    changed = bytearray(signed)
    changed[flip // 8] ^= 1 << flip % 8
    assert not verifying.ed25519_verify(public, message, bytes(changed))


@given(st.integers(0, 600), st.data())
def test_trees_are_those_of_the_writer(size: int, data: st.DataObject) -> None:
    leaves = [tree.leaf_hash(b"%d" % n) for n in range(size)]
    frontier = tree.Frontier()
    peaks = verifying.Peaks()
    for at, leaf in enumerate(leaves):
        frontier.append(leaf)
        if at % 256 == 255:
            peaks.add(8, verifying.merkle_root(leaves[at - 255 : at + 1]))
    root = frontier.root()
    assert verifying.merkle_root(leaves) == root == peaks.root(leaves[size - size % 256 :])
    if not size:
        return

    def tile(level: int, n: int) -> bytes:
        span = 256**level
        rows = [
            verifying.merkle_root(leaves[at : at + span])
            for at in range(n * 256 * span, min(size // span, (n + 1) * 256) * span, span)
        ]
        return b"".join(rows)

    index = data.draw(st.integers(0, size - 1))
    checkpoint = verifying.Checkpoint("log", size, root)
    proof = tree.inclusion_proof(tile, index, size)
    assert verifying.included(leaves[index], index, checkpoint, proof)
    other = data.draw(st.integers(0, size))
    assert verifying.included(leaves[index], other, checkpoint, proof) == (other == index)
    assert not verifying.included(leaves[index], index, checkpoint, [*proof, root])
    if proof:
        assert not verifying.included(leaves[index], index, checkpoint, proof[:-1])
    old = data.draw(st.integers(0, size))
    before = verifying.Checkpoint("log", old, verifying.merkle_root(leaves[:old]))
    steps = tree.consistency_proof(tile, old, size)
    assert verifying.consistent(before, checkpoint, steps)
    assert not verifying.consistent(before._replace(root=b"\1" * 32), checkpoint, steps)
    assert not verifying.consistent(before, checkpoint, [*steps, root])


def test_notes_are_those_of_the_writer() -> None:
    signer = notes.Signer("example.org/log", b"\7" * 32)
    cosigner = notes.Cosigner("witness.example", b"\x08" * 32)
    text = Checkpoint("example.org/log", 5, b"\2" * 32).text()
    note = notes.read(notes.sign(text, signer)).adding(cosigner.signature(text, 1_790_000_000))
    read = verifying.read_note(str(note).encode())
    assert read.text == text
    expected = verifying.Checkpoint("example.org/log", 5, b"\2" * 32)
    assert verifying.read_checkpoint(read.text) == expected
    assert verifying.read_vkey(str(signer.key)).public == signer.key.public
    witness = verifying.read_vkey(str(cosigner.key))
    assert verifying.cosigned_at(read, witness) == 1_790_000_000
    assert verifying.cosigned_at(read, witness._replace(name="somebody.else")) is None
    forged = notes.Cosigner("witness.example", b"\x09" * 32).signature(text, 5)
    lie = notes.Note(text, (notes.Signature("witness.example", witness.key_id, forged.value),))
    with pytest.raises(verifying.Malformed):
        verifying.cosigned_at(verifying.read_note(str(lie).encode()), witness)


def test_a_ledger_is_all_right(tmp_path: Path) -> None:
    ledger = WrittenLedger(tmp_path, lines_per_segment=100)
    for count in (3, 300, 10):
        ledger.fill(count).checkpoint()
    report = verifying.verify(tmp_path)
    assert (report.ok, report.exit_status, report.warnings) == (True, 0, [])
    log = report.logs[0]
    assert (log.writer, log.lines, log.signed, log.tenants, log.keys) == (WRITER, 313, 313, 2, [1])
    assert any("No key was pinned" in text for text in report.said)
    assert any("No checkpoint from elsewhere" in text for text in report.said)
    for path in (tmp_path / "ledger", ledger.folder):
        assert verifying.verify(path).ok


def test_lines_beyond_the_checkpoint_are_told_and_no_failure(tmp_path: Path) -> None:
    ledger = WrittenLedger(tmp_path).fill(20)
    ledger.checkpoint()
    ledger.fill(3).flush()
    report = verifying.verify(tmp_path)
    assert report.ok
    tail = report.warnings[0]
    assert (tail.code, tail.seq) == ("unsigned-tail", 21)
    assert "3 lines" in tail.message
    assert json.loads(ledger.lines[20])["body"]["at"] in tail.message


def test_a_line_that_is_being_written_is_no_failure(tmp_path: Path) -> None:
    ledger = WrittenLedger(tmp_path).fill(20)
    ledger.checkpoint()
    with (ledger.folder / "segment-00000001.log").open("ab") as file:
        file.write(ledger.lines[-1][:30])
    report = verifying.verify(tmp_path)
    assert report.ok
    assert [one.code for one in report.warnings] == ["torn"]


def test_keys_may_change_and_any_of_them_can_be_pinned(tmp_path: Path) -> None:
    ledger = WrittenLedger(tmp_path)
    for day in (1, 2, 3):
        ledger.fill(5).checkpoint()
        ledger.keys.rotate(f"2026-11-2{day}T00:00:00Z")
    ledger.fill(5).checkpoint()
    history = ledger.keys.history()
    for key in history:
        assert verifying.verify(tmp_path, keys=[key.fingerprint]).ok
        assert verifying.verify(tmp_path, keys=[str(key.verifier(ledger.origin))]).ok
    report = verifying.verify(tmp_path, keys=[history[2].fingerprint])
    assert [key["trusted"] for key in report.keys] == [False, False, True, True]


def test_a_log_that_ends_before_the_pinned_key_is_not_vouched_for_by_it(tmp_path: Path) -> None:
    """Anybody can make up a key and endorse the real one with it."""
    ledger = WrittenLedger(tmp_path).fill(5)
    ledger.checkpoint()
    second = ledger.keys.rotate("2026-11-21T00:00:00Z")
    report = verifying.verify(tmp_path, keys=[second.fingerprint])
    assert not report.ok
    first = ledger.keys.history()[0]
    assert verifying.verify(tmp_path, keys=[second.fingerprint, first.fingerprint]).ok


def test_a_key_whose_predecessor_was_lost_needs_a_pin(tmp_path: Path) -> None:
    ledger = WrittenLedger(tmp_path).fill(5)
    ledger.checkpoint()
    second = ledger.keys.rotate("2026-11-21T00:00:00Z", lost=True)
    ledger.fill(5).checkpoint()
    assert "key-unknown" in names(verifying.verify(tmp_path))
    first = ledger.keys.history()[0]
    assert verifying.verify(tmp_path, keys=[first.fingerprint, second.fingerprint]).ok


def test_a_witness_is_asked_for(tmp_path: Path) -> None:
    cosigner = notes.Cosigner("witness.example", b"\x08" * 32)
    ledger = WrittenLedger(tmp_path).fill(5)
    ledger.checkpoint((cosigner, 1_790_000_000))
    ledger.fill(5).checkpoint()
    report = verifying.verify(tmp_path, witnesses=[str(cosigner.key)])
    assert report.ok
    expected = {"name": "witness.example", "size": 5, "at": 1_790_000_000}
    assert report.logs[0].cosigned == [expected]
    other = notes.Cosigner("witness.example", b"\x09" * 32)
    found = names(verifying.verify(tmp_path, witnesses=[str(other.key)]))
    assert found == {"cosignature-missing"}


def test_old_logs_are_vouched_for_by_those_that_adopted_them(tmp_path: Path) -> None:
    root = write_format_one(tmp_path, 30)
    assert names(verifying.verify(tmp_path)) >= {"unprovable"}
    ledger = WrittenLedger(tmp_path).fill(3)
    told = {"writer": "w-00000000000a", "lines": 30, "root": root.hex()}
    ledger.event("ledger.adopted", told)
    ledger.checkpoint()
    report = verifying.verify(tmp_path)
    assert report.ok
    assert [one.code for one in report.warnings] == ["adopted"]
    segment = tmp_path / "ledger" / "w-00000000000a" / "segment-00000001.log"
    lines = segment.read_bytes().splitlines()
    lines[4] = relined(lines[4], TENANT="other")
    segment.write_bytes(b"".join(line + b"\n" for line in lines))
    assert names(verifying.verify(tmp_path)) == {"root-differs"}


def test_what_an_unsigned_line_says_vouches_for_nothing(tmp_path: Path) -> None:
    root = write_format_one(tmp_path, 30)
    ledger = WrittenLedger(tmp_path).fill(3)
    ledger.checkpoint()
    told = {"writer": "w-00000000000a", "lines": 30, "root": root.hex()}
    ledger.event("ledger.adopted", told)
    ledger.flush()
    assert names(verifying.verify(tmp_path)) == {"unprovable"}


def test_it_runs_alone_and_its_exit_status_says_what_came_out(tmp_path: Path) -> None:
    ledger = WrittenLedger(tmp_path / "home").fill(20)
    ledger.checkpoint()
    alone = tmp_path / "verify.py"
    alone.write_bytes(one_file())

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(alone), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    good = run(tmp_path / "home", "--json")
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["logs"][0]["signed"] == 20
    key = ledger.keys.history()[0].fingerprint
    assert run(tmp_path / "home", "--key", key).returncode == 0
    (ledger.folder / "checkpoint").unlink()
    bad = run(tmp_path / "home")
    assert bad.returncode == 1
    assert "checkpoint-missing" in bad.stdout
    for wrong in (["nowhere"], [tmp_path], [tmp_path / "home", "--key", "x"], []):
        told = run(*wrong)
        assert (told.returncode, told.stdout) == (2, "")
        assert "Traceback" not in told.stderr


@pytest.mark.parametrize("rotate_bytes", [64 * 1024 * 1024, 20_000])
def test_what_the_journal_writes_is_all_right(tmp_path: Path, rotate_bytes: int) -> None:
    """Over runs, segments and a change of keys."""
    keys = LedgerKeys(tmp_path)
    for run in range(3):
        journal = SegmentJournal(tmp_path, rotate_bytes=rotate_bytes).open()
        for at in range(200):
            tenant = f"t{at % 3}"
            journal.append(encode({"tenant": tenant, "type": "opened", "v": 2}), tenant)
        journal.checkpoint()
        journal.append(encode({"tenant": "t0", "type": "closed", "v": 2}), "t0")
        if run == 1:
            keys.rotate("2026-11-21T12:00:00Z")
        journal.close()
    for keyword in ({}, {"keys": [keys.history()[0].fingerprint]}):
        report = verifying.verify(tmp_path, **keyword)
        assert (report.problems, report.warnings) == ([], [])
    log = report.logs[0]
    assert log.signed == log.lines == journal.sequence
    assert log.keys == [2]


def test_the_journal_and_the_ledgers_of_tests_write_the_same(tmp_path: Path) -> None:
    """From the same lines the same tree files, and the same checkpoint under the same key."""
    journal = SegmentJournal(tmp_path / "a").open()
    for at in range(700):
        journal.append(encode({"n": at, "tenant": "t", "type": "opened", "v": 2}), "t")
    journal.close()
    shutil.copytree(tmp_path / "a" / "keys", tmp_path / "b" / "keys")
    (tmp_path / "b" / "ledger").mkdir()
    for name in ("keys.jsonl", "origin"):
        shutil.copy(tmp_path / "a" / "ledger" / name, tmp_path / "b" / "ledger" / name)
    written = WrittenLedger(tmp_path / "b", journal.writer)
    for entry in read(tmp_path / "a", journal.writer):
        written.take(entry.line)
    written.checkpoint()
    for name in ("segment-00000001.log", "checkpoint", "tree/0", "tree/1"):
        ours = (written.folder / name).read_bytes()
        assert ours == (journal.folder / name).read_bytes(), name
    assert not (journal.folder / "tree" / "2").exists() or (written.folder / "tree" / "2").exists()


def test_a_log_that_is_being_written_is_verified_meanwhile(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=0.01).open()
    journal.append(encode({"tenant": "t", "type": "opened", "v": 2}), "t")
    journal.checkpoint()
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(0.0005):
            journal.append(encode({"x": "y" * 300, "tenant": "t", "type": "opened", "v": 2}), "t")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(10):
            report = verifying.verify(tmp_path)
            assert report.problems == []
            assert {one.code for one in report.warnings} <= {"unsigned-tail", "torn"}
    finally:
        ended.set()
        thread.join()
        journal.close()
    assert verifying.verify(tmp_path).warnings == []


def test_a_log_that_the_journal_left_for_evidence_is_named(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path).open()
    for _ in range(10):
        journal.append(encode({"tenant": "t", "type": "opened", "v": 2}), "t")
    journal.close()
    segment = journal.folder / "segment-00000001.log"
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-4]))
    after = SegmentJournal(tmp_path).open()
    after.close()
    report = verifying.verify(tmp_path)
    assert {(one.code, one.log) for one in report.problems} == {
        ("truncated", journal.writer),
        ("rolled-back", journal.writer),
    }
    shutil.rmtree(journal.folder)
    assert names(verifying.verify(tmp_path)) == {"log-missing"}


def test_the_journal_vouches_for_old_logs(tmp_path: Path) -> None:
    write_format_one(tmp_path, 30)
    SegmentJournal(tmp_path).open().close()
    report = verifying.verify(tmp_path)
    assert report.problems == []
    assert [one.code for one in report.warnings] == ["adopted"]


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_history_line_that_was_cut_is_no_lie_and_one_that_was_changed_is(
    at: int, bit: int
) -> None:
    note = "a/b\n5\nAAAA\n\n\u2014 a/b AAAA\n"
    line = encode({"at": "2026-11-21T00:00:00Z", "note": note})
    assert verifying.cut_short(line[: at % len(line)])
    changed = bytearray(line)
    changed[at % len(line)] ^= 1 << bit
    assert not verifying.cut_short(bytes(changed))


def test_a_key_before_the_pinned_one_is_vouched_for_by_a_log_that_went_over(tmp_path: Path) -> None:
    """One log ended under the first key; another one says which key its own came after."""
    idle = WrittenLedger(tmp_path, "w-00000000000b").fill(5)
    idle.checkpoint()
    journal = SegmentJournal(tmp_path, sign_every_s=0.01).open()
    assert journal.writer == idle.writer  # free, so it is gone on with: another one is needed
    second = SegmentJournal(tmp_path, sign_every_s=0.01).open()
    journal.close()
    LedgerKeys(tmp_path).rotate("2026-11-21T12:00:00Z")
    while b"ledger.key_adopted" not in (second.folder / "segment-00000001.log").read_bytes():
        time.sleep(0.01)
    second.close()
    newest = LedgerKeys(tmp_path).history()[1].fingerprint
    report = verifying.verify(tmp_path, keys=[newest])
    assert report.problems == []
    assert [key["trusted"] for key in report.keys] == [True, True]
    shutil.rmtree(second.folder)
    assert names(verifying.verify(tmp_path, keys=[newest])) == {"key-unknown"}
