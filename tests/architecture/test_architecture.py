"""The house stands as it is drawn: the import contracts, and what they cannot see.

Each check is a function of a source folder, so that a planted violation can show that it bites.
"""

import ast
import importlib
import json
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import freehold

ROOT = Path(__file__).resolve().parent.parent.parent
SRC = ROOT / "src"
STAGES = {
    "admit",
    "data_prep",
    "governance",
    "policy",
    "context",
    "routing",
    "inference",
    "monitoring",
    "audit",
}
MAX_LINES = 400

# --- what the sources say ---------------------------------------------------------------------


def sources(src: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((src / "freehold").rglob("*.py")):
        yield path.relative_to(src), ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    """First-party modules that this statement imports; a relative import is one."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = ["freehold." * bool(node.level) + (node.module or "")]
    else:
        return []
    return [name for name in names if name.partition(".")[0] == "freehold"]


def hidden_imports(src: Path) -> list[str]:
    """First-party imports in functions (the terminal's commands apart) or under TYPE_CHECKING."""
    found = []
    for path, tree in sources(src):
        for outer in ast.walk(tree):
            if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
                hides = path.parts[1] != "cli"
                place = outer.name
            elif isinstance(outer, ast.If):
                hides = "TYPE_CHECKING" in ast.unparse(outer.test)
                place = "TYPE_CHECKING"
            else:
                continue
            for inner in ast.walk(outer):
                found += [
                    f"{path}:{inner.lineno} imports {name} in {place}"
                    for name in (imported(inner) if hides else ())
                ]
    return found


def long_files(src: Path) -> list[str]:
    lengths = {
        path.relative_to(src): len(path.read_text(encoding="utf-8").splitlines())
        for path in (src / "freehold").rglob("*.py")
    }
    return [f"{path}: {lines}" for path, lines in sorted(lengths.items()) if lines > MAX_LINES]


def stage_packages(src: Path) -> set[str]:
    return {path.parent.name for path in (src / "freehold" / "stages").glob("*/__init__.py")}


def plant(folder: Path, name: str, text: str) -> Path:
    """A source folder that holds one module."""
    path = folder / "freehold" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


def test_no_first_party_import_hides() -> None:
    assert hidden_imports(SRC) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from freehold.core import ids\n",
        "async def f():\n    def g():\n        import freehold.core.ids\n",
        "class A:\n    def f(self):\n        from . import ids\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from freehold.core import ids\n",
        "import typing\nif typing.TYPE_CHECKING:\n    import freehold.core\n",
    ],
)
def test_a_hidden_import_is_found(tmp_path: Path, text: str) -> None:
    assert (
        len({line.split(" in ")[0] for line in hidden_imports(plant(tmp_path, "a.py", text))}) == 1
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cli/run.py", "def run():\n    from freehold.core import ids\n"),
        ("a.py", "from freehold.core import ids\n"),
        ("a.py", "def f():\n    import torch\n    import freeholder\n"),
    ],
)
def test_an_import_in_the_open_is_not(tmp_path: Path, name: str, text: str) -> None:
    assert hidden_imports(plant(tmp_path, name, text)) == []


def test_files_stay_short() -> None:
    assert long_files(SRC) == []


def test_a_long_file_is_found(tmp_path: Path) -> None:
    assert long_files(plant(tmp_path, "a.py", "x = 1\n" * MAX_LINES)) == []
    assert long_files(plant(tmp_path, "a.py", "x = 1\n" * (MAX_LINES + 1))) == [
        "freehold/a.py: 401"
    ]


def test_the_set_of_stages_is_closed() -> None:
    assert stage_packages(SRC) == STAGES


def test_the_package_is_typed() -> None:
    assert (SRC / "freehold" / "py.typed").exists()


# --- the public face --------------------------------------------------------------------------


def unlisted(module: types.ModuleType) -> set[str]:
    """Public names that `__all__` does not own up to."""
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    return public - set(module.__all__)


def test_the_public_face_is_what_all_says() -> None:
    assert sorted(freehold.__all__) == list(freehold.__all__)
    assert [name for name in freehold.__all__ if not hasattr(freehold, name)] == []
    assert unlisted(freehold) == set()


def test_an_unlisted_name_is_found() -> None:
    module = types.ModuleType("planted")
    vars(module).update(__all__=["a"], a=1, b=2, _c=3)
    assert unlisted(module) == {"b"}


# --- what importing does ----------------------------------------------------------------------

# Whoever acts is the innermost frame outside the standard library: what a third party does while
# it is imported is its own affair, what freehold does is ours.
_WATCH = """
import importlib, json, os, pkgutil, sys, sysconfig

src, everything = sys.argv[1], sys.argv[2] == "everything"
sys.path.insert(0, src)
mine = os.path.join(src, "freehold") + os.sep

def folders(*names):
    paths = [sysconfig.get_path(name) for name in names]
    return tuple(path + os.sep for path in (*paths, *map(os.path.realpath, paths)))

library = ("<", *folders("stdlib", "platstdlib"))
sites = folders("purelib", "platlib")
acts = []

def by_freehold():
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(mine):
            return f"{os.path.relpath(name, src)}:{frame.f_lineno}"
        if name.startswith(sites) or not name.startswith((*library, __file__)):
            return None
        frame = frame.f_back
    return None

def note(event, args):
    if event == "open":
        if not isinstance(args[0], str) or args[0].endswith((".py", ".pyc", ".so", ".pyd")):
            return
    elif not event.startswith(("socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename")):
        return
    place = by_freehold()
    if place:
        acts.append(f"{place} {event} {args[0]!r}"[:200])

def read_environment(get):
    def watched(self, key):
        place = by_freehold()
        if place:
            acts.append(f"{place} environ {key}")
        return get(self, key)
    return watched

type(os.environ).__getitem__ = read_environment(type(os.environ).__getitem__)
sys.addaudithook(note)
import freehold
if everything:
    for module in pkgutil.walk_packages(freehold.__path__, "freehold."):
        if not module.name.endswith(".__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)
modules = sorted(set(name.partition(".")[0] for name in sys.modules))
print(json.dumps({"acts": acts, "modules": modules}))
"""


# as in pyproject.toml: lark, below the CEL fallback, is old
_WARNINGS = ("-Werror", "-Wignore:module 'sre_:DeprecationWarning")


def import_report(folder: Path, src: Path, what: str) -> dict[str, list[str]]:
    script = folder / "watch.py"
    script.write_text(_WATCH, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, *_WARNINGS, str(script), str(src), what],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )
    assert run.returncode == 0, run.stderr
    report: dict[str, list[str]] = json.loads(run.stdout)
    return report


HEAVY = {
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "pandas",
    "onnxruntime",
    "duckdb",
    "llama_cpp",
}


def test_importing_freehold_does_nothing_but_import(tmp_path: Path) -> None:
    report = import_report(tmp_path, SRC, "facade")
    assert report["acts"] == []
    assert not (HEAVY | {"numpy"}) & set(report["modules"])


def test_importing_every_module_opens_and_reads_nothing(tmp_path: Path) -> None:
    report = import_report(tmp_path, SRC, "everything")
    assert report["acts"] == []
    assert not HEAVY & set(report["modules"])


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("from pathlib import Path\nPath('notes.txt').touch()\n", "open"),
        ("import socket\nsocket.socket().close()\n", "socket.__new__"),
        ("import os\nHOME = os.environ.get('HOME')\n", "environ HOME"),
        ("import os\nHOME = os.getenv('HOME')\n", "environ HOME"),
        ("import subprocess\nsubprocess.run(['true'])\n", "subprocess.Popen"),
    ],
)
def test_work_at_import_is_found(tmp_path: Path, text: str, act: str) -> None:
    plant(tmp_path / "src", "__init__.py", "")
    plant(tmp_path / "src", "a.py", text)
    acts = import_report(tmp_path, tmp_path / "src", "everything")["acts"]
    assert any(act in line and line.startswith("freehold/a.py:") for line in acts), acts


# --- the contracts ----------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml on the package below `folder`."""
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    return subprocess.run(
        [sys.executable, "-c", code, f"--config={ROOT / 'pyproject.toml'}", "--no-cache"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
    )


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """The packages as they are, and the modules that contracts name, emptied."""
    package = SRC / "freehold"
    for path in [*package.rglob("__init__.py"), *(package / "ledger").glob("*.py")]:
        plant(tmp_path, str(path.relative_to(SRC / "freehold")), "")
    plant(tmp_path, "app.py", "import freehold.storage\nimport freehold.providers\n")
    return tmp_path


def test_the_contracts_hold_on_empty_packages(skeleton: Path) -> None:
    run = lint_imports(skeleton)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("core/a.py", "import freehold.bundle"),
        ("text/a.py", "import freehold.ledger"),
        ("stages/policy/a.py", "import freehold.stages.routing"),
        ("stages/audit/a.py", "import freehold.storage"),
        ("ledger/verifying/a.py", "import freehold.ledger.tree"),
        ("ledger/verifying/a.py", "import freehold.core"),
        ("services/a.py", "import freehold.server"),
        ("server/a.py", "import freehold.app"),
        ("server/a.py", "import freehold.providers"),
        ("providers/a.py", "import freehold.stages.inference"),
        ("providers/a.py", "import freehold.storage"),
        ("server/a.py", "import freehold.testing"),
        (
            "core/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import freehold.cli",
        ),
        ("newroom.py", ""),
    ],
)
def test_a_broken_contract_fails(skeleton: Path, name: str, text: str) -> None:
    run = lint_imports(plant(skeleton, name, text + "\n"))
    assert run.returncode == 1, run.stdout + run.stderr
    assert "BROKEN" in run.stdout or "newroom" in run.stdout + run.stderr


# --- the repository ---------------------------------------------------------------------------


def test_the_version_is_the_distributions() -> None:
    metadata = importlib.import_module("importlib.metadata")
    assert metadata.version("freehold") == freehold.__version__


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_requirements_are_hashed_and_name_no_host(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    pins = [index for index, line in enumerate(lines) if "==" in line and line[0].isalnum()]
    assert len(pins) > 20
    assert all("--hash=sha256:" in lines[index + 1] for index in pins)


def test_the_makefile_says_what_its_targets_do() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make here")
    run = subprocess.run([make, "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = {line.split()[1] for line in run.stdout.splitlines()}
    assert {"venv", "demo", "stop", "test", "check", "format", "bench", "lock"} <= targets
