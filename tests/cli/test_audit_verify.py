"""``freehold audit verify``, ``proof``, ``consistency`` and ``verifier``, as a user types them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.ledger.canonical import encode
from freehold.ledger.segment import SegmentJournal
from freehold.ledger.signing import LedgerKeys
from freehold.stages.audit import Audit
from tests.audit_samples import answered, exchange, tenant_key


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Ten lines, and one exchange."""
    home = tmp_path / "home"
    journal = SegmentJournal(home).open()
    for at in range(10):
        journal.append(encode({"n": at, "tenant": "t", "type": "note", "v": 2}), "t")
    journal.close()
    return home


@pytest.fixture
def exchange_id(home: Path) -> str:
    journal = SegmentJournal(home).open()
    audit = Audit(journal, "r" * 64, tenant_key)
    trail, ruled, admitted = exchange()
    audit.opened(ruled, trail)
    audit.closed(admitted, answered(trail), "allowed")
    event = audit.event("bundle.activated", "tester", "bundle", {"n": 1})
    journal.close()
    (home / "event").write_text(event, encoding="utf-8")
    found: str = trail.arrival.exchange_id
    return found


def segment(home: Path) -> Path:
    (found,) = (home / "ledger").glob("w-*/segment-00000001.log")
    return found


def test_a_home_is_all_right_or_says_what_is_not(home: Path) -> None:
    good = run("audit", "verify", "--home", home)
    assert (good.exit_code, good.stderr) == (0, "")
    assert "all right" in good.stdout
    assert run("audit", "verify", home / "ledger").exit_code == 0
    key = LedgerKeys(home).history()[0].fingerprint
    pinned = run("audit", "verify", home, "--key", key, "--json")
    assert json.loads(pinned.stdout)["pinned"]["keys"] == [key]
    segment(home).write_bytes(segment(home).read_bytes().replace(b'"n":4', b'"n":5'))
    bad = run("audit", "verify", home, "--json")
    told = json.loads(bad.stdout)
    assert (bad.exit_code, told["ok"]) == (1, False)
    assert [one["code"] for one in told["problems"]] == ["line-changed"]
    assert told["problems"][0]["segment"] == 1
    assert "line-changed" in run("audit", "verify", home).stdout


def test_what_can_not_be_read_ends_with_2(home: Path, tmp_path: Path) -> None:
    for wrong in (
        [tmp_path / "nowhere"],
        [tmp_path],
        [home, "--key", "?"],
        [home, "--witness", "?"],
    ):
        told = run("audit", "verify", *wrong)
        assert (told.exit_code, told.stdout) == (2, "")
        assert told.stderr.startswith("Error: ")
        assert "Traceback" not in told.output


def test_a_mirrors_file_shows_an_older_copy(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "older")
    SegmentJournal(home).open().close()
    mirror = tmp_path / "mirror.jsonl"
    assert run("audit", "mirror", "--to", mirror, "--home", home).exit_code == 0
    printed = tmp_path / "printed.txt"
    printed.write_text(run("audit", "mirror", "--to", "-", "--home", home).stdout, encoding="utf-8")
    for kept in (mirror, printed):
        good = run("audit", "verify", home, "--checkpoint", kept, "--json")
        assert json.loads(good.stdout)["logs"][0]["mirrors"] == 1
        bad = run("audit", "verify", tmp_path / "older", "--checkpoint", kept)
        assert bad.exit_code == 1
        assert "rolled-back" in bad.stdout


def test_one_record_is_proven_to_whoever_has_nothing_else(
    home: Path, exchange_id: str, tmp_path: Path
) -> None:
    alone = tmp_path / "v.py"
    assert run("audit", "verifier", alone).exit_code == 0
    again = run("audit", "verifier", alone)
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    assert run("audit", "verifier", alone, "--force").exit_code == 0
    key = LedgerKeys(home).history()[0].fingerprint
    event = (home / "event").read_text(encoding="utf-8")
    for record, count in ((exchange_id, 2), (event, 1)):
        target = tmp_path / f"{record}.json"
        assert run("audit", "proof", record, "-o", target, "--home", home).exit_code == 0
        proof = json.loads(target.read_bytes())
        assert len(proof["proofs"]) == count
        command = [sys.executable, "-I", "-S", str(alone), str(target), "--key", key]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (told.returncode, told.stderr) == (0, "")
        changed = json.loads(target.read_bytes())
        changed["proofs"][0]["line"] = changed["proofs"][0]["line"].replace('"seq":', '"seq":1')
        target.write_text(json.dumps(changed), encoding="utf-8")
        bad = run("audit", "verify", target)
        assert bad.exit_code == 1
        assert "line-changed" in bad.stdout


def test_a_proof_is_c2sps_text_too(home: Path, exchange_id: str, tmp_path: Path) -> None:
    printed = run("audit", "proof", exchange_id, "--home", home).stdout
    proof = json.loads(run("audit", "proof", exchange_id, "--home", home, "--json").stdout)
    for one in proof["proofs"]:
        assert one["line"] in printed
        assert one["proof"] in printed
    (tmp_path / "a.tlog-proof").write_text(proof["proofs"][0]["proof"], encoding="utf-8")
    (tmp_path / "line").write_text(proof["proofs"][0]["line"] + "\n", encoding="utf-8")
    keys = LedgerKeys(home)
    origin = proof["proofs"][0]["proof"].split("\n\n")[1].split("\n")[0]
    vkey = str(keys.history()[0].verifier(origin))
    good = run(
        "audit", "verify", tmp_path / "a.tlog-proof", "--line", tmp_path / "line", "--key", vkey
    )
    assert good.exit_code == 0, good.output
    assert run("audit", "verify", tmp_path / "a.tlog-proof", "--key", vkey).exit_code == 2
    (tmp_path / "line").write_text(proof["proofs"][1]["line"], encoding="utf-8")
    bad = run(
        "audit", "verify", tmp_path / "a.tlog-proof", "--line", tmp_path / "line", "--key", vkey
    )
    assert bad.exit_code == 1


def test_another_tenants_record_is_not_proven(home: Path, exchange_id: str) -> None:
    refused = run("audit", "proof", exchange_id, "--tenant", "nobody", "--home", home)
    assert refused.exit_code == 1
    assert "{" not in refused.stdout
    assert run("audit", "proof", "nonsense", "--home", home).exit_code == 1
    assert run("audit", "proof", "evt_none", "--home", home).exit_code == 1


def test_a_changed_line_is_not_proven(home: Path, exchange_id: str) -> None:
    path = segment(home)
    path.write_bytes(path.read_bytes().replace(b'"type":"opened"', b'"type":"Opened"'))
    refused = run("audit", "proof", (home / "event").read_text("utf-8"), "--home", home)
    assert refused.exit_code == 0  # this one was not
    path.write_bytes(path.read_bytes().replace(b"bundle.activated", b"bundle.Activated"))
    refused = run("audit", "proof", (home / "event").read_text("utf-8"), "--home", home)
    assert refused.exit_code == 1
    assert "was changed" in refused.stderr


def test_a_line_that_nobody_signed_yet_waits(home: Path) -> None:
    journal = SegmentJournal(home, sign_every_s=3_600).open()
    audit = Audit(journal, "r" * 64, tenant_key)
    event = audit.event("bundle.activated", "tester", "bundle", {"n": 1})
    waits = run("audit", "proof", event, "--home", home)
    assert waits.exit_code == 1
    assert "no checkpoint yet" in waits.stderr
    journal.close()
    assert run("audit", "proof", event, "--home", home).exit_code == 0


def test_the_log_goes_on_where_a_kept_checkpoint_ended(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(run("audit", "mirror", "--to", "-", "--home", home).stdout, encoding="utf-8")
    shutil.copytree(home, tmp_path / "older")
    for at in range(3):
        journal = SegmentJournal(home).open()
        journal.append(encode({"n": at, "tenant": "t", "type": "note", "v": 2}), "t")
        journal.close()
    good = run("audit", "consistency", kept, "--home", home)
    assert (good.exit_code, "all right" in good.stdout) == (0, True)
    target = tmp_path / "c.json"
    assert run("audit", "consistency", kept, "-o", target, "--home", home).exit_code == 0
    assert run("audit", "verify", target).exit_code == 0
    wrong = json.loads(target.read_bytes())
    wrong["hashes"] = wrong["hashes"][::-1] + wrong["hashes"][:1]
    target.write_text(json.dumps(wrong), encoding="utf-8")
    assert run("audit", "verify", target).exit_code == 1
    newer = tmp_path / "newer.txt"
    newer.write_text(run("audit", "mirror", "--to", "-", "--home", home).stdout, encoding="utf-8")
    cut = run("audit", "consistency", newer, "--home", tmp_path / "older")
    assert cut.exit_code == 1
    assert "cut off" in cut.stderr
    other = tmp_path / "other"
    SegmentJournal(other).open().close()
    assert run("audit", "consistency", kept, "--home", other).exit_code == 2


def test_consistency_with_a_file_that_holds_no_checkpoint_says_nothing(
    home: Path, tmp_path: Path
) -> None:
    for text in ("", "no checkpoint\n", '{"at":"x"}\n', "a\n\nb\n"):
        kept = tmp_path / "kept"
        kept.write_text(text, encoding="utf-8")
        told = run("audit", "consistency", kept, "--home", home)
        assert (told.exit_code, told.stdout) == (2, ""), text
        assert "holds no checkpoint" in told.stderr
    (tmp_path / "folder").mkdir()
    assert run("audit", "consistency", tmp_path / "folder", "--home", home).exit_code == 2


def printed(home: Path) -> str:
    return run("audit", "mirror", "--to", "-", "--home", home).stdout


def another_log(home: Path) -> None:
    """A writer of its own, since the one before is still there."""
    running = SegmentJournal(home).open()
    second = SegmentJournal(home).open()
    running.close()
    second.close()


def test_every_log_of_a_file_is_checked(home: Path, tmp_path: Path) -> None:
    another_log(home)
    origins = [note.split("\n")[0] for note in printed(home).split("\n\n")[::2]]
    assert len(origins) == 2
    stranger = tmp_path / "stranger"
    SegmentJournal(stranger).open().close()
    kept = tmp_path / "kept"
    kept.write_text(printed(stranger) + "\n" + printed(home), encoding="utf-8")
    good = run("audit", "consistency", kept, "--home", home)
    assert good.exit_code == 0, good.output
    assert all(origin in good.stdout for origin in origins)
    assert "not of this ledger" in good.stderr
    proof = run("audit", "consistency", kept, "--json", "--home", home)
    assert f"The proof is that of {origins[-1]}" in proof.stderr
    assert json.loads(proof.stdout)["old"].startswith(origins[-1])
    named = run("audit", "consistency", kept, "--log", origins[0], "--json", "--home", home)
    assert json.loads(named.stdout)["old"].startswith(origins[0])
    nobody = run("audit", "consistency", kept, "--log", "nobody/w-1", "--home", home)
    assert (nobody.exit_code, nobody.stdout) == (2, "")
    # whichever of them is gone, and wherever it stands in the file
    for origin in origins:
        writer = origin.rpartition("/")[2]
        (home / "ledger" / writer).rename(tmp_path / writer)
        gone = run("audit", "consistency", kept, "--home", home)
        assert gone.exit_code == 1
        assert origin in gone.stderr
        (tmp_path / writer).rename(home / "ledger" / writer)
    assert run("audit", "consistency", kept, "--home", home).exit_code == 0
