"""Which model could have taken a request that none may take, or what the request lacked for one."""

from collections.abc import Mapping, Sequence

from freehold.core.counterfactual import Change, Counterfactual
from freehold.core.routes import RouteSpec
from freehold.stages.routing.filters import CLEARANCE, Wanted

_REGION = "region "
_CANT = "can't do "


def otherwise(
    route: RouteSpec, models: Sequence[str], wanted: Wanted, lost: Mapping[str, str]
) -> Counterfactual:
    """A model with the clearances, region and capabilities that this request needs; nothing is
    known where other reasons (an alert, a person) rule models out.
    """
    rule = f"route.{route.id}"
    known = [m for m in models if lost.get(m, "").startswith((CLEARANCE, _REGION, _CANT))]
    if not known:
        why = "no change is known with which a model could have taken it"
        return Counterfactual(rule=rule, phase="route", why=why)
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
    return Counterfactual(
        rule=rule,
        phase="route",
        change=tuple(change),
        then="allowed",
        why=f"by a model {' '.join(said)}",
    )
