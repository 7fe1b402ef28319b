"""The tables, for SQLite and PostgreSQL alike: nothing here is one dialect's own."""

import sqlalchemy as sa

from freehold.core.decisions import STAGES

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

exchanges = sa.Table(
    "exchanges",
    metadata,
    sa.Column("exchange_id", sa.String(64), primary_key=True),
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
    sa.Index("ix_exchanges_tenant_opened_ns", "tenant", "opened_ns"),
    sa.Index("ix_exchanges_opened_ns", "opened_ns"),
    sa.Index("ix_exchanges_conversation", "conversation"),
    sa.Index("ix_exchanges_writer_outcome", "writer", "outcome"),
)

own_work = sa.Table(
    "own_work",
    metadata,
    sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(200), primary_key=True),
    sa.Column("app", sa.String(200), primary_key=True),
    sa.Column("writer", sa.String(40), primary_key=True),
    sa.Column("exchanges", sa.BigInteger, nullable=False),
    sa.Column("sampled", sa.BigInteger, nullable=False),
    *(
        sa.Column(f"{kind}_{stage}", sa.BigInteger, nullable=False)
        for kind in ("spent", "cpu", "waited")
        for stage in STAGES
    ),
)
"""Nanoseconds by the minute in which records were closed. A row for each writer, since two that add
to one row would wait for each other.
"""

fill_marks = sa.Table(
    "fill_marks",
    metadata,
    sa.Column("writer", sa.String(40), primary_key=True),
    sa.Column("segment", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
)

unreadable = sa.Table(
    "unreadable",
    metadata,
    sa.Column("writer", sa.String(40), primary_key=True),
    sa.Column("segment", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("length", sa.BigInteger, nullable=False),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("key_id", sa.String(64), primary_key=True),
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
    sa.Column("limits", sa.Text, nullable=False, server_default="{}"),
    sa.Column("priority", sa.String(8)),
    sa.Index("ix_keys_tenant", "tenant"),
)

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

# What a webhook is still to be told, or was.
notices = sa.Table(
    "notices",
    metadata,
    sa.Column("notice_id", sa.String(64), primary_key=True),
    sa.Column("subject_id", sa.String(64), nullable=False),
    sa.Column("about", sa.String(20), nullable=False, server_default="approval"),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("next_ns", sa.BigInteger, nullable=False),
    sa.Column("done_ns", sa.BigInteger),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_notices_next_ns", "next_ns"),
)

# ``period`` is day, month or total, ``start`` which one; see `spend_table.start`.
spending = sa.Table(
    "spending",
    metadata,
    sa.Column("scope", sa.String(400), primary_key=True),
    sa.Column("period", sa.String(8), primary_key=True),
    sa.Column("start", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("nano", sa.BigInteger, nullable=False),
)

# What released answers were made from. ``digest`` is keyed and covers kind and tenant; ``labels``
# is JSON, from label to origin; ``number`` is the revision with which the row was last written.
lineage = sa.Table(
    "lineage",
    metadata,
    sa.Column("digest", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("exchange_id", sa.String(64), nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Index("ix_lineage_number", "number"),
    sa.Index("ix_lineage_expires_ns", "expires_ns"),
    sa.Index("ix_lineage_exchange_id", "exchange_id"),
)

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

# One counter for each thing that processes keep a copy of; whoever changes it adds one.
revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

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

# ``told`` is a `LegalHold` as JSON.
legal_holds = sa.Table(
    "legal_holds",
    metadata,
    sa.Column("hold_id", sa.String(64), primary_key=True),
    sa.Column("placed_ns", sa.BigInteger, nullable=False),
    sa.Column("lifted_ns", sa.BigInteger),
    sa.Column("told", sa.Text, nullable=False),
)
