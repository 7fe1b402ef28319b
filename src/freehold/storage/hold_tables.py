"""The tables of what waits for a person, or for its caller: held answers, decisions, responses."""

import sqlalchemy as sa

from freehold.storage.tables import metadata

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("approval_id", sa.String(64), primary_key=True),
    sa.Column("exchange_id", sa.String(64), nullable=False),
    sa.Column("tenant", sa.String(200), nullable=False),
    sa.Column("app", sa.String(200), nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("role", sa.String(200), nullable=False),
    sa.Column("rule", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False, server_default=""),
    sa.Column("verified", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("key_id", sa.String(64), nullable=False, server_default=""),
    sa.Column("step", sa.Integer, nullable=False, server_default="0"),
    sa.Column("decided_ns", sa.BigInteger),
    sa.Column("public", sa.Text, nullable=False, server_default=""),
    sa.Column("waits", sa.String(20), nullable=False, server_default="answer"),
    sa.Index("ix_holds_tenant_state", "tenant", "state"),
    sa.Index("ix_holds_state_expires_ns", "state", "expires_ns"),
)

# Each decision about a held answer; its ledger entry has the id ``event_id``.
approval_steps = sa.Table(
    "approval_steps",
    metadata,
    sa.Column("approval_id", sa.String(64), primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("exchange_id", sa.String(64), nullable=False),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("role", sa.String(200), nullable=False),
    sa.Column("rule", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("event_id", sa.String(64), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Index("ix_approval_steps_exchange_id", "exchange_id"),
)

# Responses that a caller may come back to. ``sealed`` is empty where no text is kept.
responses = sa.Table(
    "responses",
    metadata,
    sa.Column("response_id", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(200), nullable=False),
    sa.Column("app", sa.String(200), nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("verified", sa.Boolean, nullable=False),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("background", sa.Boolean, nullable=False),
    sa.Column("approval_id", sa.String(64), nullable=False),
    sa.Column("owner", sa.String(40), nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("beat_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("ix_responses_owner_status", "owner", "status"),
    sa.Index("ix_responses_expires_ns", "expires_ns"),
)
