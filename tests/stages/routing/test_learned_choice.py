"""A route that learns: what it aims for, what it tries, and what it says of those that lost."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from msgspec import UNSET, structs

from freehold.core.decisions import MILLION
from freehold.core.errors import RoutingError
from freehold.core.features import Features
from freehold.core.health import Untroubled
from freehold.core.routes import LearnSpec, MetricSpec, ObjectiveSpec, RouteRule, RouteSpec
from freehold.core.routing import Estimate, Signals
from freehold.core.spec import ModelSpec
from freehold.core.standing import Measure, StandingMeasures
from freehold.core.trail import Trail
from freehold.stages.routing import Routing
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learned import Expected, Pacer
from freehold.stages.routing.learners import Learner, Learners
from freehold.stages.routing.sticky import Sessions
from freehold.text.signal_bytes import pack, unpack, without_text
from tests.stages import made
from tests.stages.routing.simulated import Simulated


class Expecting:
    """A policy that expects what it is told."""

    version = 7

    def __init__(self, **expected: tuple[int, int]) -> None:
        self.told = expected
        self.doubt = 0

    def estimates(self, models: Sequence[ModelSpec], signals: Signals) -> tuple[Estimate, ...]:
        return tuple(
            Estimate(model=m.id, success=s, cost_nano=c, doubt=self.doubt, seen=3)
            for m in models
            for s, c in [self.told[m.id]]
        )

    def expected(self, models: Sequence[ModelSpec], signals: Signals) -> Expected:
        return Expected.of(self.estimates(models, signals))


class Route:
    """A stage whose expectations a test sets."""

    def __init__(self, rules: tuple[RouteRule, ...] = (), **aims: Any) -> None:
        self.policy = Expecting(cheap=(700_000, 1_000), dear=(900_000, 50_000))
        learners = Learners()
        learner = Learner(self.policy)  # type: ignore[arg-type]
        learners.put("north", "main", learner)
        self.learners = learners
        models = {name: made.model(name) for name in ("cheap", "dear")}
        route = RouteSpec(
            id="main",
            candidates=("cheap", "dear"),
            rules=rules,
            objective=ObjectiveSpec(**({"policy": "learned", "explore": 0} | aims)),
            learn=LearnSpec(metric="solved"),
        )
        self.app = made.app(models=models, route=route, metrics={"solved": MetricSpec(id="solved")})
        self.clock = made.Standing()
        self.sessions = Sessions(self.clock)
        self.standing = StandingMeasures(self.clock)
        self.stage = Routing(
            Untroubled(),
            self.clock,
            standing=self.standing,
            routers={"learned": LearnedRouter(learners)},
            sessions=self.sessions,
        )

    def ask(self, number: int = 1, **asked: Any) -> tuple[list[str], Trail]:
        headers = asked.pop("headers", {})
        ask = made.ask(**asked)
        arrival = made.arrival(ask, exchange_id=f"e{number}", client_headers=headers)
        trail = Trail(arrival)
        plan = self.stage(made.ruled(made.grounded(ask, self.app, arrival=arrival)), trail)
        return [attempt.model.id for attempt in plan.attempts], trail


def lost(trail: Trail) -> dict[str, str]:
    return {one.model: one.lost for one in trail.candidates}


def test_without_a_price_the_most_successful_is_chosen() -> None:
    order, trail = Route().ask()
    assert order == ["dear", "cheap"]
    assert lost(trail) == {"cheap": "expected to do well 20.0 % less often", "dear": ""}
    chosen = trail.candidates[1]
    assert (chosen.success, chosen.cost_nano, chosen.seen) == (900_000, 50_000, 3)
    assert chosen.latency_ms is UNSET
    assert [one.propensity for one in trail.candidates] == [0, MILLION]
    assert "expected to do well in 90.0 % of such requests" in trail.decisions[0].why
    assert trail.routed is not None
    assert (trail.routed.policy, trail.routed.owner, trail.routed.metric, trail.routed.version) == (
        "learned", "north", "solved", 7,
    )  # fmt: skip


def test_what_one_more_good_answer_may_cost_decides() -> None:
    order, trail = Route(nano_per_success=200_000).ask()  # 49,000 more for 0.2 of one
    assert order == ["cheap", "dear"]
    assert lost(trail)["dear"] == "does well 20.0 % more often, not worth 0.000049 more"
    assert trail.routed is not None
    assert trail.routed.price_nano == 200_000
    assert Route(nano_per_success=250_000).ask()[0] == ["dear", "cheap"]


def test_who_costs_more_for_the_same_says_so() -> None:
    route = Route(nano_per_success=10**12)
    route.policy.told = {"cheap": (900_000, 1_000), "dear": (900_100, 50_000)}
    assert route.ask()[0] == ["dear", "cheap"]  # a hundredth of a point is worth it at this price
    route = Route(nano_per_success=10**6)
    route.policy.told = {"cheap": (900_000, 1_000), "dear": (900_100, 50_000)}
    assert lost(route.ask()[1])["dear"] == "costs 0.000049 more for the same"


@pytest.mark.parametrize("raised", [0, 800_000])
def test_the_floor_comes_before_the_price(raised: int) -> None:
    route = Route(nano_per_success=1, quality_floor=0 if raised else 800_000)
    if raised:
        route.standing.adopt([Measure(id="a", kind="raise_floor", route="main", floor=raised)])
    order, trail = route.ask()
    assert order == ["dear", "cheap"]
    assert lost(trail)["cheap"] == "expected to do well in 70.0 %, below the floor"
    assert trail.routed is not None
    assert trail.routed.floor == 800_000


def test_where_nobody_reaches_the_floor_the_best_is_taken() -> None:
    order, trail = Route(nano_per_success=1, quality_floor=950_000).ask()
    assert order == ["dear", "cheap"]
    assert "no model reaches the floor" in trail.decisions[0].why


def test_a_second_has_its_price() -> None:
    route = Route(latency_price=150_000)
    route.learners.answered("dear", 2_000.0)
    route.learners.answered("cheap", 100.0)
    order, trail = route.ask()
    assert order == ["cheap", "dear"]
    assert lost(trail)["dear"].endswith("not worth 0.000049 more")
    assert [one.latency_ms for one in trail.candidates] == [100, 2_000]


def test_some_requests_go_elsewhere_to_learn() -> None:
    route = Route(explore=200_000)
    chosen = [route.ask(number) for number in range(600)]
    tried = [trail for order, trail in chosen if order[0] == "cheap"]
    assert 30 < len(tried) < 100  # a tenth of them is expected: each of two models has half
    for trail in tried:
        assert trail.routed is not None
        assert trail.routed.explored
        assert lost(trail)["dear"] == "cheap was tried instead, to learn of it"
        assert [one.propensity for one in trail.candidates] == [100_000, 900_000]
    again = [route.ask(number)[0] for number in range(600)]
    assert again == [order for order, _ in chosen]  # a draw hangs on nothing but the exchange's id


def test_no_share_for_learning_is_certain() -> None:
    route = Route(explore=0)
    route.policy.doubt = 300_000
    assert {tuple(route.ask(number)[0]) for number in range(50)} == {("dear", "cheap")}


def test_below_the_floor_only_the_share_for_learning_leads() -> None:
    route = Route(explore=20_000, quality_floor=800_000)
    route.policy.doubt = 300_000
    _, trail = route.ask()
    assert [one.propensity for one in trail.candidates] == [10_000, 990_000]


def test_a_client_may_still_name_a_model() -> None:
    order, trail = Route().ask(model="cheap")
    assert order == ["cheap", "dear"]
    assert [one.propensity for one in trail.candidates] == [MILLION, 0]
    assert "the client asked for it" in trail.decisions[0].why
    assert trail.routed is not None
    assert not trail.routed.explored


def test_a_rule_comes_before_what_was_learned() -> None:
    rules = (RouteRule(id="r", when="true", prefer=("cheap",), why="so we say"),)
    order, trail = Route(rules).ask()
    assert order == ["cheap", "dear"]
    assert trail.decisions[0].rule == "route.main.r"
    ruled_out = (RouteRule(id="r", when="true", exclude=frozenset({"dear"}), why="too far"),)
    order, trail = Route(ruled_out).ask()
    assert order == ["cheap"]
    assert lost(trail)["dear"] == "ruled out by r: too far"


def test_a_rule_that_cannot_be_read_rules_out() -> None:
    rules = (
        RouteRule(id="r", when="principal.attributes.tier.matches('[')", only=frozenset({"cheap"})),
        RouteRule(id="q", when="request.money[5].value > 3", exclude=frozenset({"dear"})),
    )
    order, trail = Route(rules[1:]).ask()
    assert order == ["cheap"]
    assert lost(trail)["dear"] == "ruled out by q: it could not be read"


TALK = {"x-freehold-conversation": "c"}


def test_a_conversation_stays_unless_another_is_clearly_better() -> None:
    route = Route(switch_margin=250_000)
    route.sessions.answered("main", "c1", "cheap")
    order, trail = route.ask(headers=TALK)
    assert order == ["cheap", "dear"]
    assert lost(trail)["dear"] == "the conversation stays with its model"
    assert trail.routed is not None
    assert trail.routed.stayed
    assert "may have it cached" in trail.decisions[0].why
    assert [one.propensity for one in trail.candidates] == [MILLION, 0]
    assert Route(switch_margin=150_000).ask(headers=TALK)[0] == ["dear", "cheap"]


def test_a_first_question_is_nobodys_conversation() -> None:
    route = Route(switch_margin=MILLION)
    route.sessions.answered("main", "c1", "cheap")
    assert route.ask()[0] == ["dear", "cheap"]


def test_conversations_are_forgotten_in_time_and_in_number() -> None:
    clock = made.Standing()
    sessions = Sessions(clock, most=2, idle_ns=10**9)
    for conversation in ("a", "b", "c"):
        sessions.answered("main", conversation, "cheap")
    assert [sessions.of("main", c) for c in ("a", "b", "c")] == ["", "cheap", "cheap"]
    assert sessions.of("other", "c") == ""
    clock.advance(2)
    assert sessions.of("main", "c") == ""


def test_a_router_that_is_not_here_refuses() -> None:
    with pytest.raises(RoutingError, match=r"no router 'own\.router'"):
        Route(policy="own.router").ask()


def test_money_per_request_is_kept() -> None:
    """The dear model is better for everybody; the ceiling lets it have a part of them."""
    site = Simulated(
        {"one": {"billing": 0.5, "travel": 0.5}, "two": {"billing": 0.9, "travel": 0.9}},
        nano_per_request=40_000,
        explore=0,
    )
    prices = {"one": (20, 40), "two": (200, 400)}
    models = {
        name: structs.replace(
            spec, input_price_nano=prices[name][0], output_price_nano=prices[name][1]
        )
        for name, spec in site.app.models.items()
    }
    site.app = structs.replace(site.app, models=models)
    site.learners.adopt({"main": tuple(models.values())})
    spent = []
    for number in range(800):
        plan, trail = site.ask(f"Question {number} about my invoice", "billing")
        model = plan.attempts[0].model
        cost = 60 * model.input_price_nano + 150 * model.output_price_nano
        assert trail.routed is not None
        pacer = site.learners.pacer(trail.routed.owner, "main", 40_000)
        pacer.spent(cost)
        spent.append(cost)
        right = site.dice.random() < site.quality[model.id]["billing"]
        learner = site.learners.own(trail.routed.owner, "main")
        learner.learn(model.id, unpack(trail.signals), float(right), cost, 1.0)
    late = spent[300:]
    assert sum(late) / len(late) < 40_000 * 1.1
    assert 0 < sum(cost > 40_000 for cost in late) < len(late)


def test_signals_survive_as_bytes() -> None:
    dice = Random(3)
    vector = [dice.gauss(0, 0.1) for _ in range(256)]
    seen = Signals(
        vector=vector, features=Features(chars=7, language="de"), intent="returns",
        intent_score=900_000, prompt_tokens=12, max_tokens=100,
    )  # fmt: skip
    data = pack(seen)
    assert len(data) < 400
    back = unpack(data)
    assert structs.replace(back, vector=None) == structs.replace(seen, vector=None)
    assert max(abs(a - b) for a, b in zip(back.vector, vector, strict=True)) < 0.002
    assert pack(back) == data
    bare = unpack(without_text(data))
    assert (bare.vector, bare.intent) == (None, "returns")
    for damaged in (b"", data[:-1], b"\x00" * 30):
        with pytest.raises(ValueError, match="damaged"):
            unpack(damaged)


@pytest.mark.parametrize(("intents", "within"), [(True, 800), (False, 1_000)])
def test_it_finds_the_right_split_and_follows_when_it_turns(intents: bool, within: int) -> None:
    """Two models, each good at one topic: most questions reach the right one within 500 requests,
    and again within a thousand after the two have changed places; with intents sooner, and without
    them from the texts alone.
    """
    site = Simulated(
        {"one": {"billing": 0.9, "travel": 0.4}, "two": {"billing": 0.4, "travel": 0.9}}
    )
    site.intents = intents
    enough = 0.9 if intents else 0.75
    site.run(400)
    assert site.run(100) > enough
    site.quality = {"one": site.quality["two"], "two": site.quality["one"]}
    site.run(within - 100)
    assert site.run(100) > enough


def supposed(route: Route, **asked: Any) -> tuple[bool, str]:
    """What would have become of `newcomer`, which is no candidate."""
    newcomer = made.model("newcomer")
    app = structs.replace(route.app, models={**route.app.models, "newcomer": newcomer})
    ask = made.ask(**asked)
    grounded = made.grounded(ask, app, arrival=made.arrival(ask))
    return route.stage.would(newcomer, made.ruled(grounded))


def test_who_would_have_been_chosen_had_a_newcomer_been_a_candidate() -> None:
    route = Route(explore=500_000, nano_per_request=30_000)
    route.policy.told["newcomer"] = (950_000, 2_000)
    chosen, why = supposed(route)
    assert chosen
    assert "95.0 %" in why
    route.policy.told["newcomer"] = (100_000, 2_000)
    chosen, why = supposed(route)
    assert not chosen
    assert why == "dear first: expected to do well 80.0 % less often"
    assert not supposed(route, model="cheap")[0]


def test_what_is_only_supposed_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route(nano_per_request=30_000)
    route.policy.told["newcomer"] = (950_000, 2_000)
    counted: list[int] = []
    monkeypatch.setattr(Pacer, "offered", lambda _, costs, __: counted.append(len(costs)))
    supposed(route)
    assert counted == []
    route.ask()
    assert counted == [2]
