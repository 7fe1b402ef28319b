"""An exchange put together again from the lines that were written about it."""

from typing import Any

from msgspec import Struct


class Record(Struct, frozen=True, kw_only=True):
    """One exchange, as its ledger lines say.

    Attributes:
        outcome: ``open`` while it is under way.
        opened: what was decided before the first character left.
        closed: how it ended; ``None`` while open, and when the writer died before the end.
        lines: the ledger lines (``body``, ``salt``, ``seq``, ``v``, ``writer``;
            of format 2 ``tenant_seq``) that it stands in.
        approval: the decisions about its held answer, each with the id of its ledger entry.
        told: what is known of its answer by now (``metric``, ``value`` and ``score`` in millionths,
            ``source``, ``model``, ``by``, ``at_ns``); each is a ledger entry of its own.
    """

    exchange_id: str
    tenant: str
    app: str
    outcome: str
    opened: dict[str, Any]
    closed: dict[str, Any] | None
    lines: tuple[dict[str, Any], ...]
    approval: tuple[dict[str, Any], ...] = ()
    told: tuple[dict[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "exchange": self.exchange_id,
            "tenant": self.tenant,
            "app": self.app,
            "outcome": self.outcome,
            "opened": self.opened,
            "closed": self.closed,
            "approval": list(self.approval),
            "told": list(self.told),
            "ledger": [{key: line[key] for key in line if key != "body"} for line in self.lines],
        }
