"""Cases to learn from."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "learning_cases",
        sa.Column("case_id", sa.String(64), nullable=False),
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
        sa.PrimaryKeyConstraint("case_id", name="pk_learning_cases"),
    )
    for columns in (["owner", "at_ns"], ["until_ns"], ["subject"]):
        op.create_index(f"ix_learning_cases_{'_'.join(columns)}", "learning_cases", columns)
    op.create_index("uq_learning_cases_exchange_id", "learning_cases", ["exchange_id"], unique=True)
