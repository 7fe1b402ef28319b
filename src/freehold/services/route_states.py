"""What routes have learned, as something to look at, take along, make again, or drop."""

import base64
import binascii
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from freehold.bundle.problems import did_you_mean, one_of
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import NotFound, RequestError
from freehold.core.features import Features
from freehold.core.outcomes import Outcomes, RouteState
from freehold.core.routing import Signals
from freehold.core.spec import ModelSpec
from freehold.services.learning import MOST, FindKey, make, state_of
from freehold.stages.routing.learned import LearnedPolicy

FORMAT = "freehold route state 1"
_NOTHING = Signals(vector=None, features=Features())
LogEvent = Callable[..., str]


class Standing(Struct, frozen=True, kw_only=True):
    """What is expected of a model of which nothing but the route is known; shares in millionths."""

    model: str
    success: int
    doubt: int
    outcomes: int


class Shown(Struct, frozen=True, kw_only=True):
    """One state. ``outcomes`` is how many it was taught; those of models have faded with time."""

    owner: str
    route: str
    version: int
    outcomes: int
    generation: int
    saved_at: str
    models: tuple[Standing, ...]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class Rebuilt(Struct, frozen=True, kw_only=True):
    """A state that was made again: of so many outcomes; of ``unreadable`` ones nobody can tell any
    more what the request was like.
    """

    owner: str
    route: str
    outcomes: int
    unreadable: int


class _File(Struct, frozen=True, kw_only=True):
    format: str
    owner: str
    route: str
    version: int
    outcomes: Annotated[int, Meta(ge=0, lt=2**53)]
    saved_at: str
    policy: str


class RouteStates:
    """The use cases. Blocking.

    Args:
        models: each route's candidates, as the live bundle has them.
        tenants: those of the live bundle; nobody else can own what is brought.
        find: keys of subjects, by their id.
        actor: who does it, as the ledger is to say.
        log: writes the entry that each change must leave.
    """

    def __init__(
        self,
        store: Outcomes,
        models: Mapping[str, Sequence[ModelSpec]],
        tenants: Collection[str],
        find: FindKey,
        clock: Clock,
        actor: str,
        log: LogEvent,
    ) -> None:
        self._store = store
        self._models = models
        self._tenants = tenants
        self._find = find
        self._clock = clock
        self._actor = actor
        self._log = log

    def show(self, route: str = "", owner: str = "") -> list[Shown]:
        """The states that were kept; a gateway keeps its own every ten seconds and when it ends.

        Raises:
            NotFound: there is none of this name.
        """
        states = [s for s in self._store.states() if route in ("", s.route)]
        states = [s for s in states if owner in ("", s.owner)]
        if not states and (route or owner):
            raise NotFound(
                f"route {route or 'any'} of {owner or 'anybody'} has learned nothing yet"
            )
        return [self._shown(state) for state in states]

    def export(self, route: str, owner: str = "") -> bytes:
        """A state as a file: JSON, with nothing of anybody's text in it but what numbers tell.

        Raises:
            NotFound: there is none, or several owners have one.
        """
        state = self._one(route, owner)
        return msgspec.json.format(
            msgspec.json.encode(
                _File(
                    format=FORMAT,
                    owner=state.owner,
                    route=state.route,
                    version=state.version,
                    outcomes=state.outcomes,
                    saved_at=rfc3339(state.saved_ns),
                    policy=base64.b64encode(state.policy).decode(),
                )
            ),
            indent=2,
        )

    def bring(self, data: bytes, *, route: str = "", owner: str = "") -> Shown:
        """Take a file's state in the place of what is there; it goes on learning from now on.

        Raises:
            RequestError: it is no such file, or was learned on other features.
            NotFound: the live bundle has no such route or tenant.
        """
        try:
            file = msgspec.json.decode(data, type=_File)
            policy = base64.b64decode(file.policy, validate=True)
            version = LearnedPolicy.load(policy).version
        except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
            raise RequestError(f"This is no state of a route: {error}") from None
        if file.format != FORMAT:
            raise RequestError(f"This file says that it is a `{file.format[:60]}`.")
        state = RouteState(
            owner=self._tenant(owner or file.owner),
            route=self._known(route or file.route),
            version=version,
            outcomes=file.outcomes,
            policy=policy,
        )
        return self._replace(state, "route.imported")

    def reset(self, route: str, owner: str = "") -> Shown:
        """Forget what a route has learned; it begins anew.

        Raises:
            NotFound: there is nothing to forget.
        """
        state = self._one(route, owner)
        return self._replace(RouteState(owner=state.owner, route=state.route), "route.reset")

    def rebuild(self, route: str, owner: str = "") -> Rebuilt:
        """Make a state again from the outcomes alone. What was erased since is not in it any more.

        Raises:
            NotFound: no outcome is known of it.
        """
        owners = [owner] if owner else self._owners(route)
        if len(owners) != 1:
            raise NotFound(_several(route, owners))
        rows = self._store.behind(owners[0], route, MOST)
        if not rows:
            raise NotFound(f"no outcome is known of route {route} of {owners[0]}")
        learner, unreadable = make(rows, self._models.get(route, ()), self._find)
        state = state_of(owners[0], route, learner, self._clock.now_ns())
        details = {"outcomes": learner.outcomes, "unreadable": unreadable}
        self._log("route.rebuilt", self._actor, route, details, tenant=owners[0])
        self._store.replace(state)
        return Rebuilt(
            owner=owners[0], route=route, outcomes=learner.outcomes, unreadable=unreadable
        )

    def _replace(self, state: RouteState, kind: str) -> Shown:
        now, last = self._clock.now_ns(), self._store.last_number()
        made = msgspec.structs.replace(state, mark=last, since=max(1, last), saved_ns=now)
        details = {"outcomes": state.outcomes, "version": state.version}
        self._log(kind, self._actor, state.route, details, tenant=state.owner)
        return self._shown(self._store.replace(made))

    def _owners(self, route: str) -> list[str]:
        return sorted({s.owner for s in self._store.states() if s.route == route})

    def _one(self, route: str, owner: str) -> RouteState:
        found = [s for s in self._store.states() if s.route == route and owner in ("", s.owner)]
        if len(found) != 1:
            raise NotFound(_several(route, [state.owner for state in found]))
        return found[0]

    def _known(self, route: str) -> str:
        return _one_of(route, self._models, "route")

    def _tenant(self, name: str) -> str:
        return _one_of(name, self._tenants, "tenant")

    def _shown(self, state: RouteState) -> Shown:
        policy = LearnedPolicy.load(state.policy) if state.policy else LearnedPolicy()
        estimates = policy.estimates(tuple(self._models.get(state.route, ())), _NOTHING)
        return Shown(
            owner=state.owner,
            route=state.route,
            version=state.version,
            outcomes=state.outcomes,
            generation=state.generation,
            saved_at=rfc3339(state.saved_ns) if state.saved_ns else "",
            models=tuple(
                Standing(model=e.model, success=e.success, doubt=e.doubt, outcomes=e.seen)
                for e in estimates
            ),
        )


def taught(store: Outcomes, exchange_ids: Collection[str]) -> dict[tuple[str, str], int]:
    """Of these exchanges, how many outcomes are in each learned state, by owner and route."""
    found = [(told.owner, told.route) for told in store.of(exchange_ids) if told.teaches]
    return dict(Counter(found))


def _one_of(name: str, known: Collection[str], what: str) -> str:
    if name not in known:
        hint = did_you_mean(name, known) or f"there is {one_of(known)}"
        raise NotFound(f"the live bundle has no {what} {name[:80]}; {hint}")
    return name


def _several(route: str, owners: list[str]) -> str:
    if not owners:
        return f"route {route} has learned nothing yet"
    return f"several tenants own what route {route} has learned; name one: {', '.join(owners)}"
