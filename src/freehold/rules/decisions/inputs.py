"""The section ``inputs:``: what each column holds."""

import re
from typing import Any

from freehold.bundle.problems import Problems, Spot, did_you_mean, one_of
from freehold.bundle.tree import Tree
from freehold.rules.decisions.declare import Declared, scalar
from freehold.rules.decisions.kinds import SCALARS, Kind, Name
from freehold.rules.decisions.scope import Path
from freehold.rules.decisions.stepping import keys

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    """as break const continue else false for function given if import in let loop namespace null
    package return true var void while""".split()
)
_INPUT = ("type", "column", "optional", "default", "one_of", "min", "max", "fields", "of", "note")


def usable(name: str) -> bool:
    """Whether an expression can name it."""
    return _NAME.fullmatch(name) is not None and name not in _RESERVED


class Inputs:
    """Reads declarations; whatever is wrong goes to the problems."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def named(self, name: str, spot: Spot, tree: Tree, path: Path) -> Declared | None:
        """One input, or None with what is wrong."""
        if not usable(name):
            hint = "letters, digits and `_`; give the column's own name under `column:`"
            self._wrong("shape.id", spot, f"`{name}` can't be a name in an expression", path, hint)
            return None
        return self._declared(name, tree, path)

    def _declared(self, name: str, tree: Tree, path: Path) -> Declared | None:
        if isinstance(tree.value, str):
            tree = _short_form(tree)
        if not isinstance(tree.value, dict):
            hint = "write `type: number`, or the type alone"
            self._wrong("shape.type", tree.spot, f"`{name}` needs a type", path, hint)
            return None
        keys(tree, _INPUT, path, self.problems)
        kind_name = tree.text("type") or ("object" if tree.get("fields") else "text")
        if kind_name not in (*SCALARS, "list", "object"):
            spot = tree.section("type").spot
            hint = (
                did_you_mean(kind_name, SCALARS) or f"one of {one_of((*SCALARS, 'list', 'object'))}"
            )
            self._wrong("shape.choice", spot, f"there is no type `{kind_name}`", path, hint)
            return None
        if kind_name == "list":
            return self._list(name, tree, path)
        if kind_name == "object":
            fields = self._fields(tree, path)
            kind = Kind("object", fields=tuple((field.name, field.kind) for field in fields))
            return self._made(name, kind, tree, path, fields=fields)
        return self._made(name, Kind(as_name(kind_name)), tree, path)

    def _fields(self, tree: Tree, path: Path) -> tuple[Declared, ...]:
        section = tree.get("fields")
        if section is None or not section.value:
            self._wrong("shape.missing", tree.spot, "an object needs `fields:`", path)
            return ()
        made = (
            self.named(field, section.keys[field], each, (*path, field))
            for field, each in section.entries()
        )
        return tuple(each for each in made if each is not None)

    def _list(self, name: str, tree: Tree, path: Path) -> Declared | None:
        of = tree.get("of")
        if of is None and tree.get("fields") is not None:
            of = Tree(
                tree.spot, {"type": Tree(tree.spot, "object"), "fields": tree.section("fields")}
            )
        if of is None:
            hint = "write `of: number`, or `fields:` for a list of objects"
            self._wrong(
                "shape.missing", tree.spot, f"what does the list `{name}` hold?", path, hint
            )
            return None
        item = self._declared("", of, (*path, "of"))
        if item is None:
            return None
        return self._made(name, Kind("list", item.kind), tree, path, item=item)

    def _made(self, name: str, kind: Kind, tree: Tree, path: Path, **more: Any) -> Declared:
        domain = tuple(str(each.value) for each in tree.section("one_of").items())
        for key, fits in (
            ("one_of", kind.name == "text"),
            ("min", kind.numeric),
            ("max", kind.numeric),
        ):
            if tree.get(key) is not None and not fits:
                said = f"`{key}` does not go with a {kind}"
                hint = "`one_of` goes with text, `min` and `max` with numbers and dates"
                self._wrong("shape.choice", tree.key_spot(key), said, path, hint)
        default = tree.get("default")
        optional = tree.get("optional")
        if optional is not None and not isinstance(optional.value, bool):
            self._wrong("shape.type", optional.spot, "`optional` is `true` or `false`", path)
        given = None
        if default is not None and default.value is not None:
            if kind.name == "list" and default.value == []:
                given = []
            else:
                given = self._literal(kind, default, path)
        return Declared(
            name=name,
            kind=kind,
            column=str(tree.text("column") or name),
            optional=bool(optional is not None and optional.value is True) or given is not None,
            default=given,
            domain=domain,
            low=self._literal(kind, tree.get("min"), path) if kind.numeric else None,
            high=self._literal(kind, tree.get("max"), path) if kind.numeric else None,
            **more,
        )

    def _literal(self, kind: Kind, tree: Tree | None, path: Path) -> Any:
        if tree is None:
            return None
        try:
            if kind.name in ("list", "object"):
                raise ValueError(f"a {kind.name} takes none of this but `default: []`")
            return scalar(kind, tree.value)
        except ValueError as error:
            self._wrong("decision.literal", tree.spot, str(error), path)
            return None

    def _wrong(self, code: str, spot: Spot, said: str, path: Path, hint: str = "") -> None:
        self.problems.add(code, spot, said, path=path, suggestion=hint)


def _short_form(tree: Tree) -> Tree:
    """``number`` for ``{type: number}``, ``list of text`` for a list."""
    kind, _, item = str(tree.value).partition(" of ")
    made: dict[str, Tree] = {"type": Tree(tree.spot, kind.strip())}
    if item:
        made["of"] = Tree(tree.spot, item.strip())
    return Tree(tree.spot, made)


def as_name(text: str) -> Name:
    """A scalar type's name as the type checker knows it."""
    found: dict[str, Name] = {name: name for name in SCALARS}
    return found[text]
