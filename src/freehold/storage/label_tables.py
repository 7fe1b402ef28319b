"""The tables of labelling; see `core.labels`."""

import sqlalchemy as sa

from freehold.storage.tables import metadata

# A case in a queue; a row from when somebody was first given it.
label_tasks = sa.Table(
    "label_tasks",
    metadata,
    sa.Column("task_id", sa.String(64), primary_key=True),
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
    sa.Column("reopened_ns", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_label_tasks_queue_case_id", "queue", "case_id", unique=True),
    sa.Index("ix_label_tasks_queue_state_changed_ns", "queue", "state", "changed_ns"),
    sa.Index("ix_label_tasks_queue_handed", "queue", "handed"),
)

# Who has which in hand, and until when.
label_seats = sa.Table(
    "label_seats",
    metadata,
    sa.Column("task_id", sa.String(64), primary_key=True),
    sa.Column("labeler", sa.String(300), primary_key=True),
    sa.Column("queue", sa.String(200), nullable=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
    sa.Index("ix_label_seats_queue_labeler", "queue", "labeler"),
)

# ``box`` is sealed under the subject's key ``seal_key``.
labels = sa.Table(
    "labels",
    metadata,
    sa.Column("label_id", sa.String(64), primary_key=True),
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
    sa.Index("ix_labels_task_id", "task_id"),
    sa.Index("ix_labels_case_id", "case_id"),
    sa.Index("ix_labels_queue_at_ns", "queue", "at_ns"),
    sa.Index("ix_labels_queue_labeler_at_ns", "queue", "labeler", "at_ns"),
)
