"""Which code decided: one digest over all that Freehold ships and the libraries that matter."""

import hashlib
import platform
from importlib import metadata
from pathlib import Path

_DECIDING = (
    "cel-expr-python",
    "cel-python",
    "google-re2",
    "msgspec",
    "numpy",
    "orjson",
    "pydantic",
    "pyjwt",
    "cryptography",
)
_PACKAGE = Path(__file__).resolve().parent.parent


def runtime_digest() -> str:
    """SHA-256 over Freehold's files, Python's version and key libraries' versions.

    Files are source, and what it reads: lexicons, word vectors, trained models. What Python makes
    of source on the way is left out. Takes tens of milliseconds.
    """
    digest = hashlib.sha256()
    digest.update(
        f"python {platform.python_implementation()} {platform.python_version()}\n".encode()
    )
    for name in _DECIDING:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "absent"
        digest.update(f"{name} {version}\n".encode())
    for path in sorted(_PACKAGE.rglob("*")):
        if path.suffix == ".pyc" or not path.is_file():
            continue
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
