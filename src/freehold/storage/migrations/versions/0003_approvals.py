"""Who asked for a held answer, what was decided about it, and who is to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and make the tables."""
    for column in (
        sa.Column("issuer", sa.Text, nullable=False, server_default=""),
        sa.Column("verified", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("key_id", sa.String(64), nullable=False, server_default=""),
        sa.Column("step", sa.Integer, nullable=False, server_default="0"),
        sa.Column("decided_ns", sa.BigInteger),
        sa.Column("public", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("holds", column)
    op.create_index("ix_holds_state_expires_ns", "holds", ["state", "expires_ns"])
    op.create_table(
        "approval_steps",
        sa.Column("approval_id", sa.String(64), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("exchange_id", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("role", sa.String(200), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("approval_id", "step", name="pk_approval_steps"),
    )
    op.create_index("ix_approval_steps_exchange_id", "approval_steps", ["exchange_id"])
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.String(64), nullable=False),
        sa.Column("approval_id", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("next_ns", sa.BigInteger, nullable=False),
        sa.Column("done_ns", sa.BigInteger),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notices"),
    )
    op.create_index("ix_notices_next_ns", "notices", ["next_ns"])
