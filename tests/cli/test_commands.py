"""The commands as a user types them: what they print, where, and how they end."""

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click import Context
from click.testing import CliRunner, Result

from freehold.app.whoever import at_terminal
from freehold.cli.common import Group
from freehold.cli.main import main
from freehold.ledger.files import segment_path
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from tests.audit_samples import answered, exchange, tenant_key


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    assert run("init", str(folder), "--provider", "simulator").exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def no_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def create(home: Path, bundle: Path, *more: str) -> dict[str, Any]:
    made = run(
        "key", "create", "--tenant", "main", "--app", "assistant", "--home", str(home),
        "--bundle", str(bundle), "--json", *more,
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    return dict(json.loads(made.stdout))


def test_every_command_explains_itself() -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    context = Context(main)
    for name in main.list_commands(context):
        assert name in shown.output
        command = main.get_command(context, name)
        assert command is not None
        assert command.help
        assert run(name, "--help").exit_code == 0


def test_init_writes_a_bundle_that_checks_and_never_overwrites(bundle: Path) -> None:
    checked = run("check", "--bundle", str(bundle), "--json")
    said = json.loads(checked.stdout)
    assert (checked.exit_code, said["ok"]) == (0, True)
    assert [problem["code"] for problem in said["problems"]] == ["rule.approver"]
    assert said["hash"].startswith("sha256:")
    before = (bundle / "freehold.yaml").read_bytes()
    again = run("init", str(bundle))
    assert again.exit_code == 1
    assert "Traceback" not in again.output
    assert (bundle / "freehold.yaml").read_bytes() == before


def test_check_names_every_mistake_and_fails(bundle: Path) -> None:
    rules = bundle / "rules.yaml"
    rules.write_text(rules.read_text().replace("phase: answer", "phase: anwser"))
    models = bundle / "models.yaml"
    models.write_text(models.read_text().replace("candidates:", "candiates:", 1))
    checked = run("check", "--bundle", str(bundle))
    assert checked.exit_code == 1
    assert "rules.yaml:" in checked.stdout
    assert "did you mean `candidates`?" in checked.stdout


def test_check_warns_of_a_key_that_is_not_set_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("init", str(tmp_path / "b"), "--provider", "openai").exit_code == 0
    checked = run("check", "--bundle", str(tmp_path / "b"))
    assert checked.exit_code == 0
    assert "warning: the environment variable `OPENAI_API_KEY` is not set here" in checked.stdout
    monkeypatch.setenv("OPENAI_API_KEY", "a value that nobody may see")
    assert "OPENAI_API_KEY" not in run("check", "--bundle", str(tmp_path / "b")).stdout


def test_a_key_needs_no_address_of_the_gateways_environment(home: Path, bundle: Path) -> None:
    models = bundle / "models.yaml"
    text, address = models.read_text(), "http://127.0.0.1:8091/v1"
    assert address in text
    models.write_text(text.replace(address, "env:NOBODY_SETS_THIS"))
    assert create(home, bundle)["key"].startswith("fh")
    refused = run("serve", "--bundle", str(bundle), "--home", str(home))
    assert "`NOBODY_SETS_THIS` is not set" in refused.output


def test_a_home_that_can_not_be_written_is_said_as_such(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run("serve", "--bundle", str(bundle), "--home", str(tmp_path / "file" / "home"))
    assert refused.exit_code == 1
    assert "can't be written" in refused.output
    assert "bundle is not valid" not in refused.output


def test_a_port_that_is_taken_is_one_clear_line(bundle: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = ["serve", "--bundle", str(bundle), "--home", str(home), "--no-index"]
        done = subprocess.run(
            [sys.executable, "-m", "freehold", *command, "--port", str(port)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: can't listen on 127.0.0.1:{port}: another program uses")
    assert "--port" in line


def test_a_missing_bundle_is_one_clear_line(home: Path) -> None:
    made = run(
        "key", "create", "--tenant", "t", "--app", "a", "--bundle", "/nowhere", "--home", str(home)
    )
    assert made.exit_code == 1
    assert "Traceback" not in made.output


def test_a_key_is_shown_once_and_can_be_revoked(home: Path, bundle: Path) -> None:
    made = create(home, bundle, "--name", "web", "--expires-days", "30")
    listed = run("key", "list", "--home", str(home), "--json")
    (row,) = json.loads(listed.stdout)
    assert (row["key_id"], row["state"], row["name"]) == (made["id"], "live", "web")
    assert row["expires_at"] is not None
    assert made["key"] not in listed.output
    for path in home.rglob("*"):
        if path.is_file():
            assert made["key"].encode() not in path.read_bytes()
    assert run("key", "revoke", made["id"], "--home", str(home)).exit_code == 0
    (row,) = json.loads(run("key", "list", "--home", str(home), "--json").stdout)
    assert row["state"] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tenant", "nobody", "--app", "assistant"), "nobody"),
        (("--tenant", "main", "--app", "nothing"), "nothing"),
        (("--tenant", "main", "--app", "assistant", "--trust-header", "roles"), "never"),
        (("--tenant", "main", "--app", "assistant", "--priority", "high"), "priority normal"),
    ],
)
def test_keys_that_can_not_be_made_say_why(
    home: Path, bundle: Path, arguments: tuple[str, ...], said: str
) -> None:
    made = run("key", "create", *arguments, "--home", str(home), "--bundle", str(bundle))
    assert made.exit_code == 1
    assert said in made.output
    assert json.loads(run("key", "list", "--home", str(home), "--json").stdout) == []


@pytest.mark.parametrize(
    ("tenant", "app", "said"),
    [
        ("mian", "assistant", "no tenant `mian` in bundle my-company; did you mean `main`?"),
        ("main", "asistant", "no app `asistant` in bundle my-company; did you mean `assistant`?"),
        ("zzz", "assistant", "no tenant `zzz` in bundle my-company; there are `main`"),
    ],
)
def test_a_slip_in_a_keys_tenant_or_app_is_named(
    home: Path, bundle: Path, tenant: str, app: str, said: str
) -> None:
    names = ("--tenant", tenant, "--app", app)
    made = run("key", "create", *names, "--home", str(home), "--bundle", str(bundle))
    assert (made.exit_code, made.stderr) == (1, f"Error: {said} (FH-NTF-001)\n")


def test_a_list_of_keys_shows_what_each_may_do(home: Path, bundle: Path) -> None:
    create(home, bundle, "--name", "web")
    create(home, bundle, "--scope", "chat", "--expires-days", "30", "--trust-header", "tier",
           "--priority", "low")  # fmt: skip
    first, second = run("key", "list", "--home", str(home)).stdout.splitlines()
    assert first.endswith(
        "live      main/assistant  chat, completion, embedding, feedback, models  no expiry  web"
    )
    assert "main/assistant  chat  until 20" in second
    assert second.endswith("trusted to state tier  priority low")
    rows = json.loads(run("key", "list", "--home", str(home), "--json").stdout)
    assert [row["priority"] for row in rows] == [None, "low"]


READING = (
    ("audit", "list"),
    ("audit", "summary"),
    ("audit", "show", "0198c0de"),
    ("explain", "--last"),
    ("key", "list"),
    ("key", "revoke", "0123456789ab"),
)


@pytest.mark.parametrize("command", READING)
def test_reading_where_nothing_is_makes_nothing(home: Path, command: tuple[str, ...]) -> None:
    read = run(*command, "--home", str(home))
    assert read.exit_code == 1
    assert read.output.startswith(f"Error: no Freehold data in {home.resolve()}; name the folder")
    assert not home.exists()


@pytest.mark.parametrize("command", [("audit", "list"), ("audit", "summary"), ("key", "list")])
def test_an_unknown_tenant_is_no_empty_list(
    home: Path, bundle: Path, command: tuple[str, ...]
) -> None:
    create(home, bundle)
    read = run(*command, "--tenant", "mian", "--home", str(home))
    assert read.exit_code == 1
    assert "no tenant `mian` is known" in read.output
    if command == ("key", "list"):
        assert "did you mean `main`?" in read.output
        assert "main/assistant" in run(*command, "--tenant", "main", "--home", str(home)).stdout
    assert run(*command, "--only", "--home", str(home)).exit_code == 2


def test_revoking_a_key_that_nobody_has_is_an_error(home: Path, bundle: Path) -> None:
    create(home, bundle)
    assert run("key", "revoke", "0123456789ab", "--home", str(home)).exit_code == 1


def test_nothing_recorded_is_said_and_no_error_in_lists(home: Path, bundle: Path) -> None:
    create(home, bundle)
    assert json.loads(run("audit", "list", "--home", str(home), "--json").stdout) == []
    assert json.loads(run("audit", "summary", "--home", str(home), "--json").stdout)
    assert run("explain", "--last", "--home", str(home)).exit_code == 1
    assert run("explain", "--home", str(home)).exit_code == 2
    assert run("audit", "show", "0198c0de", "--home", str(home)).exit_code == 1


def test_stop_ends_nothing_where_nothing_runs(home: Path) -> None:
    stopped = run("stop", "--home", str(home))
    assert stopped.exit_code == 0
    assert "Nothing was running" in stopped.output


def test_records_that_cant_be_read_are_told_beside_those_that_can(home: Path) -> None:
    journal = SegmentJournal(home).open()
    trail, ruled, one = exchange()
    audit = Audit(journal, "r", tenant_key)
    audit.opened(ruled, trail)
    answered(trail)
    audit.closed(one, trail, "allowed")
    journal.close()
    path = segment_path(journal.folder, 1)
    path.write_bytes(path.read_bytes().replace(b'"type":"opened"', b'"type":\xff"opened"'))
    place = f"{journal.writer} segment 1 at byte"
    for command in (("audit", "list"), ("audit", "summary"), ("explain", "--last")):
        said = run(*command, "--home", str(home), "--json")
        assert said.exit_code == 0
        assert "1 record in the ledger can't be read" in said.stderr
        assert place in said.stderr
        json.loads(said.stdout)
    (row,) = json.loads(run("audit", "list", "--home", str(home), "--json").stdout)
    assert (row["exchange_id"], row["outcome"]) == (trail.arrival.exchange_id, "allowed")


def test_a_record_damaged_after_it_was_indexed_says_where(home: Path) -> None:
    journal = SegmentJournal(home).open()
    trail, ruled, _ = exchange()
    Audit(journal, "r", tenant_key).opened(ruled, trail)
    journal.close()
    assert run("audit", "list", "--home", str(home)).exit_code == 0
    path = segment_path(journal.folder, 1)
    path.write_bytes(path.read_bytes().replace(b'"type":"opened"', b'"type":"opene\xff"'))
    said = run("explain", trail.arrival.exchange_id, "--home", str(home))
    assert said.exit_code == 1
    assert "segment 1 has no record at byte" in said.stderr


@pytest.mark.parametrize("error", [KeyError, OSError, ModuleNotFoundError])
def test_a_command_is_somebody_s_also_where_the_system_knows_no_name(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def nobody() -> str:
        raise error("no name")

    assert at_terminal().startswith("terminal:")
    monkeypatch.setattr("getpass.getuser", nobody)
    assert at_terminal() == "terminal"


@pytest.mark.parametrize("command", [("audit", "list"), ("key", "list"), ("detector", "list")])
def test_whoever_has_read_enough_closes_the_pipe(
    home: Path, bundle: Path, command: tuple[str, ...]
) -> None:
    """As `| head -1` does: that is no failure, whichever command it is, and nothing is said."""
    create(home, bundle)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "freehold", *command, "--json"],
            env=os.environ | {"FREEHOLD_HOME": str(home)}, stdout=writing,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_broken_pipe_is_a_failure() -> None:
    @click.command()
    def broken() -> None:
        raise BrokenPipeError(errno.EPIPE, "the server has gone")

    group = Group(commands={"broken": broken})
    done = CliRunner().invoke(group, ["broken"])
    assert done.exit_code == 1
