"""Opens the example's database for reading."""

import sqlite3
from contextlib import closing
from pathlib import Path


def open_readonly(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises `sqlite3.OperationalError` if there is no file."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def regions(path: Path) -> tuple[str, ...]:
    """The ids of the chain's regions, which are tenants of the example's bundle too."""
    with closing(open_readonly(path)) as db:
        return tuple(row[0] for row in db.execute("SELECT id FROM regions ORDER BY id"))
