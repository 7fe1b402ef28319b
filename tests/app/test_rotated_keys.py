"""After a change of the ledger's key: what archives and proofs bring so that the new one will do.

One log ended under the first key; another one went over to the second while it ran.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from freehold.ledger.segment import SegmentJournal
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying import Report, verify
from freehold.services.verification import Proofs, read_kept
from tests.app.test_exporting import export, write


class Rotated(NamedTuple):
    """A home after a change of keys, and checkpoints of both logs that a mirror has from before."""

    home: Path
    ended: SegmentJournal
    over: SegmentJournal
    mirrors: list[Path]
    newest: str


@pytest.fixture
def rotated(tmp_path: Path) -> Rotated:
    home = tmp_path / "home"
    over = SegmentJournal(home, sign_every_s=0.01).open()
    ended = SegmentJournal(home, sign_every_s=0.01).open()
    write(over, "x1", "x2")
    write(ended, "x3")
    ended.close()
    over.checkpoint()
    mirrors = []
    for journal in (over, ended):
        mirrors.append(tmp_path / f"{journal.writer}.checkpoint")
        mirrors[-1].write_bytes((journal.folder / "checkpoint").read_bytes())
    LedgerKeys(home).rotate("2026-11-21T12:00:00Z")
    while b"ledger.key_adopted" not in (over.folder / "segment-00000001.log").read_bytes():
        time.sleep(0.01)
    write(over, "x4")
    over.close()
    return Rotated(home, ended, over, mirrors, LedgerKeys(home).newest()[0].fingerprint)


def found(report: Report) -> list[str]:
    return [f"{one.code}: {one.message}" for one in report.problems]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"tenant": "north", "tenants": frozenset({"north"})},
        {"person": "ada"},
        {"exchange": "x3"},
    ],
    ids=str,
)
def test_an_archive_holds_under_the_new_key_beside_an_older_mirror(
    asked: dict[str, Any], rotated: Rotated, tmp_path: Path
) -> None:
    target = tmp_path / "a.zip"
    export(rotated.home, target, **asked)
    report = verify(target, keys=[rotated.newest], checkpoints=rotated.mirrors)
    assert found(report) == []
    assert [key["trusted"] for key in report.keys] == [True, True]
    live = verify(rotated.home, keys=[rotated.newest], checkpoints=rotated.mirrors)
    assert found(live) == []
    if not asked:
        assert (report.compared, live.compared) == (2, 2)
        assert sum(log.mirrors for log in report.logs) == 2


def test_a_mirror_of_another_history_is_found_under_the_new_key(
    rotated: Rotated, tmp_path: Path
) -> None:
    target, other = tmp_path / "a.zip", tmp_path / "other.checkpoint"
    export(rotated.home, target)
    text = rotated.mirrors[0].read_text("utf-8")
    root = text.splitlines()[2]
    other.write_text(text.replace(root, "A" * 43 + "="), encoding="utf-8")
    report = verify(target, keys=[rotated.newest], checkpoints=[other])
    assert {one.code for one in report.problems} == {"forked", "signature-bad"}


@pytest.mark.parametrize("which", [0, 1], ids=["went over", "ended"])
def test_consistency_is_proven_under_the_new_key(
    which: int, rotated: Rotated, tmp_path: Path
) -> None:
    kept = rotated.mirrors[which]
    proof = tmp_path / "consistency.json"
    (one,) = read_kept(kept)
    proof.write_bytes(orjson.dumps(Proofs(rotated.home).consistency(one)))
    assert found(verify(proof, keys=[rotated.newest], checkpoints=[kept])) == []
    told = orjson.loads(proof.read_bytes())
    assert ("vouched" in told) == (which == 1)
    assert found(verify(proof, keys=[LedgerKeys(rotated.home).history()[0].fingerprint])) == []


@pytest.mark.parametrize("which", [0, 1], ids=["went over", "ended"])
def test_a_line_is_proven_under_the_new_key(which: int, rotated: Rotated, tmp_path: Path) -> None:
    journal = (rotated.over, rotated.ended)[which]
    line = (journal.folder / "segment-00000001.log").read_bytes().splitlines()[0]
    path = tmp_path / "proof.json"
    proof = Proofs(rotated.home).of_lines([line])
    path.write_bytes(orjson.dumps(proof))
    assert found(verify(path, keys=[rotated.newest])) == []
    if which == 1:
        (vouching,) = proof["vouched"]
        lied = vouching["line"].replace("ledger.key_adopted", "ledger.key_Adopted")
        for wrong in ([], [{**vouching, "line": lied}], [{**vouching, "line": line.decode()}]):
            path.write_bytes(orjson.dumps(proof | {"vouched": wrong}))
            report = verify(path, keys=[rotated.newest])
            assert [one.code for one in report.problems] == ["key-unknown"]


def test_what_signs_before_the_new_key_is_not_believed_without_a_line_that_says_so(
    rotated: Rotated, tmp_path: Path
) -> None:
    """Anybody can make up a key that endorses the pinned one."""
    line = (rotated.ended.folder / "segment-00000001.log").read_bytes().splitlines()[0]
    proof = Proofs(rotated.home).of_lines([line])
    path = tmp_path / "proof.json"
    path.write_bytes(
        orjson.dumps({name: told for name, told in proof.items() if name != "vouched"})
    )
    assert [one.code for one in verify(path, keys=[rotated.newest]).problems] == ["key-unknown"]
