"""Each storage test runs on SQLite and, where a server is named, on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.storage.engine import Database, url_for
from freehold.storage.migrate import open_database
from tests.storage.schemas import own_schema


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store of the test's own: a file, or a schema that is dropped afterwards."""
    if request.param == "sqlite":
        yield url_for(tmp_path)
        return
    pytest.importorskip("psycopg", reason="PostgreSQL needs the extra `postgres`")
    with own_schema(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
def database(store_url: str, tmp_path: Path) -> Iterator[Database]:
    """An empty store with its tables."""
    opened = open_database(tmp_path, store_url)
    yield opened
    opened.close()
