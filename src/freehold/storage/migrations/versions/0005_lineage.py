"""What released answers were made from, so that their labels come back with them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "lineage",
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("exchange_id", sa.String(64), nullable=False),
        sa.Column("expires_ns", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_lineage"),
    )
    op.create_index("ix_lineage_number", "lineage", ["number"])
    op.create_index("ix_lineage_expires_ns", "lineage", ["expires_ns"])
    op.create_index("ix_lineage_exchange_id", "lineage", ["exchange_id"])
