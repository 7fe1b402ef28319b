"""Legal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "legal_holds",
        sa.Column("hold_id", sa.String(64), nullable=False),
        sa.Column("placed_ns", sa.BigInteger, nullable=False),
        sa.Column("lifted_ns", sa.BigInteger),
        sa.Column("told", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name="pk_legal_holds"),
    )
