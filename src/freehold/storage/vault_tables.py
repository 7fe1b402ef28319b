"""The tables of the vault, for SQLite and PostgreSQL alike."""

import sqlalchemy as sa

metadata = sa.MetaData()

subject_keys = sa.Table(
    "subject_keys",
    metadata,
    sa.Column("key_id", sa.String(32), primary_key=True),
    # null: made ahead, and nobody's yet
    sa.Column("subject", sa.String(64), index=True),
    # null: destroyed
    sa.Column("wrapped", sa.LargeBinary),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("destroyed_ns", sa.BigInteger),
    sa.Column("why", sa.String(20), nullable=False, server_default=""),
    # of the subject; null: not named yet, or by a Freehold that did not say
    sa.Column("tenant", sa.String(200)),
)

# Counts up; a gateway forgets the keys of whoever stands behind the number that it saw last.
erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("subject", sa.String(64), nullable=False, index=True),
    sa.Column("tenant", sa.String(200), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

about = sa.Table(
    "vault",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
