"""The index of exchanges: rows made from ledger records, and the questions that it answers."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from freehold.core.decisions import STAGES
from freehold.ledger.index import SHORTEST, ExchangeRow, ModelUse, Summary, Tenants
from freehold.ledger.reading import Damage, Entry
from freehold.ledger.upgrade import fired, full
from freehold.storage.engine import Database
from freehold.storage.tables import exchanges, unreadable

_QUANTILES = (("p50", 50), ("p95", 95), ("p99", 99))
_OPEN = "open"
_LARGEST = 2**63 - 1
_KINDS: dict[str, tuple[type[Any], int]] = {
    column.name: (column.type.python_type, getattr(column.type, "length", None) or _LARGEST)
    for column in exchanges.c
}
"""Of each column: its values' type, and how many characters a text of it may have."""
_UNSETTLED: dict[str, Any] = dict.fromkeys(_KINDS)


class StoredExchanges:
    """The `ExchangeIndex` over the ``exchanges`` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, exchange_id: str, tenant: Tenants = None) -> ExchangeRow | None:
        """One exchange by its id, or by a beginning of it that fits no other.

        With a ``tenant``, only among that tenant's.
        """
        key = exchanges.c.exchange_id
        query = _scoped(sa.select(exchanges), tenant)
        with self._database.read() as connection:
            # by its id first, since only that is sure to use the index
            rows = connection.execute(query.where(key == exchange_id)).mappings().all()
            if not rows and len(exchange_id) >= SHORTEST:
                alike = query.where(key.startswith(exchange_id, autoescape=True)).limit(2)
                rows = connection.execute(alike).mappings().all()
        return _row(dict(rows[0])) if len(rows) == 1 else None

    def alike(self, beginning: str, tenant: Tenants = None, *, limit: int) -> list[str]:
        """Ids of exchanges that begin like this, the newest first."""
        key = exchanges.c.exchange_id
        query = _scoped(sa.select(key), tenant).where(key.startswith(beginning, autoescape=True))
        query = query.order_by(key.desc()).limit(limit)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def recent(
        self,
        *,
        tenant: Tenants = None,
        app: str | None = None,
        outcome: str | None = None,
        rule: str | None = None,
        conversation: str | None = None,
        before_ns: int | None = None,
        after: ExchangeRow | None = None,
        limit: int = 50,
    ) -> list[ExchangeRow]:
        """The newest first; ``outcome`` may be ``open`` for those under way."""
        c = exchanges.c
        query = _scoped(sa.select(exchanges), tenant)
        if app is not None:
            query = query.where(c.app == app)
        if rule is not None:
            query = query.where(c.rules_fired.contains(f'"{rule}/', autoescape=True))
        if outcome is not None:
            query = query.where(c.outcome.is_(None) if outcome == _OPEN else c.outcome == outcome)
        if conversation is not None:
            query = query.where(c.conversation == conversation)
        if before_ns is not None:
            query = query.where(c.opened_ns < before_ns)
        if after is not None:
            query = query.where(_later(after))
        query = query.order_by(c.opened_ns.desc(), c.exchange_id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_row(dict(row)) for row in connection.execute(query).mappings()]

    def tenants(self) -> list[tuple[str, str | None]]:
        """Every tenant with every bundle that it ran under, the newest first."""
        c = exchanges.c
        query = (
            sa.select(c.tenant, c.bundle)
            .group_by(c.tenant, c.bundle)
            .order_by(sa.func.max(c.opened_ns).desc().nulls_last())
        )
        with self._database.read() as connection:
            return [(row.tenant, row.bundle) for row in connection.execute(query)]

    def unreadable(self) -> list[Damage]:
        """What in the ledger is no record any more, in its order."""
        columns = [column for column in unreadable.c if column.name != "accepted"]
        query = sa.select(*columns).order_by(*unreadable.primary_key.columns)
        with self._database.read() as connection:
            return [Damage(**dict(row)) for row in connection.execute(query).mappings()]

    def belonging(
        self, tenant: Tenants, *, principal: str = "", conversation: str = ""
    ) -> list[ExchangeRow]:
        """All that a person asked, by their id, or all of one conversation; the oldest first."""
        c = exchanges.c
        mine = c.conversation == conversation
        if principal:
            mine = c.principal == principal.replace("\0", "\ufffd")
        query = _scoped(sa.select(exchanges), tenant).where(mine)
        query = query.order_by(c.opened_ns, c.exchange_id)
        with self._database.read() as connection:
            return [_row(dict(row)) for row in connection.execute(query).mappings()]

    def summary(
        self, *, tenant: Tenants = None, since_ns: int = 0, until_ns: int | None = None
    ) -> Summary:
        """Exchanges that arrived from ``since_ns`` until before ``until_ns``."""
        c = exchanges.c
        span = c.opened_ns >= since_ns
        if until_ns is not None:
            span &= c.opened_ns < until_ns
        outcomes = sa.select(c.outcome, sa.func.count()).where(span).group_by(c.outcome)
        models = (
            sa.select(
                c.model,
                sa.func.count(),
                sa.func.sum(c.prompt_tokens),
                sa.func.sum(c.completion_tokens),
                sa.func.sum(c.cost_nano),
            )
            .where(span & (c.model != ""))
            .group_by(c.model)
        )
        rules = sa.select(c.rules_fired).where(span & (c.rules_fired != "[]"))
        durations = (
            sa.select(c.duration_ns)
            .where(span & c.duration_ns.is_not(None))
            .order_by(c.duration_ns)
        )
        spent = sa.select(c.spent_ns).where(span & c.spent_ns.is_not(None))
        with self._database.read() as connection:
            by_outcome = {
                row[0] or _OPEN: row[1] for row in connection.execute(_scoped(outcomes, tenant))
            }
            by_model = {
                row[0]: ModelUse(
                    exchanges=row[1],
                    prompt_tokens=int(row[2] or 0),
                    completion_tokens=int(row[3] or 0),
                    cost_nano=int(row[4] or 0),
                )
                for row in connection.execute(_scoped(models, tenant))
            }
            fired: Counter[str] = Counter()
            for row in connection.execute(_scoped(rules, tenant)):
                fired.update(orjson.loads(row[0]))
            work: Counter[str] = Counter()
            for row in connection.execute(_scoped(spent, tenant)):
                work.update(orjson.loads(row[0]))
            took = [row[0] for row in connection.execute(_scoped(durations, tenant))]
        return Summary(
            exchanges=sum(by_outcome.values()),
            outcomes=dict(sorted(by_outcome.items())),
            models=dict(sorted(by_model.items())),
            rules=dict(fired.most_common()),
            duration_ns={
                name: took[-(-len(took) * percent // 100) - 1] if took else 0
                for name, percent in _QUANTILES
            },
            own_work_ns={stage: work[stage] for stage in STAGES if stage in work},
        )


def values_from(entry: Entry, body: dict[str, Any]) -> dict[str, Any]:
    """Columns that one record settles; all others are ``None`` and leave a row as it is.

    Raises:
        KeyError, TypeError, AttributeError: a part of a record is missing or no such part.
        ValueError: a value is not of its column's type, or too long for it.
    """
    body = full(body)
    values: dict[str, Any] = {
        "exchange_id": body["exchange"],
        "tenant": body["tenant"],
        "app": body["app"],
        "writer": entry.writer,
    }
    opened, closed = body.get("opened"), body.get("closed")
    if opened is not None:
        values |= _opened_values(opened)
    if opened is not None and closed is None:
        values |= _place("opened", entry)
    if closed is not None:
        values |= _closed_values(closed, body) | _place("closed", entry)
        if opened is None:
            # near enough, and used only where the record of its beginning can't be read
            values["opened_ns"] = body["at_ns"] - closed["duration_ns"]
    rules = [*fired(opened or {}), *fired(closed or {})]
    values["rules_fired"] = orjson.dumps(rules).decode() if rules else "[]"
    check_values(values)
    return _UNSETTLED | values


def check_values(values: Mapping[str, Any]) -> None:
    """A value that the store would refuse would hold up all that are stored with it.

    Raises:
        ValueError: one of these, by column, is such a value.
    """
    for name, value in values.items():
        if value is None:
            continue
        kind, longest = _KINDS[name]
        if (
            type(value) is not kind
            or (kind is int and not -_LARGEST <= value <= _LARGEST)
            or (kind is str and (len(value) > longest or "\0" in value))
        ):
            raise ValueError(f"no value for {name}")


def _opened_values(opened: dict[str, Any]) -> dict[str, Any]:
    request, app = opened["request"], opened["app"] or {}
    key, who = opened["key"] or {}, (opened["principal"] or {}).get("id")
    return {
        "key_id": key.get("id"),
        # PostgreSQL takes no zero characters
        "principal": who.replace("\0", "\ufffd") if who else who,
        "conversation": request["conversation"],
        "bundle": app.get("bundle"),
        "stream": request["stream"],
        "opened_ns": request["received_ns"],
    }


def _closed_values(closed: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {
        "closed_ns": body["at_ns"],
        "outcome": closed["outcome"],
        "model": closed["model"],
        "prompt_tokens": closed["prompt_tokens"],
        "completion_tokens": closed["completion_tokens"],
        "cost_nano": closed["cost_nano"],
        "duration_ns": closed["duration_ns"],
        "simulated": closed["simulated"],
        "spent_ns": orjson.dumps(closed["spent_ns"]).decode(),
    }


def _place(part: str, entry: Entry) -> dict[str, int]:
    return {
        f"{part}_segment": entry.segment,
        f"{part}_offset": entry.offset,
        f"{part}_length": len(entry.line),
    }


def _scoped(query: sa.Select[Any], tenant: Tenants) -> sa.Select[Any]:
    if tenant is None:
        return query
    if isinstance(tenant, str):
        return query.where(exchanges.c.tenant == tenant)
    return query.where(exchanges.c.tenant.in_(sorted(tenant)))


def _later(row: ExchangeRow) -> sa.ColumnElement[bool]:
    """What comes after ``row`` in a list whose newest are first."""
    c = exchanges.c
    if row.opened_ns is None:
        return c.opened_ns.is_(None) & (c.exchange_id < row.exchange_id)
    same = (c.opened_ns == row.opened_ns) & (c.exchange_id < row.exchange_id)
    return (c.opened_ns < row.opened_ns) | same


def _row(row: dict[str, Any]) -> ExchangeRow:
    del row["spent_ns"]
    row["rules_fired"] = tuple(orjson.loads(row["rules_fired"] or "[]"))
    return ExchangeRow(**row)
