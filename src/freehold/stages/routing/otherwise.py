"""Which model could have taken a request that none may take, or what the request lacked for one."""

from collections.abc import Mapping, Sequence

from freehold.core.counterfactual import Change, Counterfactual
from freehold.core.routes import RouteSpec
from freehold.stages.routing import filters
from freehold.stages.routing.filters import CLEARANCE, TOO_LONG, Wanted
from freehold.text import token_counts as tokens

_REGION = "region "
_CANT = "can't do "
_SHORTEST = tokens.PER_MESSAGE + 1
"""Tokens of a message of one word."""


def otherwise(
    route: RouteSpec, models: Sequence[str], wanted: Wanted, lost: Mapping[str, str]
) -> list[Counterfactual]:
    """A shorter request, where only its length ruled a model out; and a model with the clearances,
    region, capabilities and window that this request needs. Nothing is known where other reasons
    (an alert, a person) rule models out.
    """
    rule = f"route.{route.id}"
    long = [m for m in models if TOO_LONG in lost.get(m, "")]
    kinds = (CLEARANCE, _REGION, _CANT)
    if not long and not any(lost.get(m, "").startswith(kinds) for m in models):
        why = "no change is known with which a model could have taken it"
        return [Counterfactual(rule=rule, phase="route", why=why)]
    shorter = _shorter(rule, long, wanted)
    other = _by_another(rule, wanted, long=bool(long))
    return [other] if shorter is None else [shorter, other]


def _shorter(rule: str, long: Sequence[str], wanted: Wanted) -> Counterfactual | None:
    """So long the request may be for the widest of the models that only its length ruled out; none
    where the app's own instructions leave it no room.
    """
    if not long or wanted.least is None:
        return None
    own = 0 if wanted.ask.operation == "embedding" else filters.frame(wanted.app)
    left = max(filters.room(wanted.app.models[m], wanted) for m in long) - own
    if left < _SHORTEST:
        return None
    was = wanted.least - own
    rest = ", context and older turns left out" if wanted.least < wanted.whole else ""
    change = Change(fact="request.tokens", was=was, to=left, how="at_most")
    why = f"with at least {was - left} tokens less: at most {left} instead of about {was}{rest}"
    return Counterfactual(rule=rule, phase="route", change=(change,), then="allowed", why=why)


def _by_another(rule: str, wanted: Wanted, *, long: bool) -> Counterfactual:
    change: list[Change] = []
    said: list[str] = []
    labels = sorted(wanted.labels | {fixed.label for fixed in wanted.fixed})
    if labels:
        change.append(Change(fact="model", field="clearances", to=", ".join(labels), how="with"))
        said.append(f"cleared for {', '.join(labels)}")
    if wanted.app.allowed_regions is not None:
        regions = sorted(wanted.app.allowed_regions)
        change.append(Change(fact="model", field="region", to=", ".join(regions), how="exactly"))
        said.append(f"in region {' or '.join(regions)}")
    needed = sorted(wanted.capabilities - {"chat", "embedding"})
    if needed:
        change.append(Change(fact="model", field="capabilities", to=", ".join(needed), how="with"))
        said.append(f"that can do {', '.join(needed)}")
    if long and wanted.least is not None:
        answer = 0 if wanted.ask.operation == "embedding" else wanted.longest
        window = wanted.least + answer
        change.append(Change(fact="model", field="context_window", to=window, how="at_least"))
        said.append(f"with a window of at least {window} tokens")
    return Counterfactual(
        rule=rule,
        phase="route",
        change=tuple(change),
        then="allowed",
        why=f"by a model {' '.join(said)}",
    )
