"""Refusals that no call and no candidate tells of leave their reason as a decision."""

import pytest

from freehold.core.errors import RoutingError
from freehold.core.routes import ObjectiveSpec, RouteSpec
from freehold.stages.routing import Routing
from freehold.testing.fakes import FakeHealth
from tests.stages import made
from tests.stages.routing.test_routing import routed, spec


def test_the_last_model_that_can_not_be_asked_leaves_its_reason() -> None:
    plan, trail = routed()
    stage = Routing(FakeHealth(), made.Standing())
    first, last = trail.turns(plan)
    error = RoutingError("model small: there is no provider 'x'")
    assert stage.goes_on(error, plan, last, trail)
    decision = trail.decisions[-1]
    assert (decision.stage, decision.outcome, decision.rule) == ("routing", "deny", "failover")
    assert decision.why == "model small: there is no provider 'x'; there is no other model to ask"
    assert first.model.id == "large"


def test_a_router_that_is_not_here_leaves_its_reason() -> None:
    objective = ObjectiveSpec(policy="own.router")
    route = RouteSpec(id="default", candidates=("large", "small"), objective=objective)
    trail = made.trail()
    ruled = made.ruled(made.grounded(made.ask(), spec(route=route)))
    with pytest.raises(RoutingError, match=r"own\.router"):
        Routing(FakeHealth(), made.Standing())(ruled, trail)
    (decision,) = trail.decisions
    assert (decision.outcome, decision.rule) == ("deny", "router")
    assert "there is no router 'own.router' here" in decision.why
