"""What is remembered of an exchange: whose answer left, and which versions were asked."""

from types import SimpleNamespace
from typing import Any, cast

from freehold.core.basis import Basis
from freehold.core.trail import Call, Trail
from freehold.stages.routing.aftermath import Aftermath
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.sticky import Sessions
from tests.stages import made


def basis(version: str) -> Basis:
    return Basis(case="", kind="responder", line=900_000, nearest="", version=version, why="")


def test_every_version_that_was_asked_is_known() -> None:
    called = [
        Call(attempt=1, model="answers", started_ns=0, ended_ns=2_000_000, upstream_model="answers",
             error="it is not sure", error_kind="unsure", basis=basis("v2")),
        Call(attempt=2, model="small", started_ns=0, ended_ns=3_000_000, upstream_model="small",
             basis=basis("v9"), cost_nano=7),
        Call(attempt=3, model="rented", started_ns=0, ended_ns=5_000_000, upstream_model="r"),
    ]  # fmt: skip
    app: Any = SimpleNamespace(id="desk", tenant="north", metrics={"solved": object()})
    trail: Any = SimpleNamespace(
        app=app, calls=called, answered="small", routed=None, signals=b"", sealer=None, outcomes=[],
        arrival=SimpleNamespace(exchange_id="x", received_ns=1),
    )  # fmt: skip
    admitted: Any = SimpleNamespace(app=app, conversation_id="c")
    aftermath = Aftermath(Learners(), Sessions(made.Standing()))
    aftermath.closed(cast(Trail, trail), admitted, "allowed", 9)
    known = aftermath.find("x")
    assert known is not None
    assert (known.model, known.version, known.cost_nano) == ("small", "v9", 7)
    assert dict(known.versions) == {"answers": "v2", "small": "v9"}
