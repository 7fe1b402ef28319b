"""Custom models: every name is there, every owner stands where it may, every place is free."""

from collections.abc import Callable, Mapping
from typing import Any

from freehold.bundle.custom_models import CustomModel
from freehold.bundle.declared import Names, words
from freehold.bundle.deployed import above, covers, expand, trial_id, waiting
from freehold.bundle.model import Local
from freehold.bundle.problems import Problems, did_you_mean, one_of
from freehold.bundle.schema import Bundle
from freehold.bundle.snapshot import DEPLOYED_FILE
from freehold.bundle.tree import Tree, shown
from freehold.bundle.unread import Unread

InspectTrainer = Callable[[str, Mapping[str, Any], str], str | None]
"""From a kind, its options and its base to what is wrong with them."""


def check_custom(
    root: Tree,
    names: Names,
    unread: Unread,
    inspect: InspectTrainer | None,
    problems: Problems,
) -> None:
    """What can be told from the files, whether or not they have the right shape."""
    queues = dict(root.section("queues").entries())
    lists = (("app", "learns_from", names.apps), ("route", "routes", names.routes))
    for name, tree in names.custom.items():
        path = ("custom_models", name)
        if name in names.models:
            problems.add(
                "custom.name",
                root.section("custom_models").key_spot(name),
                f"`{name}` is a model already",
                path=path,
                suggestion="give one of them another name",
            )
        for kind, key, known in lists:
            for index, item, word in words(tree, key):
                if word not in known and not unread.may_declare(word, known):
                    _unknown(kind, word, known, item, (*path, key, index), problems)
        for kind, key, known in (
            ("tenant", "owner", names.tenants),
            ("queue", "queue", queues),
        ):
            said, at = tree.text(key), tree.get(key)
            if said and at and said not in known and not unread.may_declare(said, known):
                _unknown(kind, said, known, at, (*path, key), problems)
        _check_options(name, tree, inspect, problems)
    declared = root.get("deployments")
    if declared is not None and root.key_spot("deployments").file != DEPLOYED_FILE:
        problems.add(
            "custom.reserved",
            root.key_spot("deployments"),
            "`deployments` is Freehold's own: what is deployed is in the store",
            path=("deployments",),
            suggestion="take it out of the bundle, and use `freehold custom deploy`",
        )


def _unknown(
    kind: str,
    word: str,
    known: Mapping[str, Any],
    at: Tree,
    path: tuple[str | int, ...],
    problems: Problems,
) -> None:
    problems.add(
        f"ref.{kind}",
        at.spot,
        f"unknown {kind} {shown(word)}",
        path=path,
        suggestion=did_you_mean(word, known) or (f"there is {one_of(known)}" if known else ""),
    )


def _check_options(
    name: str, tree: Tree, inspect: InspectTrainer | None, problems: Problems
) -> None:
    kind, options = tree.text("kind"), tree.section("options").plain()
    if inspect is None or not kind or not isinstance(options, dict):
        return
    wrong = inspect(kind, options, tree.text("base") or "")
    if wrong:
        problems.add(
            "custom.kind",
            tree.key_spot("options" if tree.get("options") is not None else "kind"),
            wrong,
            path=("custom_models", name),
        )


def check_standing(
    bundle: Bundle, root: Tree, files: Mapping[str, bytes], inspect: Any, problems: Problems
) -> Bundle:
    """What needs the typed bundle: who owns what, and whether what is deployed has its place.

    Returns:
        The bundle with what is deployed in it.
    """
    section = root.section("custom_models")
    for name, custom in bundle.custom_models.items():
        _check_owner(bundle, name, custom, section.section(name), problems)
    deployed = root.section("deployments")
    for name, standing in bundle.deployments.items():
        custom_model = bundle.custom_models.get(name)
        if custom_model is None:
            problems.warn(
                "custom.undeclared",
                deployed.key_spot(name),
                f"`{name}` is deployed, and no custom model of this bundle: it answers nobody",
                path=("deployments", name),
                suggestion="declare it under `custom_models`, or `freehold custom retire` it",
            )
            continue
        for served in (standing.live, standing.trial):
            if served is None:
                continue
            local = Local(
                kind=served.kind,
                file=served.file,
                threshold=served.threshold,
                options=served.options,
            )
            wrong = "" if inspect is None else inspect(local, files)
            if served.file and served.file not in files:
                wrong = f"its file `{served.file}` is not there"
            if wrong:
                problems.add(
                    "custom.file",
                    deployed.key_spot(name),
                    f"{trial_id(name, served.version)} can't be served: {wrong}",
                    path=("deployments", name),
                )
    _check_places(bundle, root, problems)
    return expand(bundle) if bundle.deployments and _sound(bundle) else bundle


def check_waiting(bundle: Bundle, root: Tree, problems: Problems) -> None:
    """What names a custom model of which nothing is live: an alias, and a route's rule that leaves
    requests to it alone.
    """
    for app_id, app in bundle.apps.items():
        absent = waiting(bundle, app.route)
        for alias, of in app.aliases.items():
            if of in absent:
                problems.warn(
                    "custom.waiting",
                    root.section("apps", app_id, "aliases").key_spot(alias),
                    f"{absent[of]}: until one is, who asks for `{alias}` gets what the route's"
                    " order says",
                    path=("apps", app_id, "aliases", alias),
                    suggestion=f"freehold custom list {of}",
                )
    for route_id, route in bundle.routes.items():
        absent = waiting(bundle, route_id)
        rules = root.section("routes", route_id, "rules").items()
        for number, (rule, at) in enumerate(zip(route.rules, rules, strict=False)):
            only = rule.only or ()
            if only and absent.keys() >= set(only):
                problems.warn(
                    "custom.waiting",
                    at.key_spot("only"),
                    f"{absent[only[0]]}: until one is, what rule `{rule.id}` holds for is refused",
                    path=("routes", route_id, "rules", number, "only"),
                    suggestion=f"freehold custom list {only[0]}; or `prefer` it, so that others"
                    " answer as well",
                )


def _sound(bundle: Bundle) -> bool:
    """Whether every route that a deployed model stands on is there."""
    return all(
        route in bundle.routes
        for name in bundle.deployments
        if name in bundle.custom_models
        for route in bundle.custom_models[name].routes
    )


def _check_owner(
    bundle: Bundle, name: str, custom: CustomModel, tree: Tree, problems: Problems
) -> None:
    """An app's cases teach a model of its own tenant, or of one above it; and whoever takes a
    route where it stands must be somebody that it may answer.
    """
    if custom.owner not in bundle.tenants:
        return
    for app_id in custom.learns_from:
        app = bundle.apps.get(app_id)
        if app is not None and custom.owner not in _path(bundle, app.tenant):
            problems.add(
                "custom.owner",
                tree.key_spot("owner"),
                f"`{custom.owner}` is neither the tenant of app `{app_id}` nor above it, so it owns"
                " nothing that is learned there",
                path=("custom_models", name, "owner"),
                suggestion=f"let `{app.tenant}` own it, or a tenant above it",
            )
    takers = {a.tenant for a in bundle.apps.values() if a.route in custom.routes}
    reached = [t for t in bundle.tenants if any(r in _path(bundle, t) for r in takers)]
    if takers and not any(covers(bundle, custom, _path(bundle, t)) for t in reached):
        problems.add(
            "custom.share",
            tree.key_spot("share" if tree.get("share") is not None else "owner"),
            f"`{name}` would answer nobody: no tenant that takes its routes is one that "
            f"`{custom.owner}` shares it with",
            path=("custom_models", name, "share"),
            suggestion="write `share: down`, or let another tenant own it",
        )


def _path(bundle: Bundle, tenant: str) -> tuple[str, ...]:
    return (*reversed(above(bundle, tenant)), tenant)


def _check_places(bundle: Bundle, root: Tree, problems: Problems) -> None:
    """A route has room for one shadow and one canary; a person's own come first."""
    taken: dict[tuple[str, str], str] = {}
    for route_id, route in bundle.routes.items():
        for kind, trial in (("shadow", route.shadow), ("canary", route.canary)):
            if trial is not None:
                taken[route_id, kind] = trial.model
    deployed = root.section("deployments")
    for name, custom in bundle.custom_models.items():
        standing = bundle.deployments.get(name)
        if standing is None or standing.trial is None:
            continue
        on_trial = trial_id(name, standing.trial.version)
        for route_id in custom.routes:
            other = taken.setdefault((route_id, standing.state), on_trial)
            if other != on_trial:
                problems.add(
                    "custom.place",
                    deployed.key_spot(name),
                    f"route `{route_id}` has a {standing.state} already: `{other}`; {on_trial} "
                    "can't be tried there too",
                    path=("deployments", name),
                    suggestion=f"end that trial first, or take `{route_id}` out of the routes of "
                    f"`{name}`",
                )
        if standing.state == "canary" and not custom.deploy.trials:
            problems.add(
                "custom.place",
                deployed.key_spot(name),
                f"{on_trial} is a canary, and `deploy.stages` of `{name}` has no share for it",
                path=("deployments", name),
                suggestion="give it stages below 1, or `freehold custom promote` it",
            )
