"""What tests of the services share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.storage.engine import DATABASE_FILE, Database
from freehold.storage.migrate import open_database


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables, made once; a test has a copy."""
    home = tmp_path_factory.mktemp("empty")
    open_database(home).close()
    return home / DATABASE_FILE


@pytest.fixture
def database(tmp_path: Path, empty_store: Path) -> Iterator[Database]:
    """An empty store in the test's own folder."""
    shutil.copy(empty_store, tmp_path / DATABASE_FILE)
    opened = open_database(tmp_path)
    yield opened
    opened.close()
