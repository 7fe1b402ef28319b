"""What the ledger says of a tenant's keys is that tenant's."""

from pathlib import Path
from typing import Any

from freehold.core.clock import SystemClock
from freehold.core.limits import Limits
from freehold.services.keys import KeyService
from freehold.storage.engine import Database
from freehold.storage.keys import StoredKeys
from freehold.storage.migrate import open_database
from tests.audit_samples import Standing


def test_events_about_a_key_carry_its_tenant(tmp_path: Path) -> None:
    database: Database = open_database(tmp_path)
    store = StoredKeys(database, b"p" * 32, Standing())
    made = store.create("north", "desk", limits=Limits())
    told: list[tuple[str, str, str]] = []

    def log(kind: str, _actor: str, subject: str, _details: Any, *, tenant: str = "") -> None:
        told.append((kind, subject, tenant))

    service = KeyService(store, None, SystemClock(), log, "tester")
    service.limit(made.grant.key_id, {"requests_per_minute": 3})
    service.revoke(made.grant.key_id)
    key_id = made.grant.key_id
    assert told == [("key.limited", key_id, "north"), ("key.revoked", key_id, "north")]
    database.close()
