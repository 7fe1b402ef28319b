"""What a route chose is joined with what came of the answer that left."""

from collections.abc import Collection
from typing import Any

from freehold.core.outcomes import Told
from freehold.core.routing import OutcomeSource
from freehold.ledger.record import Record
from freehold.services.canary_trials import scores_of
from freehold.services.route_log import chosen

MILLION = 1_000_000


def told(metric: str, score: int, source: OutcomeSource = "feedback", exchange: str = "x") -> Told:
    return Told(
        exchange_id=exchange, metric=metric, tenant="t", app="a", value=score, score=score,
        source=source,
    )  # fmt: skip


def record(exchange: str) -> Record:
    small = {"model": "small", "propensity": MILLION, "lost": "", "filtered": False}
    opened: dict[str, Any] = {"candidates": [small], "routing": {"route": "main"}}
    return Record(
        exchange_id=exchange, tenant="t", app="a", outcome="allowed", opened=opened, closed={},
        lines=(),
    )  # fmt: skip


DOUBT = told("cascade.small", 0, "cascade")
GOOD = told("solved", MILLION)
LONE = told("cascade.small", 0, "cascade", "y")


def outcomes(_: Collection[str]) -> list[Told]:
    return [DOUBT, GOOD, LONE]


def test_a_doubt_about_an_answer_that_never_left_says_nothing_of_the_one_that_did() -> None:
    both, doubted = chosen([record("x"), record("y")], outcomes)
    assert (both.score(""), both.score("solved")) == (1.0, 1.0)
    assert (doubted.score(""), doubted.scores) == (None, {})


def test_nor_does_it_to_a_trial() -> None:
    assert scores_of([DOUBT, GOOD, LONE], "") == {"x": MILLION}
    assert scores_of([told("solved", MILLION, "judge")], "") == {"x": MILLION}
