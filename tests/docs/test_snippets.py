"""Runs the snippets of README.md and docs/ that say so, page by page, from top to bottom.

The info string of a fenced block decides: ```` ```python {test} ```` runs in the page's namespace,
```` ```console {test} ```` runs the lines after `$ ` and compares what follows (`...` stands for
anything), ```` ```yaml {file=apps/a.yaml} ```` writes a file. Blocks of a page share one empty
folder; blocks without a mark are only read.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.warm import commands

ROOT = Path(__file__).resolve().parent.parent.parent
_BLOCK = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>\w+) \{(?P<mark>test|file=[^}\s]+)\}[ ]*\n"
    r"(?P<body>.*?)^(?P=indent)(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)


class Snippet(NamedTuple):
    """A marked block and the line where its body starts."""

    language: str
    mark: str
    body: str
    line: int


def snippets(text: str) -> Iterator[Snippet]:
    for match in _BLOCK.finditer(text):
        indent = len(match["indent"])
        lines = (line[indent:] for line in match["body"].splitlines(keepends=True))
        first = text.count("\n", 0, match.start("body")) + 1
        yield Snippet(match["language"], match["mark"], "".join(lines), first)


def run_page(page: Path, folder: Path) -> None:
    """Run every marked block of `page` in `folder`, which is the working folder."""
    namespace: dict[str, object] = {"__name__": "__snippet__"}
    for snippet in snippets(page.read_text(encoding="utf-8")):
        if snippet.mark.startswith("file="):
            target = folder / snippet.mark.removeprefix("file=")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(snippet.body, encoding="utf-8")
        elif snippet.language == "python":
            # blank lines in front, so that a traceback names the page's own line
            code = compile("\n" * (snippet.line - 1) + snippet.body, str(page), "exec")
            exec(code, namespace)
        elif snippet.language == "console":
            run_console(page, snippet, folder)
        else:
            pytest.fail(f"{page}:{snippet.line}: no way to test {snippet.language!r}")


def run_console(page: Path, snippet: Snippet, folder: Path) -> None:
    """Run each `$ ` line; the lines below it, if any, are what it must print."""
    environment = {**os.environ, "FREEHOLD_HOME": str(folder / ".freehold")}
    for step in re.split(r"^(?=\$ )", snippet.body, flags=re.MULTILINE):
        command, _, expected = step.partition("\n")
        if not command.startswith("$ "):
            assert not step.strip(), f"{page}:{snippet.line}: output before the first `$ ` line"
            continue
        run = subprocess.run(
            ["bash", "-c", command.removeprefix("$ ")],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        place = f"{page}:{snippet.line}: {command}"
        assert run.returncode == 0, f"{place}\n{run.stdout}{run.stderr}"
        if expected.strip():
            pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
            printed = run.stdout.strip()
            assert re.fullmatch(pattern, printed, re.DOTALL), f"{place}\nprinted\n{printed}"


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if page.exists() and any(snippets(page.read_text("utf-8")))]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where pages find `freehold`: as a warm process where this system can fork."""
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if not hasattr(os, "fork"):
        yield {"PATH": here}
        return
    with commands(tmp_path_factory.mktemp("warm")) as warm:
        yield {**warm, "PATH": os.pathsep.join([warm["PATH"], here])}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    run_page(page, tmp_path)


GOOD = """
```python {test}
a = 20
```

```yaml {file=deep/b.yaml}
b: 22
```

1. In a list:

   ```python {test}
   from pathlib import Path
   c = a + int(Path("deep/b.yaml").read_text().split()[1])
   Path("c").write_text(f"the answer is {c}, of course\\n")
   ```

```console {test}
$ cat c
the answer is 42, ... course
$ test -n "$FREEHOLD_HOME" && python -c "import freehold"
```

```console
$ false
```
"""


def write_page(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_snippets_run_in_one_folder_and_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", shell["PATH"])
    run_page(write_page(tmp_path, GOOD), tmp_path)
    assert (tmp_path / "c").read_text() == "the answer is 42, of course\n"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("a = 20", "a = 20 / 0", "division by zero"),
        ("the answer is 42", "the answer is 41", "printed"),
        ("$ cat c", "$ cat d", "No such file"),
        ("$ cat c", "first\n$ cat c", "before the first"),
        ("python {test}", "ruby {test}", "no way to test"),
    ],
)
def test_a_snippet_that_is_wrong_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    page = write_page(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises((AssertionError, ZeroDivisionError, pytest.fail.Exception), match=complaint):
        run_page(page, tmp_path)


def test_a_traceback_names_the_line_of_the_page(tmp_path: Path) -> None:
    page = write_page(tmp_path, "# Title\n\n```python {test}\nx = 1\nraise KeyError(x)\n```\n")
    with pytest.raises(KeyError) as raised:
        run_page(page, tmp_path)
    assert raised.traceback[-1].lineno == 4  # counted from 0
    assert raised.traceback[-1].path == page
