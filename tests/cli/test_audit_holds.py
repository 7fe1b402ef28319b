"""``freehold audit hold``."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.ledger.files import ledger_folder, segment_path, writers
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from tests.audit_samples import tenant_key


@pytest.fixture
def home(tmp_path: Path) -> Path:
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    Audit(journal, "r", tenant_key).event("else.happened", "tester", "x", {})
    journal.close()
    return tmp_path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--home", str(home)])


def placed(home: Path, *words: str) -> str:
    done = run(home, "audit", "hold", "place", *words)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_the_list_says_who_placed_and_lifted_what_when_and_why(home: Path) -> None:
    whom = ("--person", "jane", "--issuer", "", "--reason", "court file 7")
    first, second = placed(home, *whom), placed(home, "--person", "ann", "--reason", "file 8")
    assert run(home, "audit", "hold", "lift", first, "--reason", "settled").exit_code == 0
    rows = {row["id"]: row for row in json.loads(_all(home, "--json").stdout)}
    told = _all(home).stdout
    lifted = rows[first]
    assert "person jane (of no issuer)" in told
    for what in ("placed_by", "reason", "lifted_at", "lifted_by", "lifted_why"):
        assert lifted[what] in told
    assert f"lifted {lifted['lifted_at']} by {lifted['lifted_by']}: settled" in told
    standing = run(home, "audit", "hold", "list").stdout
    assert second in standing
    assert f"placed by {rows[second]['placed_by']}" in standing
    assert first not in standing


def test_a_lost_database_takes_no_hold_and_no_erasure_goes_round_one(home: Path) -> None:
    hold = placed(home, "--person", "jane", "--reason", "court file 7")
    for path in home.glob("freehold.db*"):
        path.unlink()
    assert hold in run(home, "audit", "hold", "list").stdout


def test_while_the_ledger_is_damaged_nothing_is_destroyed(home: Path) -> None:
    hold = placed(home, "--person", "jane", "--reason", "court file 7")
    for path in home.glob("freehold.db*"):
        path.unlink()
    for writer in writers(home):
        path = segment_path(ledger_folder(home) / writer, 1)
        if b"court file 7" in path.read_bytes():
            path.chmod(0o600)
            path.write_bytes(
                path.read_bytes().replace(b'"legal_hold.placed"', b'"legal_hold.placed#')
            )
    told = run(home, "audit", "hold", "list")
    assert hold not in told.stdout
    assert "There may be more of them" in told.stderr
    swept = run(home, "retention")
    assert swept.exit_code != 0
    assert "nothing is destroyed" in swept.stderr
    accepted = run(home, "audit", "hold", "accept-damage", "--reason", "counsel knows")
    assert accepted.exit_code == 0, accepted.output
    assert "segment 1 at byte" in accepted.stdout
    assert run(home, "retention").exit_code == 0
    assert run(home, "audit", "hold", "accept-damage", "--reason", "again").exit_code != 0


def _all(home: Path, *words: str) -> Result:
    done = run(home, "audit", "hold", "list", "--all", *words)
    assert done.exit_code == 0, done.output
    return done
