"""The tables of models on trial: where canaries stand, what came of them, what shadows answered."""

import sqlalchemy as sa

from freehold.storage.tables import metadata

# Models on trial: where each canary stands, what came of its exchanges, what shadows answered.
canaries = sa.Table(
    "canaries",
    metadata,
    sa.Column("trial", sa.String(40), primary_key=True),
    sa.Column("route", sa.String(200), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

canary_seen = sa.Table(
    "canary_seen",
    metadata,
    sa.Column("exchange_id", sa.String(64), primary_key=True),
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
    sa.Index("ix_canary_seen_trial_stage_at_ns", "trial", "stage", "at_ns"),
    sa.Index("ix_canary_seen_trial_conversation", "trial", "conversation"),
)

# ``rules`` and ``before_rules`` are JSON lists of ids.
shadow_seen = sa.Table(
    "shadow_seen",
    metadata,
    sa.Column("exchange_id", sa.String(64), primary_key=True),
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
    sa.Index("ix_shadow_seen_route_at_ns", "route", "at_ns"),
)
