"""What people wrote beside labels: only where it is asked for, sealed anew elsewhere."""

import json
import zipfile
from pathlib import Path

from freehold.app.homes import with_vault
from freehold.app.ownership import export_all
from freehold.app.taking_over import Asked, import_all
from freehold.core.clock import SystemClock
from freehold.core.labels import Label, Words
from freehold.core.subjects import DAY_NS, Subject
from freehold.services import ownership
from freehold.services.labelling_words import opened, sealed
from freehold.services.ownership_pick import Wanted
from freehold.storage.label_transfer import LabelRows
from freehold.storage.subject_keys import StoredKeys
from tests.services.made_owned import label, owned

SAID = Words(answer="We open at eight.", comment="It is summer.")


def quiet(_: str) -> None:
    pass


def test_words_travel_when_asked_and_are_sealed_anew(tmp_path: Path) -> None:
    home, _ = owned(tmp_path)
    now = SystemClock().now_ns()
    with with_vault(home) as (_, vault, _audit):
        with vault.database.write() as connection:
            key = vault.make(connection, 1, now + DAY_NS)[0]
            key.subject, key.tenant = vault.name(Subject("chain", "", "kim")), "chain"
            vault.assign(connection, [(key, now + DAY_NS, 0)])
        box = sealed(SAID, "lab-0070", "case-0070", key)
    label(home, 70, seal_key=key.id, box=box, at_ns=now)
    for words in (False, True):
        archive = tmp_path / f"{words}.zip"
        export_all(home, Wanted(words=words), archive, force=False, tell=quiet)
        with zipfile.ZipFile(archive) as found:
            lines = [json.loads(line) for line in found.read(ownership.LABELS).splitlines()]
        assert [bool(line.get("words")) for line in lines] == [False, False, False, words]
    there = tmp_path / "there"
    import_all(tmp_path / "True.zip", there, Asked(bundle=tmp_path / "rules"), quiet)
    with with_vault(there) as (database, vault, _audit):
        row = {label["label_id"]: label for label, _ in LabelRows(database).all()}["lab-0070"]
        row = {n: v for n, v in row.items() if n not in ("task_id", "event_id", "undone_ns")}
        assert row["seal_key"] != key.id
        assert opened(Label(**row), StoredKeys(vault).find) == SAID
