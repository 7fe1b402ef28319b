"""The tenant tree, and that nobody in it loosens what is locked above."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from freehold.bundle.capturing import Capture, capture_leaves, worded
from freehold.bundle.ceilings import NANO
from freehold.bundle.detectors import OwnDetector
from freehold.bundle.handed_down import Settings
from freehold.bundle.problems import Problems, Spot, did_you_mean, one_of
from freehold.bundle.settings import (
    MONEY,
    Effective,
    Leaf,
    Loosened,
    declared,
    defaults,
    extend,
    loosened,
)
from freehold.bundle.tree import Tree, shown
from freehold.bundle.unread import Unread

S = TypeVar("S", Settings, Capture)


def check_tree(root: Tree, unread: Unread, problems: Problems) -> list[tuple[str, ...]]:
    """Exactly one root, known parents, no cycle.

    Returns:
        The path of every tenant whose path could be found, shorter ones first.
    """
    section = root.section("tenants")
    parents = {name: tenant.text("parent") for name, tenant in section.entries()}
    roots = sorted((n for n, parent in parents.items() if parent is None), key=section.key_spot)
    if not roots and parents and unread.whole:
        problems.add(
            "tenant.root",
            root.key_spot("tenants"),
            "no tenant is the root",
            path=("tenants",),
            suggestion="leave `parent` out of the topmost one",
        )
    for name in roots[1:]:
        problems.add(
            "tenant.root",
            section.key_spot(name),
            f"tenant `{name}` has no parent, but `{roots[0]}` is the root already",
            path=("tenants", name),
            suggestion=f"write `parent: {roots[0]}`",
        )
    paths: list[tuple[str, ...]] = []
    for name in parents:
        path = _path(name, parents, section, unread, problems)
        if path is not None:
            paths.append(path)
    return sorted(paths, key=lambda path: (len(path), path))


def _path(
    name: str, parents: dict[str, str | None], section: Tree, unread: Unread, problems: Problems
) -> tuple[str, ...] | None:
    path = [name]
    while (parent := parents[path[-1]]) is not None:
        child = path[-1]
        at = section.section(child).get("parent") or section
        if parent not in parents:
            if child == name and not unread.may_declare(parent, parents):
                hint = did_you_mean(parent, parents) or f"there is {one_of(parents)}"
                problems.add(
                    "ref.tenant",
                    at.spot,
                    f"unknown tenant {shown(parent)}{unread.remark}",
                    path=("tenants", child, "parent"),
                    suggestion=hint,
                )
            return None
        if parent in path:
            circle = [*path[path.index(parent) :], parent]
            if name == min(circle):  # one report for one circle
                problems.add(
                    "tenant.cycle",
                    at.spot,
                    "tenants go round in a circle: " + " → ".join(circle),
                    path=("tenants", child, "parent"),
                    suggestion="let one of them have another parent",
                )
            return None
        path.append(parent)
    return tuple(reversed(path))


def check_locks(
    root: Tree,
    paths: list[tuple[str, ...]],
    detector_ids: Collection[str],
    problems: Problems,
    own: Mapping[str, OwnDetector] = MappingProxyType({}),
) -> None:
    """Every tenant and app against what is locked above it, and the models that are left."""
    tenants = root.section("tenants")
    states: dict[str, Effective] = {}
    base = defaults(detector_ids, own)
    for path in paths:
        name, tenant = path[-1], tenants.section(path[-1])
        above = states[path[-2]] if len(path) > 1 else base
        leaves = declared(_settings(tenant), detector_ids)
        for item in loosened(above, leaves):
            _report(item, ("tenants", name), root, path[:-1], problems)
        lock = [item.value for item in tenant.section("lock").items()]
        states[name] = extend(above, leaves, [word for word in lock if isinstance(word, str)])
    by_name = {path[-1]: path for path in paths}
    for name, app in root.section("apps").entries():
        owner = app.text("tenant")
        if owner in by_name:
            leaves = declared(_settings(app), detector_ids) | capture_leaves(_capture(app))
            for item in loosened(states[owner], leaves):
                _report(item, ("apps", name), root, by_name[owner], problems)
            state = extend(states[owner], leaves)
            _check_models(name, app, state, root, problems)
            _check_guards(name, app, state, root, own, problems)


def _check_models(name: str, app: Tree, state: Effective, root: Tree, problems: Problems) -> None:
    """An app whose every candidate is ruled out could never answer."""
    models, regions = state.values.get(("models",)), state.values.get(("regions",))
    if models is None and regions is None:
        return
    for key in ("route", "embedding_route"):
        route = app.text(key)
        listed = root.section("routes", route or "").get("candidates")
        candidates = [c.value for c in listed.items()] if listed is not None else []
        left = [
            model
            for model in candidates
            if isinstance(model, str)
            and (models is None or model in models)
            and (regions is None or _may_compute_in(regions, root.section("models").get(model)))
        ]
        if candidates and not left:
            at = app.get(key) or app
            problems.add(
                "route.ruled-out",
                at.spot,
                f"every model of route `{route}` is ruled out for app `{name}` by "
                "`settings.models` or `settings.regions`",
                path=("apps", name, key),
            )


def _check_guards(
    name: str,
    app: Tree,
    state: Effective,
    root: Tree,
    own: Mapping[str, OwnDetector],
    problems: Problems,
) -> None:
    """A guard whose model may not be used refuses whatever it is to read."""
    models, regions = state.values.get(("models",)), state.values.get(("regions",))
    for detector, one in own.items():
        model = one.guard.model if one.guard is not None else ""
        mode, phases = (state.values.get(("detectors", detector, f)) for f in ("mode", "phases"))
        if not model or mode != "enforce" or not phases:
            continue
        allowed = models is None or model in models
        near = regions is None or _may_compute_in(regions, root.section("models").get(model))
        if not (allowed and near):
            problems.add(
                "detector.ruled-out",
                app.spot,
                f"model `{model}` of guard `{detector}` is ruled out for app `{name}` by "
                f"`settings.{'regions' if allowed else 'models'}`, so nothing would pass",
                path=("apps", name),
                suggestion="allow it, or give the guard no phases in the app's settings",
            )


def _may_compute_in(regions: Collection[str], model: Tree | None) -> bool:
    """Whether the model's region is among these; an unknown model has its own message."""
    return model is None or (model.text("region") or "") in regions


def _settings(tree: Tree) -> Settings:
    """The settings block as far as it is valid; what is not has its own message already."""
    return _valid(Settings, tree.section("settings").plain()) or Settings()


def _capture(tree: Tree) -> Capture | None:
    """An app's own section, as far as it is valid."""
    if tree.get("capture") is None:
        return None
    return _valid(Capture, tree.section("capture").plain())


def _valid(kind: type[S], raw: Any) -> S | None:
    for _ in range(50):
        try:
            return kind.model_validate(raw, strict=True)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False):
                _drop(raw, list(detail["loc"]))
    return None


def _drop(raw: Any, path: list[str | int]) -> None:
    *above, last = [part for part in path if part != "[key]"] or [""]
    for part in above:
        if isinstance(raw, list) or not isinstance(raw, dict):
            break
        if isinstance(raw.get(part), list):  # one bad item spoils its list
            last = part
            break
        raw = raw.get(part)
    if isinstance(raw, dict):
        raw.pop(last, None)


def _report(
    item: Loosened, owner: tuple[str, str], root: Tree, above: tuple[str, ...], problems: Problems
) -> None:
    at, path = _place(item.leaf, owner, root)
    locker = next(
        name
        for name in above
        if item.leaf[0] in root.section("tenants", name).section("lock").plain()
    )
    lock = root.section("tenants", locker)
    where = lock.key_spot("lock")
    setting = ".".join(str(part) for part in path[3:])
    problems.add(
        "lock.loosened",
        at,
        f"`{setting}` is {_worded(item.leaf, item.wanted)} here, looser than the "
        f"{_worded(item.leaf, item.inherited)} that is inherited; tenant `{locker}` locks "
        f"`{item.leaf[0]}` in {where}",
        path=path,
        suggestion="tighten it or leave it out",
    )


def _place(leaf: Leaf, owner: tuple[str, str], root: Tree) -> tuple[Spot, tuple[str, ...]]:
    """Where the leaf is written; a detector's may stand under its family."""
    settings = (*owner, "settings")
    path: tuple[str, ...]
    if leaf[0] == "detectors":
        uses = root.section(*settings, "detectors")
        family = f"{leaf[1].split('.')[0]}.*"
        exact = uses.section(leaf[1]).get(leaf[2]) is not None
        path = (*settings, "detectors", leaf[1] if exact else family, leaf[2])
    elif leaf[0] == "capture" and root.section(*owner).get("capture") is not None:
        path = (*owner, *leaf)
    elif leaf[0] == "limits":
        path = (*settings, "limits", leaf[1].replace("nano_", "money_"))
    else:
        path = (*settings, *leaf)
    return root.at(path), path


def _worded(leaf: Leaf, value: Any) -> str:
    if leaf[-1] in MONEY or leaf[-1].startswith("nano_"):
        return f"`{value / NANO:g}`"
    if leaf[-1] == "threshold" or (leaf[0] == "routing" and isinstance(value, int)):
        return f"`{value / 1_000_000:g}`"
    if leaf[0] == "capture" and not isinstance(value, bool):
        return worded(leaf[-1], value)
    if isinstance(value, frozenset):
        return f"`[{', '.join(sorted(value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
