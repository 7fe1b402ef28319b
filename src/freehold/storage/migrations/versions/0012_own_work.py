"""Own work by minute, tenant and app; of older exchanges, as far as the index knows it."""

from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_STAGES = (
    "admit",
    "data_prep",
    "governance",
    "context",
    "policy",
    "routing",
    "inference",
    "monitoring",
    "audit",
)
_COLUMNS = [f"{kind}_{stage}" for kind in ("spent", "cpu", "waited") for stage in _STAGES]
_MINUTE_NS = 60_000_000_000
_MOST_NS = 10**13
_ROWS = 5_000


def upgrade() -> None:
    """Make the table and fill it from the exchanges that were indexed before."""
    table = op.create_table(
        "own_work",
        sa.Column("minute", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("app", sa.String(200), nullable=False),
        sa.Column("writer", sa.String(40), nullable=False),
        sa.Column("exchanges", sa.BigInteger, nullable=False),
        sa.Column("sampled", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COLUMNS),
        sa.PrimaryKeyConstraint("minute", "tenant", "app", "writer", name="pk_own_work"),
    )
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in _exchanges(op.get_bind()):
        key = (row.closed_ns // _MINUTE_NS, row.tenant, row.app, row.writer)
        into = sums.get(key)
        if into is None:
            into = sums[key] = dict.fromkeys(("exchanges", "sampled", *_COLUMNS), 0)
            into |= dict(zip(("minute", "tenant", "app", "writer"), key, strict=True))
        into["exchanges"] += 1
        for stage, spent in _read(row.spent_ns).items():
            if stage in _STAGES and type(spent) is int and 0 <= spent <= _MOST_NS:
                into[f"spent_{stage}"] += spent
    op.bulk_insert(table, list(sums.values()))


def _read(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _exchanges(connection: sa.Connection) -> Iterator[sa.Row[Any]]:
    after = ""
    query = sa.text(
        "select exchange_id, closed_ns, tenant, app, writer, spent_ns from exchanges"
        " where exchange_id > :after and closed_ns is not null and spent_ns is not null"
        " order by exchange_id limit :rows"
    )
    while rows := connection.execute(query, {"after": after, "rows": _ROWS}).all():
        yield from rows
        after = rows[-1].exchange_id
