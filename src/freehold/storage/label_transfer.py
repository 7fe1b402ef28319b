"""Labels as whole rows, for whoever carries them from one home to another."""

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from freehold.storage.engine import Database
from freehold.storage.label_tables import label_tasks, labels

_AT_ONCE = 500
Row = dict[str, Any]


class LabelRows:
    """The tables ``labels`` and ``label_tasks``, row by row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Iterator[tuple[Row, Row]]:
        """Each label with its task, in the order of their ids; some at a time are held."""
        last = ""
        while True:
            query = (
                sa.select(labels)
                .where(labels.c.label_id > last)
                .order_by(labels.c.label_id)
                .limit(_AT_ONCE)
            )
            with self._database.read() as connection:
                rows = [dict(row) for row in connection.execute(query).mappings()]
                tasks = _tasks(connection, {row["task_id"] for row in rows})
            yield from ((row, tasks[row["task_id"]]) for row in rows if row["task_id"] in tasks)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1]["label_id"]

    def known(self, label_ids: Collection[str]) -> dict[str, Row]:
        """Those of these labels that are there."""
        found: dict[str, Row] = {}
        wanted = sorted(label_ids)
        with self._database.read() as connection:
            for at in range(0, len(wanted), _AT_ONCE):
                some = labels.c.label_id.in_(wanted[at : at + _AT_ONCE])
                for row in connection.execute(sa.select(labels).where(some)).mappings():
                    found[row["label_id"]] = dict(row)
        return found

    def put(self, rows: list[tuple[Row, Row]]) -> int:
        """Keep labels with their tasks, all or none; those that are there already stay as they are.

        Returns:
            How many are new.
        """
        with self._database.write() as connection:
            ids = {label["label_id"] for label, _ in rows}
            there = _ids(connection, ids)
            fresh = [(label, task) for label, task in rows if label["label_id"] not in there]
            for label, task in fresh:
                task_id = _task(connection, task)
                connection.execute(labels.insert(), label | {"task_id": task_id})
        return len(fresh)


def _ids(connection: sa.Connection, wanted: set[str]) -> set[str]:
    found: set[str] = set()
    ordered = sorted(wanted)
    for at in range(0, len(ordered), _AT_ONCE):
        some = labels.c.label_id.in_(ordered[at : at + _AT_ONCE])
        found |= set(connection.execute(sa.select(labels.c.label_id).where(some)).scalars())
    return found


def _tasks(connection: sa.Connection, ids: set[str]) -> dict[str, Row]:
    query = sa.select(label_tasks).where(label_tasks.c.task_id.in_(sorted(ids)))
    return {row["task_id"]: dict(row) for row in connection.execute(query).mappings()}


def _task(connection: sa.Connection, task: Row) -> str:
    """The id of the task of this case in this queue, which is made if it is not there."""
    c = label_tasks.c
    mine = (c.queue == task["queue"]) & (c.case_id == task["case_id"])
    found = connection.execute(sa.select(c.task_id).where(mine)).scalar()
    if found is None:
        connection.execute(label_tasks.insert(), task)
        found = task["task_id"]
    return str(found)
