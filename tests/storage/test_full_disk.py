"""What a full disk is told as: SQLite itself speaks of an I/O error, or of nothing."""

import shutil
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.app import working
from freehold.core.errors import StorageError
from freehold.storage.engine import connect, url_for

_Usage = type(shutil.disk_usage("."))


@pytest.fixture
def _full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(100, 100, 0))


@pytest.mark.usefixtures("_full")
def test_a_failure_on_a_full_disk_says_so(tmp_path: Path) -> None:
    database = connect(url_for(tmp_path))
    with (
        pytest.raises(StorageError, match=r"no such table: x; no space is left on the disk of"),
        database.read() as connection,
    ):
        connection.execute(sa.text("SELECT 1 FROM x"))
    database.close()


def test_a_failure_elsewhere_says_nothing_of_the_disk(tmp_path: Path) -> None:
    database = connect(url_for(tmp_path))
    with pytest.raises(StorageError, match=r"no such table: x$"), database.read() as connection:
        connection.execute(sa.text("SELECT 1 FROM x"))
    database.close()


def test_a_worker_waits_for_room_or_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    left = iter([0, 0, 2**30])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(2**40, 1, next(left)))
    monkeypatch.setattr(working, "_RECOVER_S", 0)
    assert working._room(tmp_path, said.append, threading.Event(), once=False)
    assert len(said) == 1
    assert said[0].endswith("make room; jobs wait until there is some")
    left = iter([0])
    with pytest.raises(StorageError, match="no space is left"):
        working._room(tmp_path, said.append, threading.Event(), once=True)
