"""Ask the registry which platforms have wheels, and write docs/reference/platforms.md.

For each Python and platform it lets pip resolve every pin of requirements/run.txt with source
builds forbidden; nothing is installed. Run it by `make wheels` after `make lock`.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "run.txt"
PAGE = ROOT / "docs" / "reference" / "platforms.md"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
INSTEAD = {
    "google-re2": "`re` of the standard library",
    "cel-expr-python": "`cel-python`, chosen by marker",
    "uvloop": "`asyncio`'s own loop",
    "httptools": "`h11`, which uvicorn brings",
    "pyreqwest": "`aiohttp`",
}


class Platform(NamedTuple):
    """A kind of machine: the wheel tags that fit it, and what its markers see."""

    title: str
    tags: tuple[str, ...]
    sys_platform: str
    machine: str


PLATFORMS = (
    Platform("Linux x86-64", ("manylinux_2_28_x86_64", "manylinux2014_x86_64"), "linux", "x86_64"),
    Platform(
        "Linux ARM64", ("manylinux_2_28_aarch64", "manylinux2014_aarch64"), "linux", "aarch64"
    ),
    Platform("Alpine x86-64", ("musllinux_1_2_x86_64", "musllinux_1_1_x86_64"), "linux", "x86_64"),
    Platform("macOS 14 ARM64", ("macosx_14_0_arm64",), "darwin", "arm64"),
    Platform("macOS 14 x86-64", ("macosx_14_0_x86_64",), "darwin", "x86_64"),
    Platform("Windows x86-64", ("win_amd64",), "win32", "AMD64"),
    Platform("Windows ARM64", ("win_arm64",), "win32", "ARM64"),
)


def pins(lock: str) -> list[Requirement]:
    """The pinned requirements of a lock file, markers kept, hashes dropped."""
    lines = re.findall(r"^[A-Za-z0-9].*?(?=\s*\\?$)", lock, re.MULTILINE)
    return [Requirement(line) for line in lines]


def wanted(marker: Marker | None, python: str, place: Platform) -> bool:
    """Whether a requirement with this marker is installed there."""
    if marker is None:
        return True
    os_names = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
    return marker.evaluate(
        {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": place.sys_platform,
            "platform_machine": place.machine,
            "platform_system": os_names[place.sys_platform],
            "os_name": "nt" if place.sys_platform == "win32" else "posix",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
    )


def wheels(requirements: list[Requirement], python: str, place: Platform) -> dict[str, str]:
    """The wheel's file name by package; a package without one is absent."""
    left = {
        requirement.name: f"{requirement.name}{requirement.specifier}"
        for requirement in requirements
    }
    command = [
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"),
        *("--disable-pip-version-check", "--ignore-installed", "--only-binary=:all:"),
        *("--target=unused", "--report=-", f"--python-version={python}"),
        *(f"--platform={tag}" for tag in place.tags),
    ]
    while left:
        run = subprocess.run(
            [*command, *left.values()], capture_output=True, text=True, check=False, timeout=300
        )
        if run.returncode == 0:
            report = json.loads(run.stdout)["install"]
            urls = (item["download_info"]["url"] for item in report)
            names = (url.rpartition("/")[2].partition("#")[0] for url in urls)
            return {parse_wheel_filename(name)[0]: name for name in names}
        missing = re.search(r"No matching distribution found for ([A-Za-z0-9._-]+?)==", run.stderr)
        if missing is None or missing[1] not in left:
            raise SystemExit(f"wheels: pip said\n{run.stderr}")
        del left[missing[1]]
    return {}


def survey() -> dict[str, dict[tuple[str, str], bool | None]]:
    """By package, for each (platform, Python): a wheel, none, or None where it is not wanted.

    Packages whose wheels run everywhere are left out.
    """
    requirements = pins(LOCK.read_text(encoding="utf-8"))
    table: dict[str, dict[tuple[str, str], bool | None]] = {}
    compiled: set[str] = set()
    for place in PLATFORMS:
        for python in PYTHONS:
            here = [item for item in requirements if wanted(item.marker, python, place)]
            found = wheels(here, python, place)
            print(f"{place.title}, Python {python}: {len(found)} of {len(here)}", file=sys.stderr)
            names = {item.name for item in here}
            for item in requirements:
                has = item.name in found if item.name in names else None
                table.setdefault(item.name, {})[place.title, python] = has
            compiled |= {name for name, file in found.items() if not file.endswith("-none-any.whl")}
            compiled |= names - found.keys()
    return {name: cells for name, cells in sorted(table.items()) if name in compiled}


def cell(row: dict[tuple[str, str], bool | None], title: str) -> str:
    """One table cell: the four Pythons of a platform in a word."""
    states = {python: row[title, python] for python in PYTHONS}
    if all(states.values()):
        return "wheel"
    if all(state is None for state in states.values()):
        return "–"
    if not any(states.values()):
        return "**none**"
    return "wheel but for " + ", ".join(python for python, state in states.items() if not state)


def page(table: dict[str, dict[tuple[str, str], bool | None]]) -> str:
    """The reference page as Markdown."""
    titles = [place.title for place in PLATFORMS]
    lines = [
        "# Platforms",
        "",
        f"Freehold runs on CPython {PYTHONS[0]} to {PYTHONS[-1]}. This table, written by",
        "`make wheels`, says where its pinned dependencies come as ready-made wheels. Packages in",
        "pure Python are left out; a dash means that the package is not installed there.",
        "",
        "| package | " + " | ".join(titles) + " | without it |",
        "|---" * (len(titles) + 2) + "|",
    ]
    for name, row in table.items():
        cells = [cell(row, title) for title in titles]
        lines.append(f"| `{name}` | " + " | ".join(cells) + f" | {INSTEAD.get(name, '')} |")
    lines += [
        "",
        "Requirement markers cannot tell Alpine (musl) from other Linuxes: where its column says",
        "**none**, pip builds from source or fails. Use an image with glibc, such as Debian's, or",
        "install the rest with `--no-deps` and add the extra `fallback`, whose CEL is pure Python.",
        "PyPy is not supported: `orjson` has no wheels for it.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the page, or with `--print` show it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--print", action="store_true", dest="show", help="print, write nothing")
    arguments = parser.parse_args()
    print(f"wheels: asking with pip on {platform.python_version()}", file=sys.stderr)
    text = page(survey())
    if arguments.show:
        print(text)
    else:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
