"""Deployed versions of custom models as part of the bundle that is live.

Which versions answer is in the store, their files are in the registry. When a bundle is read, both
are laid over the folder's files as ``deployments.yaml`` and ``deployed/…``: from there on they are
hashed, kept, compared and replayed like everything else in it. A person's folder has neither.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from msgspec.structs import replace

from freehold.bundle.application import App
from freehold.bundle.custom_models import CustomModel, Deployed, Served
from freehold.bundle.model import Local, Model
from freehold.bundle.problems import Problems, Spot
from freehold.bundle.route import Route, RouteRule
from freehold.bundle.schema import Bundle
from freehold.bundle.snapshot import DEPLOYED_FILE, DEPLOYED_FOLDER, Snapshot
from freehold.bundle.trials import Canary, Shadow

_HEAD = "# Freehold writes this from the store's deployments; `freehold custom` changes them.\n"
_MOST_ATTEMPTS = 10
_MOST_STEPS = 9
_TRIALS = {"shadow": "in the shadow", "canary": "a canary"}


class Overlay(Protocol):
    """The deployments of a store. Both methods may do I/O.

    Attributes:
        left_out: ``model@version`` → why what is deployed is not among the files that were laid
            over last.
    """

    @property
    def left_out(self) -> Mapping[str, str]: ...

    def stamp(self) -> object:
        """Changes with them; cheap, and never raises."""
        ...

    def files(self) -> Mapping[str, bytes]:
        """What is laid over the folder's files; nothing where nothing is deployed.

        Raises:
            FreeholdError: the store or the registry can't be read, or a file was altered.
        """
        ...


def trial_id(name: str, version: str) -> str:
    """The id of a version on trial: no id that a person could give a model."""
    return f"{name}@{version}"


def custom_of(model: str) -> str:
    """The custom model that a model's id belongs to, if it is one's: without the version."""
    return model.partition("@")[0]


def text_of(deployments: Mapping[str, Mapping[str, Any]]) -> bytes:
    """``deployments.yaml``: JSON, which is YAML too, with sorted keys."""
    written = json.dumps({"deployments": deployments}, indent=1, sort_keys=True, ensure_ascii=False)
    return (_HEAD + written + "\n").encode()


def laid_over(snapshot: Snapshot, files: Mapping[str, bytes]) -> Snapshot:
    """The snapshot with what is deployed."""
    return (
        replace(snapshot, files={**snapshot.files, **files}, deployed=True) if files else snapshot
    )


def relaid(snapshot: Snapshot, files: Mapping[str, bytes]) -> Snapshot:
    """The snapshot of a bundle that was live, with these deployments in place of its own."""
    left = set(reserved(snapshot.files))
    own = {path: data for path, data in snapshot.files.items() if path not in left}
    return laid_over(replace(snapshot, files=own), files)


def overlaid(snapshot: Snapshot, overlay: Overlay | None, problems: Problems) -> Snapshot:
    """A folder's snapshot with what is deployed; what of that is left out is a warning.

    Raises:
        FreeholdError: the overlay can't be read.
    """
    if overlay is None or reserved(snapshot.files):
        return snapshot
    made = laid_over(snapshot, overlay.files())
    for which, why in overlay.left_out.items():
        problems.warn("custom.left_out", Spot(DEPLOYED_FILE, 0, 0), f"{which} is not served: {why}")
    return made


def reserved(paths: Iterable[str]) -> list[str]:
    """Those of these paths that only deployments have."""
    names = {DEPLOYED_FILE, DEPLOYED_FILE.replace(".yaml", ".yml")}
    return sorted(p for p in paths if p in names or p.startswith(DEPLOYED_FOLDER))


def check_reserved(snapshot: Snapshot, problems: Problems) -> None:
    """A person's folder must not say what is deployed."""
    if snapshot.deployed:
        return
    for path in reserved(snapshot.files)[:1]:
        problems.add(
            "custom.reserved",
            Spot(path, 0, 0),
            f"`{DEPLOYED_FILE}` and `{DEPLOYED_FOLDER}` are Freehold's own: what is deployed is in "
            "the store",
            suggestion="take it out of the bundle, and use `freehold custom deploy`",
        )


def expand(bundle: Bundle) -> Bundle:
    """The bundle with its deployed versions among its models and on its routes.

    A live version stands before all candidates of its routes under the custom model's own name; one
    on trial is a route's shadow or canary, under its name and version.
    """
    found = {n: d for n, d in bundle.deployments.items() if n in bundle.custom_models}
    if not found:
        return bundle
    models, routes = dict(bundle.models), dict(bundle.routes)
    first: dict[str, list[str]] = {}
    for name, custom in bundle.custom_models.items():
        standing = found.get(name)
        if standing is None:
            continue
        if standing.live is not None:
            models[name] = _model(custom, standing.live)
            for route in custom.routes:
                first.setdefault(route, []).append(name)
        if standing.trial is not None:
            on_trial = trial_id(name, standing.trial.version)
            models[on_trial] = _model(custom, standing.trial)
            for route in custom.routes:
                routes[route] = _tried(routes[route], on_trial, custom, standing)
    for route, names in first.items():
        routes[route] = _before(routes[route], names)
    return bundle.model_copy(update={"models": models, "routes": routes})


def _model(custom: CustomModel, served: Served) -> Model:
    return Model(
        provider="local",
        local=Local(
            kind=served.kind, file=served.file, threshold=served.threshold, options=served.options
        ),
        clearances=custom.clearances,
        region=custom.region,
        capabilities=custom.capabilities,
        context_window=custom.context_window,
        max_output_tokens=custom.max_output_tokens,
        price=custom.price,
        timeout_ms=custom.timeout_ms,
        version=served.version,
    )


def _before(route: Route, names: list[str]) -> Route:
    """Own models first. What the route allowed its candidates, they still have: as many attempts,
    and as many steps of a cascade, whose small models they are.
    """
    more = len(names)
    changed: dict[str, Any] = {
        "candidates": [*names, *route.candidates],
        "max_attempts": min(_MOST_ATTEMPTS, route.max_attempts + more),
        "rules": [_behind(rule, names) for rule in route.rules],
    }
    cascade = route.cascade
    if cascade is not None:
        small = cascade.models or route.candidates[:1]
        steps = min(_MOST_STEPS, cascade.steps + more)
        changed["cascade"] = cascade.model_copy(update={"models": [*names, *small], "steps": steps})
    return route.model_copy(update=changed)


def _behind(rule: RouteRule, names: list[str]) -> RouteRule:
    """What a rule prefers comes after own models, too: it was written to choose among the others.
    A rule that names an own model has said where it stands.
    """
    own = [name for name in names if name not in rule.prefer]
    if not rule.prefer or not own:
        return rule
    why = f"before all others: {', '.join(own)}; then: {rule.why or rule.when}"
    return rule.model_copy(update={"prefer": [*own, *rule.prefer], "why": why})


def _tried(route: Route, model: str, custom: CustomModel, standing: Deployed) -> Route:
    deploy = custom.deploy
    route = route.model_copy(update={"rules": [_for_both(rule, model) for rule in route.rules]})
    if standing.state == "shadow":
        shadow = Shadow(model=model, share=deploy.shadow, money_per_day=deploy.shadow_money_per_day)
        return route.model_copy(update={"shadow": shadow})
    canary = Canary(
        model=model,
        stages=deploy.trials,
        advance=deploy.advance,
        doubt=deploy.doubt,
        guardrails=deploy.guardrails,
    )
    more = min(_MOST_ATTEMPTS, route.max_attempts + 1)
    return route.model_copy(update={"canary": canary, "max_attempts": more})


def _for_both(rule: RouteRule, model: str) -> RouteRule:
    """What a route's rule forbids a custom model, or leaves to it, holds for its versions too."""
    name = custom_of(model)
    more = {
        key: [*getattr(rule, key), model]
        for key in ("only", "exclude")
        if name in getattr(rule, key)
    }
    return rule.model_copy(update=more) if more else rule


def usable(models: Iterable[str], named: Collection[str] | None) -> frozenset[str]:
    """Those of these models that a tenant names; all, if it names none. A version of a custom
    model goes with the model.
    """
    if named is None:
        return frozenset(models)
    return frozenset(model for model in models if model in named or custom_of(model) in named)


def waiting(bundle: Bundle, route: str) -> dict[str, str]:
    """Custom models that have a place on a route, and of which nothing is live: by their names,
    why a client that asks for one does not get it.
    """
    found = {}
    for name, custom in bundle.custom_models.items():
        standing = bundle.deployments.get(name)
        if route not in custom.routes or (standing is not None and standing.live is not None):
            continue
        trial = "" if standing is None else f", and one is {_TRIALS[standing.state]}"
        found[name] = f"no version of the custom model `{name}` is live{trial}"
    return found


def waiting_for(bundle: Bundle, app: App) -> dict[str, str]:
    """The same of the route of an app, by every name that such a model has there."""
    absent = waiting(bundle, app.route)
    return absent | {name: absent[of] for name, of in app.aliases.items() if of in absent}


def hidden(bundle: Bundle, path: tuple[str, ...]) -> frozenset[str]:
    """Models that a tenant does not get, because their owners do not share them with it.

    Args:
        path: from the root to the tenant, both included.
    """
    if not bundle.deployments:
        return frozenset()
    return frozenset(
        model
        for model in bundle.models
        if (custom := bundle.custom_models.get(custom_of(model))) is not None
        and not covers(bundle, custom, path)
    )


def covers(bundle: Bundle, custom: CustomModel, path: tuple[str, ...]) -> bool:
    """Whether a custom model may answer for a tenant."""
    if path[-1] == custom.owner:
        return True
    down = custom.share in ("down", "both") and custom.owner in path
    return down or (custom.share in ("up", "both") and path[-1] in above(bundle, custom.owner))


def above(bundle: Bundle, tenant: str) -> list[str]:
    """The tenants on the way to the root, the nearest first."""
    found: list[str] = []
    node = bundle.tenants.get(tenant)
    while node is not None and node.parent is not None and node.parent not in found:
        found.append(node.parent)
        node = bundle.tenants.get(node.parent)
    return found
