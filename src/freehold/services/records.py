"""Looking exchanges up: through the index, then in the ledger itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from freehold.core.approvals import Step
from freehold.core.errors import NotFound
from freehold.core.outcomes import Told
from freehold.ledger.index import SHORTEST, ExchangeIndex, ExchangeRow, Summary, Tenants
from freehold.ledger.reading import Damage, Entry, read_at
from freehold.ledger.record import Record
from freehold.ledger.upgrade import parts
from freehold.services.explaining import Explanation, explain
from freehold.services.tenants import family

_SHOWN = 5
"""So many ids are told of those that begin alike."""
_MOST_NAMED = 80
_TOLD = ("metric", "value", "score", "source", "model", "by", "at_ns")


class Records:
    """The use cases around records, for the terminal, the API and the console alike.

    With a ``tenant``, another tenant's exchange does not exist: not in a list, not in a sum, and
    looking it up is the same error as an id that nobody ever had. A tenant's name is that tenant
    alone; `within` gives all who stand below it too.

    Args:
        home: where the ledger lies.
        fill: brings the index up to date before each question, so that a question right after an
            exchange sees it; ``None`` where something else fills it.
        steps: the decisions about an exchange's held answer, by the exchange's id.
        told: what is known of its answer by now, by the same.
    """

    def __init__(
        self,
        home: Path,
        index: ExchangeIndex,
        fill: Callable[[], object] | None = None,
        steps: Callable[[str], Sequence[Step]] = lambda _: (),
        told: Callable[[str], Sequence[Told]] = lambda _: (),
    ) -> None:
        self._home = home
        self._index = index
        self._fill = fill
        self._steps = steps
        self._told = told

    def within(
        self, tenant: str, *, only: bool = False, more: Iterable[str] = ()
    ) -> frozenset[str]:
        """A tenant and, unless ``only``, everyone below it.

        Args:
            more: tenants that are known besides those that have records or were in a live bundle.

        Raises:
            NotFound: nobody knows such a tenant.
        """
        self._refresh()
        return family(self._home, self._index.tenants(), more).within(tenant, only=only)

    def find(self, exchange_id: str, tenant: Tenants = None) -> Record:
        """One exchange with everything that was written about it.

        Args:
            exchange_id: its id, or a beginning of it (eight characters or more) that fits one only.

        Raises:
            NotFound: no such exchange for this tenant.
            StorageError: the index or a segment can't be read.
        """
        return self._read(self._row(exchange_id, tenant))

    def latest(self, count: int, tenant: Tenants = None) -> Iterator[Record]:
        """The newest exchanges that are over or broke off, as the ledger has them: without what was
        decided about held answers, or told of them later.

        Raises:
            StorageError: the index or a segment can't be read.
        """
        rows = self.recent(tenant=tenant, limit=count)
        return (self._read(row, later=False) for row in rows)

    def lines(self, exchange_id: str, tenant: Tenants = None) -> list[bytes]:
        """The ledger's lines of one exchange, byte for byte, without their newlines.

        Raises:
            NotFound: no such exchange for this tenant.
            StorageError: the index or a segment can't be read.
        """
        return [entry.line for entry in self._entries(self._row(exchange_id, tenant))]

    def belonging(
        self, tenant: Tenants, *, principal: str = "", conversation: str = ""
    ) -> Iterator[Record]:
        """All that a person asked, by their id, or all of one conversation; the oldest first.

        Raises:
            StorageError: the index or a segment can't be read.
        """
        self._refresh()
        rows = self._index.belonging(tenant, principal=principal, conversation=conversation)
        return map(self._read, rows)

    def _read(self, row: ExchangeRow, *, later: bool = True) -> Record:
        exchange_id = row.exchange_id
        lines = tuple(entry.envelope() for entry in self._entries(row))
        bodies = [line["body"] for line in lines]
        if any(b["exchange"] != exchange_id or b["tenant"] != row.tenant for b in bodies):
            raise NotFound(f"the index points to another record than that of {exchange_id}")
        opened, closed = parts(bodies)
        return Record(
            exchange_id=exchange_id,
            tenant=row.tenant,
            app=row.app,
            # how it ended is what its line says: nothing proves the index
            outcome=str((closed or {}).get("outcome") or row.outcome or "open"),
            opened=opened,
            closed=closed,
            lines=lines,
            approval=tuple(msgspec.to_builtins(step) for step in self._steps(exchange_id))
            if later
            else (),
            told=tuple(_shown(told) for told in self._told(exchange_id)) if later else (),
        )

    def explain(self, exchange_id: str | None = None, tenant: Tenants = None) -> Explanation:
        """One exchange told decision by decision; without an id, the newest.

        Raises:
            NotFound: no such exchange for this tenant.
            StorageError: the index or a segment can't be read.
        """
        if exchange_id is None:
            newest = self.recent(tenant=tenant, limit=1)
            if not newest:
                raise NotFound("nothing is recorded yet")
            exchange_id = newest[0].exchange_id
        return explain(self.find(exchange_id, tenant))

    def recent(
        self,
        *,
        tenant: Tenants = None,
        app: str | None = None,
        outcome: str | None = None,
        rule: str | None = None,
        conversation: str | None = None,
        before_ns: int | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[ExchangeRow]:
        """The newest exchanges first; ``outcome`` may be ``open``.

        Args:
            before: the id of an exchange (or its beginning): only those that come after it in
                this list. With the last one's id, that is the next page.

        Raises:
            NotFound: ``before`` is nobody's id.
        """
        self._refresh()
        after = self._known(before, tenant) if before is not None else None
        return self._index.recent(
            tenant=tenant,
            app=app,
            outcome=outcome,
            rule=rule,
            conversation=conversation,
            before_ns=before_ns,
            after=after,
            limit=limit,
        )

    def summary(
        self, *, tenant: Tenants = None, since_ns: int = 0, until_ns: int | None = None
    ) -> Summary:
        """A span of time in numbers."""
        self._refresh()
        return self._index.summary(tenant=tenant, since_ns=since_ns, until_ns=until_ns)

    def unreadable(self) -> list[Damage]:
        """What in the ledger is no record any more; a length of 0 goes to the segment's end."""
        self._refresh()
        return self._index.unreadable()

    def _row(self, exchange_id: str, tenant: Tenants) -> ExchangeRow:
        self._refresh()
        return self._known(exchange_id, tenant)

    def _known(self, exchange_id: str, tenant: Tenants) -> ExchangeRow:
        """Raises: NotFound: nobody's id, or the beginning of none or of several."""
        row = self._index.find(exchange_id, tenant)
        if row is not None:
            return row
        named = exchange_id[:_MOST_NAMED]
        if exchange_id and len(exchange_id) < SHORTEST:
            raise NotFound(f"no exchange {named}: a beginning has {SHORTEST} characters or more")
        alike = self._index.alike(exchange_id, tenant, limit=_SHOWN + 1) if exchange_id else []
        if len(alike) < 2:
            raise NotFound(f"no exchange {named}")
        more = ", and more" if len(alike) > _SHOWN else ""
        raise NotFound(
            f"{named} is the beginning of several exchanges: {', '.join(alike[:_SHOWN])}{more}."
            " Say more of it"
        )

    def _refresh(self) -> None:
        if self._fill is not None:
            self._fill()

    def _entries(self, row: ExchangeRow) -> list[Entry]:
        places = (
            (row.opened_segment, row.opened_offset, row.opened_length),
            (row.closed_segment, row.closed_offset, row.closed_length),
        )
        return [
            read_at(self._home, row.writer, segment, offset, length)
            for segment, offset, length in places
            if segment is not None and offset is not None and length is not None
        ]


def _shown(told: Told) -> dict[str, Any]:
    """Without what is sealed."""
    return {name: getattr(told, name) for name in _TOLD}
