"""What a route's rules and the client's wish say: who is ruled out, and who comes first."""

from msgspec import Struct

from freehold.core.errors import RequestError
from freehold.core.handoffs import Ruled
from freehold.core.routes import RouteRule, RouteSpec
from freehold.core.spec import AppSpec
from freehold.rules.facts import complete, grounded_facts
from freehold.rules.program import conditions


class Order(Struct, frozen=True, kw_only=True):
    """Candidates as rules and wishes have them, before anybody chooses.

    Attributes:
        models: all of them, in order of preference.
        first: those that a rule or the client put there; no router moves them.
        lost: why a rule rules one out.
        rule: the rule that made the order, and ``why``.
    """

    models: tuple[str, ...]
    first: tuple[str, ...]
    lost: dict[str, str]
    rule: str
    why: str


def ordered(route: RouteSpec, ruled: Ruled) -> Order:
    """A route's rules outrank the client's wish, which outranks the written order.

    Raises:
        RequestError: the client named an unknown model and the app says ``error``.
    """
    ask = ruled.admitted.ask
    hint = _hint(ruled.admitted.app, ask.model, route)
    first: tuple[str, ...] = ()
    rule, why = f"route.{route.id}", "in the route's own order"
    if hint is not None:
        first, why = (hint,), "the client asked for it"
    lost: dict[str, str] = {}
    if route.rules:
        preferring, lost = _read(route, ruled)
        if preferring is not None:
            first = tuple(dict.fromkeys((*preferring.prefer, *first)))
            rule = f"route.{route.id}.{preferring.id}"
            why = preferring.why or preferring.when
    models = tuple(dict.fromkeys((*first, *route.candidates)))
    return Order(models=models, first=first, lost=lost, rule=rule, why=why)


def _read(route: RouteSpec, ruled: Ruled) -> tuple[RouteRule | None, dict[str, str]]:
    """The first rule that prefers, and whom the others rule out; unreadable ones rule out."""
    program = conditions(tuple(rule.when for rule in route.rules), "route")
    facts = complete(program.names, grounded_facts(program.names, ruled.grounded))
    preferring: RouteRule | None = None
    lost: dict[str, str] = {}
    for rule, holds in zip(route.rules, program.run(facts), strict=True):
        if holds is False:
            continue
        if holds and rule.prefer and preferring is None:
            preferring = rule
        if rule.only is not None or rule.exclude:
            said = rule.why or rule.when if holds else "it could not be read"
            for model in (*route.candidates, *tried(route)):
                if model in rule.exclude or (rule.only is not None and model not in rule.only):
                    lost.setdefault(model, f"ruled out by {rule.id}: {said}")
    return preferring, lost


def tried(route: RouteSpec) -> tuple[str, ...]:
    """The models on trial."""
    return tuple(trial.model for trial in (route.shadow, route.canary) if trial is not None)


def _hint(app: AppSpec, wanted: str, route: RouteSpec) -> str | None:
    """The model that the client asked for, if it is one of the route's."""
    target = app.aliases.get(wanted, wanted)
    if target in route.candidates:
        return target
    if app.unknown_model == "error" and target not in ("", "auto"):
        known = ", ".join(sorted({"auto", *app.aliases, *route.candidates}))
        raise RequestError(f"This app has no model `{wanted}`; it has {known}.", param="model")
    return None
