"""What the commands of the loop say where something is missing: what, and what helps."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from tests.cli.made_home import make_home

BUNDLE = """\
    queues:
      answers: {apps: [service]}
    custom_models:
      talk: {kind: causal-lm, owner: chain, learns_from: [service], base: /nowhere/base}
      triage: {kind: classifier, owner: chain, learns_from: [service]}
      mini:
        {kind: classifier, owner: chain, learns_from: [service], options: {features: minilm}}
"""
TRAIN, LEARN, JOBS = (f"pip install 'freehold[{name}]'" for name in ("train", "learn", "jobs"))
ROWS = ("--dataset", "rows")
TABLE: list[tuple[str, tuple[str, ...], str]] = [
    ("torch", ("train", "talk", *ROWS), f"`torch` is not installed here: {TRAIN}"),
    ("gguf", ("train", "talk", *ROWS), f"`gguf` is not installed here: {TRAIN}"),
    ("dbos", ("train", "triage", *ROWS, "--queue"), JOBS),
    ("dbos", ("job", "list"), JOBS),
    ("dbos", ("worker", "--once"), JOBS),
    ("pyarrow", ("dataset", "export", "rows", "--view", "parquet", "--out", "out"), LEARN),
    ("cleanlab", ("dataset", "hints", "rows"), LEARN),
    ("", ("train", "mini", *ROWS), "freehold features add FILE.whl"),
    ("", ("train", "triage"), "freehold dataset build --model triage"),
    ("", ("train", "triag", *ROWS), "did you mean `triage`"),
    ("", ("explain", "--last"), "nothing is recorded yet"),
    ("", ("replay", "--last", "3"), "nothing is recorded yet"),
    ("", ("custom", "show", "triage"), "freehold train triage"),
    ("", ("gate", "triage"), "freehold train triage"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("missing")
    made = make_home(folder, [], BUNDLE)
    rows = (
        {"text": f"Where is lamp {n}?", "label": "ab"[n % 2], "answer": "Here."} for n in range(9)
    )
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("dataset", "import", str(file), "--name", "rows", "--owner", "chain")
    assert CliRunner().invoke(main, [*words, "--home", str(made)]).exit_code == 0
    return made


@pytest.mark.parametrize(("lacks", "words", "says"), TABLE, ids=lambda part: str(part)[:40])
def test_what_is_missing_is_named_with_what_helps(
    home: Path,
    lacks: str,
    words: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    without_library: Callable[[str], None],
) -> None:
    monkeypatch.delenv("FREEHOLD_MINILM", raising=False)
    if lacks == "gguf" and find_spec("torch") is None:
        pytest.skip("language models need the extra `train`")
    if lacks:
        without_library(lacks)
    done = CliRunner().invoke(main, [*words, "--home", str(home)])
    assert (done.exit_code, done.stdout) == (1, ""), done.output
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    if words[0] != "worker":
        told = CliRunner().invoke(main, [*words, "--json", "--home", str(home)])
        assert (told.exit_code, told.stdout) == (1, "")
