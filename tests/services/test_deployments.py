"""What becomes of a canary of a custom model where nobody has to approve it."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from freehold.app.deployments import registry_of
from freehold.app.homes import store_of
from freehold.bundle.kept import live_mark
from freehold.bundle.route_specs import trial_spec
from freehold.core.clock import SystemClock
from freehold.core.deployments import Deployment
from freehold.core.errors import RequestError
from freehold.core.trials import Standing
from freehold.services.bundles import kept_bundle
from freehold.services.deployment_checks import By
from freehold.services.deployment_evidence import Unattended
from freehold.services.deployments import Deployments
from freehold.storage.models import StoredDeployments
from freehold.storage.trials import StoredTrials
from tests.services.made_owned import BUNDLE, go_live, stand, train

ANN = By(name="ann")
DEPLOY = "    deploy: {shadow: 0, stages: [0.5], advance: evidence}\n"


class Canary:
    """A home whose newest version is a canary at its last stage."""

    def __init__(self, base: Path, database: Any) -> None:
        home = base / "home"
        bundle = kept_bundle(home, live_mark(home)[1])
        self.trials = StoredTrials(database)
        self.trials.load()
        self.told: list[str] = []
        self.book = StoredDeployments(database)
        (self.row,) = self.book.all()
        self.spec = trial_spec(bundle.bundle.custom_models["answers"].deploy, self.row.id)
        self.service = Deployments(
            lambda: bundle, registry_of(home), self.book, self.trials, self._log, SystemClock(),
            lambda _: None, cast(Any, SimpleNamespace(after=lambda _: None)),
        )  # fmt: skip
        nothing: Any = lambda *_: None  # noqa: E731
        self.unattended = Unattended(self.service, nothing, nothing)

    def _log(self, kind: str, *_: object, **__: object) -> str:
        self.told.append(kind)
        return f"evt-{len(self.told)}"

    def now(self) -> Deployment:
        (row,) = self.book.all()
        return row

    def falls(self) -> Standing:
        """A guardrail rolls it back on its route."""
        known = self.trials.of(self.spec, "customer")
        to = replace(known, state="rolled_back", by="freehold", reason="errors: too many",
                     since_ns=SystemClock().now_ns())  # fmt: skip
        assert self.trials.move(known, to)
        return to


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    home, folder = tmp_path / "home", tmp_path / "bundle"
    folder.mkdir()
    (folder / "bundle.yaml").write_text(BUNDLE + DEPLOY)
    stand(home, train(home, "We open at nine."), "canary")
    go_live(home, folder)
    with store_of(home) as database:
        yield Canary(tmp_path, database)


def test_outcomes_alone_promote_it(canary: Canary) -> None:
    canary.unattended.evidenced(canary.row.id, "surely not worse")
    assert (canary.now().state, canary.now().by) == ("live", "freehold")
    assert canary.now().reason == "surely not worse"
    canary.unattended.evidenced(canary.row.id, "surely not worse")
    assert canary.told == ["deployment.live"]


def test_what_a_guardrail_has_just_rolled_back_goes_nowhere_but_down(canary: Canary) -> None:
    canary.falls()
    for step in (canary.service.advance, canary.service.promote):
        with pytest.raises(RequestError, match="rolled back on route customer just now: errors"):
            step("answers", ANN)
    (row,) = canary.unattended.follow()
    assert (row.state, row.by) == ("rolled_back", "freehold")
    assert canary.told == ["deployment.rolled_back"]
