"""The router that learns nothing: the written order."""

from freehold.core.decisions import MILLION
from freehold.core.routing import Contest, Ranked, Ranking


class StaticRouter:
    """The first that may take it gets it; certain, so its propensity is one."""

    id = "static"

    def rank(self, contest: Contest) -> Ranking:
        """In the order of preference."""
        count = len(contest.models)
        return Ranking(
            ranked=tuple(
                Ranked(
                    model=model.id,
                    score=MILLION * (count - place) // count,
                    propensity=0 if place else MILLION,
                    lost="less preferred" if place else "",
                )
                for place, model in enumerate(contest.models)
            )
        )
