"""Who moves a canary, and where it stands then."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from freehold.core.clock import Clock
from freehold.core.errors import RequestError
from freehold.core.trials import CanarySpec, Standing, Trials
from freehold.services import canaries
from freehold.services.canaries import Canaries

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
    monkeypatch: pytest.MonkeyPatch, standing: Standing, spec: CanarySpec = SPEC
) -> tuple[Canaries, Memory]:
    route = SimpleNamespace(id="main", canary=spec, learn=SimpleNamespace(metric=""))
    monkeypatch.setattr(canaries, "routes_of", lambda _: {"main": route})
    memory = Memory(standing)
    mover = Canaries(
        cast(Any, lambda: None), cast(Trials, memory), lambda _: (), lambda *_, **__: "", Hands()
    )
    return mover, memory


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
