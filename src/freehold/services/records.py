"""Looking exchanges up: through the index, then in the ledger itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.core.errors import NotFound
from freehold.ledger.index import ExchangeIndex, ExchangeRow, Summary
from freehold.ledger.reading import read_at


class Record(Struct, frozen=True, kw_only=True):
    """One exchange, as its ledger lines say.

    Attributes:
        outcome: ``open`` while it is under way.
        opened: what was decided before the first character left.
        closed: how it ended; ``None`` while open, and when the writer died before the end.
        lines: the ledger lines (``body``, ``salt``, ``seq``, ``v``, ``writer``) that it stands in.
    """

    exchange_id: str
    tenant: str
    app: str
    outcome: str
    opened: dict[str, Any]
    closed: dict[str, Any] | None
    lines: tuple[dict[str, Any], ...]


class Records:
    """The use cases around records, for the terminal, the API and the console alike.

    With a ``tenant``, another tenant's exchange does not exist: not in a list, not in a sum, and
    looking it up is the same error as an id that nobody ever had.

    Args:
        home: where the ledger lies.
        fill: brings the index up to date before each question, so that a question right after an
            exchange sees it; ``None`` where something else fills it.
    """

    def __init__(
        self, home: Path, index: ExchangeIndex, fill: Callable[[], object] | None = None
    ) -> None:
        self._home = home
        self._index = index
        self._fill = fill

    def find(self, exchange_id: str, tenant: str | None = None) -> Record:
        """One exchange with everything that was written about it.

        Raises:
            NotFound: no such exchange for this tenant.
            StorageError: the index or a segment can't be read.
        """
        self._refresh()
        row = self._index.find(exchange_id, tenant)
        if row is None:
            raise NotFound(f"no exchange {exchange_id}")
        lines = tuple(self._lines(row))
        bodies = [line["body"] for line in lines]
        if any(b["exchange"] != exchange_id or b["tenant"] != row.tenant for b in bodies):
            raise NotFound(f"the index points to another record than that of {exchange_id}")
        return Record(
            exchange_id=exchange_id,
            tenant=row.tenant,
            app=row.app,
            outcome=row.outcome or "open",
            opened=next((b["opened"] for b in bodies if "opened" in b), {}),
            closed=next((b["closed"] for b in bodies if "closed" in b), None),
            lines=lines,
        )

    def recent(
        self,
        *,
        tenant: str | None = None,
        outcome: str | None = None,
        conversation: str | None = None,
        before_ns: int | None = None,
        limit: int = 50,
    ) -> list[ExchangeRow]:
        """The newest exchanges first; ``outcome`` may be ``open``."""
        self._refresh()
        return self._index.recent(
            tenant=tenant,
            outcome=outcome,
            conversation=conversation,
            before_ns=before_ns,
            limit=limit,
        )

    def summary(
        self, *, tenant: str | None = None, since_ns: int = 0, until_ns: int | None = None
    ) -> Summary:
        """A span of time in numbers."""
        self._refresh()
        return self._index.summary(tenant=tenant, since_ns=since_ns, until_ns=until_ns)

    def _refresh(self) -> None:
        if self._fill is not None:
            self._fill()

    def _lines(self, row: ExchangeRow) -> list[dict[str, Any]]:
        places = (
            (row.opened_segment, row.opened_offset, row.opened_length),
            (row.closed_segment, row.closed_offset, row.closed_length),
        )
        return [
            read_at(self._home, row.writer, segment, offset, length).envelope()
            for segment, offset, length in places
            if segment is not None and offset is not None and length is not None
        ]
