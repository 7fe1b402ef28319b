"""``--json`` on every command of the loop: one document on stdout, and nothing else there."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from tests.cli.made_home import make_home, moment

LOOP = (
    "cases", "label", "queue", "dataset", "train", "job", "worker", "gate", "regressions", "custom",
    "export", "import", "features", "gguf", "demo", "feedback",
)  # fmt: skip
WITHOUT = {"label", "worker"}
"""One is for people at a terminal, one goes on until it is ended and tells on stderr."""
BUNDLE = """\
    queues:
      answers: {apps: [service]}
    custom_models:
      triage: {kind: classifier, owner: chain, learns_from: [service]}
"""
CASES = [moment("Where is my lamp?", "No idea.", correction="On Monday."), moment("Refund?", "No.")]
DONE = [
    "cases list", "cases show case_1", "cases stats", "queue list", "queue show answers",
    "queue next answers --as ann", "queue stats answers", "queue agreement answers",
    "queue relabel answers", "queue export answers", "queue export answers --config",
    "queue export answers --out {base}/out.jsonl", "queue gold list answers",
    "queue adjudicate answers --as sue", "queue effect answers",
    "dataset build d --owner chain --app service", "dataset list", "dataset show rows",
    "dataset verify rows", "dataset diff rows rows", "dataset sample rows",
    "dataset purge --dry-run",
    "dataset export rows --view chat --out {base}/chat", "train triage --dataset rows --queue",
    "job list", "custom list", "custom history", "regressions triage", "report own",
]  # fmt: skip
REFUSED = [
    "cases show nope", "cases add nope --reason x", "cases drop nope",
    "cases import {base}/rows.jsonl --tenant north --app service", "queue show nope",
    "queue next answers", "queue import answers {base}/rows.jsonl", "queue effect nope",
    "queue export nope", "dataset build d --owner nope --app service", "dataset show nope",
    "dataset import {base}/bad.jsonl --name bad --owner chain", "dataset purge", "train nope",
    "job show nope", "job cancel nope", "job retry nope", "gate nope", "custom show nope",
    "custom card nope", "custom history nope", "custom deploy nope", "custom promote triage",
    "custom rollback triage",
    "report own --tenant nope", "feedback nope --metric x --value 1",
    "import {base}/rows.jsonl --bundle {base}/b2", "features add {base}/bundle",
]  # fmt: skip


def commands(
    command: click.Command, context: click.Context, path: tuple[str, ...]
) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, click.Context(found, context, name), (*path, name))


def test_every_command_of_the_loop_has_it() -> None:
    top = click.Context(main)
    lacking = set()
    for name in (*LOOP, "bench", "report", "route"):
        command = main.get_command(top, name)
        assert command is not None, name
        lacking |= {
            path
            for path, one in commands(command, top, (name,))
            if "--json" not in {option for each in one.params for option in each.opts}
        }
    assert lacking == {*WITHOUT, "route export", "route log"}, "these two write files for tools"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("json")
    home = make_home(folder, CASES, BUNDLE)
    rows = ({"text": f"Where is lamp {n}?", "label": "ab"[n % 2]} for n in range(9))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "bad.jsonl").write_text("{\n")
    words = ("dataset", "import", str(folder / "rows.jsonl"), "--name", "rows", "--owner", "chain")
    assert CliRunner().invoke(main, [*words, "--home", str(home)]).exit_code == 0
    return folder


@pytest.mark.parametrize("words", DONE)
def test_what_is_done_is_one_document(base: Path, words: str) -> None:
    if words.startswith(("job", "train")):
        pytest.importorskip("dbos", reason="jobs need the extra `jobs`")
    done = CliRunner().invoke(main, [*_words(base, words), "--json"])
    assert done.exit_code == 0, done.output
    json.loads(done.stdout)


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused_leaves_stdout_empty(base: Path, words: str) -> None:
    if words.startswith("job"):
        pytest.importorskip("dbos", reason="jobs need the extra `jobs`")
    refused = CliRunner().invoke(main, [*_words(base, words), "--json"])
    assert isinstance(refused.exception, SystemExit), refused.exception
    assert refused.exit_code in (1, 2)
    assert refused.stdout == ""
    assert "Error: " in refused.stderr


def test_a_dataset_that_was_refused_is_none(base: Path) -> None:
    words = _words(base, "dataset import {base}/bad.jsonl --name bad --owner chain")
    assert CliRunner().invoke(main, words).exit_code == 1
    listed = CliRunner().invoke(main, _words(base, "dataset show nope")).stderr
    assert "rows" in listed
    assert "bad" not in listed


def _words(base: Path, words: str) -> list[str]:
    home = [] if words.startswith("gguf") else ["--home", str(base / "home")]
    return [*words.format(base=base).split(), *home]
