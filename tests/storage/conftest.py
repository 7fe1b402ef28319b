"""Each storage test runs on SQLite and, where a server is named, on PostgreSQL."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.storage.engine import Database, connect, url_for
from freehold.storage.migrate import open_database


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store of the test's own: a file, or a schema that is dropped afterwards."""
    if request.param == "sqlite":
        yield url_for(tmp_path)
        return
    pytest.importorskip("psycopg", reason="PostgreSQL needs the extra `postgres`")
    url = sa.make_url(request.getfixturevalue("postgres_url"))
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


@pytest.fixture
def database(store_url: str, tmp_path: Path) -> Iterator[Database]:
    """An empty store with its tables."""
    opened = open_database(tmp_path, store_url)
    yield opened
    opened.close()
