"""What is told of a choice of model, and of what came of it."""

from typing import Any

from freehold.ledger.record import Record
from freehold.services.explaining.routing import choice, told


def record(*outcomes: dict[str, Any]) -> Record:
    return Record(
        exchange_id="x", tenant="t", app="a", outcome="allowed", opened={}, closed={}, lines=(),
        told=outcomes,
    )  # fmt: skip


def outcome(**changed: Any) -> dict[str, Any]:
    usual = {
        "metric": "stars", "value": 4_500_000, "score": 875_000, "source": "feedback",
        "model": "small", "by": "1f0c22ab90de", "at_ns": 0,
    }  # fmt: skip
    return usual | changed


def test_what_came_of_it() -> None:
    at = "1970-01-01T00:00:00.000000Z"
    doubt = outcome(metric="cascade.small", source="cascade", score=0)
    lines = list(told(record(outcome(), outcome(source="judge", value=0, score=0), doubt)))
    assert lines == [
        f"stars: 4.5, 88 % of the best, told by 1f0c22ab90de at {at}",
        f"stars: 0 (judge), the worst, told by 1f0c22ab90de at {at}",
        f"small was doubted before another model answered, {at}",
    ]
    assert list(told(record())) == []


def test_money_of_a_choice_is_money() -> None:
    small = {
        "model": "small", "score": 0, "propensity": 0, "lost": "", "success": 600_000,
        "doubt": 10_000, "cost_nano": 182_699, "seen": 3,
    }  # fmt: skip
    routing = {
        "route": "main", "policy": "learned", "version": 1, "owner": "t", "metric": "",
        "price_nano": 39_043_254, "floor": 0, "intent": "", "explored": False, "stayed": False,
    }  # fmt: skip
    opened = {"app": {"currency": "EUR"}, "candidates": [small], "routing": routing}
    chosen, by = choice(opened)
    assert chosen.endswith("for 0.000182699 EUR, after 3 outcomes")
    assert by.endswith("one more good answer may cost 0.039043254 EUR")
