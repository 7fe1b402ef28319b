"""What was used by month and in total beside by day, and ceilings of keys."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    """Make the table, fill it from the one by day, and drop that."""
    made = op.create_table(
        "spending",
        sa.Column("scope", sa.String(400), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("start", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "period", "start", name="pk_spending"),
    )
    sums: dict[tuple[str, str, int], list[int]] = {}
    old = sa.table("spend", *map(sa.column, ("scope", "day", "requests", "tokens", "nano")))
    for row in op.get_bind().execute(sa.select(old)):
        date = _EPOCH + timedelta(days=row.day)
        month = date.year * 12 + date.month - 1
        for key in (("day", row.day), ("month", month), ("total", 0)):
            whole = sums.setdefault((row.scope, *key), [0, 0, 0])
            for place, amount in enumerate((row.requests, row.tokens, row.nano)):
                whole[place] += amount
    names = ("scope", "period", "start", "requests", "tokens", "nano")
    rows = [dict(zip(names, (*key, *whole), strict=True)) for key, whole in sums.items()]
    if rows:
        op.bulk_insert(made, rows)
    op.drop_table("spend")
    op.add_column("keys", sa.Column("limits", sa.Text, nullable=False, server_default="{}"))
