"""A request that no window can hold: refused where models are chosen, with the reason, and so that
a replay comes to the same.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.ask import Message
from freehold.core.errors import RoutingError
from freehold.core.handoffs import Attempt, Plan, Ruled
from freehold.core.routes import RouteSpec
from freehold.core.spec import AppSpec
from freehold.core.trail import Trail
from freehold.services.explaining import told_to
from freehold.services.explaining.formats import text as as_text
from freehold.services.replay_pass import Pass
from freehold.stages.inference.packing import pack
from freehold.stages.routing import Routing, filters
from freehold.testing.fakes import FakeHealth
from tests.services.made_replays import asked, bundle, replayed, written
from tests.stages import made

LONG = "Please sum this up. " * 400
RULES = """\
  polite:
    phase: answer
    when: answer.text.matches("idiot")
    do: [{block: {}}]
"""
NARROW = """\
  short: {base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 2}, context_window: 1024,
          max_output_tokens: 256}
  shorter: {base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 2}, context_window: 700,
            max_output_tokens: 256}
routes: {main: {candidates: [short, shorter]}}
"""
"""Two more models than the bundle of `made_replays` has, and a route to them."""


def app(*windows: int, **changes: Any) -> AppSpec:
    models = {f"m{n}": made.model(f"m{n}", context_window=w) for n, w in enumerate(windows)}
    values: dict[str, Any] = {
        "models": models,
        "route": RouteSpec(id="main", candidates=tuple(models)),
    }
    return made.app(**(values | changes))


def routed(spec: AppSpec, *messages: Message | str, **more: Any) -> tuple[Plan, Trail]:
    trail = made.trail()
    ruled = made.ruled(made.grounded(made.ask(*messages, **more), spec))
    return Routing(FakeHealth(), made.Standing())(ruled, trail), trail


def refused(spec: AppSpec, *messages: Message | str, **more: Any) -> tuple[RoutingError, Trail]:
    trail = made.trail()
    ruled = made.ruled(made.grounded(made.ask(*messages, **more), spec))
    with pytest.raises(RoutingError) as caught:
        Routing(FakeHealth(), made.Standing())(ruled, trail)
    return caught.value, trail


def said(text: str) -> Message:
    return Message(role="assistant", content=text)


def test_who_can_not_hold_it_loses_with_the_reason() -> None:
    error, trail = refused(app(2048, 1536), "x" * 7_000)
    assert "too long for every model" in error.public
    assert [(c.model, c.filtered) for c in trail.candidates] == [("m0", True), ("m1", True)]
    said = "about 2008 tokens do not fit the {} that its window of {} leaves"
    first, second = (c.lost for c in trail.candidates)
    assert first.startswith(said.format(1024, 2048))
    assert second.startswith(said.format(512, 1536))
    (decision,) = trail.decisions
    assert decision.outcome == "deny"
    assert "about 2008 tokens" in decision.why


def test_so_much_shorter_it_passes() -> None:
    spec = app(2048, 1536)
    _, trail = refused(spec, "x" * 7_000)
    shorter, other = trail.counterfactuals
    (change,) = shorter.change
    assert (change.fact, change.was, change.to, change.how) == (
        "request.tokens", 2004, 1020, "at_most"
    )  # fmt: skip
    assert shorter.why == "with at least 984 tokens less: at most 1020 instead of about 2004"
    assert [c.field for c in other.change] == ["context_window"]
    # a message has 4 tokens around it, a token has 3.5 characters
    routed(spec, "x" * ((change.to - 4) * 7 // 2))
    refused(spec, "x" * ((change.to - 4) * 7 // 2 + 4))
    routed(app(other.change[0].to), "x" * 7_000)
    refused(app(other.change[0].to - 1), "x" * 7_000)


def test_where_the_apps_own_words_leave_no_room_no_length_would_do() -> None:
    _, trail = refused(app(2048, system_prompt="y" * 3_560), "hi " * 10)
    (other,) = trail.counterfactuals
    assert [c.fact for c in other.change] == ["model"]


def test_older_turns_are_left_out_first() -> None:
    older = (Message(role="user", content="x" * 7_000), said("ok"))
    plan, _ = routed(app(2048), *older, Message(role="user", content="now"))
    assert [a.model.id for a in plan.attempts] == ["m0"]
    newest = Message(role="user", content="x" * 7_000)
    _, trail = refused(app(2048), *older, newest)
    assert "without context and older turns, do not fit" in trail.candidates[0].lost
    assert "context and older turns left out" in trail.counterfactuals[0].why


def test_of_several_that_must_leave_something_out_only_those_stay_that_can() -> None:
    older = (Message(role="user", content="x" * 20_000), said("ok"))
    newest = Message(role="user", content="x" * 3_000)
    plan, trail = routed(app(1536, 2048), *older, newest)
    assert [a.model.id for a in plan.attempts] == ["m1"]
    assert "do not fit the 512" in trail.candidates[0].lost


def test_an_embedding_that_is_too_long_says_so() -> None:
    models = {"e": made.model("e", context_window=256, capabilities=frozenset({"embedding"}))}
    spec = made.app(models=models, embedding_route=RouteSpec(id="vectors", candidates=("e",)))
    error, trail = refused(spec, "x" * 5_000, operation="embedding")
    assert "too long" in error.public
    assert "do not fit the 256 that its window of 256 leaves" in trail.candidates[0].lost
    assert trail.counterfactuals[0].change[0].to == 256


def test_what_fits_says_nothing() -> None:
    _, trail = routed(app(8192), "hi")
    assert trail.inputs.wanted.least is None


ROLES = st.sampled_from(["system", "user", "assistant", "tool"])


@given(
    st.lists(st.tuples(ROLES, st.integers(0, 2_000)), min_size=1, max_size=8),
    st.integers(1_100, 1_900),
    st.integers(0, 900),
)
def test_it_is_said_of_just_those_that_packing_would_refuse(
    shape: list[tuple[Any, int]], window: int, prompt: int
) -> None:
    spec = app(window, system_prompt="p" * prompt)
    messages = [Message(role=role, content="x" * size) for role, size in shape]
    ruled: Ruled = made.ruled(made.grounded(made.ask(*messages), spec))
    model = spec.models["m0"]
    wanted = filters.wanted(ruled, spec.models)
    attempt = Attempt(number=1, model=model, max_tokens=filters.max_tokens(wanted, model))
    plan = Plan(ruled=ruled, attempts=(attempt,), deadline_ns=0)
    try:
        pack(plan, attempt)
        refuses = False
    except RoutingError:
        refuses = True
    assert bool(filters.never_fits(model, wanted)) is refuses


async def test_the_record_says_it_and_a_replay_comes_to_the_same(tmp_path: Path) -> None:
    live = bundle(tmp_path / "live", RULES, route=NARROW)
    found = await written(live, [asked(LONG), asked("Hello.", answer="Hi.")])
    first, second = found
    assert first.record.outcome == "denied"
    assert second.record.outcome == "allowed"
    lost = {each["model"]: each["lost"] for each in first.record.opened["candidates"]}
    assert "window of 1024" in lost["short"]
    assert "window of 700" in lost["shorter"]
    assert first.record.closed is not None
    assert first.record.closed["inputs"]["wanted"]["least"] > 2_000
    for each in replayed(live, found):
        assert each.diff == ()
    told = {
        audience: as_text(told_to(audience, first.record))
        for audience in ("engineer", "compliance", "customer")
    }
    assert "short ruled out: about" in told["engineer"]
    assert "chosen" not in told["engineer"]
    assert "route.main: with at least" in told["engineer"]
    assert "Model short was ruled out: about" in told["compliance"]
    assert "with at least" in told["compliance"]
    assert "it is too long for every model that may take it" in told["customer"]
    assert "If your request had been shorter, by about 67 %." in told["customer"]
    assert Pass(first, live.app_for("main", "app")).route() == ""
