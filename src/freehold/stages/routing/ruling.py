"""What a route's rules and the client's wish say: who is ruled out, and who comes first."""

from collections.abc import Sequence

from msgspec import Struct

from freehold.core.errors import RequestError
from freehold.core.handoffs import Ruled
from freehold.core.judged import Noted, Sheet
from freehold.core.routes import RouteRule, RouteSpec
from freehold.core.spec import AppSpec
from freehold.core.trail import Trail
from freehold.core.trials import CanarySpec
from freehold.rules.facts import complete, grounded_facts
from freehold.rules.program import conditions


class Order(Struct, frozen=True, kw_only=True):
    """Candidates as rules and wishes have them, before anybody chooses.

    Attributes:
        models: all of them, in order of preference.
        first: those that a rule or the client put there; no router moves them.
        lost: why a rule rules one out.
        rule: the rule that made the order, and ``why``.
        wished: whether the client named a candidate.
    """

    models: tuple[str, ...]
    first: tuple[str, ...]
    lost: dict[str, str]
    rule: str
    why: str
    wished: bool = False

    def leaves(self, canary: CanarySpec) -> bool:
        """Whether a model on trial may come first: not before what a rule or the client put there;
        a custom model comes before what a rule prefers, as it will once it is live.
        """
        return not self.first or (canary.own and not self.wished)


def ordered(route: RouteSpec, ruled: Ruled, trail: Trail | None = None) -> Order:
    """A route's rules outrank the client's wish, which outranks the written order. The ``trail``
    gets what the rules saw.

    Raises:
        RequestError: the client named an unknown model and the app says ``error``.
    """
    admitted = ruled.admitted
    asked = admitted.ask.model
    wish = hint(admitted.app, asked, route)
    verdicts: Sequence[bool | None] = ()
    if route.rules:
        program = conditions(tuple(rule.when for rule in route.rules), "route")
        facts = complete(program.names, grounded_facts(program.names, ruled.grounded))
        read: list[Noted] = []
        verdicts = program.run(facts, read)
        if trail is not None:
            noted = tuple(program.noted(read, verdicts))
            trail.facts.update(facts)
            trail.inputs.sheets.append(Sheet("route", facts, True, None, None, noted))
    return arranged(route, wish, verdicts, missed(admitted.app, asked))


def arranged(
    route: RouteSpec, wish: str | None, verdicts: Sequence[bool | None], missed: str = ""
) -> Order:
    """The order that follows from the client's wish and what the route's rules say.

    Args:
        missed: why the client does not get what it asked for.
    """
    first: tuple[str, ...] = ()
    rule, why = f"route.{route.id}", "in the route's own order"
    if wish is not None:
        first, why = (wish,), "the client asked for it"
    lost: dict[str, str] = {}
    if route.rules:
        preferring, lost = _read(route, verdicts)
        if preferring is not None:
            first = tuple(dict.fromkeys((*preferring.prefer, *first)))
            rule = f"route.{route.id}.{preferring.id}"
            why = preferring.why or preferring.when
    if missed:
        why = f"{why}; {missed}"
    models = tuple(dict.fromkeys((*first, *route.candidates)))
    wished = wish is not None
    return Order(models=models, first=first, lost=lost, rule=rule, why=why, wished=wished)


def _read(
    route: RouteSpec, verdicts: Sequence[bool | None]
) -> tuple[RouteRule | None, dict[str, str]]:
    """The first rule that prefers, and whom the others rule out; unreadable ones rule out."""
    preferring: RouteRule | None = None
    lost: dict[str, str] = {}
    for rule, holds in zip(route.rules, verdicts, strict=True):
        if holds is False:
            continue
        if holds and rule.prefer and preferring is None:
            preferring = rule
        if rule.only is not None or rule.exclude:
            said = rule.why or rule.when if holds else "it could not be read"
            for model in (*route.candidates, *route.tried):
                if model in rule.exclude or (rule.only is not None and model not in rule.only):
                    lost.setdefault(model, f"ruled out by {rule.id}: {said}")
    return preferring, lost


def missed(app: AppSpec, wanted: str) -> str:
    """What the record says where a client asks for a custom model that is not live yet."""
    why = app.waiting.get(wanted)
    return f"the client asked for `{wanted}`: {why}" if why else ""


def hint(app: AppSpec, wanted: str, route: RouteSpec) -> str | None:
    """The model that the client asked for, if it is one of the route's."""
    target = app.aliases.get(wanted, wanted)
    if target in route.candidates:
        return target
    known_here = target in ("", "auto") or wanted in app.waiting
    if app.unknown_model == "error" and not known_here:
        known = ", ".join(sorted({"auto", *app.aliases, *route.candidates}))
        raise RequestError(f"This app has no model `{wanted}`; it has {known}.", param="model")
    return None
