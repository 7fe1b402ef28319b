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
    "train.txt": ("--extra", "train", "--constraint", "requirements/dev.txt"),
}
BUILDS = ("torch", "triton", "nvidia-", "cuda-")
"""Not locked: nobody here can know which build of torch a machine wants; `venv.sh` asks for one."""
HEADER = "# Written by `make lock` from pyproject.toml. Do not edit.\n"


def compile_lock(uv: str, name: str, options: tuple[str, ...], *, upgrade: bool) -> None:
    """Resolve one requirement file in place."""
    target = ROOT / "requirements" / name
    if name == "train.txt":
        options = (*options, *(f"--no-emit-package={build}" for build in builds(uv)))
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


def builds(uv: str) -> list[str]:
    """The packages that come with one build of torch or another."""
    command = [uv, "pip", "compile", "pyproject.toml", "--universal", "--python-version=3.11"]
    command += ["--extra", "train", "--no-header", "--no-annotate", "--quiet"]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = (line.partition("==")[0] for line in found.splitlines())
    return sorted(name for name in names if name.startswith(BUILDS))


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
