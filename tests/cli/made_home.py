"""A home with a live bundle that has queues, and with cases in it."""

from pathlib import Path
from textwrap import dedent
from typing import Any

from freehold.bundle.kept import keep, mark_live
from freehold.bundle.problems import Problems
from freehold.bundle.snapshot import read_folder
from freehold.core.cases import Case, Moment
from freehold.core.clock import SystemClock
from freehold.learning.capture.boxes import box_of
from freehold.storage.cases import StoredCases
from freehold.storage.migrate import open_database
from freehold.storage.secrets import KeyFolder
from freehold.storage.vault import open_vault
from tests.bundle.samples import GOOD, write
from tests.services.made_labels import QUEUES

FAR_NS = 4_000_000_000_000_000_000


def make_home(folder: Path, moments: list[Moment], queues: str = QUEUES, **more: Any) -> Path:
    """A home in which each moment is a case of the app ``service``."""
    home, bundle = folder / "home", folder / "bundle"
    write(bundle, {**GOOD, "queues.yaml": dedent(queues)})
    database = open_database(home)
    snapshot = read_folder(bundle, Problems())
    keep(snapshot, home)
    mark_live(home, bundle, snapshot.hash)
    vault = open_vault(home, None, KeyFolder(home).subjects(), SystemClock())
    with vault.database.write() as connection:
        keys = vault.make(connection, len(moments), FAR_NS)
    cases = []
    for number, (moment, key) in enumerate(zip(moments, keys, strict=True), 1):
        values: dict[str, Any] = {
            "case_id": f"case_{number}", "exchange_id": f"ex_{number}",
            "conversation": f"con_{number}", "owner": "chain", "tenant": "north",
            "app": "service", "route": "main", "reasons": ("feedback:solved",),
            "intent": "delivery", "model": "small", "version": "1", "at_ns": number,
            "value": 1_000_000 * (len(moments) - number + 1), "seal_key": key.id,
            "box": box_of(moment, f"ex_{number}", key),
        }  # fmt: skip
        cases.append(Case(**(values | more)))
    StoredCases(database).add(cases)
    vault.database.close()
    database.close()
    return home


def moment(asked: str, released: str, **more: Any) -> Moment:
    return Moment(asked=({"role": "user", "content": asked},), released=released, **more)
