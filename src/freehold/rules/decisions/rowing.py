"""Tables and lists of rules compiled, from YAML or from a CSV file beside it."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from freehold.bundle.problems import Spot, did_you_mean, one_of
from freehold.bundle.tree import Tree
from freehold.rules.decisions.cells import Condition, parse
from freehold.rules.decisions.kinds import NUMBER, SCALARS, TEXT, Kind
from freehold.rules.decisions.scope import Compiled, Limits, Path, Scope
from freehold.rules.decisions.tables import HITS, Column, Hit, Row, Table
from freehold.rules.decisions.writing import Reader, Written

_TABLE = ("hit", "inputs", "outputs", "rows", "file", "default", "note")
_EXTRA = ("when", "id", "note")
_NUMBERS = frozenset({"sum", "min", "max"})


class Rows(Reader):
    """Compiles tables and lists of rules."""

    def reads(self, table: Table) -> frozenset[str]:
        """The variables that a table looks at or computes with."""
        found: frozenset[str] = frozenset()
        rows = (*table.rows, *([table.default] if table.default else []))
        for each in (
            *(column.value for column in table.columns),
            *(row.when for row in rows if row.when is not None),
            *(value for row in rows for value in row.gives.values()),
        ):
            if isinstance(each, Compiled):
                found |= each.names
        return found

    def table(self, name: str, tree: Tree, scope: Scope, path: Path) -> Table | None:
        """A table with its columns; None where it can't be read at all."""
        if not isinstance(tree.value, dict):
            hint = "name one under `tables:`, or write `inputs:`, `outputs:` and `rows:`"
            self.wrong("shape.type", tree.spot, f"`{name}` is no table", path, hint)
            return None
        self.keys(tree, _TABLE, path)
        hit = self._hit(tree, path)
        outputs = self._outputs(tree, path)
        columns = self._columns(tree, scope, path)
        if hit is None or outputs is None or columns is None:
            return None
        if hit in _NUMBERS and any(not kind.numeric for kind in outputs.values()):
            said = f"`hit: {hit}` takes numbers, and an output of `{name}` is none"
            self.wrong("decision.type", tree.key_spot("hit"), said, path)
            return None
        before = len(self.problems)
        rows = [
            self._row(number, spot, given, columns, outputs, scope, path)
            for number, (spot, given) in enumerate(self._written(tree, path), 1)
        ]
        default = self._default(tree, outputs, scope, path)
        if len(self.problems) > before:
            return None
        kept = tuple(row for row in rows if row is not None)
        return Table(name, hit, tuple(columns), outputs, kept, default)

    def rules(self, name: str, hit: str, tree: Tree, scope: Scope, path: Path) -> Table | None:
        """``first:``, ``all:``, ``sum:`` … over ``when`` and ``then``."""
        section = tree.section(hit)
        if not section.items():
            hint = "write `- {when: …, then: …}`"
            self.wrong("shape.type", section.spot, f"`{hit}:` is a list of rules", path, hint)
            return None
        outputs = self._rule_outputs(name, tree, section, scope, path)
        if outputs is None:
            return None
        rows: list[Row | None] = []
        default = self._otherwise(tree, outputs, scope, path)
        for number, each in enumerate(section.items(), 1):
            here = (*path, hit, number - 1)
            self.keys(each, ("when", "then", "otherwise", "id", "note"), here)
            last = each.get("otherwise")
            if last is not None:
                default = self._rule_row("`otherwise`", each.spot, None, last, outputs, scope, here)
                continue
            when, then = each.get("when"), each.get("then")
            if then is None or when is None:
                self.wrong("shape.missing", each.spot, "a rule needs `when:` and `then:`", here)
                rows.append(None)
                continue
            label = f"rule {each.text('id') or number}"
            rows.append(self._rule_row(label, each.spot, when, then, outputs, scope, here))
        if not all(rows):
            return None
        self._dead_rules(name, hit, [row for row in rows if row is not None])
        kept = tuple(row for row in rows if row is not None)
        return Table(name, cast(Hit, hit), (), outputs, kept, default)

    def _dead_rules(self, name: str, hit: str, rows: list[Row]) -> None:
        """Warn of a rule whose very condition stands above it, where the first one counts."""
        seen: dict[str, Row] = {}
        for row in rows:
            if hit == "first" and row.text in seen:
                said = f"{row} of `{name}` can never match: {seen[row.text]} has the same condition"
                self.problems.warn(
                    "table.shadowed", row.spot, said, suggestion="remove one of them"
                )
            seen.setdefault(row.text, row)

    def _rule_row(
        self,
        label: str,
        spot: Spot,
        when: Tree | None,
        then: Tree,
        outputs: Mapping[str, Kind],
        scope: Scope,
        path: Path,
    ) -> Row | None:
        condition = scope.compile(when.value, when.spot, path, ("boolean",)) if when else None
        if when is not None and condition is None:
            return None
        written = dict(then.entries()) if isinstance(then.value, dict) else {"value": then}
        unknown = [key for key in written if key not in outputs]
        missing = [key for key in outputs if key not in written]
        if unknown or missing:
            said = f"it gives {one_of(written)}, and {one_of(outputs)} is wanted"
            self.wrong("decision.outputs", then.spot, said, path)
            return None
        gives = self.gives(
            {key: (each.spot, each.plain()) for key, each in written.items()}, outputs, scope, path
        )
        if gives is None:
            return None
        text = condition.text if condition is not None else ""
        return Row(label, spot, (), condition, gives, text)

    def _otherwise(
        self, tree: Tree, outputs: Mapping[str, Kind], scope: Scope, path: Path
    ) -> Row | None:
        found = tree.get("otherwise")
        if found is None:
            return None
        return self._rule_row("`otherwise`", found.spot, None, found, outputs, scope, path)

    def _rule_outputs(
        self, name: str, tree: Tree, section: Tree, scope: Scope, path: Path
    ) -> dict[str, Kind] | None:
        """The declared types, else what the first rule's ``then`` looks like."""
        declared = tree.get("type")
        if declared is not None and isinstance(declared.value, dict):
            return self.types(declared, path)
        if declared is not None:
            kind = self.kind(str(declared.value), declared.spot, path)
            return None if kind is None else {"value": kind}
        for each in section.items():
            then = each.get("then") or each.get("otherwise")
            if then is None:
                continue
            if isinstance(then.value, dict):
                found = {key: self._guess(part, scope, path) for key, part in then.entries()}
                return None if None in found.values() else cast(dict[str, Kind], found)
            kind = self._guess(then, scope, path)
            return None if kind is None else {"value": kind}
        self.wrong("shape.missing", section.spot, f"the rules of `{name}` give nothing", path)
        return None

    def _guess(self, then: Tree, scope: Scope, path: Path) -> Kind | None:
        if isinstance(then.value, bool):
            return Kind("boolean")
        if isinstance(then.value, int | float):
            return NUMBER
        text = str(then.value).strip()
        if text.startswith("="):
            made = scope.compile(text[1:], then.spot, path)
            return made.kind if made is not None else None
        return TEXT

    def _hit(self, tree: Tree, path: Path) -> Hit | None:
        found = tree.get("hit")
        if found is None:
            return "first"
        if found.value in HITS:
            return found.value
        hint = did_you_mean(str(found.value), HITS) or f"one of {one_of(HITS)}"
        self.wrong("shape.choice", found.spot, f"there is no hit `{found.value}`", path, hint)
        return None

    def _outputs(self, tree: Tree, path: Path) -> dict[str, Kind] | None:
        section = tree.get("outputs")
        if section is None or not isinstance(section.value, dict) or not section.value:
            hint = "write `outputs: {fee: number}`"
            self.wrong("shape.missing", tree.spot, "a table needs `outputs:`", path, hint)
            return None
        return self.types(section, (*path, "outputs"))

    def _columns(self, tree: Tree, scope: Scope, path: Path) -> list[Column] | None:
        section = tree.get("inputs") or Tree(tree.spot, {})
        written = (
            [(str(each.value), each) for each in section.items()]
            if isinstance(section.value, list)
            else list(section.entries())
        )
        found: list[Column] = []
        for name, each in written:
            text = each.value if each.value is not None else name
            value = scope.compile(text, each.spot, (*path, "inputs", name), (*SCALARS,))
            if value is None:
                continue
            limits = scope.limits.get(value.text, Limits())
            found.append(
                Column(
                    name,
                    value.kind,
                    value,
                    limits.domain,
                    limits.low,
                    limits.high,
                    bool(value.names & scope.optional) and value.text in scope.optional,
                )
            )
        return found if len(found) == len(written) else None

    def _written(self, tree: Tree, path: Path) -> Iterator[Written]:
        file = tree.get("file")
        if file is not None:
            yield from self.from_csv(file, path)
            return
        rows = tree.get("rows")
        if rows is None or not rows.items():
            hint = "write `rows:`, or `file:` for a CSV file"
            self.wrong("shape.missing", tree.spot, "the table has no rows", path, hint)
            return
        for number, row in enumerate(rows.items()):
            if not isinstance(row.value, dict):
                hint = "write `{column: cell, …}`"
                self.wrong(
                    "shape.type", row.spot, "a row is a mapping", (*path, "rows", number), hint
                )
                continue
            yield row.spot, {key: (each.spot, each.plain()) for key, each in row.entries()}

    def _row(
        self,
        number: int,
        spot: Spot,
        given: dict[str, tuple[Spot, Any]],
        columns: list[Column],
        outputs: Mapping[str, Kind],
        scope: Scope,
        path: Path,
    ) -> Row | None:
        here = (*path, "rows", number - 1)
        known = [*(column.name for column in columns), *outputs, *_EXTRA]
        sound = True
        for key, (place, _) in given.items():
            if key not in known:
                hint = did_you_mean(key, known) or f"the columns are {one_of(known, 20)}"
                self.wrong("table.column", place, f"unknown column `{key}`", here, hint)
                sound = False
        cells = [self._cell(column, given.get(column.name), here) for column in columns]
        when = given.get("when")
        condition = None
        if when is not None and str(when[1] or "").strip():
            condition = scope.compile(when[1], when[0], here, ("boolean",))
            sound = sound and condition is not None
        gives = self.gives(given, outputs, scope, here, spot)
        if not sound or gives is None or any(cell is None for cell in cells):
            return None
        label = given.get("id")
        text = str(label[1]) if label is not None and label[1] not in (None, "") else str(number)
        conditions = cast(tuple[Condition, ...], tuple(cells))
        words = ", ".join(
            f"{column.name}: {cell.text}"
            for column, cell in zip(columns, conditions, strict=True)
            if not cell.anything
        )
        if condition is not None:
            words = f"{words}{', ' * bool(words)}{condition.text}"
        return Row(f"row {text}", spot, conditions, condition, gives, words)

    def _cell(self, column: Column, given: tuple[Spot, Any] | None, path: Path) -> Condition | None:
        if given is None:
            return Condition("-", missing=True)
        spot, written = given
        try:
            made = parse(written, column.kind)
        except ValueError as error:
            self.wrong("table.cell", spot, f"column `{column.name}`: {error}", (*path, column.name))
            return None
        for value in made.values if column.domain else ():
            if value not in column.domain:
                hint = did_you_mean(str(value), map(str, column.domain))
                said = f"column `{column.name}`: `{value}` is not among the declared values"
                self.wrong("table.cell", spot, said, (*path, column.name), hint)
        return made

    def _default(
        self, tree: Tree, outputs: Mapping[str, Kind], scope: Scope, path: Path
    ) -> Row | None:
        found = tree.get("default")
        if found is None:
            return None
        here = (*path, "default")
        if not isinstance(found.value, dict):
            only = next(iter(outputs)) if len(outputs) == 1 else ""
            if not only:
                hint = f"write {one_of(outputs)} with their values"
                self.wrong("shape.type", found.spot, "`default` is a mapping", here, hint)
                return None
            found = Tree(found.spot, {only: found})
        given = {key: (each.spot, each.plain()) for key, each in found.entries()}
        self.keys(found, tuple(outputs), here)
        gives = self.gives(given, outputs, scope, here, found.spot)
        return None if gives is None else Row("the default", found.spot, (), None, gives)
