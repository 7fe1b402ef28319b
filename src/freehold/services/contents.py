"""Kept texts, for who may read them: each reading is an entry in the ledger."""

from collections.abc import Callable
from typing import Any

import orjson

from freehold.core.subjects import KeyStore
from freehold.ledger.content import Opened, opened
from freehold.ledger.record import Record
from freehold.services.explaining import Section

LogEvent = Callable[..., str]
_WHY = {
    "none": "nothing was kept",
    "erased": "erased on {at}, with the data of whoever asked",
    "expired": "its time was over on {at}",
    "lost": "its key is not in this vault",
}


class Contents:
    """Opens the texts of records.

    Args:
        actor: who reads, as the ledger is to say.
        log: writes the ledger entry that each reading must leave.
    """

    def __init__(self, store: KeyStore, actor: str, log: LogEvent) -> None:
        self.store = store
        self._actor = actor
        self._log = log

    def read(self, record: Record, *, unmask: bool = False) -> Opened:
        """A record's texts for a person to read; with ``unmask``, with the redacted values.

        Raises:
            StorageError: the vault can't be read, or a seal is broken.
            AuditError: the reading can't be recorded, so it is refused.
        """
        found = opened(record, self.store.find)
        if found.state == "open":
            details = {"unmasked": unmask}
            self._log(
                "content.read", self._actor, record.exchange_id, details, tenant=record.tenant
            )
        return found

    def read_by_rules(self, exchanges: int) -> Callable[[Record], Opened]:
        """How rules read the texts of so many records; nobody is shown them.

        Raises:
            AuditError: the reading can't be recorded, so it is refused.
        """
        self._log("content.compared", self._actor, "records", {"at_most": exchanges})
        return lambda record: opened(record, self.store.find)


def sections(found: Opened, *, unmask: bool) -> tuple[Section, ...]:
    """The texts, told beside what was decided."""
    if found.state != "open":
        why = _WHY.get(found.state, found.state).format(at=found.at)
        return (Section(title="Texts", lines=(why,)),)
    told = as_dict(found, unmask=unmask)
    asked = [_line(message) for message in told["input"] or ()]
    said = (told["output"] or "nothing left").splitlines()
    return (
        Section(title="What was asked", lines=tuple(asked or ["not kept"])),
        Section(title="What left", lines=tuple(said)),
    )


def as_dict(found: Opened, *, unmask: bool) -> dict[str, Any]:
    """The texts for ``--json``: ``input`` is a list of messages."""
    content = (found.record.opened or {}).get("content") or {}
    output = ((found.record.closed or {}).get("content") or {}).get("output")
    text = content.get("input")
    messages = None if text is None else orjson.loads(text)
    if unmask:
        messages = _restored(messages, found)
        output = None if output is None else found.restored(output)
    return {
        "state": found.state,
        "destroyed_at": found.at or None,
        "input": messages,
        "output": output,
    }


def _line(message: dict[str, Any]) -> str:
    calls = "".join(
        f" calls {call['name']}({call['arguments']})" for call in message.get("tool_calls") or ()
    )
    return f"{message['role']}: {message.get('content', '')}{calls}"


def _restored(value: Any, found: Opened) -> Any:
    if isinstance(value, str):
        return found.restored(value)
    if isinstance(value, dict):
        return {name: _restored(each, found) for name, each in value.items()}
    if isinstance(value, list):
        return [_restored(each, found) for each in value]
    return value
