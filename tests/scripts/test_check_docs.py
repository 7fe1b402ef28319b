"""The docs keep up with the code, and each check says so when they do not."""

from pathlib import Path

import pytest

from scripts import check_docs

ROOT = Path(__file__).resolve().parent.parent.parent

GOOD = {
    "README.md": (
        "# Title\n\n[a](docs/reference/errors.md#fh-a-001-broken) [b](#title) [c](https://example.com)\n"
        "![d](docs/d.png)\n[e]: LICENSE\n```\n[in code](nowhere)\n```\nand `[inline](nowhere)`\n"
    ),
    "LICENSE": "text\n",
    "docs/d.png": "",
    "docs/reference/errors.md": "# Errors\n\n## FH-A-001: Broken\n\n## `FH-A-002`\n",
    "docs/reference/cli.md": (
        "# Commands\n\n## `freehold`\n\n### freehold key\n\n## `freehold key create`\n"
    ),
    "docs/reference/metrics.md": "| `freehold_seconds` | time |\n| `freehold_total` | count |\n",
    "src/freehold/__init__.py": "",
    "src/freehold/core/errors.py": (
        'class A:\n    code = "FH-A-001"\n\n'
        'class B:\n    code: str = "FH-A-002"\n    other = "FH-A-009"\n'
    ),
    "src/freehold/cli/__init__.py": "",
    "src/freehold/cli/main.py": (
        "import click\n@click.group()\ndef main(): ...\n@main.group()\ndef key(): ...\n"
        "@key.command()\ndef create(): ...\n@key.command(hidden=True)\ndef secret(): ...\n"
    ),
    "src/freehold/metrics.py": (
        '"""Not freehold_docstring."""\nTEXT = "# TYPE freehold_seconds histogram"\n'
        'ROW = "freehold_seconds_bucket"\nRAW = b"freehold_total 1"\nPREFIX = "freehold_"\n'
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in GOOD.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def edit(tree: Path, name: str, old: str, new: str) -> None:
    path = tree / name
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


def test_this_repository_is_in_step() -> None:
    assert [str(problem) for problem in check_docs.problems(ROOT)] == []


def test_a_tree_in_step_has_no_problem(tree: Path) -> None:
    assert check_docs.problems(tree) == []


def test_nothing_written_yet_is_no_problem(tmp_path: Path) -> None:
    assert check_docs.problems(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "complaint"),
    [
        ("README.md", "(docs/reference/errors.md#", "(docs/errors.md#", 3, "leads nowhere"),
        ("README.md", "#fh-a-001-broken", "#fh-a-009", 3, "no such heading"),
        ("README.md", "(#title)", "(#titel)", 3, "no such heading"),
        ("README.md", "docs/d.png", "docs/e.png", 4, "leads nowhere"),
        ("README.md", "LICENSE", "../LICENSE", 5, "leads nowhere"),
        ("README.md", "LICENSE", "/LICENSE", 5, "is absolute"),
        ("docs/a.md", "", '<img src="b.png">', 1, "leads nowhere"),
        ("docs/reference/errors.md", "## FH-A-001: Broken", "FH-A-001", 2, "has no heading"),
        ("docs/reference/errors.md", "## `FH", "## FH-A-003\n## `FH", 5, "no longer exists"),
        ("src/freehold/core/errors.py", "FH-A-002", "FH-A-004", 5, "`FH-A-004` has no heading"),
        ("docs/reference/cli.md", "### freehold key\n", "", 1, "`freehold key` has no heading"),
        ("docs/reference/cli.md", "key create", "key make", 1, "`freehold key create` has no"),
        ("docs/reference/cli.md", "key create", "key make", 7, "`freehold key make` no longer"),
        ("src/freehold/cli/main.py", "import click", "import clock", 1, "cannot be listed"),
        ("src/freehold/cli/main.py", "", "main = 3\n", 1, "is no click command"),
        ("docs/reference/metrics.md", "freehold_total", "the_total", 4, "`freehold_total` has no"),
        ("docs/reference/metrics.md", "", "`freehold_old`", 3, "`freehold_old` no longer exists"),
        ("a.toml", "", 'home = "/ro' + 'ot/x"', 1, "absolute path of one machine"),
        ("docs/a.md", "", "see /wo" + "rk/main", 1, "absolute path of one machine"),
        ("docs/a.md", "", "\nhttps://py" + "pi.org/simple", 2, "registry's host"),
        ("a.txt", "", "https://files.python" + "hosted.org/x", 1, "registry's host"),
    ],
)
def test_what_lags_behind_is_named(
    tree: Path, name: str, old: str, new: str, line: int, complaint: str
) -> None:
    edit(tree, name, old, new)
    found = check_docs.problems(tree)
    assert [problem for problem in found if problem.line == line and complaint in str(problem)], (
        found
    )


def test_the_program_prints_each_problem_and_fails(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["check_docs", str(tree)])
    assert check_docs.main() == 0
    edit(tree, "README.md", "(#title)", "(#titel)")
    assert check_docs.main() == 1
    assert "README.md:3: link `#titel`" in capsys.readouterr().out
