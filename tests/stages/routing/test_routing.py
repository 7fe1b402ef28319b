"""Who may take a request, in which order, and why the others lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from freehold.core.decisions import MILLION
from freehold.core.errors import RequestError, RoutingError
from freehold.core.handoffs import Fixed, Piece, Plan
from freehold.core.health import Readiness
from freehold.core.limits import Limits
from freehold.core.principal import Principal
from freehold.core.routes import RouteRule, RouteSpec
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.trail import Trail
from freehold.core.trials import CanarySpec
from freehold.stages.routing import Routing
from freehold.testing.fakes import FakeHealth
from tests.stages import made


def spec(*models: ModelSpec, **changes: Any) -> AppSpec:
    models = models or (made.model("large"), made.model("small"))
    values: dict[str, Any] = {
        "models": {m.id: m for m in models},
        "route": RouteSpec(id="default", candidates=tuple(m.id for m in models)),
    }
    return made.app(**(values | changes))


def routed(
    app: AppSpec | None = None,
    *,
    labels: frozenset[str] = frozenset(),
    down: frozenset[str] = frozenset(),
    principal: Principal | None = None,
    fixed: tuple[Fixed, ...] = (),
    **asked: Any,
) -> tuple[Plan, Trail]:
    trail = made.trail()
    stage = Routing(FakeHealth(*down), made.Standing())
    changes = {} if principal is None else {"principal": principal}
    grounded = made.grounded(made.ask(**asked), app or spec(), labels=labels, **changes)
    screened = structs.replace(grounded.screened, fixed=fixed)
    grounded = structs.replace(
        grounded, stitched=structs.replace(grounded.stitched, screened=screened)
    )
    return stage(made.ruled(grounded), trail), trail


def order(plan: Plan) -> list[str]:
    return [attempt.model.id for attempt in plan.attempts]


def lost(trail: Trail) -> dict[str, str]:
    return {candidate.model: candidate.lost for candidate in trail.candidates}


def test_the_written_order_is_the_plan() -> None:
    plan, trail = routed()
    assert order(plan) == ["large", "small"]
    assert [a.number for a in plan.attempts] == [1, 2]
    assert lost(trail) == {"large": "", "small": "less preferred"}
    assert [c.propensity for c in trail.candidates] == [MILLION, 0]
    assert [c.score for c in trail.candidates] == [MILLION, MILLION // 2]
    (decision,) = trail.decisions
    assert (decision.stage, decision.outcome, decision.rule) == (
        "routing",
        "allow",
        "route.default",
    )
    assert "large is the first of 2" in decision.why


# -- hints -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        ("", "large"),
        ("auto", "large"),
        ("small", "small"),
        ("cheap", "small"),
        ("gpt-unknown", "large"),
        ("elsewhere", "large"),
    ],
)
def test_the_clients_wish(wanted: str, first: str) -> None:
    models = (made.model("large"), made.model("small"), made.model("elsewhere"))
    app = spec(
        *models,
        aliases={"cheap": "small"},
        route=RouteSpec(id="default", candidates=("large", "small")),
    )
    plan, trail = routed(app, model=wanted)
    assert order(plan)[0] == first
    assert ("the client asked for it" in trail.decisions[0].why) is (first == "small")


@pytest.mark.parametrize("wanted", ["gpt-unknown", "elsewhere"])
def test_an_unknown_model_is_an_error_where_the_app_says_so(wanted: str) -> None:
    app = spec(unknown_model="error", aliases={"cheap": "small"})
    with pytest.raises(RequestError) as caught:
        routed(app, model=wanted)
    assert caught.value.param == "model"
    assert caught.value.public == (
        f"This app has no model `{wanted}`; it has auto, cheap, large, small."
    )
    for fine in ("", "auto", "cheap", "large"):
        routed(app, model=fine)


# -- filters -----------------------------------------------------------------------------------


def test_a_model_that_the_tenant_does_not_allow() -> None:
    app = spec(made.model("small"), route=RouteSpec(id="r", candidates=("large", "small")))
    plan, trail = routed(app)
    assert order(plan) == ["small"]
    assert lost(trail) == {"large": "the tenant does not allow this model", "small": ""}
    assert [c.filtered for c in trail.candidates] == [True, False]


@pytest.mark.parametrize(("region", "shown"), [("us-east", "us-east"), ("", "unknown")])
def test_regions(region: str, shown: str) -> None:
    models = (made.model("large", region=region), made.model("small", region="eu"))
    plan, trail = routed(spec(*models, allowed_regions=frozenset({"eu"})))
    assert order(plan) == ["small"]
    assert lost(trail)["large"] == f"region {shown} is not allowed"
    assert order(routed(spec(*models))[0]) == ["large", "small"]


def test_no_region_at_all() -> None:
    with pytest.raises(RoutingError):
        routed(spec(allowed_regions=frozenset()))


@pytest.mark.parametrize(
    ("labels", "large_may"),
    [
        (frozenset(), True),
        (frozenset({"pii"}), True),  # redactable: it goes out redacted
        (frozenset({"pii", "secret"}), True),
        (frozenset({"orders"}), False),
        (frozenset({"pii", "orders"}), False),
    ],
)
def test_clearance(labels: frozenset[str], large_may: bool) -> None:
    models = (made.model("large"), made.model("small", clearances=frozenset({"orders"})))
    plan, trail = routed(spec(*models), labels=labels)
    assert ("large" in order(plan)) is large_may
    assert "small" in order(plan)
    if not large_may:
        assert lost(trail)["large"] == "not cleared for orders"


FIXED = Fixed(param="tools[0]", kind="email", label="pii")


def test_what_stands_where_nothing_can_be_cut_out_needs_the_clearance() -> None:
    models = (made.model("large"), made.model("small", clearances=frozenset({"pii"})))
    plan, trail = routed(spec(*models), fixed=(FIXED,))
    assert order(plan) == ["small"]
    assert lost(trail)["large"] == "not cleared for pii, which tools[0] holds (email)"


def test_when_nobody_has_it_the_refusal_names_the_parameter() -> None:
    with pytest.raises(RoutingError, match=r"large: not cleared for pii, which") as caught:
        routed(fixed=(FIXED,))
    assert caught.value.param == "tools[0]"
    assert "`tools[0]` holds what looks like a value of kind email" in caught.value.public


def test_a_parameter_that_ruled_nobody_out_is_not_named() -> None:
    models = (made.model("a", region="us"), made.model("b", clearances=frozenset({"pii"})))
    with pytest.raises(RoutingError) as caught:
        routed(spec(*models, allowed_regions=frozenset({"eu"})), fixed=(FIXED,))
    assert caught.value.param is None


def test_what_counts_as_redactable_is_the_apps_to_say() -> None:
    app = spec(redactable_labels=frozenset())
    with pytest.raises(RoutingError, match="large: not cleared for pii; small: not cleared"):
        routed(app, labels=frozenset({"pii"}))


def test_a_record_that_is_labelled_as_a_whole_reaches_no_uncleared_model() -> None:
    models = (made.model("large"), made.model("small", clearances=frozenset({"pii"})))
    profile = Piece(
        source="profile",
        title="",
        text="Ann Lee, Pine Road",
        trusted=True,
        labels=frozenset({"pii"}),
    )
    trail = made.trail()
    plan = Routing(FakeHealth(), made.Standing())(
        made.ruled(made.grounded(made.ask(), spec(*models), pieces=(profile,))), trail
    )
    assert order(plan) == ["small"]
    assert lost(trail)["large"] == "not cleared for pii"


TOOL = {"type": "function", "function": {"name": "look_up"}}


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({}, ""),
        ({"tools": (TOOL,)}, "tools"),
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "json"),
        ({"response_format": {"type": "text"}}, ""),
        ({"operation": "completion"}, ""),
        ({"tools": (TOOL,), "response_format": {"type": "json_object"}}, "json, tools"),
    ],
)
def test_capabilities(asked: dict[str, Any], missing: str) -> None:
    models = (made.model("large", capabilities=frozenset({"chat"})), made.model("small"))
    _, trail = routed(spec(*models), **asked)
    assert lost(trail)["large"] == (f"can't do {missing}" if missing else "")


def test_embeddings_have_a_route_of_their_own() -> None:
    embedder = made.model("embed", capabilities=frozenset({"embedding"}))
    app = spec(
        made.model("large"),
        embedder,
        embedding_route=RouteSpec(id="vectors", candidates=("large", "embed")),
    )
    plan, trail = routed(app, operation="embedding")
    assert order(plan) == ["embed"]
    assert lost(trail)["large"] == "can't do embedding"
    assert trail.decisions[0].rule == "route.vectors"


def test_an_app_without_a_route_for_embeddings_says_so() -> None:
    with pytest.raises(RequestError, match="no route for embeddings"):
        routed(operation="embedding")


def test_nobody_may() -> None:
    models = (made.model("large", region="us"), made.model("small", region="eu"))
    app = spec(*models, allowed_regions=frozenset({"eu"}))
    trail = made.trail()
    grounded = made.grounded(spec=app, labels=frozenset({"orders"}))
    with pytest.raises(RoutingError) as caught:
        Routing(FakeHealth(), made.Standing())(made.ruled(grounded), trail)
    assert str(caught.value) == (
        "no model of route default may take this: "
        "large: region us is not allowed; small: not cleared for orders"
    )
    assert caught.value.public == "No model is allowed to take this request."
    assert caught.value.status == 403
    assert [c.propensity for c in trail.candidates] == [0, 0]
    assert all(c.filtered for c in trail.candidates)
    assert trail.decisions[0].outcome == "deny"


# -- route rules -------------------------------------------------------------------------------

PLATINUM = RouteRule(
    id="vip", when="principal.attributes.tier == 'platinum'", prefer=("small",), why="the best"
)


def test_a_route_rule_comes_before_the_clients_wish() -> None:
    app = spec(
        made.model("large"),
        made.model("mid"),
        made.model("small"),
        route=RouteSpec(id="r", candidates=("large", "mid", "small"), rules=(PLATINUM,)),
    )
    platinum = Principal(attributes={"tier": "platinum"})
    plan, trail = routed(app, principal=platinum, model="mid")
    assert order(plan) == ["small", "mid", "large"]
    assert (trail.decisions[0].rule, trail.decisions[0].why) == (
        "route.r.vip", "small is the first of 3 that may take it; the best",
    )  # fmt: skip
    plan, _ = routed(app, principal=Principal(attributes={"tier": "guest"}), model="mid")
    assert order(plan) == ["mid", "large", "small"]


def test_the_first_rule_that_holds_decides() -> None:
    rules = (
        RouteRule(id="never", when="request.chars > 999", prefer=("large",)),
        RouteRule(id="always", when="true", prefer=("small",)),
        RouteRule(id="late", when="true", prefer=("large",)),
    )
    app = spec(route=RouteSpec(id="r", candidates=("large", "small"), rules=rules))
    plan, trail = routed(app)
    assert order(plan) == ["small", "large"]
    assert trail.decisions[0].rule == "route.r.always"


def test_a_rule_that_errs_prefers_nobody() -> None:
    app = spec(route=RouteSpec(id="r", candidates=("large", "small"), rules=(PLATINUM,)))
    assert order(routed(app, principal=Principal())[0]) == ["large", "small"]


def test_a_preference_never_beats_a_filter() -> None:
    rule = RouteRule(id="r", when="true", prefer=("large",))
    models = (made.model("large", region="us"), made.model("small", region="eu"))
    app = spec(
        *models,
        allowed_regions=frozenset({"eu"}),
        route=RouteSpec(id="r", candidates=("large", "small"), rules=(rule,)),
    )
    assert order(routed(app, model="large")[0]) == ["small"]


# -- health and bounds -------------------------------------------------------------------------


def test_an_endpoint_that_is_down_comes_last() -> None:
    plan, trail = routed(down=frozenset({"large"}))
    assert order(plan) == ["small", "large"]
    assert lost(trail) == {"large": "its endpoint is down", "small": ""}
    assert [c.filtered for c in trail.candidates] == [False, False]


def test_with_all_endpoints_down_they_are_tried_nevertheless() -> None:
    plan, _ = routed(down=frozenset({"large", "small"}))
    assert order(plan) == ["large", "small"]


def test_a_model_that_is_ruled_out_is_not_asked_for_its_health() -> None:
    asked = []

    class Watched(FakeHealth):
        def of(self, model: ModelSpec) -> Readiness:
            asked.append(model.id)
            return super().of(model)

    models = (made.model("large", region="us"), made.model("small", region="eu"))
    app = spec(*models, allowed_regions=frozenset({"eu"}))
    Routing(Watched(), made.Standing())(made.ruled(made.grounded(spec=app)), made.trail())
    assert asked == ["small"]


def test_no_more_attempts_than_the_route_allows() -> None:
    models = tuple(made.model(f"m{i}") for i in range(5))
    route = RouteSpec(id="r", candidates=tuple(m.id for m in models), max_attempts=2)
    plan, trail = routed(spec(*models, route=route))
    assert order(plan) == ["m0", "m1"]
    assert len(trail.candidates) == 5


def test_the_deadline_counts_from_now() -> None:
    plan, _ = routed(spec(route=RouteSpec(id="r", candidates=("large",), deadline_ms=1_500)))
    assert plan.deadline_ns == made.Standing().monotonic_ns() + 1_500_000_000


@pytest.mark.parametrize(
    ("wanted", "of_app", "of_model", "given_tokens"),
    [
        (None, 1024, 4096, 1024),
        (None, 4096, 512, 512),
        (100, 1024, 4096, 100),
        (9_999, 1024, 4096, 1024),
        (9_999, 4096, 512, 512),
    ],
)
def test_max_tokens(wanted: int | None, of_app: int, of_model: int, given_tokens: int) -> None:
    app = spec(
        made.model("large", max_output_tokens=of_model), limits=Limits(max_output_tokens=of_app)
    )
    plan, _ = routed(app, max_tokens=wanted)
    assert [a.max_tokens for a in plan.attempts] == [given_tokens]


@given(
    st.lists(
        st.builds(
            made.model,
            st.sampled_from("abcdef"),
            region=st.sampled_from(["eu", "us", ""]),
            clearances=st.frozensets(st.sampled_from(["orders", "pii"])),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda m: m.id,
    ),
    st.none() | st.frozensets(st.sampled_from(["eu", "us"])),
    st.frozensets(st.sampled_from(["orders", "pii"])),
    st.frozensets(st.sampled_from("abcdef")),
    st.sampled_from(["", "a", "b", "zzz"]),
)
def test_everyone_considered_is_accounted_for(
    models: list[ModelSpec],
    regions: frozenset[str] | None,
    labels: frozenset[str],
    down: frozenset[str],
    wanted: str,
) -> None:
    app = spec(*models, allowed_regions=regions)
    trail = made.trail()
    grounded = made.grounded(made.ask(model=wanted), app, labels=labels)
    stage = Routing(FakeHealth(*down), made.Standing())
    try:
        plan: Plan | None = stage(made.ruled(grounded), trail)
    except RoutingError:
        plan = None
    assert sorted(c.model for c in trail.candidates) == sorted(m.id for m in models)
    assert sum(c.propensity for c in trail.candidates) == (0 if plan is None else MILLION)
    assert all(0 <= c.score <= MILLION for c in trail.candidates)
    winners = [c.model for c in trail.candidates if not c.lost]
    assert winners == ([] if plan is None else [plan.attempts[0].model.id])
    for attempt in plan.attempts if plan else ():
        assert regions is None or attempt.model.region in regions
        assert labels <= attempt.model.clearances | {"pii", "secret"}


@pytest.mark.parametrize(
    ("new", "wish", "first"),
    [("new", "auto", "small"), ("own@v2-00", "auto", "own@v2-00"), ("own@v2-00", "large", "large")],
)
def test_a_custom_model_on_trial_comes_before_what_a_rule_prefers(
    new: str, wish: str, first: str
) -> None:
    rule = RouteRule(id="short", when="true", prefer=("small",) if wish == "auto" else ())
    canary = CanarySpec(model=new, own="@" in new, stages=(MILLION,))
    route = RouteSpec(id="r", candidates=("large", "small"), rules=(rule,), canary=canary)
    app = spec(made.model("large"), made.model("small"), made.model(new), route=route)
    assert order(routed(app, model=wish)[0])[0] == first
