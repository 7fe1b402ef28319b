"""What would happen: the journey itself, with a caller, an answer and context that are only told.

No model is called, no source asked, nothing recorded and no limit counted. Everything in between is
what runs in the gateway, so that a rule that fires here fires there.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from functools import partial
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import asdict, replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.ask import Arrival, Ask, Message, ToolCall
from freehold.core.clock import Clock
from freehold.core.decisions import Decision
from freehold.core.errors import Abstained, ContextError, FreeholdError, NotFound
from freehold.core.handoffs import Candidate, Choice, Held, Piece, Sendable, Usage
from freehold.core.ids import uuid7
from freehold.core.leases import Lease
from freehold.core.limits import Scope
from freehold.core.ports import Delta, Router
from freehold.core.principal import KeyGrant, Principal
from freehold.core.routing import Contest, Ranking
from freehold.core.spec import AppSpec, SourceSpec
from freehold.core.trail import Firing, Trail
from freehold.journey import Journey
from freehold.ledger.record import Record
from freehold.ledger.upgrade import parts
from freehold.services.explaining import Explanation, explain
from freehold.stages.governance.guards import harmless
from freehold.stages.routing.ranks import with_first

_NO_TOKENS = Usage(prompt_tokens=0, completion_tokens=0)


class Scene(Struct, frozen=True, kw_only=True):
    """One hypothetical exchange.

    Attributes:
        app, tenant: which app asks, and as which tenant (empty: the app's own).
        messages: the conversation; the last one is usually the user's question.
        answer: what the model shall say; ``calls`` the tools that it shall call.
        silent: models that abstain, so that the answer is another one's; where they may take the
            request, a learned route asks the others first.
        principal: the end user, as a verified token would name them.
        context: source → what it gives (text, mostly JSON); other sources give nothing.
        failed: sources that fail.
        stream: whether the answer comes in pieces: in ``pieces``, or word by word.
        response_format: what the request says of the answer's form.
    """

    app: str
    tenant: str = ""
    messages: tuple[Message, ...] = ()
    answer: str = ""
    calls: tuple[ToolCall, ...] = ()
    silent: frozenset[str] = frozenset()
    principal: Principal | None = None
    context: Mapping[str, str] = {}
    failed: frozenset[str] = frozenset()
    stream: bool = False
    pieces: tuple[str, ...] = ()
    response_format: dict[str, Any] | None = None


def returned(results: Mapping[str, str]) -> Iterator[Message]:
    """Tools called before, and what they gave, as messages of the request."""
    calls = [
        (ToolCall(id=f"before_{number}", name=name, arguments="{}"), result)
        for number, (name, result) in enumerate(results.items())
    ]
    if calls:
        yield Message(role="assistant", tool_calls=tuple(call for call, _ in calls))
    for call, result in calls:
        yield Message(role="tool", tool_call_id=call.id, content=result)


class Rehearsed(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        outcome: ``allowed``, ``transformed``, ``denied``, ``held`` or ``error``.
        said: what would have left.
        code, public: of the refusal, if it was one.
        firings: every rule that was considered, with whether it fired.
        held: what waits for whom, if something does.
        asked: the models that were asked for an answer, in turn; guards are not among them.
        candidates: who might have been asked, and why not.
        on_answer: what was decided about the answer, and not about the request.
        explanation: the whole record, told.
    """

    outcome: str
    said: str
    code: str
    public: str
    firings: tuple[Firing, ...]
    explanation: Explanation
    held: Held | None = None
    asked: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    on_answer: tuple[Decision, ...] = ()

    def fired(self) -> frozenset[str]:
        """Ids of the rules that fired, observing ones included."""
        return frozenset(firing.rule for firing in self.firings if firing.fired)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "outcome": self.outcome,
            "said": self.said,
            "code": self.code,
            "public": self.public,
            "fired": sorted(self.fired()),
            "rules": [asdict(firing) for firing in self.firings],
            "held": None if self.held is None else {"role": self.held.role, "rule": self.held.rule},
            "explanation": self.explanation.as_dict(),
        }


class StandIn:
    """Plays the world outside for one scene at a time: every port that a journey has."""

    def __init__(self) -> None:
        self.scene = Scene(app="")
        self.records: list[bytes] = []
        self.asked: list[str] = []
        self.said: Callable[[], None] = _nothing

    def find(self, secret: str) -> KeyGrant | None:
        """A key for the scene's app."""
        return KeyGrant(key_id="rehearsal", tenant=self.scene.tenant, app=self.scene.app)

    def cached(self, token: str, issuers: object) -> Principal | None:
        """The scene's end user."""
        return self.scene.principal

    async def verify(self, token: str, issuers: object) -> Principal:
        """The scene's end user."""
        return self.scene.principal or Principal()

    def admit(self, scopes: tuple[Scope, ...]) -> None:
        """Count nothing."""

    def lease(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> Lease:
        """Reserve nothing."""
        return Lease(id="rehearsal", scopes=(), tokens=0, nano=0)

    def misfit(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> str:
        """Everything fits."""
        return ""

    def settle(self, lease: Lease, tokens: int, nano: int) -> None:
        """Settle nothing."""

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """What the scene says that the source gives.

        Raises:
            ContextError: the scene says that it fails.
        """
        if spec.id in self.scene.failed:
            raise ContextError(f"source {spec.id}: fails in this rehearsal")
        text = self.scene.context.get(spec.id)
        if not text:
            return None
        return Piece(
            source=spec.id,
            title=spec.title or spec.id,
            text=text,
            trusted=spec.trusted,
            labels=spec.labels,
            rows=1,
            locator="rehearsal",
            digest="",
        )

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        """Say the scene's answer, a stream's in pieces; ``said`` is called before the first and
        after each, when all that may leave of it has left. Guards say that all is well.

        Raises:
            Abstained: the scene has this model be silent.
        """
        scene = self.scene
        if sendable.attempt.role == "guard":
            verdict = harmless(sendable.plan.ruled.admitted.ask)
            yield Delta(choices=(Choice(text=verdict, finish_reason="stop"),), usage=_NO_TOKENS)
            return
        model = sendable.attempt.model.id
        self.asked.append(model)
        if model in scene.silent:
            raise Abstained(f"model {model}: abstains in this rehearsal")
        self.said()
        if scene.stream:
            for piece in scene.pieces or _words(scene.answer):
                yield Delta(choices=(Choice(text=piece),))
                self.said()
        reason = "tool_calls" if scene.calls else "stop"
        text = "" if scene.stream else scene.answer
        yield Delta(
            choices=(Choice(text=text, tool_calls=scene.calls, finish_reason=reason),),
            usage=_NO_TOKENS,
        )

    def append(self, record: bytes, tenant: str = "") -> None:
        """Keep it for the explanation."""
        self.records.append(record)

    async def durable(self) -> None:
        """Nothing is written."""

    def hold(self, *_: object) -> str:
        """An id that stands for none."""
        return "apr_rehearsal"

    async def kept(self, approval_id: str) -> None:
        """Nothing is kept."""


class SpeakersFirst:
    """A router's choice in a rehearsal where some are silent: those that may say something come
    first, since in time each model that may take a request is asked.
    """

    def __init__(self, stand: StandIn, router: Router) -> None:
        self.id = router.id
        self._stand = stand
        self._router = router

    def rank(self, contest: Contest) -> Ranking:
        """As the router has it, the silent ones last."""
        ranking, silent = self._router.rank(contest), self._stand.scene.silent
        first = [model.id for model in contest.models if model.id not in silent]
        return with_first(ranking, first) if silent and first else ranking


class Rehearsal:
    """Runs scenes under one bundle.

    Args:
        journey: over the stand-in and this bundle; only the application can wire one.
    """

    def __init__(
        self, bundle: ResolvedBundle, stand: StandIn, journey: Journey, clock: Clock
    ) -> None:
        self.bundle = bundle
        self._stand = stand
        self._journey = journey
        self._clock = clock

    def parts(self, app: AppSpec) -> dict[str, frozenset[str]]:
        """An app's detectors that enforce on answers, by how much of one they need.

        Raises:
            ControlFailed: a detector is not there, or can't be made.
        """
        return self._journey.governance.parts(app)

    async def run(self, scene: Scene) -> Rehearsed:
        """What would happen.

        Raises:
            NotFound: the bundle has no such app, tenant or source.
        """
        scene = self._known(scene)
        trail, failure = await self._travel(scene, None)
        return Rehearsed(
            outcome=trail.result,
            said="".join(trail.released),
            code="" if failure is None else failure.code,
            public=trail.held.public if trail.held else "" if failure is None else failure.public,
            firings=tuple(trail.firings),
            held=trail.held,
            asked=tuple(self._stand.asked),
            candidates=tuple(trail.candidates),
            on_answer=tuple(trail.decisions[_answer_from(trail) :]),
            explanation=explain(self._record(trail, scene)),
        )

    async def watch(self, scene: Scene, said: Callable[[Trail], None]) -> Trail:
        """Run it and give the trail; ``said`` sees it grow, see `StandIn.call`.

        Raises:
            NotFound: the bundle has no such app, tenant or source.
        """
        return (await self._travel(self._known(scene), said))[0]

    async def _travel(
        self, scene: Scene, said: Callable[[Trail], None] | None
    ) -> tuple[Trail, FreeholdError | None]:
        arrival = self._arrival(scene)
        trail = Trail(arrival)
        self._stand.scene = scene
        self._stand.records.clear()
        self._stand.asked.clear()
        self._stand.said = _nothing if said is None else partial(said, trail)
        failure: FreeholdError | None = None
        try:
            async for _ in self._journey.travel(arrival, trail):
                pass  # the trail has what left
        except FreeholdError as error:
            failure = error
        return trail, failure

    def _known(self, scene: Scene) -> Scene:
        apps = self.bundle.bundle.apps
        if scene.app not in apps:
            raise NotFound(f"the bundle has no app {scene.app!r}; it has {_list(apps)}")
        tenant = scene.tenant or apps[scene.app].tenant
        if tenant not in self.bundle.tenants:
            tenants = self.bundle.tenants
            raise NotFound(f"the bundle has no tenant {tenant!r}; it has {_list(tenants)}")
        sources = {source.id for source in self.bundle.app_for(tenant, scene.app).sources}
        unknown = sorted({*scene.context, *scene.failed} - sources)
        if unknown:
            raise NotFound(f"app {scene.app} has no source {unknown[0]!r}; it has {_list(sources)}")
        return replace(scene, tenant=tenant)

    def _arrival(self, scene: Scene) -> Arrival:
        names = sorted({call.name for call in scene.calls})
        ask = Ask(
            operation="chat",
            messages=scene.messages or (Message(role="user", content="Hello."),),
            stream=scene.stream,
            tools=tuple({"type": "function", "function": {"name": name}} for name in names),
            response_format=scene.response_format,
        )
        return Arrival(
            ask=ask,
            route="/v1/chat/completions",
            key="rehearsal",
            identity_token=None if scene.principal is None else "rehearsal",
            exchange_id=uuid7(),
            received_ns=self._clock.now_ns(),
            started_ns=self._clock.monotonic_ns(),
        )

    def _record(self, trail: Trail, scene: Scene) -> Record:
        opened, closed = parts(orjson.loads(line) for line in self._stand.records)
        return Record(
            exchange_id=trail.arrival.exchange_id,
            tenant=scene.tenant,
            app=scene.app,
            outcome=trail.result,
            opened=opened,
            closed=closed,
            lines=(),
        )


MakeRehearsal = Callable[[ResolvedBundle], Rehearsal]


def _words(text: str) -> list[str]:
    return [f" {word}" if place else word for place, word in enumerate(text.split(" "))]


def _answer_from(trail: Trail) -> int:
    """Where the decisions about the answer begin; at the end, where there was none."""
    return len(trail.decisions) if trail.answering is None else trail.answering


def _nothing() -> None:
    """Nobody wants to know."""


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
