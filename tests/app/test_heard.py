"""Whom a judgement is about, as what watches quality hears it."""

from types import SimpleNamespace
from typing import Any, cast

from msgspec.structs import replace

from freehold.app.watching import Watched
from freehold.core.outcomes import Told

TOLD = Told(
    exchange_id="x", metric="m", tenant="t", app="desk", value=0, score=0, model="small",
    route="main",
)  # fmt: skip


def test_a_doubt_of_a_cascade_is_the_models_and_not_the_routes() -> None:
    heard: list[tuple[Any, ...]] = []

    def learned(score: int, source: str, *, model: str, route: str, app: str) -> None:
        heard.append((score, source, model, route, app))

    watched = cast(Watched, SimpleNamespace(monitoring=SimpleNamespace(learned=learned)))
    Watched.heard(watched, TOLD)
    Watched.heard(watched, replace(TOLD, source="cascade"))
    assert heard == [
        (0, "feedback", "small", "main", "desk"),
        (0, "cascade", "small", "", ""),
    ]
