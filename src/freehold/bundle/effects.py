"""Reactions of alerts that would change nothing: what they touch is not there to be changed."""

from collections.abc import Collection, Iterator

from freehold.bundle.declared import Names, words
from freehold.bundle.problems import Problems, did_you_mean
from freehold.bundle.tree import Tree, shown
from freehold.bundle.unread import Unread
from freehold.core.alerts import EVERY

_STATIC = (None, "static")


def check_effects(
    root: Tree,
    names: Names,
    unread: Unread,
    intents: Collection[str] | None,
    problems: Problems,
) -> None:
    """Warn of each reaction that can have no effect. ``intents`` are all that a request can have
    in this bundle; ``None`` where only its files would tell.
    """
    if not unread.whole:  # what would give it an effect may stand in what could not be read
        return
    for name, alert in root.section("alerts").entries():
        for number, reaction in enumerate(alert.section("reactions").items()):
            for kind, said in reaction.entries():
                why, suggestion = _idle(kind, said, alert.section("of"), names, intents)
                if why:
                    problems.warn(
                        "alert.effect",
                        reaction.key_spot(kind),
                        f"`{kind}` of alert `{name}` changes nothing: {why}",
                        path=("alerts", name, "reactions", number, kind),
                        suggestion=suggestion,
                    )


def _idle(
    kind: str, said: Tree, of: Tree, names: Names, intents: Collection[str] | None
) -> tuple[str, str]:
    """Why a reaction has no effect, and what to do; both empty where it may have one."""
    route = said.text("route") or of.text("route") or EVERY
    routes = names.routes if route == EVERY else {route: names.routes.get(route)}
    trees = [tree for tree in routes.values() if tree is not None]
    if not trees:
        return "", ""  # an unknown route is a mistake of its own
    where = "no route" if route == EVERY else f"route `{route}`"
    if kind == "raise_floor":
        return _idle_floor(said, trees, where, names)
    model = said.text("model") or of.text("model") or EVERY
    if kind not in ("demote", "stop") or (model != EVERY and model not in names.models):
        return "", ""
    intent = said.text("intent")
    if intent and intents is not None and intent not in intents:
        return f"no app has an intent {shown(intent)}", did_you_mean(intent, intents)
    if model == EVERY:
        return "", ""
    tried = [set(_tried(tree)) for tree in trees]
    if not any(model in each for each in tried):
        has = "has" if route == EVERY else "does not have"
        return f"{where} {has} `{model}` among its candidates", "name a route that asks it"
    if kind == "demote" and not any(model in each and len(each) > 1 for each in tried):
        return (
            f"`{model}` has nobody beside it there",
            "add another candidate, or `stop` it",
        )
    return "", ""


def _tried(route: Tree) -> Iterator[str]:
    """All models that a route may ask for an answer."""
    for _, _, word in words(route, "candidates"):
        yield word
    canary = route.section("canary").text("model")
    if canary is not None:
        yield canary


def _idle_floor(said: Tree, routes: list[Tree], where: str, names: Names) -> tuple[str, str]:
    above = list(_settings(names))
    policies = [_policy(settings) for settings in above]
    if all(policy in _STATIC for policy in policies) and all(
        _policy(route.section("objective")) in _STATIC for route in routes
    ):
        learns = "learns" if where == "no route" else "does not learn"
        return (
            f"{where} {learns}, and a written order knows no quality",
            "write `objective: {policy: learned}` on the route, or `demote` a model",
        )
    wanted = said.get("to")
    floors = [_number(route.section("objective").get("quality_floor")) for route in routes]
    unsaid = all(settings.get("quality_floor") is None for settings in above)
    if wanted is not None and unsaid and all(floor >= _number(wanted) for floor in floors):
        asks = "every route asks" if where == "no route" else f"{where} asks"
        return f"{asks} for {_number(wanted):g} or more as it is", "raise `to`"
    return "", ""


def _settings(names: Names) -> Iterator[Tree]:
    for trees in (names.tenants, names.apps):
        for tree in trees.values():
            yield tree.section("settings").section("routing")


def _policy(aims: Tree) -> str | None:
    return aims.text("policy")


def _number(at: Tree | None) -> float:
    value = None if at is None else at.value
    return float(value) if isinstance(value, int | float) else 0.0
