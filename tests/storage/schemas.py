"""A place of a test's own on a PostgreSQL server."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from freehold.storage.engine import connect


@contextmanager
def own_schema(postgres_url: str) -> Iterator[str]:
    """The URL of a new schema, which is dropped afterwards."""
    url = sa.make_url(postgres_url)
    schema = f"freehold_{secrets.token_hex(6)}"
    server = connect(url.render_as_string(hide_password=False))
    with server.write() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    try:
        own = url.update_query_dict({"options": f"-csearch_path={schema}"})
        yield own.render_as_string(hide_password=False)
    finally:
        with server.write() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))
        server.close()
