"""Models on trial: where each canary stands, at hand on the request path; what came of trials."""

import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa
from msgspec.structs import asdict

from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import StorageError
from freehold.core.trials import CanarySpec, Seen, ShadowSeen, Standing
from freehold.storage.engine import Database, upsert
from freehold.storage.trial_tables import canaries, canary_seen, shadow_seen

_BUFFER = 20_000
_TAKE = 500
_HOUR_NS = 3_600_000_000_000
_KEPT_NS = 180 * 24 * _HOUR_NS


class StoredTrials:
    """The `Trials` and `ShadowBook` ports over three tables.

    ``load`` before the first request; ``refresh`` belongs into the writer's housekeeping: it writes
    what was seen and learns what others have moved. While the store is away, canaries stand where
    they stood, and the oldest of what was seen is forgotten once ``20,000`` wait.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._pruned_ns = 0
        self._standing: dict[str, Standing] = {}
        self._guard = threading.Lock()
        self._seen: deque[Seen] = deque(maxlen=_BUFFER)
        self._shadows: deque[ShadowSeen] = deque(maxlen=_BUFFER)

    def load(self) -> None:
        """Read where canaries stand.

        Raises:
            StorageError: the store can't be read.
        """
        self._standing = {standing.trial: standing for standing in self.all()}

    def refresh(self) -> None:
        """Write what waits, then read.

        Raises:
            StorageError: the store is away.
        """
        self._write(self._seen, canary_seen)
        self._write(self._shadows, shadow_seen)
        self._prune()
        self.load()

    def _prune(self) -> None:
        """Once an hour, forget what is older than 180 days; the ledger still has it."""
        now = self._clock.now_ns()
        if now - self._pruned_ns < _HOUR_NS:
            return
        self._pruned_ns = now
        with self._database.write() as connection:
            for table in (canary_seen, shadow_seen):
                connection.execute(table.delete().where(table.c.at_ns < now - _KEPT_NS))

    def of(self, spec: CanarySpec, route_id: str) -> Standing:
        """Where a canary stands; no I/O."""
        trial = spec.id(route_id)
        known = self._standing.get(trial)
        if known is None:
            known = Standing(trial=trial, route=route_id, model=spec.model)
            self._standing[trial] = known
        return known

    def all(self) -> list[Standing]:
        """Every canary that ever ran, the newest first.

        Raises:
            StorageError: the store can't be read.
        """
        query = sa.select(canaries).order_by(canaries.c.since_ns.desc())
        with self._database.read() as connection:
            return [Standing(**row) for row in connection.execute(query).mappings()]

    def move(self, known: Standing, to: Standing) -> bool:
        """Let it stand there, unless somebody has moved it away from ``known`` meanwhile.

        Raises:
            StorageError: the store can't be written.
        """
        row = asdict(to)
        c = canaries.c
        same = (c.trial == known.trial) & (c.state == known.state) & (c.stage == known.stage)
        begin = canaries.select().where(c.trial == known.trial)
        with self._database.write() as connection:
            if connection.execute(begin).first() is None:
                upsert(connection, canaries, [asdict(known)], {"trial": known.trial})
            done = connection.execute(canaries.update().where(same).values(row)).rowcount == 1
        if done:
            self._standing[to.trial] = to
        return done

    def saw(self, seen: Iterable[Seen]) -> None:
        """Keep what came of exchanges, soon; returns at once."""
        with self._guard:
            self._seen.extend(seen)

    def seen(self, trial: str, stage: int, since_ns: int, limit: int) -> list[Seen]:
        """What came of the exchanges of one stage, in the order in which they ended, of
        conversations that began in it.

        Raises:
            StorageError: the store can't be read.
        """
        c = canary_seen.c
        other = canary_seen.alias("other")
        same = (other.c.trial == trial) & (other.c.conversation == c.conversation)
        before = sa.exists().where(same & (other.c.at_ns < since_ns))
        here = (c.trial == trial) & (c.stage == stage) & (c.at_ns >= since_ns) & ~before
        query = sa.select(canary_seen).where(here).order_by(c.at_ns, c.exchange_id).limit(limit)
        with self._database.read() as connection:
            return [Seen(**row) for row in connection.execute(query).mappings()]

    def compared(self, seen: ShadowSeen) -> None:
        """Keep a comparison, soon; returns at once."""
        with self._guard:
            self._shadows.append(seen)

    def shadows(self, route: str | None, limit: int) -> list[ShadowSeen]:
        """The newest comparisons first.

        Raises:
            StorageError: the store can't be read.
        """
        query = sa.select(shadow_seen).order_by(shadow_seen.c.at_ns.desc()).limit(limit)
        if route is not None:
            query = query.where(shadow_seen.c.route == route)
        with self._database.read() as connection:
            return [_shadow(dict(row)) for row in connection.execute(query).mappings()]

    def _write(self, waiting: "deque[Any]", table: sa.Table) -> None:
        while waiting:
            with self._guard:
                batch = [waiting.popleft() for _ in range(min(_TAKE, len(waiting)))]
            rows = [_row(seen) for seen in batch]
            try:
                with self._database.write() as connection:
                    upsert(connection, table, rows, {"exchange_id": table.c.exchange_id})
            except StorageError:
                with self._guard:  # those that came meanwhile are newer
                    waiting.extendleft(reversed(batch[: _BUFFER - len(waiting)]))
                raise


def _row(seen: Seen | ShadowSeen) -> dict[str, Any]:
    row = asdict(seen)
    for name in ("rules", "before_rules"):
        if name in row:
            row[name] = orjson.dumps(row[name]).decode()
    return row


def _shadow(row: dict[str, Any]) -> ShadowSeen:
    for name in ("rules", "before_rules"):
        row[name] = tuple(orjson.loads(row[name]))
    return ShadowSeen(**row)
