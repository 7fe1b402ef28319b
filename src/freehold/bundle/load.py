"""The YAML files of a bundle as one tree, merged section by section, every value with its place."""

from msgspec import Struct

from freehold.bundle.problems import Problems, Spot
from freehold.bundle.snapshot import DEPLOYED_FOLDER, Snapshot
from freehold.bundle.tree import Tree, parse
from freehold.bundle.unread import Unread, keys_in

BY_ID = ("labels", "tenants", "models", "routes", "sources", "detectors", "rules",
         "invariants", "alerts", "queues", "apps", "custom_models")  # fmt: skip
"""Sections that are mappings by id: every file may add ids to them."""
_NESTED = {"identity": ("issuers", "attributes")}


class Loaded(Struct, frozen=True):
    """What could be read, and what could not."""

    root: Tree
    unread: Unread


def load(snapshot: Snapshot, problems: Problems) -> Loaded:
    """Parse and merge ``*.yaml`` and ``*.yml``; all that is wrong goes to ``problems``.

    The order of files makes no difference, except which of two places is called the first.
    """
    names = sorted(
        path
        for path in snapshot.files
        if path.endswith((".yaml", ".yml")) and not path.startswith(DEPLOYED_FOLDER)
    )
    root = Tree(Spot(names[0] if names else snapshot.folder, 1 if names else 0, 1), {})
    broken: dict[str, str] = {}
    for name in names:
        text, sound = _decode(snapshot.files[name], name, problems)
        if not sound and not parse(text, name, Problems(), _spreads).whole:
            broken[name] = text  # one message is enough
            continue
        parsed = parse(text, name, problems, _spreads)
        tree = parsed.tree
        if not (parsed.whole and sound):
            broken[name] = text
        if isinstance(tree.value, dict):
            _merge(root, tree, (), problems)
        elif tree.value is not None and parsed.whole:
            broken[name] = text
            problems.add(
                "shape.type",
                tree.spot,
                "the file holds no mapping",
                suggestion="start it with a section such as `models:`",
            )
    if not names and snapshot.whole:
        problems.add(
            "folder.empty",
            Spot(snapshot.folder, 0, 0),
            "no *.yaml file in this folder",
            suggestion="`freehold init` writes a starter bundle",
        )
    whole = snapshot.whole and bool(names) and not broken
    return Loaded(root, Unread(whole, not snapshot.whole, tuple(broken), keys_in(broken.values())))


def _decode(content: bytes, name: str, problems: Problems) -> tuple[str, bool]:
    """The text, and whether it is what the file says; what is no UTF-8 is replaced."""
    try:
        return content.decode("utf-8-sig"), True
    except UnicodeDecodeError as error:
        good = content[: error.start]
        column = len(good[good.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        spot = Spot(name, good.count(b"\n") + 1, column)
        problems.add("yaml.encoding", spot, "not UTF-8 text", suggestion="save it as UTF-8")
        return content.decode("utf-8-sig", "replace"), False


def _merge(into: Tree, tree: Tree, path: tuple[str, ...], problems: Problems) -> None:
    """Add what ``tree`` holds to ``into``; one id in two places is an error that names both."""
    if not isinstance(into.value, dict):
        return
    for key, child in tree.entries():
        here = (*path, key)
        existing = into.value.get(key)
        if existing is None:
            spread = _spreads(here) and isinstance(child.value, dict)
            into.value[key] = _shell(child) if spread else child
            into.keys[key] = tree.keys[key]
            if spread:
                _merge(into.value[key], child, here, problems)
        elif _spreads(here) and isinstance(existing.value, dict) and isinstance(child.value, dict):
            _merge(existing, child, here, problems)
        else:
            first, what = into.keys[key], f"`{key}`"
            if path:
                what += f" in `{'.'.join(path)}`"
            problems.add(
                "merge.twice",
                tree.keys[key],
                f"{what} is set a second time; the first is in {first}",
                path=here,
                suggestion="keep one of them",
            )


def _spreads(path: tuple[str, ...]) -> bool:
    """Whether several files may add to the mapping at ``path``."""
    if len(path) == 1:
        return path[0] in BY_ID or path[0] in _NESTED
    return len(path) == 2 and path[1] in _NESTED.get(path[0], ())


def _shell(tree: Tree) -> Tree:
    return Tree(tree.spot, {})
