"""``freehold explain``: three readers, five forms, and where they go."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.common import EXIT_UNWRITTEN
from freehold.cli.main import main
from freehold.core.ids import uuid7
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from tests.audit_samples import START_NS, Standing, answered, exchange, tenant_key
from tests.services.explaining.made import objected


@pytest.fixture
def home(tmp_path: Path) -> Path:
    journal = SegmentJournal(tmp_path / "home").open()
    trail, ruled, one = exchange()
    writer = Audit(journal, "r", tenant_key)
    writer.opened(ruled, trail)
    answered(trail)
    objected(trail)
    writer.closed(one, trail, "denied")
    journal.close()
    return tmp_path / "home"


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments, "--home", str(home)])


def test_each_reader_has_a_rendering(home: Path) -> None:
    assert run(home, "--last").stdout == run(home, "--last", "--for", "engineer").stdout
    customer = run(home, "--last", "--for", "customer").stdout
    assert customer.startswith("About your request of ")
    assert "If the discount had been 20 % or less." in customer
    officer = run(home, "--last", "--for", "compliance").stdout
    assert officer.startswith("Decision record ")
    # the journal signed a checkpoint when it was closed
    assert "under the signed checkpoint of " in officer
    assert "Texts: no text was kept." in officer


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("text", "About"),
        ("markdown", "# About"),
        ("html", "<!doctype html>"),
        ("prov", "{"),
        ("provn", "document\n"),
    ],
)
def test_forms_go_to_stdout_or_into_a_file(
    home: Path, tmp_path: Path, form: str, begins: str
) -> None:
    whose = () if form.startswith("prov") else ("--for", "customer")
    said = run(home, "--last", *whose, "--format", form)
    assert said.exit_code == 0
    assert said.stdout.startswith(begins)
    file = tmp_path / "told"
    written = run(home, "--last", *whose, "--format", form, "-o", str(file))
    assert written.exit_code == 0
    assert (written.stdout, "Wrote" in written.stderr) == ("", True)
    assert file.read_text(encoding="utf-8") == said.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_json_for_programs(home: Path) -> None:
    engineer = json.loads(run(home, "--last", "--json").stdout)
    assert engineer["counterfactuals"][0]["rule"] == "discount-over-20"
    officer = json.loads(run(home, "--last", "--for", "compliance", "--json").stdout)
    assert officer["record"]["outcome"] == "denied"
    assert list(officer["proof"]["checkpoints"].values())[0] >= 3  # noqa: RUF015 - the only one
    customer = json.loads(run(home, "--last", "--for", "customer", "--json").stdout)
    assert set(customer) == {"exchange", "outcome", "audience", "title", "sections"}


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "--format", "html"),
        ("--content", "--format", "prov"),
        ("--unmask",),
        ("--for", "nobody"),
        ("--format", "pdf"),
    ],
)
def test_what_does_not_go_together(home: Path, words: tuple[str, ...]) -> None:
    assert run(home, "--last", *words).exit_code == 2


def test_a_file_that_cant_be_written_is_one_line(home: Path, tmp_path: Path) -> None:
    said = run(home, "--last", "-o", str(tmp_path / "none" / "told"))
    assert said.exit_code == 1
    assert said.stderr.count("\n") == 1


def test_texts_go_into_every_form(home: Path) -> None:
    said = run(home, "--last", "--for", "customer", "--format", "html", "--content")
    assert said.exit_code == 0
    assert "<h2" in said.stdout
    assert "nothing was kept" in said.stdout


def test_what_would_be_left_out_is_refused(home: Path) -> None:
    rows = CliRunner().invoke(main, ["audit", "list", "--home", str(home), "--json"]).stdout
    exchange = json.loads(rows)[0]["exchange_id"]
    assert run(home, exchange).exit_code == 0
    assert run(home, exchange, "--last").exit_code == 2
    told = run(home, "--last", "--for", "customer", "--format", "prov")
    assert told.exit_code == 2
    assert "PROV names everybody" in told.stderr


def test_the_newest_few(home: Path) -> None:
    journal = SegmentJournal(home).open()
    trail, ruled, one = exchange()
    writer = Audit(journal, "r", tenant_key)
    writer.opened(ruled, trail)
    writer.closed(one, answered(trail), "allowed")
    journal.close()
    rows = CliRunner().invoke(main, ["audit", "list", "--home", str(home), "--json"]).stdout
    newest, older = (row["exchange_id"] for row in json.loads(rows))
    assert json.loads(run(home, "--last", "--json").stdout)["exchange"] == newest
    assert [one["exchange"] for one in json.loads(run(home, "--last", "1", "--json").stdout)] == [
        newest
    ], "a number gives a list"
    both = json.loads(run(home, "--last", "9", "--json").stdout)
    assert [one["exchange"] for one in both] == [newest, older]
    each = [run(home, one).stdout for one in (newest, older)]
    assert run(home, "--last", "2").stdout == "\n---\n\n".join(each)
    assert run(home, "--last", "1").stdout == run(home, "--last").stdout == each[0]
    assert run(home, "--last", "1", "--format", "html").exit_code == 0
    for words in (("2", "--format", "html"), ("2", "--format", "prov"), ("0",), ("x",), ("1001",)):
        assert run(home, "--last", *words).exit_code == 2, words
    assert "holds one exchange" in run(home, "--last", "2", "--format", "html").stderr


def test_a_beginning_that_fits_several_says_so(home: Path) -> None:
    ids = [uuid7(START_NS + n) for n in range(7)]
    journal = SegmentJournal(home).open()
    for each in ids:
        trail, _, one = exchange(each)
        answered(trail)
        audit = Audit(journal, "r" * 64, tenant_key, clock=Standing())
        audit.closed(one, trail, "allowed")
    journal.close()
    for words in (["explain"], ["replay"], ["audit", "show"], ["audit", "proof"]):
        told = CliRunner().invoke(main, [*words, ids[0][:8], "--home", str(home)])
        assert told.exit_code == 1
        assert f"{ids[0][:8]} is the beginning of several exchanges: " in told.stderr
        assert told.stderr.count(f"{ids[0][:8]}-") == 5
        assert "and more" in told.stderr
    assert "a beginning has 8 characters or more" in run(home, ids[0][:5]).stderr
    assert run(home, "ffffffff").stderr == "Error: no exchange ffffffff (FH-NTF-001)\n"


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "\udcff\udcfe"),
        ("explain", "--last", "--tenant", "no\udcff"),
        ("replay", "\udcff\udcfe"),
        ("audit", "show", "\udcff\udcfe\udcff\udcfe\udcff\udcfe\udcff\udcfe"),
        ("audit", "proof", "\udcff"),
        ("feedback", "\udcff\udcfe", "stars", "3"),
        ("erase", "--tenant", "north", "--subject", "\udcff", "--dry-run"),
    ],
)
def test_what_is_typed_and_is_no_text_is_one_line(home: Path, words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(main, [*words, "--home", str(home)])
    assert told.exit_code in (1, 2)
    assert isinstance(told.exception, SystemExit), told.exception
    assert "Error: " in told.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("words", [("audit", "verify"), ("explain", "--last"), ("audit", "list")])
def test_output_that_cant_be_written_has_its_own_status(home: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        told = subprocess.run(
            [sys.executable, "-m", "freehold", *words, "--home", str(home)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert told.returncode == EXIT_UNWRITTEN
    assert told.stderr.startswith("Error: the output can't be written: ")
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("whole", [True, False])
def test_a_reader_who_goes_away_changes_no_verdict(home: Path, *, whole: bool) -> None:
    if not whole:
        for segment in home.glob("ledger/*/segment-*.log"):
            segment.write_bytes(segment.read_bytes().replace(b"north", b"south"))
    end, out = os.pipe()
    os.close(end)
    words = [sys.executable, "-m", "freehold", "audit", "verify", "--home", str(home)]
    told = subprocess.run(words, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    os.close(out)
    assert (told.returncode, told.stderr) == (0 if whole else 1, "")
