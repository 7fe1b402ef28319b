"""First tables: keys, holds, spend, and the index of the ledger's exchanges."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    _exchanges()
    _keys()
    _holds()
    op.create_table(
        "fill_marks",
        sa.Column("writer", sa.String(40), nullable=False),
        sa.Column("segment", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("writer", name="pk_fill_marks"),
    )
    op.create_table(
        "spend",
        sa.Column("scope", sa.String(400), nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "day", name="pk_spend"),
    )
    op.create_table(
        "revisions",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_revisions"),
    )


def _exchanges() -> None:
    op.create_table(
        "exchanges",
        sa.Column("exchange_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False, server_default=""),
        sa.Column("app", sa.String(200), nullable=False, server_default=""),
        sa.Column("key_id", sa.String(64)),
        sa.Column("principal", sa.Text),
        sa.Column("conversation", sa.String(200)),
        sa.Column("bundle", sa.String(80)),
        sa.Column("stream", sa.Boolean),
        sa.Column("opened_ns", sa.BigInteger),
        sa.Column("closed_ns", sa.BigInteger),
        sa.Column("outcome", sa.String(20)),
        sa.Column("model", sa.String(200)),
        sa.Column("prompt_tokens", sa.BigInteger),
        sa.Column("completion_tokens", sa.BigInteger),
        sa.Column("cost_nano", sa.BigInteger),
        sa.Column("duration_ns", sa.BigInteger),
        sa.Column("rules_fired", sa.Text),
        sa.Column("simulated", sa.Boolean),
        sa.Column("spent_ns", sa.Text),
        sa.Column("writer", sa.String(40), nullable=False),
        sa.Column("opened_segment", sa.Integer),
        sa.Column("opened_offset", sa.BigInteger),
        sa.Column("opened_length", sa.Integer),
        sa.Column("closed_segment", sa.Integer),
        sa.Column("closed_offset", sa.BigInteger),
        sa.Column("closed_length", sa.Integer),
        sa.PrimaryKeyConstraint("exchange_id", name="pk_exchanges"),
    )
    op.create_index("ix_exchanges_tenant_opened_ns", "exchanges", ["tenant", "opened_ns"])
    op.create_index("ix_exchanges_opened_ns", "exchanges", ["opened_ns"])
    op.create_index("ix_exchanges_conversation", "exchanges", ["conversation"])
    op.create_index("ix_exchanges_writer_outcome", "exchanges", ["writer", "outcome"])


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("app", sa.String(200), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("trusted_headers", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_ns", sa.BigInteger),
        sa.Column("revoked_ns", sa.BigInteger),
        sa.Column("last_used_ns", sa.BigInteger),
        sa.PrimaryKeyConstraint("key_id", name="pk_keys"),
    )
    op.create_index("ix_keys_tenant", "keys", ["tenant"])


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("approval_id", sa.String(64), nullable=False),
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
        sa.PrimaryKeyConstraint("approval_id", name="pk_holds"),
    )
    op.create_index("ix_holds_tenant_state", "holds", ["tenant", "state"])
