"""The tables of what came of exchanges, and of what routes learned from it."""

import sqlalchemy as sa

from freehold.storage.tables import metadata

# What came of exchanges, one row for each and metric; see `core.outcomes.Told`. ``box`` is sealed
# under the subject's key ``seal_key``, where there is one.
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("exchange_id", sa.String(64), primary_key=True),
    sa.Column("metric", sa.String(200), primary_key=True),
    sa.Column("tenant", sa.String(200), nullable=False),
    sa.Column("app", sa.String(200), nullable=False),
    sa.Column("value", sa.BigInteger, nullable=False),
    sa.Column("score", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("route", sa.String(200), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("source", sa.String(20), nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("teaches", sa.Boolean, nullable=False),
    sa.Column("cost_nano", sa.BigInteger, nullable=False),
    sa.Column("latency_ms", sa.Integer, nullable=False),
    sa.Column("seal_key", sa.String(64), nullable=False),
    sa.Column("box", sa.LargeBinary, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("decided_ns", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("first_number", sa.BigInteger, nullable=False),
    sa.Index("ix_outcomes_number", "number"),
    sa.Index("ix_outcomes_owner_route_number", "owner", "route", "number"),
)

# What routes have learned; ``mark`` is the number of the last outcome in it.
route_states = sa.Table(
    "route_states",
    metadata,
    sa.Column("owner", sa.String(200), primary_key=True),
    sa.Column("route", sa.String(200), primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("mark", sa.BigInteger, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("outcomes", sa.BigInteger, nullable=False),
    sa.Column("saved_ns", sa.BigInteger, nullable=False),
    sa.Column("policy", sa.LargeBinary, nullable=False),
)
