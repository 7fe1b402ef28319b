"""The section ``values:`` compiled: expressions, rules, tables, texts, and steps for each item."""

import re
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

from freehold.bundle.problems import Problems, Spot, did_you_mean, one_of
from freehold.bundle.tree import Tree
from freehold.rules.decisions.kinds import ANY, BOOLEAN, NUMBER, ROUNDING, TEXT, Kind, leaves
from freehold.rules.decisions.rowing import Rows
from freehold.rules.decisions.scope import Compiled, Path, Scope
from freehold.rules.decisions.steps import (
    EachStep,
    Shaping,
    Step,
    TableStep,
    TextStep,
    ValueStep,
    places,
    variable,
)
from freehold.rules.decisions.tables import HITS, Table, examine

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHAPING = ("round", "min", "max", "note")
_KINDS: dict[str, tuple[str, ...]] = {
    "value": ("value", "type"),
    "text": ("text",),
    "table": ("table",),
    "for_each": ("for_each", "as", "values", "where"),
    **{hit: (hit, "type", "otherwise") for hit in HITS if hit not in ("min", "max")},
}


def keys(tree: Tree, known: Sequence[str], path: Path, problems: Problems) -> None:
    """Say every key that means nothing here."""
    for key, _ in tree.entries():
        if key not in known:
            hint = did_you_mean(key, known) or f"the keys here are {one_of(known, limit=20)}"
            spot = tree.key_spot(key)
            said = f"unknown key `{key}`"
            problems.add("shape.unknown-key", spot, said, path=(*path, key), suggestion=hint)


def shaping(tree: Tree, scope: Scope, path: Path) -> Shaping:
    """``round:``, ``min:`` and ``max:`` of a value."""
    digits, mode = None, "half_up"
    found = tree.get("round")
    if found is not None:
        to = found.get("to") if isinstance(found.value, dict) else found
        mode = str(found.text("mode") or mode)
        value = to.value if to is not None else 0
        if (
            mode not in ROUNDING
            or isinstance(value, bool)
            or not isinstance(value, int)
            or value not in range(-9, 10)
        ):
            hint = f"write `round: 2`, or `{{to: 2, mode: …}}` with one of {one_of(ROUNDING)}"
            scope.problems.add(
                "shape.type", found.spot, "no way to round", path=path, suggestion=hint
            )
        else:
            digits = value
    low, high = tree.get("min"), tree.get("max")
    return Shaping(
        digits,
        mode,
        scope.compile(low.value, low.spot, (*path, "min"), _NUMBERS) if low else None,
        scope.compile(high.value, high.spot, (*path, "max"), _NUMBERS) if high else None,
    )


_NUMBERS = ("number", "integer", "date")


class Steps:
    """Reads steps; tables by name are shared, and compiled where they are used."""

    def __init__(self, folder: FilePath, tables: Tree, problems: Problems) -> None:
        self.tables = tables
        self.problems = problems
        self.rows = Rows(folder, problems)
        self._used: set[str] = set()

    def unused(self) -> None:
        """Warn of tables that no value names."""
        for name, _ in self.tables.entries():
            if name not in self._used:
                said = f"no value uses the table `{name}`"
                spot = self.tables.keys[name]
                self.problems.warn("decision.unread", spot, said, path=("tables", name))

    def steps(self, section: Tree, scope: Scope, path: Path) -> tuple[list[Step], dict[str, str]]:
        """All entries in order, and the step that defines each variable."""
        made: list[Step] = []
        defines: dict[str, str] = {}
        scope.below |= {name for name, _ in section.entries()}
        for name, tree in section.entries():
            here = (*path, name)
            spot = section.keys[name]
            scope.below.discard(name)
            if not _NAME.fullmatch(name) or name == "given":
                self._wrong("shape.id", spot, f"`{name}` can't be a name in an expression", here)
                continue
            if name in scope.variables or any(v.startswith(f"{name}.") for v in scope.variables):
                hint = "call one of them something else"
                self._wrong("decision.twice", spot, f"there is a `{name}` already", here, hint)
                continue
            before = set(scope.variables)
            step = self._step(name, spot, tree, scope, here)
            if step is None:
                scope.define(name, ANY)  # so that what uses it is not reported as well
                continue
            defines.update(dict.fromkeys(set(scope.variables) - before, name))
            made.append(step)
        return made, defines

    def _step(self, name: str, spot: Spot, tree: Tree, scope: Scope, path: Path) -> Step | None:
        if not isinstance(tree.value, dict):
            tree = Tree(tree.spot, {"value": tree})
        found = [key for key in _KINDS if tree.get(key) is not None]
        if len(found) != 1:
            said = f"`{name}` is {'nothing' if not found else ' and '.join(found)} at once"
            if not found:
                said = f"it is not said how `{name}` comes about"
            self._wrong("shape.choice", spot, said, path, f"give it one of {one_of(_KINDS, 20)}")
            return None
        kind = found[0]
        keys(tree, (*_KINDS[kind], *_SHAPING), path, self.problems)
        if kind == "value":
            return self._value(name, spot, tree, scope, path)
        if kind == "text":
            return self._text(name, spot, tree, scope, path)
        if kind == "for_each":
            return self._each(name, spot, tree, scope, path)
        if kind == "table":
            table = self._table(name, tree, scope, path)
        else:
            table = self.rows.rules(name, kind, tree, scope, path)
        return self._finished(name, spot, table, tree, scope, path)

    def _value(self, name: str, spot: Spot, tree: Tree, scope: Scope, path: Path) -> Step | None:
        written = tree.section("value")
        value = scope.compile(written.value, written.spot, path)
        shape = shaping(tree, scope, path)
        if value is None:
            return None
        kind = value.kind
        declared = tree.text("type")
        if declared is not None:
            found = self.rows.kind(declared, tree.section("type").spot, path)
            if found is None:
                return None
            same = found.numeric and (kind.numeric or kind.name == "any")
            if kind.name not in (found.name, "any") and not same:
                said = f"`{name}` is declared a {found}, but its value is a {kind}"
                self._wrong("decision.type", written.spot, said, path)
                return None
            kind = found
        scope.define(name, kind)
        self._copy_limits(name, value, scope)
        return ValueStep(name, spot, kind, value, shape)

    def _copy_limits(self, name: str, value: Compiled, scope: Scope) -> None:
        """A value that is another's copy, or part of a list, keeps what is declared about it."""
        if value.text in scope.limits:
            scope.limits[name] = scope.limits[value.text]
        if value.kind.name == "list":
            scope.item_optional[name] = self._optional_fields(value, scope)
            for each in sorted(value.names):
                scope.item_limits.setdefault(name, {}).update(scope.item_limits.get(each, {}))

    def _text(self, name: str, spot: Spot, tree: Tree, scope: Scope, path: Path) -> Step | None:
        written = tree.section("text")
        try:
            cut = places(str(written.value))
        except ValueError as error:
            self._wrong("decision.template", written.spot, str(error), path)
            return None
        parts: list[str | tuple[Compiled, int | None]] = []
        for part in cut:
            if isinstance(part, str):
                parts.append(part)
                continue
            value = scope.compile(part[0], written.spot, path)
            if value is None:
                return None
            parts.append((value, part[1]))
        scope.define(name, TEXT)
        return TextStep(name, spot, tuple(parts))

    def _each(self, name: str, spot: Spot, tree: Tree, scope: Scope, path: Path) -> Step | None:
        written = tree.section("for_each")
        over = scope.compile(written.value, written.spot, (*path, "for_each"), ("list",))
        alias = tree.text("as") or "item"
        if not _NAME.fullmatch(alias) or alias in scope.variables or alias == "given":
            hint = "write `as: ` and a name that is free"
            self._wrong("decision.twice", spot, f"`{alias}` can't name the items", path, hint)
            return None
        if over is None:
            return None
        item = over.kind.item or ANY
        inner = scope.inner()
        for dotted, kind in leaves(alias, item):
            inner.define(dotted, kind)
        inner.define(f"{alias}.position", NUMBER)
        optional = self._optional_fields(over, scope)
        for field in optional:
            inner.define(f"given.{alias}.{field}", BOOLEAN)
            inner.optional.add(f"{alias}.{field}")
        self._item_limits(over, alias, scope, inner)
        section = tree.get("values") or Tree(tree.spot, {})
        steps, defines = self.steps(section, inner, (*path, "values"))
        where = tree.get("where")
        condition = inner.compile(where.value, where.spot, path, ("boolean",)) if where else None
        gives = {variable: inner.variables[variable] for variable in defines}
        scope.define(name, _records(item, gives))
        scope.item_optional[name] = optional
        scope.item_limits[name] = {
            dotted.removeprefix(alias): limits
            for dotted, limits in inner.limits.items()
            if dotted.startswith(f"{alias}.")
        }
        return EachStep(name, spot, over, item, alias, optional, tuple(steps), gives, condition)

    def _optional_fields(self, over: Compiled, scope: Scope) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for name in over.names:
            found |= scope.item_optional.get(name, frozenset())
        return found

    def _item_limits(self, over: Compiled, alias: str, scope: Scope, inner: Scope) -> None:
        for name in over.names:
            for field, limits in scope.item_limits.get(name, {}).items():
                inner.limits[f"{alias}{field}"] = limits

    def _table(self, name: str, tree: Tree, scope: Scope, path: Path) -> Table | None:
        written = tree.section("table")
        if isinstance(written.value, str):
            found = self.tables.get(written.value)
            if found is None:
                known = [each for each, _ in self.tables.entries()]
                hint = did_you_mean(written.value, known) or "define it under `tables:`"
                said = f"there is no table `{written.value}`"
                self._wrong("ref.table", written.spot, said, path, hint)
                return None
            self._used.add(written.value)
            return self.rows.table(written.value, found, scope, ("tables", written.value))
        return self.rows.table(name, written, scope, (*path, "table"))

    def _finished(
        self, name: str, spot: Spot, table: Table | None, tree: Tree, scope: Scope, path: Path
    ) -> Step | None:
        if table is None:
            return None
        for finding in examine(table, spot):
            severe = finding.code == "table.overlap" or (
                finding.code == "table.gap" and table.hit == "unique"
            )
            self.problems.add(
                finding.code,
                finding.spot,
                finding.message,
                path=path,
                suggestion=finding.suggestion,
                severity="error" if severe else "warning",
            )
        shape = shaping(tree, scope, path)
        for output, kind in table.outputs.items():
            given = Kind("list", kind) if table.hit == "all" else kind
            scope.define(variable(name, output), NUMBER if table.hit == "count" else given)
        return TableStep(name, spot, table, self.rows.reads(table), shape)

    def _wrong(self, code: str, spot: Spot, said: str, path: Path, hint: str = "") -> None:
        self.problems.add(code, spot, said, path=path, suggestion=hint)


def _records(item: Kind, gives: dict[str, Kind]) -> Kind:
    """The type of the items with what was decided about them."""
    fields: dict[str, Any] = dict(item.fields) if item.name == "object" else {"value": item}
    nested: dict[str, list[tuple[str, Kind]]] = {}
    for name, kind in gives.items():
        outer, _, field = name.partition(".")
        if field:
            nested.setdefault(outer, []).append((field, kind))
        else:
            fields[name] = kind
    for outer, inner in nested.items():
        fields[outer] = Kind("object", fields=tuple(inner))
    return Kind("list", Kind("object", fields=tuple(fields.items())))
