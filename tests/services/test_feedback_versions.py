"""What is said of a custom model's answer is about the version that gave it, and no other one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from freehold.core.routes import MetricSpec
from freehold.core.routing import Routed
from freehold.services.case_making import _version
from freehold.services.feedback import Feedback
from freehold.services.learning import opened
from freehold.services.telling import Said
from freehold.stages.routing.aftermath import Aftermath, Decided
from freehold.storage.migrate import open_database
from freehold.storage.outcomes import StoredOutcomes
from freehold.text.signal_bytes import pack
from tests.stages import made
from tests.stages.routing.learned.made import blank

V1, V2 = "v1-00000001", "v2-00000002"


@pytest.mark.parametrize(
    ("gave", "live", "teaches"),
    [(V1, V1, True), (V1, V2, False), (V1, None, False), ("", None, True)],
)
async def test_a_route_learns_nothing_of_one_version_from_another(
    tmp_path: Path, gave: str, live: str | None, teaches: bool
) -> None:
    decided = Decided(
        exchange_id="x", tenant="north", app="desk", conversation="c",
        routed=Routed(route="main", policy="learned", owner="north", metric="solved"),
        model="answers", cost_nano=0, latency_ms=1, decided_ns=1, version=gave,
        signals=pack(blank()),
    )  # fmt: skip
    models = {} if live is None else {"answers": SimpleNamespace(version=live)}
    app = SimpleNamespace(
        id="desk", tenant="north", metrics={"solved": MetricSpec(id="solved", days=100_000)},
        models=models,
    )  # fmt: skip
    known = cast(Aftermath, SimpleNamespace(find=lambda _: decided))
    records: Any = None
    database = open_database(tmp_path)
    try:
        store = StoredOutcomes(database)
        feedback = Feedback(
            store, records, lambda _: None, lambda *_, **__: "", made.Standing(), known
        )
        said = Said(metric="solved", value=True, exchange_id="x", by="key")
        kept = await feedback.give(cast(Any, app), said)
        (told,) = store.of(["x"])
        box = opened(told, lambda _: None)
        assert box is not None
        assert box.version == gave, "it is kept with the outcome"
        assert (told.model, told.score) == ("answers", 1_000_000), "it is kept all the same"
        assert (told.teaches, kept.learns) == (teaches, teaches)
    finally:
        database.close()


def test_a_record_names_the_version_of_a_custom_model() -> None:
    basis = {"version": V1}
    calls = [
        {"model": "other", "reported_model": "x"},
        {"model": "answers", "reported_model": "responder-abc", "basis": basis},
    ]
    assert _version(calls, "answers") == V1
    assert _version([calls[1] | {"basis": None}], "answers") == "responder-abc"
    assert _version(calls, "other") == "x"
    assert _version([], "answers") == ""
