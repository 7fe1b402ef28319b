"""Write requirements/*.txt: every dependency pinned and hashed, for Python 3.11 to 3.14.

Needs uv (`pip install uv`), which `make venv` never does: the files are plain pip requirements.
`--upgrade` takes the newest releases; without it, pins that still fit stay as they are.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "dev.txt": ("--group", "dev"),
    # what the tests ran with is what an installation gets
    "run.txt": ("--constraint", "requirements/dev.txt"),
}
HEADER = "# Written by `make lock` from pyproject.toml. Do not edit.\n"


def compile_lock(uv: str, name: str, options: tuple[str, ...], *, upgrade: bool) -> None:
    """Resolve one requirement file in place."""
    target = ROOT / "requirements" / name
    command = [
        uv,
        "pip",
        "compile",
        "pyproject.toml",
        "--universal",
        "--python-version=3.11",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--quiet",
        f"--output-file={target.relative_to(ROOT)}",
        *options,
    ]
    if upgrade:
        command.append("--upgrade")
    subprocess.run(command, cwd=ROOT, check=True)
    text = target.read_text(encoding="utf-8")
    target.write_text(HEADER + text.removeprefix(HEADER), encoding="utf-8")


def main() -> int:
    """Write every lock; 1 when uv is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest releases")
    parser.add_argument("--uv", default=shutil.which("uv"), help="path of the uv program")
    arguments = parser.parse_args()
    if not arguments.uv:
        print(
            "lock: uv is not installed; `pip install uv` in an environment of its own, then"
            " `make lock`",
            file=sys.stderr,
        )
        return 1
    for name, options in LOCKS.items():
        compile_lock(arguments.uv, name, options, upgrade=arguments.upgrade)
    return 0


if __name__ == "__main__":
    sys.exit(main())
