"""What the ledger says of legal holds and keys is read back; so it is from what was read before."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add whether it was read back so far, and whether damage was accepted."""
    for table, column in (("fill_marks", "retold"), ("unreadable", "accepted")):
        op.add_column(
            table, sa.Column(column, sa.Boolean, nullable=False, server_default=sa.false())
        )
