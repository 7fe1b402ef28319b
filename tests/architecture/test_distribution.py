"""What is installed is what pyproject.toml, the locks and the wheel say."""

import itertools
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import freehold
from scripts import wheels

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PLACES = list(itertools.product(wheels.PYTHONS, wheels.PLATFORMS))
RUN = [Requirement(text) for text in PROJECT["dependencies"]]
DEV = [Requirement(text) for text in PYPROJECT["dependency-groups"]["dev"]]


def pinned(name: str) -> dict[str, list[Requirement]]:
    """Pins by name; more than one where versions differ by Python."""
    lock = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found: dict[str, list[Requirement]] = {}
    for item in wheels.pins(lock):
        found.setdefault(canonicalize_name(item.name), []).append(item)
    return found


def versions(pins: list[Requirement]) -> list[str]:
    return [next(iter(pin.specifier)).version for pin in pins]


@pytest.mark.parametrize(
    ("requirement", "lock"),
    [(item, "run.txt") for item in RUN] + [(item, "dev.txt") for item in RUN + DEV],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_the_locks_are_in_step_with_pyproject(requirement: Requirement, lock: str) -> None:
    pins = pinned(lock)[canonicalize_name(requirement.name)]
    for version in versions(pins):
        assert requirement.specifier.contains(version, prereleases=True), "run `make lock`"
    for python, place in PLACES:
        if wheels.wanted(requirement.marker, python, place):
            found = [pin for pin in pins if wheels.wanted(pin.marker, python, place)]
            assert len(found) == 1, (python, place.title)


def test_both_locks_pin_the_same_versions() -> None:
    run, dev = pinned("run.txt"), pinned("dev.txt")
    assert {name: versions(pins) for name, pins in run.items()} == {
        name: versions(dev[name]) for name in run
    }


@pytest.mark.parametrize("requirement", RUN, ids=lambda item: item.name)
def test_dependencies_have_bounds_on_both_sides(requirement: Requirement) -> None:
    operators = {specifier.operator for specifier in requirement.specifier}
    assert ">=" in operators
    assert "<" in operators


def test_every_place_gets_exactly_one_engine_for_rules() -> None:
    engines = [item for item in RUN if item.name in ("cel-expr-python", "cel-python")]
    for python, place in PLACES:
        assert sum(wheels.wanted(item.marker, python, place) for item in engines) == 1, place.title


def test_the_platforms_page_lists_what_is_pinned() -> None:
    page = (ROOT / "docs" / "reference" / "platforms.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert set(wheels.INSTEAD) <= set(rows)
    assert set(rows) <= set(pinned("run.txt")), "run `make wheels`"


def test_the_readme_is_the_packages_description() -> None:
    assert (PROJECT.get("readme") == "README.md") == (ROOT / "README.md").exists()


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"freehold-{freehold.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry = archive.read(f"freehold-{freehold.__version__}.dist-info/entry_points.txt")
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"freehold"}
    assert {"freehold/__init__.py", "freehold/py.typed"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert b"freehold = freehold.cli.main:main" in entry


# --- the survey of wheels ---------------------------------------------------------------------


def test_pins_keep_their_markers_and_drop_their_hashes() -> None:
    lock = (
        "# comment\na==1 ; sys_platform == 'win32' \\\n    --hash=sha256:00 \\\n"
        "    --hash=sha256:11\n    # via b\nb-c==2.0\n"
    )
    first, second = wheels.pins(lock)
    assert (first.name, str(first.specifier), str(first.marker)) == (
        "a",
        "==1",
        'sys_platform == "win32"',
    )
    assert (second.name, versions([second])[0], second.marker) == ("b-c", "2.0", None)


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ([True] * 4, "wheel"),
        ([None] * 4, "–"),
        ([False] * 4, "**none**"),
        ([True, True, True, False], "wheel but for 3.14"),
    ],
)
def test_a_cell_says_four_pythons_in_a_word(states: list[bool | None], word: str) -> None:
    row = {("here", python): state for python, state in zip(wheels.PYTHONS, states, strict=True)}
    assert wheels.cell(row, "here") == word
