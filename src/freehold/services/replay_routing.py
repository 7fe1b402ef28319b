"""A recorded choice of a model, made once more from what routing knew then."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.ask import Arrival, Ask, Operation
from freehold.core.clock import SystemClock
from freehold.core.decisions import Finding
from freehold.core.errors import NotFound, RoutingError
from freehold.core.features import Features
from freehold.core.handoffs import (
    Admitted,
    Grounded,
    Piece,
    Prepared,
    Ruled,
    Screened,
    Stitched,
)
from freehold.core.health import READY, Readiness, Untroubled
from freehold.core.judged import Inputs, Trial, World
from freehold.core.principal import KeyGrant, Principal
from freehold.core.routes import RouteSpec
from freehold.core.routing import Contest, Estimate, Ranked, Ranking
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.trail import Trail
from freehold.core.trials import CanarySpec
from freehold.rules.program import conditions
from freehold.services.replay_facts import Facts
from freehold.stages.governance.fixed import barred
from freehold.stages.governance.verdicts import InUse
from freehold.stages.routing import filters
from freehold.stages.routing.choosing import LearnedRouter, ranking
from freehold.stages.routing.filters import Wanted
from freehold.stages.routing.learned import Expected
from freehold.stages.routing.objective import price_of
from freehold.stages.routing.ruling import Order, arranged, hint, missed
from freehold.stages.routing.stage import Routing
from freehold.stages.routing.static import StaticRouter

_FIXED = ("tools[", "response_format", "stop[")
_PLAIN = {"chat": "chat", "completion": "chat", "embedding": "embedding"}


class Labels(Struct, frozen=True, kw_only=True):
    """Classes of data in an exchange: ``found`` in the request, by then all in ``grounded``, and
    ``carried`` into it by earlier answers.
    """

    found: frozenset[str]
    grounded: frozenset[str]
    carried: frozenset[str]


def chosen(
    record: Mapping[str, Any],
    closed: Mapping[str, Any],
    app: AppSpec,
    facts: Facts,
    labels: Labels,
    uses: InUse,
    trail: Trail,
) -> dict[int, str]:
    """Choose again; the trail gets the candidates and the decision. What it gives are the route's
    rules whose verdict had to be taken as recorded, by place, with what nobody has that they read.

    Raises:
        RoutingError: nobody may take it.
    """
    inputs = closed.get("inputs") or {}
    asked = record["request"]
    route, learns = _route(app, asked["operation"])
    taken: dict[int, str] = {}
    verdicts: Sequence[bool | None] = ()
    if route.rules:
        program = conditions(tuple(rule.when for rule in route.rules), "route")
        told = facts.route(program.names)
        verdicts = told.again.verdicts(program, "facts", told.facts)
        taken = told.again.taken
    name = asked["model_asked"]
    order = arranged(route, hint(app, name, route), verdicts, missed(app, name))
    ruled = _ruled(record, app, labels, uses)
    wanted = _wanted(inputs.get("wanted") or {}, ruled)
    world = msgspec.convert(inputs.get("world") or {}, World)
    stage = _Recorded(record, world)
    stage.choose(route, order, wanted, ruled, trail, learns=learns)
    return taken


def _route(app: AppSpec, operation: str) -> tuple[RouteSpec, bool]:
    if operation == "embedding" and app.embedding_route is not None:
        return app.embedding_route, False
    route = app.route
    return route, bool(route.learn.metric) or route.objective.policy != StaticRouter.id


class _Recorded(Routing):
    """Routing over what a record says of the world at that moment."""

    def __init__(self, record: Mapping[str, Any], world: World) -> None:
        candidates = {each["model"]: each for each in record["candidates"]}
        routed = record.get("routing") or {}
        router = _Expectations(candidates, routed)
        own = {} if router.known else {routed.get("policy", ""): _AsRecorded(record)}
        super().__init__(
            _Endpoints(world.behind),
            SystemClock(),
            standing=_Told(world),
            routers={LearnedRouter.id: router, **own},
        )
        self._world = world
        self._stays = record["candidates"][0]["model"] if routed.get("stayed") else ""
        for each in record["candidates"]:
            if routed.get("stayed") and each["propensity"] and not each["lost"]:
                self._stays = each["model"]

    def _allowed(
        self,
        route: RouteSpec,
        order: Order,
        wanted: Wanted,
        intent: str,
        lost: dict[str, str],
        inputs: Inputs | None = None,
    ) -> list[ModelSpec]:
        allowed = super()._allowed(route, order, wanted, intent, lost, inputs)
        dear = self._world.unaffordable
        return filters.narrowed(allowed, lambda model: dear.get(model.id, ""), lost)

    def _session(self, route: RouteSpec, ruled: Ruled) -> str:  # noqa: ARG002
        return self._stays

    def _trial(self, spec: CanarySpec, route: RouteSpec, ruled: Ruled, barred: str) -> Trial:  # noqa: ARG002
        return self._world.trial or Trial(barred=barred)


class _Endpoints(Untroubled):
    """Those that others came before; all others were ready."""

    def __init__(self, behind: Mapping[str, str]) -> None:
        self._behind = behind

    def of(self, model: ModelSpec) -> Readiness:
        why = self._behind.get(model.id)
        return READY if why is None else Readiness(weight=0, why=why)


class _Told:
    """What alerts and people had said."""

    def __init__(self, world: World) -> None:
        self._world = world

    def quiet(self) -> bool:
        return not self._world.stopped

    def excluded(self, route: str, model: str, intent: str = "") -> str:  # noqa: ARG002
        return self._world.stopped.get(model, "")

    def demoted(self, route: str, model: str, intent: str = "") -> str:  # noqa: ARG002
        return ""

    def floor(self, route: str) -> int:  # noqa: ARG002
        return self._world.floor


class _Expectations:
    """The router that learns, with what it expected then."""

    id = LearnedRouter.id

    def __init__(
        self, candidates: Mapping[str, Mapping[str, Any]], routed: Mapping[str, Any]
    ) -> None:
        self._candidates = candidates
        self._routed = routed
        self.known = routed.get("policy", self.id) in (self.id, StaticRouter.id)

    def rank(self, contest: Contest) -> Ranking:
        """From the recorded estimates.

        Raises:
            RoutingError: there is none of a model that might have taken it.
        """
        estimates = []
        for model in contest.models:
            said = self._candidates.get(model.id, {})
            if "success" not in said:
                raise RoutingError(f"the record has no estimate of {model.id}")
            names = ("success", "doubt", "cost_nano", "seen")
            known = {name: said[name] for name in names}
            latency = said.get("latency_ms", 0)
            estimates.append(Estimate(model=model.id, latency_ms=latency, **known))
        aim = contest.route.objective
        price = self._routed.get("price_nano")
        if aim.nano_per_request is None:
            price = price_of(aim, None)
        version = self._routed.get("version", 0)
        return ranking(Expected.of(estimates), contest, price, version)


class _AsRecorded:
    """A router that is not Freehold's: what it said is taken as recorded."""

    id = ""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    def rank(self, contest: Contest) -> Ranking:
        """The recorded order of those that might have taken it."""
        known = {each["model"]: each for each in self._record["candidates"]}
        ranked = [
            Ranked(
                model=model.id,
                score=known[model.id]["score"],
                propensity=known[model.id]["propensity"],
                lost=known[model.id]["lost"],
            )
            for model in contest.models
            if model.id in known
        ]
        ranked.sort(key=lambda one: (bool(one.lost), -one.score))
        said = [d["why"] for d in self._record["decisions"] if d["stage"] == "routing"]
        why = said[0].partition(": ")[2] if said else ""
        routed = self._record.get("routing") or {}
        return Ranking(
            ranked=tuple(ranked),
            version=routed.get("version", 0),
            price_nano=routed.get("price_nano"),
            explored=routed.get("explored", False),
            why=why,
        )


def _ruled(record: Mapping[str, Any], app: AppSpec, labels: Labels, uses: InUse) -> Ruled:
    """The request as far as routing asks about it."""
    request = record["request"]
    operation: Operation = request["operation"]
    who = record.get("principal") or {}
    admitted = Admitted(
        arrival=Arrival(
            ask=Ask(operation=operation, messages=(), model=request["model_asked"]),
            route=request["route"],
            key="",
            exchange_id=trail_id(record),
            received_ns=request["received_ns"],
            started_ns=0,
        ),
        grant=KeyGrant(
            key_id=(record.get("key") or {}).get("id", ""), tenant=app.tenant, app=app.id
        ),
        app=app,
        principal=Principal(id=who.get("id", ""), verified=who.get("verified", False)),
        conversation_id=request["conversation"],
    )
    prepared = Prepared(
        admitted=admitted,
        messages=(),
        features=msgspec.convert(request["features"], Features),
        query="",
        intent=request["intent"],
        intent_score=request["intent_score"],
        intent_near=request["intent_near"],
    )
    findings = [msgspec.convert(each, Finding) for each in record["findings"]]
    stuck = [finding for finding in findings if finding.where.startswith(_FIXED)]
    screened = Screened(
        prepared=prepared,
        messages=(),
        findings=tuple(f for f in findings if not f.where.startswith("context:")),
        labels=labels.found,
        fixed=barred(stuck, uses),
        carried=dict.fromkeys(sorted(labels.carried), ""),
    )
    pieces = tuple(
        Piece(
            source=each["source"],
            title="",
            text="",
            trusted=each["trusted"],
            labels=frozenset(each["labels"]),
        )
        for each in record["context"]
        if gave(each)
    )
    grounded = Grounded(
        stitched=Stitched(screened=screened, pieces=pieces),
        pieces=pieces,
        findings=(),
        labels=labels.grounded,
    )
    return Ruled(grounded=grounded, messages=(), facts={})


def gave(source: Mapping[str, Any]) -> bool:
    """Whether a source that was asked gave anything."""
    return bool(source["rows"] or source["chars"] or source["digest"])


def trail_id(record: Mapping[str, Any]) -> str:
    """The exchange's id, from which chance is drawn."""
    found = record.get("exchange")
    if not isinstance(found, str):
        raise NotFound("the record names no exchange")
    return found


def _wanted(said: Mapping[str, Any], ruled: Ruled) -> Wanted:
    ask = ruled.admitted.ask
    prompt = said.get("prompt", 0)
    plain = [_PLAIN[ask.operation]]
    return Wanted(
        app=ruled.admitted.app,
        ask=ask,
        labels=ruled.grounded.whole_labels,
        fixed=ruled.grounded.screened.fixed,
        capabilities=frozenset(said.get("capabilities") or plain),
        longest=said.get("longest", 0),
        prompt=prompt,
        whole=said.get("whole", prompt),
        least=said.get("least"),
        scopes=(),
    )
