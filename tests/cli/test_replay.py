"""``freehold replay``, as whoever doubts a record types it."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.app.rehearsal import rehearsal
from freehold.bundle.kept import keep
from freehold.bundle.problems import Problems
from freehold.bundle.snapshot import read_folder
from freehold.cli.main import main
from freehold.ledger.segment import SegmentJournal
from tests.services.made_replays import asked, bundle

RULES = """\
  discount:
    phase: answer
    when: answer.percents.exists(p, p.role == "discount" && p.upper > 2000)
    do: [{require_approval: {role: manager}}]
  bazooka:
    phase: request
    when: request.text.matches("(?i)bazooka")
    do: [{block: {}}]
"""
SCENES = (
    asked("Hello.", answer="You get 10 % off."),
    asked("Hello.", answer="You get 30 % off."),
    asked("One bazooka, please."),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a kept bundle and what it decided."""
    live = bundle(tmp_path / "bundle", RULES)
    folder = tmp_path / "home"
    keep(read_folder(tmp_path / "bundle", Problems()), folder)
    run = rehearsal(live)
    journal = SegmentJournal(folder).open()
    try:
        for scene in SCENES:
            asyncio.run(run.run(scene))
            for line in run._stand.records:
                journal.append(line, "main")
    finally:
        journal.close()
    return folder


def replay(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", "--home", str(home), *arguments])


def test_what_was_decided_comes_out_again(home: Path) -> None:
    told = replay(home, "--last", "10")
    assert told.exit_code == 0
    assert told.stdout.startswith("3 replayed, 0 mismatches; 3 identical")
    found = json.loads(replay(home, "--last", "10", "--json").stdout)
    assert (found["replayed"], found["mismatches"], found["identical"]) == (3, 0, 3)
    assert found["seconds"] >= 0
    assert found["given"]["admit: who asked"] == 3
    names = {"erased", "partly", "not_replayable", "other_code"}
    assert not any(found[name] for name in names)


def test_one_of_them_by_its_id(home: Path) -> None:
    rows = CliRunner().invoke(main, ["audit", "list", "--home", str(home), "--json"]).stdout
    (exchange, *_) = [row["exchange_id"] for row in json.loads(rows)]
    assert "1 replayed, 0 mismatches" in replay(home, exchange).stdout
    assert "1 replayed" in replay(home, "--last", "1", "--tenant", "main").stdout
    assert replay(home).exit_code == 2
    assert replay(home, exchange, "--last", "1").exit_code == 2
    assert replay(home, exchange, "--last").exit_code == 2
    assert "1 replayed" in replay(home, "--last").stdout, "the newest, as in explain"
    assert "1 replayed" in replay(home, "--last", "--tenant", "main").stdout
    assert replay(home, "--last", "0").exit_code == 2
    assert replay(home, "--last", "1", "--only").exit_code == 2
    assert "no exchange" in replay(home, "nobody-knows").stderr


def test_a_record_that_was_changed_ends_with_one(home: Path) -> None:
    (segment,) = (home / "ledger").glob("*/segment-*.log")
    data = segment.read_bytes()
    assert b'"value":3000' in data
    segment.write_bytes(data.replace(b'"value":3000', b'"value":1000'))
    told = replay(home, "--last", "10")
    assert told.exit_code == 1
    assert "1 mismatches" in told.stdout
    assert "  firings" in told.stdout


def test_an_outcome_that_was_changed_in_the_ledger_ends_with_one(home: Path) -> None:
    replay(home, "--last", "10")  # the index has it as it was
    (segment,) = (home / "ledger").glob("*/segment-*.log")
    data = segment.read_bytes()
    assert data.count(b'"outcome":"held"') == 1
    segment.write_bytes(data.replace(b'"outcome":"held"', b'"outcome":"deny"'))
    told = replay(home, "--last", "10")
    assert told.exit_code == 1
    assert "1 mismatches" in told.stdout
    assert "  outcome" in told.stdout


def test_a_bundle_that_is_gone_is_said(home: Path) -> None:
    shutil.rmtree(home / "bundles")
    told = replay(home, "--last", "10")
    assert told.exit_code == 1, "nothing was replayed"
    assert "not replayable: 3, its bundle was not kept" in told.stderr


def test_a_bundle_that_somebody_changed_is_a_mismatch(home: Path) -> None:
    (kept,) = (home / "bundles").iterdir()
    file = kept / "bundle.yaml"
    file.chmod(0o600)
    file.write_text(file.read_text().replace("2000", "4500"))
    told = replay(home, "--last", "10")
    assert told.exit_code == 1
    assert "3 mismatches" in told.stdout
    assert "was changed: it is not sha256:" in told.stdout


def test_another_bundle_is_tried(home: Path, tmp_path: Path) -> None:
    turned = "routes: {main: {candidates: [large, small]}}\n"
    bundle(tmp_path / "draft", RULES.replace("2000", "500"), route=turned)
    draft = ("--last", "10", "--bundle", str(tmp_path / "draft"))
    told = replay(home, *draft)
    assert told.exit_code == 0
    assert "nothing → require_approval, allowed → held; small → large" in told.stdout
    assert "3 exchanges, 2 would change" in told.stdout
    found = json.loads(replay(home, *draft, "--json").stdout)
    assert replay(home, *draft, "--detectors").exit_code == 2
    assert found["summary"] == {"allowed -> held": 1, "small -> large": 2}


def test_detectors_read_what_was_kept(home: Path) -> None:
    found = json.loads(replay(home, "--last", "10", "--detectors", "--json").stdout)
    assert found["detectors"] == []
    assert found["not_read"] == {"requests whose texts are not kept": 3}


def test_a_draft_says_what_else_would_have_changed_it(tmp_path: Path) -> None:
    rules = """\
  loud:
    phase: answer
    when: answer.text.contains("!!!")
    do: [{annotate: {tag: loud}}]
  insult:
    phase: answer
    when: answer.text.contains("idiot")
    do: [{block: {}}]
  bazooka:
    phase: request
    when: request.text.contains("bazooka")
    do: [{block: {}}]
  secrets:
    phase: answer
    when: answer.text.contains("house key")
    do: [{annotate: {tag: keys}}]
"""
    mail = "My mail is mona@harbor-mail.com."
    scenes = [
        asked("Hello.", answer="You idiot."),
        asked(mail, answer="You idiot."),
        asked(f"{mail} One bazooka, please."),
        asked("One bazooka, please."),
        asked("Hello.", answer="The house key: sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t"),
    ]
    live = bundle(tmp_path / "bundle", rules)
    folder = tmp_path / "home"
    keep(read_folder(tmp_path / "bundle", Problems()), folder)
    journal = SegmentJournal(folder).open()
    try:
        run = rehearsal(live)
        before = []
        for scene in scenes:
            before.append(asyncio.run(run.run(scene)).explanation.record.outcome)
            for line in run._stand.records:
                journal.append(line, "main")
    finally:
        journal.close()
    only = "routes: {main: {candidates: [small]}}\n"
    bundle(tmp_path / "draft", rules[: rules.index("  insult:")], route=only)
    words = ("--last", "10", "--bundle", str(tmp_path / "draft"), "--json")
    told = {c["exchange"]: c for c in json.loads(replay(folder, *words).stdout)["changed"]}
    found = [told[each]["outcome_becomes"] for each in sorted(told)]
    assert before[:4] == ["denied"] * 4
    assert found[:4] == ["allowed", "transformed", "transformed", "allowed"]
    assert found[4:] == before[4:]
