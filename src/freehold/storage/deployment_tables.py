"""The tables of deployments: where each version stands, and what happened."""

import sqlalchemy as sa

from freehold.storage.tables import metadata

# See `core.deployments.Deployment`.
deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("model", sa.String(200), primary_key=True),
    sa.Column("version", sa.String(40), primary_key=True),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("deployer", sa.Text, nullable=False),
    sa.Column("before", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("forced", sa.Boolean, nullable=False),
)

# See `core.deployments.Step`.
deployment_steps = sa.Table(
    "deployment_steps",
    metadata,
    sa.Column("step_id", sa.String(64), primary_key=True),
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
    sa.Index("ix_deployment_steps_model_at_ns", "model", "at_ns"),
)
