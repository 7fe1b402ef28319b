"""Everything of a home into an archive, and into another home."""

from pathlib import Path
from typing import Any

from freehold.app.ownership import export_all
from freehold.app.taking_over import Asked, Taken, import_all
from freehold.services import ownership
from freehold.services.ownership_pick import Wanted


def quiet(_: str) -> None:
    pass


def out(home: Path, target: Path, **wanted: Any) -> ownership.Manifest:
    return export_all(home, Wanted(**wanted), target, force=True, tell=quiet).manifest


def into(archive: Path, home: Path, bundle: Path | None, **asked: Any) -> Taken:
    return import_all(archive, home, Asked(bundle=bundle, **asked), quiet)
