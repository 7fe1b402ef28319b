"""The router that learns nothing: the written order."""

from functools import partial

from freehold.core.decisions import MILLION
from freehold.core.later import Later
from freehold.core.routing import Contest, Ranked, Ranking
from freehold.core.spec import ModelSpec


class StaticRouter:
    """The first that may take it gets it; certain, so its propensity is one."""

    id = "static"

    def rank(self, contest: Contest) -> Ranking:
        """In the order of preference."""
        models = contest.models
        return Ranking(
            ranked=Later(len(models), partial(_ranked, models)),
            order=tuple([model.id for model in models]),
        )


def _ranked(models: tuple[ModelSpec, ...]) -> tuple[Ranked, ...]:
    count = len(models)
    return tuple(
        [
            Ranked(
                model=model.id,
                score=MILLION * (count - place) // count,
                propensity=0 if place else MILLION,
                lost="less preferred" if place else "",
            )
            for place, model in enumerate(models)
        ]
    )
