"""The bundle that a LiteLLM configuration becomes, written whole or not at all."""

import os
import shutil
from pathlib import Path

from freehold.core.errors import RequestError, StorageError
from freehold.services.bundles import check_bundle
from freehold.services.litellm_import import Bundled, Importing, report
from freehold.services.litellm_nodes import MAX_BYTES

REPORT = "import-report.txt"


def write(config: Path, folder: Path) -> Bundled:
    """Translate a file, check what it became, and give it its place.

    Raises:
        RequestError: the file can't be read, or what it became is no sound bundle.
        StorageError: the folder is not empty, or can't be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StorageError(f"{folder} is there already: name another folder with -o")
    try:
        with config.open("rb") as file:
            octets = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RequestError(f"{config} can't be read: {error.strerror or error}") from None
    made = Importing(octets, str(config)).bundle()
    aside = folder.with_name(f".{folder.name}.{os.urandom(6).hex()}")
    try:
        aside.mkdir(parents=True, mode=0o700)
        for name, text in made.files.items():
            (aside / name).write_text(text, encoding="utf-8")
        (aside / REPORT).write_text(report(made.remarks, config.name), encoding="utf-8")
        checked = check_bundle(aside)
        if not checked.ok:
            said = "; ".join(str(problem) for problem in checked.errors[:3])
            raise RequestError(f"what {config} becomes is no sound bundle: {said}")
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
    except OSError as error:
        raise StorageError(f"{folder} can't be written: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return made
