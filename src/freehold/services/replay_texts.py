"""The words of records for a replay: opened where they are needed, and the ledger says so."""

from collections.abc import Callable
from typing import Any

from freehold.core.clock import rfc3339
from freehold.core.subjects import Destroyed, KeyStore
from freehold.ledger.content import Opened, opened
from freehold.ledger.record import Record

LogEvent = Callable[..., str]


class ReplayTexts:
    """Opens records for rules and detectors; nobody is shown what is in them.

    Args:
        at_most: how many records may be read, as the ledger is to say.
        log: writes the ledger entry that goes before the first reading.
        texts: whether to open texts where rules need no words: detectors read them.
    """

    def __init__(
        self, store: KeyStore, actor: str, log: LogEvent, at_most: int, *, texts: bool = False
    ) -> None:
        self._store = store
        self._actor = actor
        self._log = log
        self._at_most = at_most
        self._texts = texts
        self._told = False
        self._keys: dict[str, Any] = {}

    def read(self, record: Record) -> Opened:
        """A record with its words where rules or detectors read them.

        Raises:
            StorageError: the vault can't be read, or a seal is broken.
            AuditError: the reading can't be recorded, so it is refused.
        """
        content = (record.opened or {}).get("content") or {}
        ended = (record.closed or {}).get("content") or {}
        sealed = [part["sealed"] for part in (content, ended) if part.get("sealed")]
        if not sealed:
            return Opened(record=record, state="none")
        keys = [self._find(part["key"]) for part in sealed]
        for key in keys:
            if isinstance(key, Destroyed):
                return Opened(record=record, state=key.why, at=rfc3339(key.at_ns))
        if None in keys:
            return Opened(record=record, state="lost")
        if content.get("kept") != "full" and not self._texts:
            return Opened(record=record, state="none")
        if not self._told:
            self._told = True
            self._log("content.compared", self._actor, "records", {"at_most": self._at_most})
        return opened(record, self._find)

    def _find(self, key_id: str) -> Any:
        if key_id not in self._keys:
            self._keys[key_id] = self._store.find(key_id)
        return self._keys[key_id]
