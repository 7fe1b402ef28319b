"""What each model answered, added up in the store."""

from collections.abc import Collection

import sqlalchemy as sa

from freehold.core.owning import Use
from freehold.storage.engine import Database
from freehold.storage.tables import exchanges

_ANSWERED = ("allowed", "transformed")


class StoredUses:
    """Sums over the ``exchanges`` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def uses(
        self,
        *,
        tenants: Collection[str] | None = None,
        app: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> list[Use]:
        """By tenant, app and model, of exchanges that arrived in the period and were answered.

        Raises:
            StorageError: the store can't be read.
        """
        c = exchanges.c
        sums = [
            sa.func.sum(column)
            for column in (c.prompt_tokens, c.completion_tokens, c.cost_nano, c.duration_ns)
        ]
        query = sa.select(c.tenant, c.app, c.model, sa.func.count(), *sums)
        query = query.where(c.outcome.in_(_ANSWERED) & (c.model != ""))
        if tenants is not None:
            query = query.where(c.tenant.in_(sorted(tenants)))
        if app is not None:
            query = query.where(c.app == app)
        if since_ns is not None:
            query = query.where(c.opened_ns >= since_ns)
        if until_ns is not None:
            query = query.where(c.opened_ns < until_ns)
        query = query.group_by(c.tenant, c.app, c.model).order_by(c.tenant, c.app, c.model)
        with self._database.read() as connection:
            return [
                Use(
                    tenant=row[0],
                    app=row[1],
                    model=row[2],
                    answered=row[3],
                    prompt_tokens=int(row[4] or 0),
                    completion_tokens=int(row[5] or 0),
                    cost_nano=int(row[6] or 0),
                    took_ns=int(row[7] or 0),
                )
                for row in connection.execute(query)
            ]
