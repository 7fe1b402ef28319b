"""Routers of installed packages: loaded when a bundle names them, and only then."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.core.errors import RoutingError
from freehold.core.health import Untroubled
from freehold.core.routes import ObjectiveSpec, RouteSpec
from freehold.core.routing import Contest, Ranked, Ranking
from freehold.core.trail import Trail
from freehold.stages.routing import Routing
from freehold.stages.routing.loading import GROUP, Unloadable, installed, load, loaded
from tests.stages import made

CODE = '''
from freehold.core.routing import Ranked, Ranking

class Last:
    """The last of them, always."""

    id = "last"

    def rank(self, contest):
        models = contest.models[::-1]
        return Ranking(
            ranked=tuple(
                Ranked(model=m.id, score=9 - n, propensity=0 if n else 1_000_000,
                       lost="not the last" if n else "")
                for n, m in enumerate(models)
            ),
            why="the last is the best",
        )

class Nameless:
    id = "somebody else"
    def rank(self, contest): ...

'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "own_routers.py").write_text(CODE)
    info = tmp_path / "own_routers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-routers\nVersion: 1.0\n")
    offers = ("last = own_routers:Last", "nameless = own_routers:Nameless", "gone = nowhere:X")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "\n".join(offers) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("own_routers", None)


@pytest.mark.usefixtures("package")
def test_one_that_is_named_is_loaded_and_chooses() -> None:
    assert installed() == ["gone", "last", "nameless"]
    assert "own_routers" not in sys.modules
    route = RouteSpec(
        id="main", candidates=("large", "small"), objective=ObjectiveSpec(policy="last")
    )
    stage = Routing(Untroubled(), made.Standing(), routers=loaded(["last", "static"]))
    trail = Trail(made.arrival())
    plan = stage(made.ruled(made.grounded(spec=made.app(route=route))), trail)
    assert [attempt.model.id for attempt in plan.attempts] == ["small", "large"]
    assert trail.decisions[0].why == "small: the last is the best"
    assert trail.routed is not None
    assert trail.routed.policy == "last"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobodys", "no installed package offers a router `nobodys`"),
        ("gone", "can't be loaded: ModuleNotFoundError"),
        ("nameless", "is no router"),
    ],
)
def test_one_that_cannot_be_used_says_why(
    name: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unloadable, match=said):
        load(name)
    assert loaded([name]) == {}
    assert said in caplog.text


class Rogue:
    """Names a model that may not take the request."""

    id = "rogue"

    def rank(self, contest: Contest) -> Ranking:
        names = ("large", "small")
        return Ranking(
            ranked=tuple(Ranked(model=name, score=1, propensity=500_000) for name in names)
        )


def test_none_of_them_overrules_a_filter() -> None:
    route = RouteSpec(
        id="main", candidates=("large", "small"), objective=ObjectiveSpec(policy="rogue")
    )
    app = made.app(
        route=route,
        models={n: made.model(n, region=r) for n, r in (("large", "us"), ("small", "eu"))},
        allowed_regions=frozenset({"eu"}),
    )
    stage = Routing(Untroubled(), made.Standing(), routers={"rogue": Rogue()})
    with pytest.raises(RoutingError, match="gave no such ranking"):
        stage(made.ruled(made.grounded(spec=app)), Trail(made.arrival()))
