"""A hundred thousand random cases: nobody who may not take a request ever gets it.

Whatever was learned, explored, wished for or preferred, whichever conversation stays with whom,
whatever is down: no attempt of any plan goes to a model that the filters rule out. What may is
worked out here anew, in other words than the stage has.
"""

from random import Random
from typing import Any

from msgspec import structs

from freehold.core.errors import RoutingError
from freehold.core.features import Features
from freehold.core.handoffs import Fixed, Piece, Ruled
from freehold.core.health import Readiness
from freehold.core.limits import Limits, Scope
from freehold.core.routes import LearnSpec, ObjectiveSpec, RouteRule, RouteSpec
from freehold.core.routing import Signals
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.standing import Measure, StandingMeasures
from freehold.core.trail import Trail
from freehold.stages.routing import Routing
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.sticky import Sessions
from freehold.text import token_counts as tokens
from tests.stages import made

CASES = 100_000
SITES = 250
LABELS = ("pii", "health", "hr", "legal")
REGIONS = ("eu", "us", "")
CAPABILITIES = ("chat", "tools", "json", "stream")
TOOL = {"type": "function", "function": {"name": "look_up"}}
WHENS = ("true", "false", "request.chars > 40", "principal.attributes.tier == 'gold'")


class Whims:
    """Endpoints that are up or down as the dice say."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def of(self, model: ModelSpec) -> Readiness:
        down = self.dice.random() < 0.2
        return Readiness(weight=0, why="down") if down else Readiness()

    def started(self, model: ModelSpec) -> bool:
        return False

    def ended(self, model: ModelSpec, report: Any, *, probe: bool) -> None:
        pass

    def may_retry(self, model: ModelSpec) -> bool:
        return False


def some(dice: Random, of: tuple[str, ...], most: int | None = None) -> frozenset[str]:
    return frozenset(dice.sample(of, dice.randint(0, min(most or len(of), len(of)))))


def model(dice: Random, name: str) -> ModelSpec:
    return made.model(
        name,
        region=dice.choice(REGIONS),
        clearances=some(dice, LABELS),
        capabilities=some(dice, CAPABILITIES[1:]) | {"chat"},
        context_window=dice.choice((512, 4_096, 100_000)),
        max_output_tokens=dice.choice((64, 400)),
        input_price_nano=dice.choice((0, 100, 2_500)),
        output_price_nano=dice.choice((0, 400, 10_000)),
    )


def rules(dice: Random, names: list[str]) -> tuple[RouteRule, ...]:
    return tuple(
        RouteRule(
            id=f"rule-{number}",
            when=dice.choice(WHENS),
            prefer=tuple(dice.sample(names, dice.randint(0, min(2, len(names))))),
            only=some(dice, tuple(names)) if dice.random() < 0.2 else None,
            exclude=some(dice, tuple(names), 2) if dice.random() < 0.3 else frozenset(),
        )
        for number in range(dice.randint(0, 2))
    )


class Site:
    """An app with its models and a stage that has learned something, right or wrong."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = Random(seed)
        names = [f"m{n}" for n in range(dice.randint(1, 5))]
        models = {name: model(dice, name) for name in names}
        allowed = {n: m for n, m in models.items() if dice.random() < 0.9}
        aims = ObjectiveSpec(
            policy=dice.choice(("learned", "learned", "static")),
            quality_floor=dice.choice((0, 500_000, 990_000)),
            nano_per_success=dice.choice((None, 1_000_000)),
            nano_per_request=dice.choice((None, 1, 100_000)),
            explore=dice.choice((0, 20_000, 500_000)),
            switch_margin=dice.choice((0, 50_000, 1_000_000)),
        )
        self.app: AppSpec = made.app(
            models=allowed,
            scopes=(Scope(id="app:north/service", limits=Limits(nano_per_day=1)),),
            route=RouteSpec(
                id="main",
                candidates=tuple(names),
                rules=rules(dice, names),
                objective=aims,
                learn=LearnSpec(metric="solved"),
                max_attempts=dice.randint(1, 6),
            ),
            aliases={"fast": names[0]},
            allowed_regions=dice.choice((None, frozenset({"eu"}), frozenset({"eu", "us"}))),
            redactable_labels=some(dice, ("pii", "secret")),
            attributes={"tier": dice.choice(("gold", ""))},
            limits=structs.replace(made.app().limits, max_output_tokens=400),
        )
        clock = made.Standing()
        learners = Learners()
        learners.adopt({"main": tuple(models.values())})
        learner = learners.own(self.app.tenant, "main")
        for _ in range(dice.choice((0, 5, 40))):
            seen = Signals(vector=None, features=Features(chars=dice.randrange(200)))
            learner.learn(dice.choice(names), seen, dice.random(), dice.randrange(10**7), 1.0)
        self.sessions = Sessions(clock)
        self.stopped = dice.choice((*names, ""))
        standing = StandingMeasures(clock)
        if self.stopped:
            standing.adopt([Measure(id="a", kind="stop", model=self.stopped, by="alert x")])
        self.broke = some(dice, tuple(names))
        self.stage = Routing(
            Whims(dice),
            clock,
            standing=standing,
            routers={"learned": LearnedRouter(learners)},
            sessions=self.sessions,
            misfit=self.misfit,
        )

    def misfit(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> str:
        return "a budget is used up" if self.dice.random() < 0.3 else ""

    def case(self, number: int) -> tuple[Ruled, Trail]:
        """A request, and a conversation that may have stayed with anybody before."""
        dice = self.dice
        names = self.app.route.candidates
        asked = made.ask(
            "word " * dice.choice((3, 30, 600)),
            model=dice.choice((*names, "fast", "unknown") if dice.random() < 0.3 else ("auto", "")),
            tools=(TOOL,) if dice.random() < 0.2 else (),
            response_format={"type": "json_object"} if dice.random() < 0.2 else None,
        )
        labels = some(dice, LABELS, 2) if dice.random() < 0.6 else frozenset[str]()
        pieces = ()
        if dice.random() < 0.2:
            piece = Piece(
                source="s", title="", text="row", trusted=True, labels=some(dice, LABELS, 1)
            )
            pieces = (piece,)
        arrival = made.arrival(
            asked,
            exchange_id=f"{number}-{dice.random()}",
            client_headers={"x-freehold-conversation": "c"} if dice.random() < 0.5 else {},
        )
        seen = Features(chars=len(asked.messages[0].content))
        grounded = made.grounded(
            asked, self.app, pieces=pieces, labels=labels, features=seen, arrival=arrival
        )
        screened = structs.replace(
            grounded.screened,
            fixed=(Fixed(param="tools[0]", kind="email", label=dice.choice(LABELS)),)
            if dice.random() < 0.1
            else (),
            carried={dice.choice(LABELS): "source hr"} if dice.random() < 0.1 else {},
        )
        stitched = structs.replace(grounded.stitched, screened=screened)
        if dice.random() < 0.7:
            self.sessions.answered("main", "c1", dice.choice(names))
        return made.ruled(structs.replace(grounded, stitched=stitched)), Trail(arrival)

    def may(self, name: str, ruled: Ruled) -> bool:
        """Whether a model may take a request, worked out from its words alone."""
        spec = self.app.models.get(name)
        if spec is None or name == self.stopped:
            return False
        if self.app.allowed_regions is not None and spec.region not in self.app.allowed_regions:
            return False
        screened = ruled.grounded.screened
        wanted = {la for la in ruled.grounded.labels if la not in self.app.redactable_labels}
        wanted |= {label for piece in ruled.grounded.pieces for label in piece.labels}
        wanted |= set(screened.carried) | {fixed.label for fixed in screened.fixed}
        if not wanted <= spec.clearances:
            return False
        ask = ruled.admitted.ask
        if ask.tools and "tools" not in spec.capabilities:
            return False
        if ask.response_format and "json" not in spec.capabilities:
            return False
        chars = len(ask.messages[0].content)
        answer = min(self.app.limits.max_output_tokens, spec.max_output_tokens)
        least = tokens.PER_MESSAGE + tokens.of_message(ask.messages[0]) + tokens.of_settings(ask)
        if least > spec.context_window - answer:
            return False
        return all(self.lets(rule, name, chars) for rule in self.app.route.rules)

    def lets(self, rule: RouteRule, name: str, chars: int) -> bool:
        """Whether a rule lets a model take a request of this length."""
        gold = self.app.attributes["tier"] == "gold"
        holds = dict(zip(WHENS, (True, False, chars > 40, gold), strict=True))[rule.when]
        return not holds or (name not in rule.exclude and (rule.only is None or name in rule.only))


def test_nobody_who_may_not_take_a_request_ever_gets_it() -> None:
    taken = refused = stayed = explored = 0
    number = 0
    while number < CASES:
        site = Site(number)
        for _ in range(CASES // SITES):
            number += 1
            ruled, trail = site.case(number)
            may = {name for name in site.app.route.candidates if site.may(name, ruled)}
            try:
                plan = site.stage(ruled, trail)
            except RoutingError:
                refused += 1
                assert not may
                continue
            taken += 1
            tried = [attempt.model.id for attempt in plan.attempts]
            assert set(tried) <= may, (number, tried, may)
            assert len(tried) == len(set(tried))
            chances = {one.model: one.propensity for one in trail.candidates}
            assert sum(chances.values()) == 1_000_000
            assert all(not chance or name in may for name, chance in chances.items())
            assert chances[tried[0]] > 0
            assert [one.model for one in trail.candidates if not one.lost] == tried[:1]
            if trail.routed is not None:
                stayed += trail.routed.stayed
                explored += trail.routed.explored
    # every kind of case is among them, else this would show nothing
    assert taken > CASES // 4
    assert refused > CASES // 20
    assert stayed > CASES // 200
    assert explored > CASES // 400
