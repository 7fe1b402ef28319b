"""What waits for a person: an answer, or a request that no model has been asked yet."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; all that was held before is an answer."""
    op.add_column(
        "holds", sa.Column("waits", sa.String(20), nullable=False, server_default="answer")
    )
