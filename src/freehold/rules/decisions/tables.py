"""Tables: which rows match, what they give, and whether the rows fit together."""

import itertools
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from freehold.bundle.problems import Spot
from freehold.rules.decisions.cells import Condition, Key, key_of
from freehold.rules.decisions.engines import NoValue
from freehold.rules.decisions.kinds import Kind, held, shown
from freehold.rules.decisions.scope import Compiled

Hit = Literal["first", "unique", "all", "sum", "min", "max", "count"]
HITS: tuple[Hit, ...] = ("first", "unique", "all", "sum", "min", "max", "count")
"""What becomes of the rows that match: the first, the only one, a list, or one number of all."""
_CELLS_LIMIT = 60_000


class Column(Struct, frozen=True):
    """What a table looks at.

    Attributes:
        domain: all values that a text can have, where that is declared.
        low, high: the least and the greatest number, where that is declared.
        optional: whether the value may be missing.
    """

    name: str
    kind: Kind
    value: Compiled
    domain: tuple[Key, ...] = ()
    low: Decimal | None = None
    high: Decimal | None = None
    optional: bool = False


class Row(Struct, frozen=True):
    """One row: its conditions by column, a condition in CEL if it has one, and what it gives."""

    name: str
    spot: Spot
    cells: tuple[Condition, ...]
    when: Compiled | None
    gives: Mapping[str, Any]
    text: str = ""

    def __str__(self) -> str:
        return self.name


class Table(Struct, frozen=True):
    """A compiled table; ``gives`` of its rows are values, or expressions to compute."""

    name: str
    hit: Hit
    columns: tuple[Column, ...]
    outputs: Mapping[str, Kind]
    rows: tuple[Row, ...]
    default: Row | None

    def decide(self, scope: Mapping[str, Any]) -> tuple[dict[str, Any], list[Row]]:
        """What the matching rows give by output, and these rows.

        Raises:
            NoValue: no row matches, several do where one may, or something can't be computed.
        """
        keys = [self._key(column, scope) for column in self.columns]
        found = list(self._matching(keys, scope))
        if self.hit in ("first", "unique"):
            return self._single(found, keys, scope)
        if not found and self.default is not None:
            given = self._given(self.default, scope)
            if self.hit == "all":
                given = {name: [value] for name, value in given.items()}
            return given, [self.default]
        each_given = [self._given(row, scope) for row in found]
        gathered = {
            name: self._gather([each[name] for each in each_given if each.get(name) is not None])
            for name in self.outputs
        }
        return gathered, found

    def _key(self, column: Column, scope: Mapping[str, Any]) -> Key | None:
        try:
            return key_of(column.kind, column.value.run(scope))
        except NoValue as error:
            if column.optional:
                return None
            raise NoValue(f"column `{column.name}` of table `{self.name}`: {error}") from None

    def _matching(self, keys: list[Key | None], scope: Mapping[str, Any]) -> Iterator[Row]:
        for row in self.rows:
            if not all(cell.holds(key) for cell, key in zip(row.cells, keys, strict=True)):
                continue
            if row.when is not None:
                try:
                    holds = row.when.run(scope)
                except NoValue as error:
                    raise NoValue(f"the condition of {row} in `{self.name}`: {error}") from None
                if holds is not True:
                    continue
            yield row
            if self.hit == "first":
                return

    def _single(
        self, found: list[Row], keys: list[Key | None], scope: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[Row]]:
        if self.hit == "unique" and len(found) > 1:
            named = " and ".join(map(str, found[:3]))
            raise NoValue(f"{named} of table `{self.name}` match at once")
        row = found[0] if found else self.default
        if row is None:
            said = ", ".join(
                f"{column.name} {_said(column, key)}"
                for column, key in zip(self.columns, keys, strict=True)
            )
            raise NoValue(f"no row of table `{self.name}` matches{': ' * bool(said)}{said}")
        return self._given(row, scope), [row]

    def _given(self, row: Row, scope: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, value in row.gives.items():
            try:
                given[name] = value.run(scope) if isinstance(value, Compiled) else value
            except NoValue as error:
                raise NoValue(f"`{name}` in {row} of `{self.name}`: {error}") from None
        return given

    def _gather(self, values: list[Any]) -> Any:
        if self.hit == "all":
            return values
        if self.hit == "count":
            return float(len(values))
        if self.hit == "sum":
            total = sum((Decimal(repr(value)) for value in values), start=Decimal(0))
            try:
                return held(float(total))
            except ArithmeticError as error:
                raise NoValue(str(error)) from None
        if not values:
            raise NoValue(f"no row of table `{self.name}` matches, so there is no {self.hit}")
        return min(values) if self.hit == "min" else max(values)


class Finding(Struct, frozen=True):
    """Something wrong with how rows fit together."""

    code: Literal["table.overlap", "table.gap", "table.shadowed"]
    spot: Spot
    message: str
    suggestion: str


def examine(table: Table, spot: Spot) -> list[Finding]:
    """Gaps, overlaps where one row must match, and rows that can never match.

    Rows with a condition in CEL may match or not: they cover nothing and overlap nothing, but one
    can be covered. A table of too many combinations is only compared row by row.
    """
    findings: list[Finding] = []
    if table.hit == "unique":
        findings += _overlaps(table)
    if table.hit in ("first", "unique"):
        atoms = [_atoms(column, table, at) for at, column in enumerate(table.columns)]
        combinations = 1
        for each in atoms:
            combinations *= len(each)
        if combinations * max(1, len(table.rows)) <= _CELLS_LIMIT * 20:
            findings += _coverage(table, spot, atoms)
        else:
            findings += _pairwise_shadows(table)
    return findings


def _atoms(column: Column, table: Table, at: int) -> list[Key | None]:
    """Values that stand for all: each point where a row changes its mind, and all in between."""
    points = {point for row in table.rows for point in row.cells[at].points()}
    found: list[Key | None] = []
    if column.kind.numeric:
        found += _numbers(sorted(p for p in points if isinstance(p, Decimal)), column)
    elif column.kind.name == "boolean":
        found += [True, False]
    elif column.domain:
        found += column.domain
    else:
        found += [*sorted(map(str, points)), "(anything else)"]
    return [*found, None] if column.optional else found


def _numbers(points: list[Decimal], column: Column) -> list[Key]:
    ends = [end for end in (column.low, column.high) if end is not None]
    marks = sorted({*points, *ends})
    if not marks:
        return [Decimal(0)]
    whole = column.kind.name in ("integer", "date")
    made = [marks[0] - 1, marks[-1] + 1, *marks]
    for low, high in itertools.pairwise(marks):
        middle = low // 1 + 1 if whole else (low + high) / 2
        if low < middle < high:
            made.append(middle)
    return [
        value
        for value in sorted(made)
        if (column.low is None or value >= column.low)
        and (column.high is None or value <= column.high)
        and (not whole or value == value // 1)
    ]


def _coverage(table: Table, spot: Spot, atoms: list[list[Key | None]]) -> list[Finding]:
    reached = [False] * len(table.rows)
    possible = [False] * len(table.rows)
    by: list[set[int]] = [set() for _ in table.rows]
    gap: tuple[Key | None, ...] | None = None
    for values in itertools.product(*atoms):
        taken = -1
        for number, row in enumerate(table.rows):
            if not all(map(Condition.holds, row.cells, values)):
                continue
            possible[number] = True
            if taken >= 0:
                by[number].add(taken)
                continue
            reached[number] = True
            if row.when is None:
                taken = number
        if taken < 0 and gap is None:
            gap = values
    findings = [
        _shadowed(table, number, by[number], possible[number])
        for number, row in enumerate(table.rows)
        if not reached[number] and (table.hit == "first" or not possible[number])
    ]
    if gap is not None and table.default is None:
        findings.append(_gap(table, spot, gap))
    return findings


def _gap(table: Table, spot: Spot, gap: tuple[Key | None, ...]) -> Finding:
    said = ", ".join(
        f"{column.name} {_said(column, key)}"
        for column, key in zip(table.columns, gap, strict=True)
    )
    return Finding(
        "table.gap",
        spot,
        f"no row of `{table.name}` is sure to match{' for ' * bool(said)}{said}",
        "add a row for it or a `default:`, or tell the input's `min:`, `max:` or `one_of:`"
        if table.columns
        else "end the list with `- otherwise: …`",
    )


def _shadowed(table: Table, number: int, by: set[int], possible: bool) -> Finding:
    row = table.rows[number]
    if not possible:
        message = f"{row} of `{table.name}` can never match: the declared values exclude it"
        return Finding("table.shadowed", row.spot, message, "remove it, or mend its conditions")
    named = " and ".join(str(table.rows[each]) for each in sorted(by)[:3])
    message = f"{row} of `{table.name}` can never match: {named} come{'s' * (len(by) == 1)} first"
    return Finding(
        "table.shadowed", row.spot, message, "move it up, remove it, or narrow the other"
    )


def _pairwise_shadows(table: Table) -> list[Finding]:
    found = []
    for number, row in enumerate(table.rows):
        for earlier, other in enumerate(table.rows[:number]):
            covers = all(
                mine.anything or mine == its
                for mine, its in zip(other.cells, row.cells, strict=True)
            )
            if covers and other.when is None and table.hit == "first":
                found.append(_shadowed(table, number, {earlier}, True))
                break
    return found


def _overlaps(table: Table) -> list[Finding]:
    found = []
    atoms = [_atoms(column, table, at) for at, column in enumerate(table.columns)]
    for one, other in itertools.combinations(table.rows, 2):
        if one.when is not None or other.when is not None:
            continue
        shared = [
            next((v for v in values if one.cells[at].holds(v) and other.cells[at].holds(v)), ...)
            for at, values in enumerate(atoms)
        ]
        if ... in shared:
            continue
        said = ", ".join(
            f"{column.name} {_said(column, key)}"  # type: ignore[arg-type]
            for column, key in zip(table.columns, shared, strict=True)
        )
        message = f"{other} of `{table.name}` overlaps {one}{': both match ' * bool(said)}{said}"
        suggestion = "narrow one of them, or write `hit: first`"
        found.append(Finding("table.overlap", other.spot, message, suggestion))
    return found


def _said(column: Column, key: Key | None) -> str:
    """A value that a person can look for."""
    if key is None:
        return "missing"
    return shown(column.kind, float(key) if isinstance(key, Decimal) else key)
