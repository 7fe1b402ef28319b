"""Asking of the dearest first says of each model what asking of each would say."""

from random import Random

import pytest

from freehold.core.limits import Limits, Scope
from freehold.stages.routing import filters
from tests.stages import made


class Book:
    """Has so much left in every scope with a ceiling; counts how often it is asked."""

    def __init__(self, left: dict[str, tuple[int, int]]) -> None:
        self.left = left
        self.asked = 0

    def misfit(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> str:
        self.asked += 1
        for scope in scopes if model is None else (*scopes, model):
            most = self.left.get(scope.id)
            if most is not None and (tokens > most[0] or nano > most[1]):
                return f"{scope.id} has {most[0]} tokens and {most[1]} nano-units left"
        return ""


@pytest.mark.parametrize("seed", range(300))
def test_it_says_what_each_model_by_itself_would(seed: int) -> None:
    dice = Random(seed)
    day = Limits(tokens_per_day=10**9)
    scopes = tuple(
        Scope(id=name, limits=day if dice.random() < 0.5 else Limits())
        for name in ("tenant:north", "app:north/service")
    )
    models = [
        made.model(
            f"m{n}",
            input_price_nano=dice.randrange(500),
            output_price_nano=dice.randrange(2_000),
            max_output_tokens=dice.choice((10, 500)),
            scope=Scope(id=f"model:m{n}", limits=day) if dice.random() < 0.2 else None,
        )
        for n in range(dice.randint(1, 6))
    ]
    bounded = [
        scope.id for scope in (*scopes, *(m.scope for m in models if m.scope)) if scope.quotas
    ]
    book = Book(
        {name: (dice.choice((60, 400, 10**6)), dice.choice((10**5, 10**9))) for name in bounded}
    )
    app = made.app(models={model.id: model for model in models}, scopes=scopes)
    wanted = filters.wanted(made.ruled(made.grounded(made.ask("word " * 30), app)), app.models)
    lost: dict[str, str] = {}
    found = filters.affordable(models, wanted, book.misfit, lost)
    plain: dict[str, str] = {}
    each = models
    if len(models) > 1:
        each = filters.narrowed(models, lambda m: filters.too_dear(m, wanted, book.misfit), plain)
    assert found == each
    assert lost == plain


def test_one_question_is_enough_where_the_dearest_fits_and_none_where_nothing_is_bounded() -> None:
    models = [made.model(f"m{n}", output_price_nano=n) for n in range(5)]
    for limits, questions in ((Limits(tokens_per_day=10**9), 1), (Limits(), 0)):
        app = made.app(
            models={model.id: model for model in models},
            scopes=(Scope(id="app:north/service", limits=limits),),
        )
        wanted = filters.wanted(made.ruled(made.grounded(made.ask(), app)), app.models)
        book, lost = Book({}), dict[str, str]()
        assert filters.affordable(models, wanted, book.misfit, lost) == models
        assert (book.asked, lost) == (questions, {})
