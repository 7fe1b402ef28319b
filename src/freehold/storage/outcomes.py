"""Outcomes and learned states, as tables."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict, replace

from freehold.core.outcomes import RouteState, Told
from freehold.storage.engine import Database, bump, incoming, upsert
from freehold.storage.outcome_tables import outcomes, route_states
from freehold.storage.tables import revisions

_REVISION = "outcomes"
_AT_ONCE = 500


class StoredOutcomes:
    """The `Outcomes` port over the tables ``outcomes`` and ``route_states``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, exchange_ids: Collection[str]) -> list[Told]:
        """All that is known of these exchanges."""
        wanted = sorted(set(exchange_ids))
        found: list[Told] = []
        with self._database.read() as connection:
            for at in range(0, len(wanted), _AT_ONCE):
                some = outcomes.c.exchange_id.in_(wanted[at : at + _AT_ONCE])
                found += _told(connection, sa.select(outcomes).where(some))
        return found

    def one(self, exchange_id: str, metric: str) -> Told | None:
        """What is known by one metric."""
        c = outcomes.c
        query = sa.select(outcomes).where((c.exchange_id == exchange_id) & (c.metric == metric))
        with self._database.read() as connection:
            return next(iter(_told(connection, query)), None)

    def tell(self, told: Sequence[Told]) -> list[Told]:
        """Keep them; each comes back with its numbers."""
        kept = []
        c = outcomes.c
        with self._database.write() as connection:
            for one in told:
                # the counter first: its row's lock has processes tell one after the other
                bump(connection, revisions, _REVISION)
                number = _number(connection)
                same = (c.exchange_id == one.exchange_id) & (c.metric == one.metric)
                first = connection.execute(sa.select(c.first_number).where(same)).scalar()
                numbered = replace(one, number=number, first_number=first or number)
                upsert(connection, outcomes, [asdict(numbered)], _all_but_keys(outcomes))
                kept.append(numbered)
        return kept

    def since(self, number: int, limit: int = 1_000) -> list[Told]:
        """What was told after this number, in order."""
        c = outcomes.c
        query = sa.select(outcomes).where(c.number > number).order_by(c.number).limit(limit)
        with self._database.read() as connection:
            return _told(connection, query)

    def behind(self, owner: str, route: str, most: int) -> list[Told]:
        """The latest outcomes that a state is made of, in order."""
        c = outcomes.c
        mine = (c.owner == owner) & (c.route == route) & c.teaches & (c.model != "")
        query = sa.select(outcomes).where(mine).order_by(c.number.desc()).limit(most)
        with self._database.read() as connection:
            return _told(connection, query)[::-1]

    def states(self) -> list[RouteState]:
        """Every state."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(route_states)).mappings().all()
        return [RouteState(**dict(row)) for row in rows]

    def generations(self) -> dict[tuple[str, str], int]:
        """The generation of every state, by owner and route."""
        c = route_states.c
        with self._database.read() as connection:
            rows = connection.execute(sa.select(c.owner, c.route, c.generation)).all()
        return {(row.owner, row.route): row.generation for row in rows}

    def save(self, states: Sequence[RouteState], mark: int) -> None:
        """Keep these states, unless the store has newer ones."""
        c = route_states.c
        with self._database.write() as connection:
            for state in states:
                mine = (c.owner == state.owner) & (c.route == state.route)
                known = connection.execute(
                    sa.select(c.generation, c.mark).where(mine).with_for_update()
                ).one_or_none()
                if known is None or (known.generation, known.mark) <= (
                    state.generation,
                    state.mark,
                ):
                    upsert(connection, route_states, [asdict(state)], _all_but_keys(route_states))
            connection.execute(route_states.update().where(c.mark < mark).values(mark=mark))

    def replace(self, state: RouteState) -> RouteState:
        """Put this state in the place of the one that is there."""
        c = route_states.c
        mine = (c.owner == state.owner) & (c.route == state.route)
        with self._database.write() as connection:
            known = connection.execute(sa.select(c.generation).where(mine)).scalar()
            made = replace(state, generation=(known or 0) + 1)
            upsert(connection, route_states, [asdict(made)], _all_but_keys(route_states))
        return made

    def last_number(self) -> int:
        """The number of what was told last."""
        with self._database.read() as connection:
            return _number(connection)


def _number(connection: sa.Connection) -> int:
    query = sa.select(revisions.c.value).where(revisions.c.name == _REVISION)
    return connection.execute(query).scalar() or 0


def _told(connection: sa.Connection, query: sa.Select[Any]) -> list[Told]:
    return [Told(**dict(row)) for row in connection.execute(query).mappings()]


def _all_but_keys(table: sa.Table) -> dict[str, sa.ColumnElement[Any]]:
    return {column.name: incoming(column) for column in table.columns if not column.primary_key}
