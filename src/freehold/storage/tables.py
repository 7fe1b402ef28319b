"""The tables of exchanges, keys and money, and what all tables share.

They are for SQLite and PostgreSQL alike: none has anything of one dialect's own. Other modules have
those of alerts, cases, deployments, what is held, labels, outcomes and trials.
"""

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

# ``retold``: what its lines say of legal holds and keys has been heeded; an older Freehold did not.
fill_marks = sa.Table(
    "fill_marks",
    metadata,
    sa.Column("writer", sa.String(40), primary_key=True),
    sa.Column("segment", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("retold", sa.Boolean, nullable=False, server_default=sa.false()),
)

# ``accepted``: somebody answers for it that no legal hold stood there.
unreadable = sa.Table(
    "unreadable",
    metadata,
    sa.Column("writer", sa.String(40), primary_key=True),
    sa.Column("segment", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False, server_default=sa.false()),
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

# One counter for each thing that processes keep a copy of; whoever changes it adds one.
revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
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
