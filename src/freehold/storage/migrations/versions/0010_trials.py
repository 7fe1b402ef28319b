"""Models on trial: where each canary stands, what came of its exchanges, what shadows answered."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "canaries",
        sa.Column("trial", sa.String(40), nullable=False),
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("trial", name="pk_canaries"),
    )
    op.create_table(
        "canary_seen",
        sa.Column("exchange_id", sa.String(64), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("trial", sa.String(40), nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("share", sa.Integer, nullable=False),
        sa.Column("newcomer", sa.Boolean, nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("refused", sa.Boolean, nullable=False),
        sa.Column("took_ms", sa.BigInteger, nullable=False),
        sa.Column("cost_nano", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("exchange_id", name="pk_canary_seen"),
    )
    op.create_index("ix_canary_seen_trial_stage_at_ns", "canary_seen", ["trial", "stage", "at_ns"])
    op.create_index("ix_canary_seen_trial_conversation", "canary_seen", ["trial", "conversation"])
    op.create_table(
        "shadow_seen",
        sa.Column("exchange_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("before", sa.String(200), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("words", sa.Integer),
        sa.Column("sense", sa.Integer),
        sa.Column("took_ms", sa.BigInteger, nullable=False),
        sa.Column("before_ms", sa.BigInteger, nullable=False),
        sa.Column("cost_nano", sa.BigInteger, nullable=False),
        sa.Column("before_nano", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("redacted", sa.Integer, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("before_rules", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("exchange_id", name="pk_shadow_seen"),
    )
    op.create_index("ix_shadow_seen_route_at_ns", "shadow_seen", ["route", "at_ns"])
