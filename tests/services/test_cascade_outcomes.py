"""What a cascade finds out by itself is kept, and taught to the route that learns."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from freehold.core.routing import Outcome, Routed
from freehold.services.feedback import Feedback
from freehold.services.learning import opened
from freehold.stages.routing.aftermath import Aftermath, Decided
from freehold.storage.migrate import open_database
from freehold.storage.outcomes import StoredOutcomes
from freehold.text.signal_bytes import pack
from tests.stages import made
from tests.stages.routing.learned.made import blank


@pytest.mark.parametrize("learns", [True, False])
async def test_a_doubt_is_about_the_smaller_model(tmp_path: Path, learns: bool) -> None:
    database = open_database(tmp_path)
    try:
        store = StoredOutcomes(database)
        doubt = Outcome(
            exchange_id="x", score=0, source="cascade", metric="cascade.small", model="small",
            cost_nano=7, weight=250_000,
        )  # fmt: skip
        routed = Routed(
            route="main", policy="learned", owner="north", metric="solved" if learns else ""
        )
        decided = Decided(
            exchange_id="x", tenant="north", app="desk", conversation="c", routed=routed,
            model="large", cost_nano=900, latency_ms=80, decided_ns=1, outcomes=(doubt,),
            version="v7", versions={"small": "v2", "large": "v7"}, signals=pack(blank()),
        )  # fmt: skip
        known = cast(Aftermath, SimpleNamespace(take_known=lambda: [decided]))
        records: Any = None
        feedback = Feedback(
            store, records, lambda _: None, lambda *_, **__: "", made.Standing(), known
        )
        await feedback.drain()
        (told,) = store.of(["x"])
        assert (told.model, told.score, told.cost_nano) == ("small", 0, 7)
        assert (told.source, told.metric, told.weight) == ("cascade", "cascade.small", 250_000)
        assert told.teaches is learns
        box = opened(told, lambda _: None)
        assert box is not None
        assert box.version == "v2", "the doubted model's, not that of the answer that left"
    finally:
        database.close()
