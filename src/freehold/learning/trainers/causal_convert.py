"""llama.cpp's own converter to GGUF, for the architectures that are not written here.

It is 2 MB of Python (MIT) inside the source package of ``llama-cpp-python``, which is fetched only
where the owner asks for it, checked against its digest, and never installed or compiled.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from freehold.core.errors import TrainingError

VERSION = "0.3.36"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
VARIABLE = "FREEHOLD_LLAMA_CPP"
"""A folder of llama.cpp on this machine, which is used instead."""
_SCRIPT = "convert_hf_to_gguf.py"
_PARTS = (_SCRIPT, "conversion/", "gguf-py/", "LICENSE")


def converter(environ: Mapping[str, str]) -> Path | None:
    """The folder with the converter, if there is one on this machine."""
    named = environ.get(VARIABLE)
    folder = Path(named) if named else cache(environ)
    return folder if (folder / _SCRIPT).is_file() else None


def cache(environ: Mapping[str, str]) -> Path:
    """Where a fetched one is kept."""
    home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".cache"
    return Path(home) / "freehold" / f"llama.cpp-{VERSION}"


def fetch(environ: Mapping[str, str]) -> Path:
    """Download it with pip, from the index that pip is set to. 77 MB, of which 2 MB are kept.

    Raises:
        TrainingError: pip could not, or it is not the file that it should be.
    """
    with TemporaryDirectory(prefix="freehold-llama-") as made:
        wanted = Path(made, "wanted.txt")
        wanted.write_text(f"llama-cpp-python=={VERSION} --hash=sha256:{SHA256}\n", "utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", "--require-hashes", "--dest", made, "-r", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        packed = next(Path(made).glob("llama_cpp_python-*.tar.gz"), None)
        if done.returncode or packed is None:
            raise TrainingError(f"llama.cpp's converter can't be fetched: {_last(done.stderr)}")
        return unpack(packed, cache(environ))


def unpack(packed: Path, target: Path) -> Path:
    """The converter's own files out of the source package, whole or not at all.

    Raises:
        TrainingError: it holds no converter.
    """
    making = target.with_name(f"{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    with tarfile.open(packed) as archive:
        for member in archive:
            name = member.name.partition("/vendor/llama.cpp/")[2]
            if name and member.isfile() and name.startswith(_PARTS):
                # Written by hand: links, owners and modes of an archive are nobody's business.
                path = making / name
                content = archive.extractfile(member)
                if content is None or not path.resolve().is_relative_to(making.resolve()):
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    if not (making / _SCRIPT).is_file():
        shutil.rmtree(making)
        raise TrainingError(f"{packed.name} holds no {_SCRIPT}")
    shutil.rmtree(target, ignore_errors=True)
    making.rename(target)
    return target


def convert(tool: Path, folder: Path, path: Path, numbers: str, environ: Mapping[str, str]) -> None:
    """Run it, in a process of its own and without the hub.

    Raises:
        TrainingError: it does not know this model either; says what it said last.
    """
    command = [sys.executable, str(tool / _SCRIPT), str(folder), "--outfile", str(path)]
    own = os.pathsep.join([str(tool / "gguf-py"), str(tool)])
    told = {**environ, "PYTHONPATH": own, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*command, "--outtype", numbers], env=told, capture_output=True, text=True, check=False
    )
    if done.returncode or not path.is_file():
        path.unlink(missing_ok=True)
        raise TrainingError(f"llama.cpp's converter failed: {_last(done.stderr)}")


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
