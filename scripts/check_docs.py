"""Fail when the docs lag behind the code, or a file names a place that it must not.

Every relative link resolves; every error code, command and metric has its heading or line, and no
heading outlives its subject; no file holds a developer's absolute path or a registry's host name.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
CLI_MODULE = Path("src/freehold/cli/main.py")
ERRORS_MODULE = Path("src/freehold/core/errors.py")
CLI_PAGE = Path("docs/reference/cli.md")
ERRORS_PAGE = Path("docs/reference/errors.md")
METRICS_PAGE = Path("docs/reference/metrics.md")

_FENCE = re.compile(r"^\s*(```+|~~~+)")
_INLINE_CODE = re.compile(r"(`+).*?\1")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)")
_HTML_LINK = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ERROR_CODE = re.compile(r"\bFH-[A-Z0-9]+(?:-[A-Z0-9]+)*\b")
_METRIC = re.compile(r"\bfreehold_[a-z0-9]+(?:_[a-z0-9]+)*\b")
_SERIES_SUFFIX = re.compile(r"_(?:bucket|count|sum|created)$")
_FORBIDDEN = (
    (re.compile(r"(?<![\w.])/(?:work|root)(?:/|\b)"), "an absolute path of one machine"),
    (
        re.compile(r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|anaconda\.org)\b"),
        "a package registry's host name",
    ),
)

# Runs apart, so that a command-line module of the checked tree is what gets imported.
_WALK_COMMANDS = """
import json, sys
import click
from freehold.cli import main as module

def walk(command, path):
    found.append(path)
    if isinstance(command, click.Group):
        with click.Context(command, info_name=path) as context:
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                if child is not None and not child.hidden:
                    walk(child, f"{path} {name}")

found = []
root = next(
    (c for c in (module.main, getattr(module, "cli", None)) if isinstance(c, click.Command)), None
)
if root is None:
    sys.exit("freehold.cli.main:main is no click command, nor is freehold.cli.main:cli")
walk(root, "freehold")
json.dump(found, sys.stdout)
"""


class Problem(NamedTuple):
    """What is wrong, and where."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path.as_posix()}:{self.line}: {self.message}"


def repository_files(root: Path) -> list[Path]:
    """Every file that git tracks or would offer to track, relative to `root`."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = (Path(os.fsdecode(name)) for name in listing.stdout.split(b"\0") if name)
        return sorted(name for name in names if (root / name).is_file())
    return sorted(
        path.relative_to(root)
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines outside fenced blocks, with inline code blanked out."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            yield number, _INLINE_CODE.sub("``", line)


def headings(text: str) -> Iterator[tuple[int, str]]:
    """Numbered headings outside fenced blocks, inline code kept."""
    lines = text.splitlines()
    for number, _ in prose(text):
        match = _HEADING.match(lines[number - 1])
        if match:
            yield number, match[2]


def anchors(text: str) -> set[str]:
    """The fragment of every heading, made as code hosts make them."""
    seen: dict[str, int] = {}
    found = set(re.findall(r"<a\s+(?:id|name)=\"([^\"]+)\"", text))
    for _, title in headings(text):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def check_links(root: Path) -> Iterator[Problem]:
    """Relative links lead to a file of the repository, and to a heading that it has."""
    files = repository_files(root)
    known = {root.resolve() / path for path in files}
    known |= {parent for path in known for parent in path.parents}
    for page in (path for path in files if path.suffix == ".md"):
        for number, line in prose((root / page).read_text(encoding="utf-8")):
            targets = [*_LINK.findall(line), *_REFERENCE.findall(line), *_HTML_LINK.findall(line)]
            for target in targets:
                message = _link_problem(root, page, target, known)
                if message:
                    yield Problem(page, number, message)


def _link_problem(root: Path, page: Path, target: str, known: set[Path]) -> str | None:
    if _SCHEME.match(target):
        return None
    name, _, fragment = unquote(target).partition("#")
    if name.startswith("/"):
        return f"link `{target}` is absolute; write it relative to this page"
    destination = Path(os.path.normpath(root.resolve() / page.parent / name))
    if not name:
        destination = root.resolve() / page
    if destination not in known:
        return f"link `{target}` leads nowhere in the repository"
    if fragment and destination.suffix == ".md":
        text = destination.read_text(encoding="utf-8")
        return None if fragment in anchors(text) else f"link `{target}`: no such heading there"
    return None


def check_errors(root: Path) -> Iterator[Problem]:
    """Every error code has a heading, and every heading an error."""
    if not (root / ERRORS_MODULE).exists():
        return
    codes: dict[str, int] = {}
    folder = (root / ERRORS_MODULE).parent
    # the tree's own file last, so that its lines are the ones that are told
    files = sorted({*folder.glob("error.py"), *folder.glob("*_errors.py")})
    for file in (*files, root / ERRORS_MODULE):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                codes.update(_class_codes(node))
    yield from _compare(root, ERRORS_MODULE, ERRORS_PAGE, codes, _ERROR_CODE, "error code")


def _class_codes(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
            ) if _ERROR_CODE.fullmatch(code):
                yield code, statement.lineno


def check_commands(root: Path) -> Iterator[Problem]:
    """Every command has a heading with its full name, and every such heading a command."""
    if not (root / CLI_MODULE).exists():
        return
    source_path = os.pathsep.join([str(root / "src"), os.environ.get("PYTHONPATH", "")])
    walk = subprocess.run(
        [sys.executable, "-c", _WALK_COMMANDS],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": source_path},
    )
    if walk.returncode:
        reason = (walk.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield Problem(CLI_MODULE, 1, f"the commands cannot be listed: {reason}")
        return
    commands = dict.fromkeys(json.loads(walk.stdout), 1)
    pattern = re.compile(r"(?<=`)freehold(?: [a-z][a-z0-9-]*)*|^freehold(?: [a-z][a-z0-9-]*)*$")
    yield from _compare(root, CLI_MODULE, CLI_PAGE, commands, pattern, "command")


def _compare(
    root: Path,
    module: Path,
    page: Path,
    wanted: dict[str, int],
    pattern: re.Pattern[str],
    noun: str,
) -> Iterator[Problem]:
    """Problems where the headings of `page` and the `wanted` names of `module` differ."""
    written: dict[str, int] = {}
    if (root / page).exists():
        for number, title in headings((root / page).read_text(encoding="utf-8")):
            written.update(dict.fromkeys(pattern.findall(title), number))
    for name in sorted(wanted.keys() - written.keys()):
        message = f"{noun} `{name}` has no heading in {page.as_posix()}"
        yield Problem(module, wanted[name], message)
    for name in sorted(written.keys() - wanted.keys()):
        yield Problem(page, written[name], f"{noun} `{name}` no longer exists")


def check_metrics(root: Path) -> Iterator[Problem]:
    """Every metric named in the package has a line, and every metric of the page exists."""
    used: dict[str, tuple[Path, int]] = {}
    for path in sorted((root / "src").rglob("*.py")):
        for name, number in _metric_names(ast.parse(path.read_text(encoding="utf-8"))):
            used.setdefault(name, (path.relative_to(root), number))
    used = {
        name: place
        for name, place in used.items()
        if name == (base := _SERIES_SUFFIX.sub("", name)) or base not in used
    }
    written: dict[str, int] = {}
    if (root / METRICS_PAGE).exists():
        text = (root / METRICS_PAGE).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            for name in _METRIC.findall(line):
                written.setdefault(name, number)
    for name in sorted(used.keys() - written.keys()):
        message = f"metric `{name}` has no line in {METRICS_PAGE.as_posix()}"
        yield Problem(*used[name], message)
    for name in sorted(written.keys() - used.keys()):
        if _SERIES_SUFFIX.sub("", name) not in used:
            yield Problem(METRICS_PAGE, written[name], f"metric `{name}` no longer exists")


def _metric_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names in string and bytes literals, docstrings apart."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        value = node.value
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(text, str):
            yield from ((name, node.lineno) for name in _METRIC.findall(text))


def check_places(root: Path) -> Iterator[Problem]:
    """No file names a developer's machine or a package registry."""
    for path in repository_files(root):
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for pattern, what in _FORBIDDEN:
            for match in pattern.finditer(text):
                number = text.count("\n", 0, match.start()) + 1
                yield Problem(path, number, f"`{match[0]}` is {what}")


CHECKS: tuple[Callable[[Path], Iterator[Problem]], ...] = (
    check_links,
    check_errors,
    check_commands,
    check_metrics,
    check_places,
)


def problems(root: Path) -> list[Problem]:
    """Everything that is wrong below `root`, in the order of `CHECKS`."""
    return [problem for check in CHECKS for problem in check(root)]


def main() -> int:
    """Print each problem as `path:line: message`; 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="repository to check")
    found = problems(parser.parse_args().root)
    for problem in found:
        print(problem)
    print(f"docs: {len(found)} problem(s)" if found else "docs: in step with the code")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
