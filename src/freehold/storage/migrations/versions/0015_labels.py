"""Labels, the cases in queues, and who has them in hand."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "label_tasks",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(200), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("app", sa.String(200), nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("handed", sa.Text, nullable=False, server_default=""),
        sa.Column("given_ns", sa.BigInteger, nullable=False),
        sa.Column("changed_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_label_tasks"),
    )
    columns = ["queue", "case_id"]
    op.create_index("ix_label_tasks_queue_case_id", "label_tasks", columns, unique=True)
    columns = ["queue", "state", "changed_ns"]
    op.create_index("ix_label_tasks_queue_state_changed_ns", "label_tasks", columns)
    op.create_index("ix_label_tasks_queue_handed", "label_tasks", ["queue", "handed"])
    op.create_table(
        "label_seats",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("labeler", sa.String(300), nullable=False),
        sa.Column("queue", sa.String(200), nullable=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "labeler", name="pk_label_seats"),
    )
    op.create_index("ix_label_seats_queue_labeler", "label_seats", ["queue", "labeler"])
    _labels()


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("label_id", sa.String(64), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("labeler", sa.String(300), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("intent", sa.String(200), nullable=False),
        sa.Column("rating", sa.BigInteger),
        sa.Column("guideline", sa.String(80), nullable=False),
        sa.Column("suggested", sa.String(400), nullable=False),
        sa.Column("alike", sa.String(64), nullable=False),
        sa.Column("took_ms", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("undone_ns", sa.BigInteger),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("seal_key", sa.String(64), nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("label_id", name="pk_labels"),
    )
    op.create_index("ix_labels_task_id", "labels", ["task_id"])
    op.create_index("ix_labels_case_id", "labels", ["case_id"])
    op.create_index("ix_labels_queue_at_ns", "labels", ["queue", "at_ns"])
    op.create_index("ix_labels_queue_labeler_at_ns", "labels", ["queue", "labeler", "at_ns"])
