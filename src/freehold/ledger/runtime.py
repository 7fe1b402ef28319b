"""Which code decided: one digest over Freehold's own source and the libraries that matter."""

import hashlib
import platform
from importlib import metadata
from pathlib import Path

_DECIDING = (
    "cel-expr-python",
    "cel-python",
    "google-re2",
    "msgspec",
    "orjson",
    "pydantic",
    "pyjwt",
    "cryptography",
)
_PACKAGE = Path(__file__).resolve().parent.parent


def runtime_digest() -> str:
    """SHA-256 over source files, Python's version and key libraries' versions; about 20 ms."""
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
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
