"""Alerts, what follows them, what is normal; notices about more than approvals."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; a notice's ``approval_id`` becomes ``subject_id``."""
    op.execute("ALTER TABLE notices RENAME COLUMN approval_id TO subject_id")
    about = sa.Column("about", sa.String(20), nullable=False, server_default="approval")
    op.add_column("notices", about)
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("watch", sa.String(40), nullable=False),
        sa.Column("subject_kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("fired_ns", sa.BigInteger, nullable=False),
        sa.Column("resolved_ns", sa.BigInteger),
        sa.Column("resolved", sa.Text, nullable=False, server_default=""),
        sa.Column("times", sa.Integer, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_state_fired_ns", "alerts", ["state", "fired_ns"])
    op.create_table(
        "measures",
        sa.Column("measure_id", sa.String(64), nullable=False),
        sa.Column("alert_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("intent", sa.String(200), nullable=False),
        sa.Column("floor", sa.Integer, nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger),
        sa.Column("ended_ns", sa.BigInteger),
        sa.Column("ended_by", sa.String(300), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("measure_id", name="pk_measures"),
    )
    op.create_index("ix_measures_ended_ns", "measures", ["ended_ns"])
    op.create_index("ix_measures_alert_id", "measures", ["alert_id"])
    op.create_table(
        "cases",
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("alert_id", sa.String(64), nullable=False),
        sa.Column("subject_kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("exchanges", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="pk_cases"),
    )
    op.create_index("ix_cases_created_ns", "cases", ["created_ns"])
    op.create_table(
        "baselines",
        sa.Column("series", sa.String(400), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("updated_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("series", name="pk_baselines"),
    )
