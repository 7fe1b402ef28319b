"""The table of cases to learn from; those that alerts open are in another one."""

import sqlalchemy as sa

from freehold.storage.tables import metadata

# See `core.cases.Case`. ``reasons`` has a line for each, between two line ends; ``box`` is sealed
# under the subject's key ``seal_key``.
learning_cases = sa.Table(
    "learning_cases",
    metadata,
    sa.Column("case_id", sa.String(64), primary_key=True),
    sa.Column("exchange_id", sa.String(64), nullable=False),
    sa.Column("conversation", sa.String(200), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("tenant", sa.String(200), nullable=False),
    sa.Column("app", sa.String(200), nullable=False),
    sa.Column("route", sa.String(200), nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("intent", sa.String(200), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("version", sa.String(200), nullable=False),
    sa.Column("bundle", sa.String(80), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("chance", sa.Integer, nullable=False),
    sa.Column("uncertainty", sa.Integer, nullable=False),
    sa.Column("value", sa.BigInteger, nullable=False),
    sa.Column("cost_nano", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("seal_key", sa.String(64), nullable=False),
    sa.Column("box", sa.LargeBinary, nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
    sa.Index("uq_learning_cases_exchange_id", "exchange_id", unique=True),
    sa.Index("ix_learning_cases_owner_at_ns", "owner", "at_ns"),
    sa.Index("ix_learning_cases_until_ns", "until_ns"),
    sa.Index("ix_learning_cases_subject", "subject"),
)
