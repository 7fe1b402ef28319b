"""Routes learn: outcomes are read in the order in which they were told, and states are kept.

What is told is a row with a number. Every process reads the rows that it has not read yet and
learns from them, in order, so that all of them come to know the same, and a state can be made again
from the rows alone. A word that takes back an earlier one makes its state be made again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError, StorageError
from freehold.core.outcomes import TERMINAL, Outcomes, RouteState, Told
from freehold.core.routing import Signals
from freehold.core.spec import ModelSpec
from freehold.core.subjects import SubjectKey
from freehold.stages.routing.learned import LearnedPolicy
from freehold.stages.routing.learners import Learner, Learners
from freehold.text.signal_bytes import unpack

MOST = 50_000
"""So many of the latest outcomes make a state; forgetting leaves nothing of any before them."""
_EVERY_S = 1.0
_SAVE_EVERY = 10
_AT_ONCE = 50
_log = logging.getLogger("freehold.learning")
FindKey = Callable[[str], SubjectKey | None]
State = tuple[str, str]


class Box(Struct, frozen=True, array_like=True):
    """What is sealed with an outcome: what a router saw of the request, a comment, and the version
    of the model, where one runs here.
    """

    signals: bytes = b""
    comment: str = ""
    version: str = ""


_boxes = msgspec.msgpack.Decoder(Box)


def sealed(box: Box, exchange_id: str, key: SubjectKey | None) -> bytes:
    """The box; without a key nothing may be in it that was made from a text."""
    octets = msgspec.msgpack.encode(box)
    return octets if key is None else key.seal(octets, _bound(exchange_id))


def opened(told: Told, find: FindKey) -> Box | None:
    """What is in an outcome's box; ``None`` where its key was destroyed. May do I/O.

    Raises:
        StorageError: the vault can't be read, or the box is damaged.
    """
    octets = told.box
    if not octets:
        return None
    if told.seal_key:
        key = find(told.seal_key)
        if key is None:
            return None
        octets = key.open(octets, _bound(told.exchange_id))
    try:
        return _boxes.decode(octets)
    except msgspec.MsgspecError as error:
        raise StorageError(f"the outcome of {told.exchange_id} is damaged") from error


def _bound(exchange_id: str) -> bytes:
    return f"outcome of {exchange_id}".encode()


class Lesson(Struct, frozen=True):
    """What an outcome teaches beside its score: of which request, and of which version."""

    signals: Signals
    version: str = ""


def lesson_of(told: Told, find: FindKey) -> Lesson | None:
    """What the router saw, and whom; ``None`` where that can't be had any more."""
    try:
        box = opened(told, find)
        if box is None or not box.signals:
            return None
        return Lesson(unpack(box.signals), box.version)
    except (StorageError, ValueError) as error:
        _log.warning("nothing is learned from an outcome of %s: %s", told.exchange_id, error)
        return None


def make(
    rows: Sequence[Told], models: Sequence[ModelSpec], find: FindKey, *, generation: int = 0
) -> tuple[Learner, int]:
    """A state made from outcomes alone, and how many of them could not be read any more.

    Args:
        rows: of one owner and route, in order.
        models: the route's candidates, as the live bundle has them.
    """
    learner = Learner(generation=generation)
    learner.know(models)
    lost = 0
    for told in rows:
        lesson = lesson_of(told, find)
        if lesson is None:
            lost += 1
        else:
            teach(learner, told, lesson)
        learner.mark = told.number
    return learner, lost


def teach(learner: Learner, told: Told, lesson: Lesson) -> None:
    """One outcome."""
    learner.learn(
        told.model,
        lesson.signals,
        told.score / MILLION,
        told.cost_nano,
        told.weight / MILLION,
        lesson.version,
    )


class Learning:
    """Keeps the learners of one process up to date with the store. On the event loop; what waits
    for the store does so in a thread.

    Args:
        heard: called with every outcome that was told at the terminal while this process runs; of
            those told to a gateway that one hears at once.
    """

    def __init__(
        self,
        store: Outcomes,
        learners: Learners,
        find: FindKey,
        clock: Clock,
        heard: Callable[[Told], None] = lambda _: None,
    ) -> None:
        self._heard = heard
        self._heard_upto = 0
        self._store = store
        self._learners = learners
        self._find = find
        self._clock = clock
        self._seen = 0
        self._kept: dict[State, int] = {}
        self._stale: set[State] = set()
        # which first words are in a state: those up to a number, and these after it
        self._within: dict[State, tuple[int, set[int]]] = {}
        self._lock = asyncio.Lock()

    def load(self) -> None:
        """Read the states that were kept.

        Raises:
            StorageError: the store can't be read.
        """
        marks = []
        for state in self._store.states():
            self._take(state)
            marks.append(state.mark)
        self._seen = min(marks, default=0)
        self._heard_upto = self._store.last_number()

    def _take(self, state: RouteState) -> None:
        place = state.owner, state.route
        policy = None
        if state.policy:
            try:
                policy = LearnedPolicy.load(state.policy)
            except ValueError as error:
                _log.warning("route %s of %s is learned again: %s", state.route, state.owner, error)
                if not state.since:
                    self._stale.add(place)
        learner = Learner(
            policy,
            mark=state.mark,
            generation=state.generation,
            outcomes=state.outcomes,
            since=state.since,
        )
        self._learners.put(state.owner, state.route, learner)
        self._within[place] = state.mark, set()
        self._kept[place] = state.generation

    async def catch_up(self) -> None:
        """Learn from all that was told since.

        Raises:
            StorageError: the store can't be read.
        """
        async with self._lock:
            while rows := await asyncio.to_thread(self._read):
                for place, (told, lesson) in enumerate(rows):
                    self._one(told, lesson)
                    if place % _AT_ONCE == _AT_ONCE - 1:
                        await asyncio.sleep(0)

    def _read(self) -> list[tuple[Told, Lesson | None]]:
        """In a thread."""
        return [
            (told, lesson_of(told, self._find) if told.teaches and told.model else None)
            for told in self._store.since(self._seen)
        ]

    def _one(self, told: Told, lesson: Lesson | None) -> None:
        self._seen = max(self._seen, told.number)
        if told.number > self._heard_upto:  # states put in our place make us read some again
            self._heard_upto = told.number
            if told.by == TERMINAL:
                self._heard(told)
        if not told.teaches or not told.model:
            return
        learner = self._learners.own(told.owner, told.route)
        if told.number <= learner.mark:
            return
        place = told.owner, told.route
        if self._knows(place, told) and not learner.since:
            self._stale.add(place)
        elif lesson is not None:
            teach(learner, told, lesson)
            self._within[place][1].add(told.first_number)
        learner.mark = told.number

    def _knows(self, place: State, told: Told) -> bool:
        """Whether an earlier word about this exchange is in the state, or may be."""
        upto, more = self._within.setdefault(place, (0, set()))
        if len(more) > MOST:
            upto, more = self._within[place] = told.number - 1, set()
        return told.first_number <= upto or told.first_number in more

    async def amend(self) -> None:
        """Make those states again of which something was taken back.

        Raises:
            StorageError: the store can't be read.
        """
        async with self._lock:
            while self._stale:
                owner, route = place = next(iter(self._stale))
                before = self._learners.own(owner, route)
                made = await asyncio.to_thread(self._made, owner, route, before.generation)
                made.mark = max(made.mark, before.mark)
                made.changed = True
                self._learners.put(owner, route, made)
                self._within[place] = made.mark, set()
                self._stale.discard(place)

    def _made(self, owner: str, route: str, generation: int) -> Learner:
        rows = self._store.behind(owner, route, MOST)
        return make(rows, self._learners.models_of(route), self._find, generation=generation)[0]

    async def follow(self) -> None:
        """Take the states that somebody has put in the place of ours.

        Raises:
            StorageError: the store can't be read.
        """
        there = await asyncio.to_thread(self._store.generations)
        if all(self._kept.get(place, 0) >= number for place, number in there.items()):
            return
        states = await asyncio.to_thread(self._store.states)
        async with self._lock:
            for state in states:
                if state.generation > self._kept.get((state.owner, state.route), 0):
                    self._take(state)
                    self._seen = min(self._seen, state.mark)

    def save(self) -> None:
        """Keep what has changed.

        Raises:
            StorageError: the store can't be written.
        """
        changed = self._changed()
        if changed:
            self._keep(changed)

    def close(self) -> None:
        """Keep it a last time. What a store that is away does not get is learned again."""
        try:
            self.save()
        except StorageError as error:
            _log.warning("what routes have learned is not kept: %s", error)

    async def _save(self) -> None:
        changed = self._changed()
        if changed:
            await asyncio.to_thread(self._keep, changed)

    def _changed(self) -> list[tuple[Learner, RouteState]]:
        """On the event loop: while it looks, nobody teaches."""
        return [
            (learner, state_of(owner, route, learner, self._clock.now_ns()))
            for (owner, route), learner in self._learners.items()
            if learner.changed
        ]

    def _keep(self, changed: list[tuple[Learner, RouteState]]) -> None:
        for learner, _ in changed:
            learner.changed = False
        try:
            self._store.save([state for _, state in changed], self._seen)
        except StorageError:
            for learner, _ in changed:
                learner.changed = True
            raise

    async def run(self) -> None:
        """As long as the gateway runs."""
        ticks = 0
        while True:
            try:
                await self.follow()
                await self.catch_up()
                if self._stale:
                    await self.amend()
                ticks += 1
                if ticks % _SAVE_EVERY == 0:
                    await self._save()
            except FreeholdError as error:
                _log.warning("routes learn nothing for now: %s", error)
            await asyncio.sleep(_EVERY_S)


def state_of(owner: str, route: str, learner: Learner, now_ns: int) -> RouteState:
    """A learner as it is kept."""
    return RouteState(
        owner=owner,
        route=route,
        generation=learner.generation,
        mark=learner.mark,
        since=learner.since,
        version=learner.policy.version,
        outcomes=learner.outcomes,
        saved_ns=now_ns,
        policy=learner.policy.dump(),
    )


def models_by_route(
    routes: Mapping[str, Sequence[str]], models: Mapping[str, ModelSpec]
) -> dict[str, tuple[ModelSpec, ...]]:
    """Every route's candidates as specs."""
    return {
        route: tuple(models[name] for name in candidates if name in models)
        for route, candidates in routes.items()
    }
