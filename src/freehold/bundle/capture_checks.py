"""What sections about capture name is declared, and cases belong to somebody who may have them."""

from collections.abc import Collection, Iterator

from freehold.bundle.declared import Names
from freehold.bundle.problems import Problems, did_you_mean, one_of
from freehold.bundle.tree import Tree, shown
from freehold.bundle.unread import Unread
from freehold.core.capturing import ANY

_Path = tuple[str | int, ...]


def check_capture(
    root: Tree,
    names: Names,
    paths: list[tuple[str, ...]],
    unread: Unread,
    problems: Problems,
) -> None:
    """Every section, of tenants and of apps."""
    _learned(root, names, problems)
    known = _Known(root, names)
    above = {path[-1]: path for path in paths}
    for path, section, tenant in _sections(root):
        _owner(path, section, above.get(tenant), problems)
        for kind, word, place, at in _said(section):
            declared = known.of(kind)
            if word in declared or (kind == "detector" and _family(word, declared)):
                continue
            if word == ANY and kind in {"rule", "detector", "metric"}:
                continue
            if not unread.may_declare(word, declared):
                problems.add(
                    f"ref.{kind}",
                    at.spot,
                    f"unknown {kind} {shown(word)}{unread.remark}",
                    path=(*path, *place),
                    suggestion=did_you_mean(word, declared),
                )


def _learned(root: Tree, names: Names, problems: Problems) -> None:
    """A metric whose values are texts scores nothing that a route could learn from."""
    for name, route in root.section("routes").entries():
        learn = route.section("learn")
        metric = learn.text("metric")
        kind = names.metrics[metric].text("type") if metric in names.metrics else None
        if kind in {"comment", "demonstration"}:
            problems.add(
                "metric.text",
                learn.key_spot("metric"),
                f"route `{name}` can't learn from `{metric}`, whose values are texts",
                path=("routes", name, "learn", "metric"),
                suggestion="name a metric that is a boolean or a float",
            )


class _Known:
    """What may be named, by its kind."""

    def __init__(self, root: Tree, names: Names) -> None:
        self._names = names
        apps = root.section("apps").entries()
        self._intents = {name for _, app in apps for name, _ in app.section("intents").entries()}
        # a file of examples may name more, which nobody has read here
        self._open = any(app.get("intent_file") is not None for _, app in apps)

    def of(self, kind: str) -> Collection[str]:
        if kind == "intent":
            return _Everything() if self._open else self._intents
        found: dict[str, Collection[str]] = {
            "rule": self._names.rules,
            "detector": self._names.detectors,
            "metric": self._names.metrics,
            "attribute": self._names.attributes,
        }
        return found[kind]


class _Everything(frozenset[str]):
    def __contains__(self, _: object) -> bool:
        return True


def _sections(root: Tree) -> Iterator[tuple[_Path, Tree, str]]:
    """Path, section and the tenant in which it stands."""
    for name, tenant in root.section("tenants").entries():
        settings = tenant.section("settings")
        if settings.get("capture") is not None:
            yield ("tenants", name, "settings", "capture"), settings.section("capture"), name
    for name, app in root.section("apps").entries():
        owner = app.text("tenant") or ""
        settings = app.section("settings")
        if settings.get("capture") is not None:
            yield ("apps", name, "settings", "capture"), settings.section("capture"), owner
        if app.get("capture") is not None:
            yield ("apps", name, "capture"), app.section("capture"), owner


def _said(section: Tree) -> Iterator[tuple[str, str, _Path, Tree]]:
    """Kind, name and place of whatever is named."""
    when = section.section("when")
    for key, kind in (("rules", "rule"), ("detectors", "detector")):
        for number, item in enumerate(when.section(key).items()):
            if isinstance(item.value, str):
                yield kind, item.value, ("when", key, number), item
    for name, at in when.section("feedback").entries():
        yield "metric", name, ("when", "feedback", name), at
    for name, at in section.section("consent").entries():
        yield "attribute", name, ("consent", name), at
    for name, at in section.section("value", "attributes").entries():
        yield "attribute", name, ("value", "attributes", name), at
    for name, at in section.section("value", "intents").entries():
        yield "intent", name, ("value", "intents", name), at


def _family(word: str, declared: Collection[str]) -> bool:
    return word.endswith(".*") and any(name.startswith(word[:-1]) for name in declared)


def _owner(path: _Path, section: Tree, above: tuple[str, ...] | None, problems: Problems) -> None:
    at, owner = section.get("owner_tenant"), section.text("owner_tenant")
    if at is None or owner is None or above is None or owner in above:
        return
    problems.add(
        "capture.owner",
        at.spot,
        f"cases of `{above[-1]}` can't belong to {shown(owner)}, which does not stand above it",
        path=(*path, "owner_tenant"),
        suggestion=did_you_mean(owner, above) or f"there is {one_of(above)}",
    )
