"""Labels, tasks and who has them in hand, as tables.

Whoever changes a task locks its row first (SQLite has one writer anyway), looks at what is there,
and decides then; so nobody decides by what somebody else is just changing.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict, replace
from sqlalchemy.dialects import postgresql, sqlite

from freehold.core.labels import CHECK, Judge, Label, QueueCounts, Seat, Standing, Task, TaskState
from freehold.storage.case_tables import learning_cases
from freehold.storage.engine import Database, upsert
from freehold.storage.label_tables import label_seats, label_tasks, labels

_AT_ONCE = 500
_TIMED = 1_000


class StoredLabels:
    """The `LabelStore` over the tables ``label_tasks``, ``label_seats`` and ``labels``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- in hand --

    def reserve(self, task: Task, labeler: str, now_ns: int, until_ns: int) -> Standing | None:
        """Take a task in hand; see the port."""
        with self._database.write() as connection:
            standing = _locked_case(connection, task.queue, task.case_id)
            if standing is None:
                _insert_new(connection, task)
                standing = _locked_case(connection, task.queue, task.case_id)
            if standing is None or not standing.room(labeler, now_ns):
                return None
            held = _own_seat(standing, labeler, now_ns)
            since = held.since_ns if held is not None else now_ns
            _sit(connection, standing.task, labeler, since, until_ns)
            return _standing(connection, standing.task)

    def release(self, task_id: str, labeler: str) -> bool:
        """Give it back; see the port."""
        c = label_seats.c
        mine = (c.task_id == task_id) & (c.labeler == labeler)
        with self._database.write() as connection:
            return connection.execute(label_seats.delete().where(mine)).rowcount == 1

    def hand(self, task_id: str, labeler: str, now_ns: int) -> bool:
        """Keep it for somebody; see the port."""
        with self._database.write() as connection:
            standing = _locked(connection, task_id)
            if standing is None or standing.task.state != "open":
                return False
            _set(connection, standing.task, handed=labeler, changed_ns=now_ns)
            connection.execute(label_seats.delete().where(label_seats.c.task_id == task_id))
            return True

    def reopen(self, task_id: str, now_ns: int, log: Callable[[], str]) -> bool:
        """Have it labelled again; see the port."""
        with self._database.write() as connection:
            standing = _locked(connection, task_id)
            if standing is None or standing.task.state != "settled":
                return False
            log()
            last = max((one.at_ns for one in standing.labels), default=0)
            values = {"reopened_ns": max(now_ns, last + 1), "changed_ns": now_ns}
            _set(connection, standing.task, state="open", **values)
            return True

    # -- labels --

    def put(
        self, label: Label, now_ns: int, judge: Judge, log: Callable[[], str], *, seat: bool = True
    ) -> Standing | None:
        """Keep a label; see the port. The ledger entry is written inside the transaction: if this
        process dies in between, the entry stands there and nothing took effect.
        """
        with self._database.write() as connection:
            standing = _locked_case(connection, label.queue, label.case_id)
            if standing is None or (seat and not standing.room(label.labeler, now_ns)):
                return None
            task = standing.task
            if not seat and task.state == "open":
                return None
            state = judge(task, (*standing.labels, label))
            row = _row(label, task.task_id) | {"event_id": log()}
            connection.execute(labels.insert(), row)
            _leave(connection, task.task_id, label.labeler)
            _set(connection, task, state=state, handed="", changed_ns=now_ns)
            return _standing(connection, replace(task, state=state, handed="", changed_ns=now_ns))

    def undo(
        self, label: Label, now_ns: int, until_ns: int, judge: Judge, log: Callable[[], str]
    ) -> Standing | None:
        """Take a label back; see the port."""
        c = labels.c
        mine = (c.label_id == label.label_id) & c.undone_ns.is_(None)
        with self._database.write() as connection:
            standing = _locked_case(connection, label.queue, label.case_id)
            if standing is None:
                return None
            if (
                connection.execute(labels.update().where(mine).values(undone_ns=now_ns)).rowcount
                < 1
            ):
                return None
            left = tuple(one for one in standing.labels if one.label_id != label.label_id)
            task = replace(standing.task, state=judge(standing.task, left), changed_ns=now_ns)
            log()
            _set(connection, task, state=task.state, changed_ns=now_ns)
            if until_ns and task.state == "open":
                _sit(connection, task, label.labeler, now_ns, until_ns)
            return _standing(connection, task)

    # -- reading --

    def standings(self, queue: str, case_ids: Collection[str]) -> dict[str, Standing]:
        """How these cases stand in a queue; see the port."""
        c = label_tasks.c
        wanted = sorted(set(case_ids))
        found: list[Standing] = []
        with self._database.read() as connection:
            for at in range(0, len(wanted), _AT_ONCE):
                some = (c.queue == queue) & c.case_id.in_(wanted[at : at + _AT_ONCE])
                found += _standings(
                    connection, _tasks(connection, sa.select(label_tasks).where(some))
                )
        return {one.task.case_id: one for one in found}

    def standing(self, task_id: str) -> Standing | None:
        """One of them."""
        query = sa.select(label_tasks).where(label_tasks.c.task_id == task_id)
        with self._database.read() as connection:
            return next(iter(_standings(connection, _tasks(connection, query))), None)

    def tasks(
        self, queue: str, states: Collection[TaskState] = (), limit: int = 1_000
    ) -> list[Standing]:
        """Those of a queue; see the port."""
        c = label_tasks.c
        query = sa.select(label_tasks).where(c.queue == queue)
        if states:
            query = query.where(c.state.in_(list(states)))
        query = query.order_by(c.changed_ns.desc(), c.task_id).limit(limit)
        with self._database.read() as connection:
            return _standings(connection, _tasks(connection, query))

    def in_hand(self, queue: str, labeler: str, now_ns: int) -> list[Standing]:
        """What this person has in hand, or was handed; the oldest first."""
        c, s = label_tasks.c, label_seats.c
        seated = sa.select(s.task_id).where(
            (s.queue == queue) & (s.labeler == labeler) & (s.until_ns > now_ns)
        )
        mine = (c.queue == queue) & (c.state == "open")
        query = sa.select(label_tasks).where(mine & (c.task_id.in_(seated) | (c.handed == labeler)))
        with self._database.read() as connection:
            return _standings(connection, _tasks(connection, query.order_by(c.task_id)))

    def label(self, label_id: str) -> Label | None:
        """One label, also one that was taken back."""
        query = sa.select(labels).where(labels.c.label_id == label_id)
        with self._database.read() as connection:
            return next(iter(_labels(connection, query)), None)

    def labels(
        self,
        queue: str = "",
        *,
        labeler: str = "",
        case_ids: Collection[str] | None = None,
        since_ns: int = 0,
        undone: bool = False,
        limit: int = 100_000,
    ) -> list[Label]:
        """Labels in the order in which they were given; see the port."""
        c = labels.c
        query = sa.select(labels).where(c.at_ns >= since_ns)
        if queue:
            query = query.where(c.queue == queue)
        if labeler:
            query = query.where(c.labeler == labeler)
        if not undone:
            query = query.where(c.undone_ns.is_(None))
        query = query.order_by(c.at_ns.desc(), c.label_id.desc()).limit(limit)
        with self._database.read() as connection:
            if case_ids is None:
                return _labels(connection, query)[::-1]
            found, wanted = [], sorted(set(case_ids))
            for at in range(0, len(wanted), _AT_ONCE):
                some = c.case_id.in_(wanted[at : at + _AT_ONCE])
                found += _labels(connection, query.where(some))
        return sorted(found, key=lambda one: (one.at_ns, one.label_id))

    def prune(self) -> int:
        """Of cases that are forgotten, take the words out of their labels, and what waits to be
        labelled away; who said `correct` when stays, as a count. How many lost their words.
        """
        there = sa.select(learning_cases.c.case_id)
        gone = labels.c.case_id.not_in(there) & (sa.func.length(labels.c.box) > 0)
        open_ones = label_tasks.c.case_id.not_in(there) & (label_tasks.c.state != "settled")
        ids = sa.select(label_tasks.c.task_id).where(open_ones)
        with self._database.write() as connection:
            values = {"box": b"", "seal_key": ""}
            done = connection.execute(labels.update().where(gone).values(values))
            connection.execute(label_seats.delete().where(label_seats.c.task_id.in_(ids)))
            connection.execute(label_tasks.delete().where(open_ones))
            return int(done.rowcount)

    def counts(self, queue: str, labeler: str, digest: str, day_ns: int) -> QueueCounts:
        """How far a queue is; see the port."""
        c, t, number = labels.c, label_tasks.c, sa.func.count()
        mine = c.queue.in_([queue, f"{queue}{CHECK}"]) & c.undone_ns.is_(None)
        today = sa.case((c.at_ns >= day_ns, 1), else_=0)
        yours = sa.case((c.labeler == labeler, 1), else_=0)
        old = sa.case((c.guideline != digest, 1), else_=0)
        sums = [sa.func.sum(one) for one in (today, yours, today * yours, old)]
        given = sa.select(c.verdict, number, *sums).where(mine).group_by(c.verdict)
        states = sa.select(t.state, number).where(t.queue == queue).group_by(t.state)
        took = sa.select(c.took_ms).where(mine & (c.took_ms > 0)).order_by(c.at_ns.desc())
        with self._database.read() as connection:
            rows = [tuple(row) for row in connection.execute(given)]
            by_state = {row[0]: int(row[1]) for row in connection.execute(states)}
            times = sorted(connection.execute(took.limit(_TIMED)).scalars())
        added = [sum(int(row[n]) for row in rows) for n in range(2, 6)]
        return QueueCounts(
            states=by_state,
            verdicts={row[0]: int(row[1]) for row in rows},
            today=added[0],
            yours=added[1],
            yours_today=added[2],
            outdated=added[3],
            median_ms=times[len(times) // 2] if times else None,
        )

    def count(self, queue: str, since_ns: int, now_ns: int) -> int:
        """How many labels of this queue were given since then, or are in hand."""
        c, s = labels.c, label_seats.c
        given = (c.queue == queue) & (c.at_ns >= since_ns) & c.undone_ns.is_(None)
        held = (s.queue == queue) & (s.until_ns > now_ns)
        with self._database.read() as connection:
            return sum(
                int(connection.execute(sa.select(sa.func.count()).where(some)).scalar() or 0)
                for some in (given, held)
            )


def _locked(connection: sa.Connection, task_id: str) -> Standing | None:
    query = sa.select(label_tasks).where(label_tasks.c.task_id == task_id).with_for_update()
    return next(iter(_standings(connection, _tasks(connection, query))), None)


def _locked_case(connection: sa.Connection, queue: str, case_id: str) -> Standing | None:
    c = label_tasks.c
    mine = (c.queue == queue) & (c.case_id == case_id)
    query = sa.select(label_tasks).where(mine).with_for_update()
    return next(iter(_standings(connection, _tasks(connection, query))), None)


def _insert_new(connection: sa.Connection, task: Task) -> None:
    """A row, unless somebody makes the same one at this moment: then theirs."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(label_tasks).on_conflict_do_nothing(index_elements=["queue", "case_id"])
    connection.execute(statement, asdict(task))


def _own_seat(standing: Standing, labeler: str, now_ns: int) -> Seat | None:
    mine = (s for s in standing.seats if s.labeler == labeler and s.until_ns > now_ns)
    return next(mine, None)


def _sit(connection: sa.Connection, task: Task, labeler: str, since: int, until: int) -> None:
    row = {"task_id": task.task_id, "labeler": labeler, "queue": task.queue}
    row |= {"since_ns": since, "until_ns": until}  # type: ignore[dict-item]
    upsert(connection, label_seats, [row], {"since_ns": since, "until_ns": until})


def _leave(connection: sa.Connection, task_id: str, labeler: str) -> None:
    c = label_seats.c
    mine = (c.task_id == task_id) & (c.labeler == labeler)
    connection.execute(label_seats.delete().where(mine))


def _set(connection: sa.Connection, task: Task, **values: Any) -> None:
    mine = label_tasks.c.task_id == task.task_id
    connection.execute(label_tasks.update().where(mine).values(values))


def _tasks(connection: sa.Connection, query: sa.Select[Any]) -> list[Task]:
    return [Task(**dict(row)) for row in connection.execute(query).mappings()]


def _standing(connection: sa.Connection, task: Task) -> Standing:
    return _standings(connection, [task])[0]


def _standings(connection: sa.Connection, tasks: Iterable[Task]) -> list[Standing]:
    """Tasks with their labels and those who have them in hand, in the same order."""
    wanted = list(tasks)
    given: dict[str, list[Label]] = {task.task_id: [] for task in wanted}
    seated: dict[str, list[Seat]] = {task.task_id: [] for task in wanted}
    ids = list(given)
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        mine = labels.c.task_id.in_(some) & labels.c.undone_ns.is_(None)
        query = sa.select(labels).where(mine).order_by(labels.c.at_ns, labels.c.label_id)
        for row in connection.execute(query).mappings():
            given[row["task_id"]].append(_label(row))
        seats = sa.select(label_seats).where(label_seats.c.task_id.in_(some))
        for row in connection.execute(seats.order_by(label_seats.c.since_ns)).mappings():
            seated[row["task_id"]].append(
                Seat(**{name: row[name] for name in Seat.__struct_fields__})
            )
    return [
        Standing(task=t, labels=tuple(given[t.task_id]), seats=tuple(seated[t.task_id]))
        for t in wanted
    ]


def _labels(connection: sa.Connection, query: sa.Select[Any]) -> list[Label]:
    return [_label(row) for row in connection.execute(query).mappings()]


def _label(row: sa.RowMapping) -> Label:
    values = dict(row)
    for name in ("task_id", "event_id"):
        values.pop(name)
    return Label(undone=values.pop("undone_ns") is not None, **values)


def _row(label: Label, task_id: str) -> dict[str, Any]:
    values = asdict(label)
    values.pop("undone")
    return values | {"task_id": task_id, "undone_ns": None}
