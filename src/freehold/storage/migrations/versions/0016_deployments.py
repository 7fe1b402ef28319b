"""Deployments of custom models."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "deployments",
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("deployer", sa.Text, nullable=False),
        sa.Column("before", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("model", "version", name="pk_deployments"),
    )
    op.create_table(
        "deployment_steps",
        sa.Column("step_id", sa.String(64), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("was", sa.String(20), nullable=False),
        sa.Column("became", sa.String(20), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("approver", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("stage", sa.Integer),
        sa.Column("entry", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("step_id", name="pk_deployment_steps"),
    )
    op.create_index(
        "ix_deployment_steps_model_at_ns", "deployment_steps", ["model", "at_ns"], unique=False
    )
