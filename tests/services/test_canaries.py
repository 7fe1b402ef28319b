"""Who moves a canary, and where it stands then."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from freehold.core.clock import Clock
from freehold.core.errors import RequestError
from freehold.core.trail import Call
from freehold.core.trials import CanarySpec, Seen, Standing, Trials
from freehold.services import canaries
from freehold.services.canaries import Canaries, CanaryEyes

SPEC = CanarySpec(model="new", stages=(10_000, 50_000, 250_000, 1_000_000))
FIRST = Standing(trial=SPEC.id("main"), route="main", model="new")


class Memory:
    """Where the canary stands, kept by a test."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing

    def of(self, spec: CanarySpec, route_id: str) -> Standing:
        return self.standing

    def move(self, known: Standing, to: Standing) -> bool:
        moved = self.standing == known
        self.standing = to
        return moved


class Hands(Clock):
    """A clock that stands still."""

    def now_ns(self) -> int:
        return 1

    def monotonic_ns(self) -> int:
        return 1


def moving(
    monkeypatch: pytest.MonkeyPatch,
    standing: Standing,
    spec: CanarySpec = SPEC,
    ladder: canaries.Ladder | None = None,
) -> tuple[Canaries, Memory]:
    route = SimpleNamespace(id="main", canary=spec, learn=SimpleNamespace(metric=""))
    monkeypatch.setattr(canaries, "routes_of", lambda _: {"main": route})
    memory = Memory(standing)
    mover = Canaries(
        cast(Any, lambda: None),
        cast(Trials, memory),
        lambda _: (),
        lambda *_, **__: "",
        Hands(),
        ladder,
    )
    return mover, memory


class Heard:
    """What was told of versions of custom models; doing it fails."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    def stepped(self, model: str, why: str) -> None:
        self.heard.append(("stepped", model, why))

    def evidenced(self, model: str, why: str) -> None:
        self.heard.append(("evidenced", model, why))
        raise RequestError("it can't be promoted")


def share(memory: Memory, spec: CanarySpec = SPEC) -> int:
    return memory.standing.share(spec)


@pytest.mark.parametrize("stage", range(4))
def test_one_that_was_rolled_back_begins_again_wherever_it_stood(
    monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    standing = replace(FIRST, state="rolled_back", stage=stage)
    mover, memory = moving(monkeypatch, standing)
    mover.advance("main", "ann")
    assert (memory.standing.state, memory.standing.stage) == ("running", 0)
    assert share(memory) == 10_000


def test_a_stage_at_a_time_until_everybody_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mover, memory = moving(monkeypatch, FIRST)
    shares = [share(memory)]
    for _ in range(3):
        mover.advance("main", "ann")
        shares.append(share(memory))
    assert shares == [10_000, 50_000, 250_000, 1_000_000]
    assert memory.standing.state == "promoted"
    with pytest.raises(RequestError, match="already"):
        mover.advance("main", "ann")
    mover.roll_back("main", "ann")
    assert share(memory) == 0
    mover.advance("main", "ann", all_the_way=True)
    assert (memory.standing.state, share(memory)) == ("promoted", 1_000_000)


@pytest.mark.parametrize("only", [300_000, 1_000_000])
def test_with_one_stage_a_rollback_goes_back_to_it(
    monkeypatch: pytest.MonkeyPatch, only: int
) -> None:
    spec = replace(SPEC, stages=(only,))
    mover, memory = moving(monkeypatch, replace(FIRST, state="rolled_back"), spec)
    mover.advance("main", "ann")
    assert (memory.standing.state, share(memory, spec)) == ("running", only)


@pytest.mark.parametrize("stage", [0, 1])
def test_a_custom_models_last_step_is_never_the_canarys(
    monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    """Not by a person, and not by the evidence: its promotion may need an approval."""
    spec = CanarySpec(model="answers@v2-0a1b2c3d", stages=(10_000, 50_000), advance="evidence")
    ladder = Heard()
    standing = replace(FIRST, model=spec.model, stage=stage)
    mover, memory = moving(monkeypatch, standing, spec, ladder)
    with pytest.raises(RequestError, match="freehold custom advance answers"):
        mover.advance("main", "ann", all_the_way=True)
    good = SimpleNamespace(verdict="advance", why="surely not worse")
    monkeypatch.setattr(mover, "_report", lambda *_, **__: good)
    mover.once()
    if stage == 0:
        assert (memory.standing.stage, memory.standing.state) == (1, "running")
        assert ladder.heard == [("stepped", spec.model, "surely not worse")]
    else:
        assert memory.standing == standing
        assert ladder.heard == [("evidenced", spec.model, "surely not worse")]


def test_a_version_is_good_enough_once_it_is_so_on_all_of_its_routes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = CanarySpec(model="answers@v2-0a1b2c3d", stages=(10_000,), advance="evidence")
    ladder = Heard()
    mover, _ = moving(monkeypatch, replace(FIRST, model=spec.model), spec, ladder)
    routes = {
        name: SimpleNamespace(id=name, canary=spec, learn=SimpleNamespace(metric=""))
        for name in ("main", "other")
    }
    monkeypatch.setattr(canaries, "routes_of", lambda _: routes)
    verdicts = {"main": "advance", "other": "wait"}
    monkeypatch.setattr(
        mover,
        "_report",
        lambda route, **_: SimpleNamespace(verdict=verdicts[route.id], why=f"good on {route.id}"),
    )
    mover.once()
    assert ladder.heard == []
    verdicts["other"] = "advance"
    mover.once()
    assert ladder.heard == [("evidenced", spec.model, "good on main; good on other")]


@pytest.mark.parametrize(("kind", "failed"), [("unsure", False), ("timeout", True)])
def test_a_model_that_abstains_has_not_failed(kind: str, failed: bool) -> None:
    calls = [
        Call(attempt=1, model="answers@v2", upstream_model="", started_ns=0, error="no",
             error_kind=cast(Any, kind)),
        Call(attempt=2, model="rented", upstream_model="", started_ns=1),
    ]  # fmt: skip
    drawn = SimpleNamespace(model="answers@v2", trial="t", stage=0, share=500_000, newcomer=True)
    arrival = SimpleNamespace(exchange_id="x", received_ns=0)
    kept: list[Seen] = []
    trail = SimpleNamespace(drawn=drawn, calls=calls, arrival=arrival)
    eyes = CanaryEyes(cast(Trials, SimpleNamespace(saw=kept.extend)))
    eyes.closed(trail, SimpleNamespace(conversation_id="c"), "allowed", 1)
    assert [seen.failed for seen in kept] == [failed]
