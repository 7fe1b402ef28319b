"""The share of own models, and what they saved."""

from freehold.core.owning import Use
from freehold.services.own_report import own_report


def use(model: str, answered: int, cost: int = 0, **more: str | int) -> Use:
    given = {"tenant": "north", "app": "service", "took_ns": answered * 1_000_000} | more
    return Use(model=model, answered=answered, cost_nano=cost, **given)  # type: ignore[arg-type]


def test_share_and_saving_by_the_mean_of_the_others() -> None:
    found = own_report([use("rented", 4, 4_000), use("answers", 5), use("answers@v2-0", 1, 10)],
                       {"answers"})  # fmt: skip
    assert (found.total.own, found.total.answered, found.total.own_share) == (6, 10, 0.6)
    assert found.total.saved_nano == 6 * 1_000 - 10
    assert (found.total.own_ms, found.total.other_ms) == (1.0, 1.0)


def test_a_store_where_no_other_model_answered_takes_the_apps_mean() -> None:
    uses = [use("rented", 2, 200), use("answers", 3, tenant="south")]
    found = own_report(uses, {"answers"}, "tenant")
    north, south = found.parts
    assert (north.name, north.saved_nano, north.own_share) == ("north", 0, 0.0)
    assert (south.name, south.saved_nano, south.own_share) == ("south", 300, 1.0)


def test_where_nobody_else_answered_no_saving_is_told() -> None:
    found = own_report([use("answers", 3)], {"answers"})
    assert found.total.saved_nano is None
    assert found.total.own_share == 1.0


def test_nothing_has_no_share() -> None:
    found = own_report([], {"answers"})
    assert (found.total.own_share, found.total.answered, found.total.saved_nano) == (None, 0, 0)
