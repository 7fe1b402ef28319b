"""Deployments of custom models in the store."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict, replace

from freehold.core.deployments import Deployment, Move, Step
from freehold.core.trials import Standing
from freehold.storage.deployment_tables import deployment_steps, deployments
from freehold.storage.engine import Database, bump, upsert
from freehold.storage.tables import revisions
from freehold.storage.trial_tables import canaries

_REVISION = "deployments"
_Deployments = list[Deployment]


class _Moved(Exception):
    """Somebody else was first."""


class StoredDeployments:
    """The `DeploymentBook` over its two tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, model: str | None = None) -> _Deployments:
        """Every version that ever was deployed, the newest change first."""
        c = deployments.c
        query = sa.select(deployments).order_by(c.since_ns.desc(), c.model, c.version)
        if model is not None:
            query = query.where(c.model == model)
        with self._database.read() as connection:
            return [Deployment(**row) for row in connection.execute(query).mappings()]

    def steps(self, model: str | None = None, limit: int = 100) -> list[Step]:
        """What happened, the newest first."""
        c = deployment_steps.c
        query = sa.select(deployment_steps).order_by(c.at_ns.desc(), c.step_id.desc()).limit(limit)
        if model is not None:
            query = query.where(c.model == model)
        with self._database.read() as connection:
            return [Step(**row) for row in connection.execute(query).mappings()]

    def move(self, moves: Sequence[Move], step: Step, log: Callable[[], str]) -> bool:
        """Do all of it or nothing; see the port."""
        try:
            with self._database.write() as connection:
                bump(connection, revisions, _REVISION)  # whoever else moves waits here
                for one in moves:
                    _move(connection, one)
                row = asdict(replace(step, entry=log()))
                connection.execute(deployment_steps.insert().values(row))
        except _Moved:
            return False
        return True

    def adopt(
        self,
        rows: Sequence[Deployment],
        more: Sequence[Step],
        trials: Sequence[Standing] = (),
    ) -> bool:
        """Keep what stood in another home, all or nothing; false where a version stands otherwise
        here.

        Args:
            trials: where those that are canaries stand on their routes.
        """
        c = deployment_steps.c
        try:
            with self._database.write() as connection:
                bump(connection, revisions, _REVISION)
                for row in rows:
                    _adopted(connection, row)
                for step in more:
                    there = sa.select(c.step_id).where(c.step_id == step.step_id)
                    if connection.execute(there).first() is None:
                        connection.execute(deployment_steps.insert().values(asdict(step)))
                for standing in trials:
                    here = (canaries.c.trial == standing.trial) & (
                        canaries.c.model == standing.model
                    )
                    connection.execute(canaries.delete().where(here))
                    connection.execute(canaries.insert().values(asdict(standing)))
        except _Moved:
            return False
        return True

    def revision(self) -> int:
        """Changes with every move."""
        query = sa.select(revisions.c.value).where(revisions.c.name == _REVISION)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar() or 0)


def _move(connection: sa.Connection, one: Move) -> None:
    c = deployments.c
    here = (c.model == one.to.model) & (c.version == one.to.version)
    row: dict[str, Any] = asdict(one.to)
    if one.known is None:
        if connection.execute(sa.select(c.state).where(here)).first() is not None:
            raise _Moved
        upsert(connection, deployments, [row], {"state": one.to.state})
        return
    same = here & (c.state == one.known.state) & (c.since_ns == one.known.since_ns)
    if connection.execute(deployments.update().where(same).values(row)).rowcount != 1:
        raise _Moved


def _adopted(connection: sa.Connection, row: Deployment) -> None:
    c = deployments.c
    here = sa.select(deployments).where((c.model == row.model) & (c.version == row.version))
    found = connection.execute(here).mappings().first()
    if found is None:
        connection.execute(deployments.insert().values(asdict(row)))
    elif Deployment(**found) != row:
        raise _Moved
