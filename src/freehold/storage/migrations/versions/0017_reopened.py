"""Tasks that are labelled again."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when a task was last opened again."""
    op.add_column(
        "label_tasks", sa.Column("reopened_ns", sa.BigInteger, nullable=False, server_default="0")
    )
