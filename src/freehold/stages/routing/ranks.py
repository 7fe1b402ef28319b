"""Rankings: whether one is what was asked for, and what wishes make of it."""

from msgspec.structs import replace

from freehold.core.decisions import MILLION
from freehold.core.errors import RoutingError
from freehold.core.routing import Contest, Ranking


def check(ranking: Ranking, contest: Contest) -> None:
    """A router of somebody else's may be wrong, but not about who may take a request.

    Raises:
        RoutingError: its ranking is not one of these models, or its chances add up to nothing.
    """
    named = sorted(one.model for one in ranking.ranked)
    chances = sum(one.propensity for one in ranking.ranked)
    if named != sorted(m.id for m in contest.models) or chances != MILLION:
        policy = contest.route.objective.policy
        raise RoutingError(f"route {contest.route.id}: router {policy!r} gave no such ranking")


def with_first(ranking: Ranking, first: list[str]) -> Ranking:
    """The ranking with these in front, certainly: a rule or the client wants it so."""
    by_id = {one.model: one for one in ranking.ranked}
    order = dict.fromkeys((*first, *by_id))
    return replace(
        ranking,
        ranked=tuple(
            replace(
                by_id[model],
                propensity=0 if place else MILLION,
                lost=(by_id[model].lost or "less preferred") if place else "",
            )
            for place, model in enumerate(order)
        ),
        order=tuple(order),
        explored=False,
        why="",
    )
