"""The tables of alerts: what fired, what that put out of the running, what is normal."""

import sqlalchemy as sa

from freehold.storage.tables import metadata

# What was watched and went wrong; one row for each time that an alert fired.
alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("alert_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("watch", sa.String(40), nullable=False),
    sa.Column("subject_kind", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("fired_ns", sa.BigInteger, nullable=False),
    sa.Column("resolved_ns", sa.BigInteger),
    sa.Column("resolved", sa.Text, nullable=False, server_default=""),
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    sa.Index("ix_alerts_state_fired_ns", "state", "fired_ns"),
)

# What alerts and people have put out of the running.
measures = sa.Table(
    "measures",
    metadata,
    sa.Column("measure_id", sa.String(64), primary_key=True),
    sa.Column("alert_id", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("route", sa.String(200), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("intent", sa.String(200), nullable=False),
    sa.Column("floor", sa.Integer, nullable=False),
    sa.Column("by", sa.String(300), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
    sa.Column("until_ns", sa.BigInteger),
    sa.Column("ended_ns", sa.BigInteger),
    sa.Column("ended_by", sa.String(300), nullable=False, server_default=""),
    sa.Index("ix_measures_ended_ns", "ended_ns"),
    sa.Index("ix_measures_alert_id", "alert_id"),
)

# Exchanges to look at; ``exchanges`` is a JSON list of ids.
cases = sa.Table(
    "cases",
    metadata,
    sa.Column("case_id", sa.String(64), primary_key=True),
    sa.Column("alert_id", sa.String(64), nullable=False),
    sa.Column("subject_kind", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("exchanges", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Index("ix_cases_created_ns", "created_ns"),
)

# What is normal, so that a restart does not forget it; ``content`` is JSON.
baselines = sa.Table(
    "baselines",
    metadata,
    sa.Column("series", sa.String(400), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("updated_ns", sa.BigInteger, nullable=False),
)
