"""The verifier as one file: joined from its modules, and the same as they are."""

import ast
import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.ledger import verifying
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying.joined import ORDER, PACKAGE, joined, one_file
from freehold.testing.ledgers import WrittenLedger
from tests.services.test_audit_export import House, day

FOLDER = Path(verifying.__file__).parent
# a Python in which `cryptography` can't be imported, wherever it is installed
WITHOUT = "import sys, runpy; sys.modules['cryptography'] = None; sys.argv = sys.argv[1:]; "
WITHOUT += "runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    path = tmp_path / "verify.py"
    path.write_bytes(one_file())
    return path


def parsed(name: str) -> ast.Module:
    return ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def defined(tree: ast.Module) -> list[str]:
    """What the module itself names at its top, not what it imports."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
            found += [one.id for one in names if isinstance(one.ctx, ast.Store)]
    return sorted(set(found))


def said(*command: object, cwd: Path | None = None) -> tuple[int, str, str]:
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


def test_every_module_has_its_place() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == {*ORDER, "__init__", "__main__", "joined"}
    assert len(ORDER) == len(set(ORDER))


def test_no_name_is_in_two_modules() -> None:
    names = Counter(name for module in ORDER for name in defined(parsed(module)))
    assert [name for name, count in names.items() if count > 1] == []
    taken = {
        alias.name
        for module in ORDER
        for node in parsed(module).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE))
        for alias in node.names
    }
    assert taken & set(names) == set()
    assert {"verify", "Order", "_P", "ED25519"} <= set(names)


def test_the_package_imports_nothing_but_the_standard_library() -> None:
    for path in FOLDER.glob("*.py"):
        for name in imported(parsed(path.stem)):
            known = name.split(".")[0] in {*sys.stdlib_module_names, "cryptography"}
            assert known or f"{name}.".startswith(f"{PACKAGE}."), (path.name, name)


def test_the_file_has_every_name_of_the_modules_and_imports_none_of_them() -> None:
    tree = ast.parse(one_file(), feature_version=(3, 9))
    assert {name.split(".")[0] for name in imported(tree)} - sys.stdlib_module_names == {
        "cryptography"
    }
    names = [name for module in ORDER for name in defined(parsed(module))]
    assert defined(tree) == sorted(names)
    assert (ast.get_docstring(tree) or "").startswith("Verify a Freehold ledger")
    assert one_file() == one_file()


@pytest.mark.parametrize("what", ["ledger", "broken", "archive"])
def test_it_says_the_same_as_the_package(what: str, alone: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = home
    if what == "archive":
        path = tmp_path / "a.zip"
        path.write_bytes(House(home, day()).export(tenants="north").data)
    else:
        ledger = WrittenLedger(home).fill(300)
        ledger.checkpoint()
        if what == "broken":
            (ledger.folder / "checkpoint").unlink()
    pin = LedgerKeys(home).history()[0].fingerprint
    words = [path, "--json", "--key", pin]
    one = said("-I", "-S", alone, *words, cwd=tmp_path)
    assert one == said("-m", PACKAGE, *words)
    assert one == said("-c", WITHOUT, alone, *words)
    assert (one[0], one[2]) == (1 if what == "broken" else 0, "")
    assert json.loads(one[1]) == verifying.verify(path, keys=[pin]).as_dict()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_result_that_cant_be_written_has_its_own_status(alone: Path, tmp_path: Path) -> None:
    WrittenLedger(tmp_path / "home").fill(3).checkpoint()
    words = [sys.executable, "-I", "-S", str(alone), str(tmp_path / "home")]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("the result can't be written: ")
    assert "Traceback" not in done.stderr


def test_an_archive_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.services.audit_export.one_file", one_file)
    path = tmp_path / "a.zip"
    path.write_bytes(House(tmp_path / "home", day()).export().data)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("verify.py") == one_file()


def test_a_signature_is_checked_without_cryptography(alone: Path, tmp_path: Path) -> None:
    ledger = WrittenLedger(tmp_path / "home").fill(3)
    ledger.checkpoint()
    note = ledger.folder / "checkpoint"
    text, _, tail = note.read_text(encoding="utf-8").partition("\n\n")
    other = "B" if tail[-10] == "A" else "A"
    note.write_text(f"{text}\n\n{tail[:-10]}{other}{tail[-9:]}", encoding="utf-8")
    for command in (["-c", WITHOUT, alone], ["-I", "-S", alone], ["-m", PACKAGE]):
        status, text, _ = said(*command, tmp_path / "home")
        assert status == 1
        assert "signature-bad" in text


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",
        '"""A."""\n\nimport os as system\n',
        '"""A."""\n\nfrom os import *\n',
        '"""A."""\n\nfrom freehold.core.clock import Clock\n',
        f'"""A."""\n\nfrom {PACKAGE}.later import x\n',
        f'"""A."""\n\nimport {PACKAGE}.notes\n',
        '"""A."""\n\nfrom . import notes\n',
        '"""A."""\n\nx = 1\nimport os\n',
    ],
)
def test_what_one_file_cant_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        joined([("a", text)])


def test_modules_are_joined_in_order_with_one_head() -> None:
    first = '"""The first."""\n\nfrom __future__ import annotations\n\nimport re\n\nA = re.X\n'
    second = (
        '"""The second.\n\nAnd more.\n"""\n\nimport re\nfrom typing import NamedTuple, Any\n'
        f"from {PACKAGE}.a import A\n\n# why\nB = A\n"
    )
    text = joined([("a", first), ("b", second)])
    assert text.count("import re\n") == 1
    assert (
        "import re\nimport sys\nfrom typing import Any, NamedTuple\n\n\n# --- The first --" in text
    )
    assert "--\n\nA = re.X\n\n\n# --- The second --" in text
    assert "--\n\n# why\nB = A\n\n\nif __name__" in text
    assert PACKAGE not in text
