"""Labelled decisions: the rows of a CSV file, typed, and compared with what the policy decides."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import Problem, Problems, Spot, did_you_mean, one_of
from freehold.rules.decisions.declare import Declared, from_cell, from_json, scalar, structured
from freehold.rules.decisions.kinds import exact, plain
from freehold.rules.decisions.policy import Failure, Output, Policy
from freehold.rules.decisions.reading import read_text

_FIELD_LIMIT = 10_000_000
_NOTHING = frozenset({"", "none", "null", "nan"})


class Case(Struct, frozen=True):
    """One row: the line it ends on, its inputs by name, and the expected outcome by output."""

    line: int
    inputs: Mapping[str, Any]
    expected: Mapping[str, Any]


class Cases(Struct, frozen=True):
    """What could be read, and what was wrong; a file with errors is not scored."""

    rows: tuple[Case, ...]
    problems: tuple[Problem, ...]


def read_cases(path: Path, policy: Policy, *, labelled: bool = True) -> Cases:
    """Read the rows of ``path``. Nothing is raised for what is wrong with it.

    In a problem, ``column`` is the number of the cell in its row, from 1.

    Args:
        labelled: whether the outputs that are compared must be there too.
    """
    problems = Problems()
    text = read_text(path, path.name, problems)
    if text is None:
        return Cases((), problems.sorted())
    outputs = tuple(output for output in policy.outputs if output.compared) if labelled else ()
    rows: list[Case] = []
    header: list[str] = []
    before = csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            spot = Spot(path.name, reader.line_num, 1)
            if not header:
                header = [cell.strip() for cell in cells]
                if not _header(header, policy, outputs, spot, problems):
                    break
            elif not cells or not any(cell.strip() for cell in cells):
                continue
            elif len(cells) != len(header):
                said = f"{len(cells)} cells under {len(header)} columns"
                hint = "put cells that hold commas in quotes"
                problems.add("csv.width", spot, said, suggestion=hint)
            else:
                named = dict(zip(header, enumerate(cells, 1), strict=True))
                rows.append(_case(named, policy.inputs, outputs, spot, problems))
    except csv.Error as error:
        problems.add("csv.syntax", Spot(path.name, reader.line_num, 1), f"no CSV: {error}")
    finally:
        csv.field_size_limit(before)
    if not rows and not len(problems):
        problems.add("csv.empty", Spot(path.name, 1, 1), "no row of data in this file")
    return Cases(tuple(rows), problems.sorted())


def _header(
    header: Sequence[str],
    policy: Policy,
    outputs: Sequence[Output],
    spot: Spot,
    problems: Problems,
) -> bool:
    """Whether every column that is needed is there, each once."""
    sound = True
    for at, column in enumerate(header, 1):
        if header.index(column) != at - 1:
            problems.add("csv.twice", spot._replace(column=at), f"column `{column}` stands twice")
            sound = False
    wanted = [d.column for d in policy.inputs if not d.optional] + [o.column for o in outputs]
    for column in wanted:
        if column not in header:
            hint = did_you_mean(column, header) or f"the columns are {one_of(header, 20)}"
            said = f"the column `{column}`, which the policy needs, is missing"
            problems.add("csv.column", spot, said, suggestion=hint)
            sound = False
    known = {d.column for d in policy.inputs} | {o.column for o in policy.outputs}
    for at, column in enumerate(header, 1):
        if column not in known:
            said = f"the policy does not read the column `{column}`"
            problems.warn("csv.unread", spot._replace(column=at), said)
    return sound


def _case(
    cells: Mapping[str, tuple[int, str]],
    inputs: Sequence[Declared],
    outputs: Sequence[Output],
    spot: Spot,
    problems: Problems,
) -> Case:
    def read(column: str, typed: Callable[[str], Any]) -> Any:
        at, cell = cells.get(column, (0, ""))
        try:
            return typed(cell)
        except ValueError as error:
            place = spot._replace(column=at or 1)
            said = str(error).removeprefix(f"`{column}`: ")
            problems.add("csv.cell", place, f"column `{column}`: {said}")
            return None

    given = {each.name: read(each.column, partial(from_cell, each)) for each in inputs}
    expected = {each.name: read(each.column, partial(expected_value, each)) for each in outputs}
    return Case(spot.line, given, expected)


def expected_value(output: Output, cell: str) -> Any:
    """What a cell of a compared column says; None for an empty one.

    Raises:
        ValueError: it is not of the output's type.
    """
    text = cell.strip()
    if output.kind.name == "text":
        return text or None
    if text.lower() in _NOTHING:
        return None
    if output.kind.name in ("list", "object"):
        found = structured(text)
        return from_json(Declared(name="", kind=output.kind), found) if _is_list(found) else found
    if output.kind.name == "any":
        return text
    return scalar(output.kind, text)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def agrees(output: Output, expected: Any, got: Any) -> bool:
    """Whether the outcome is the expected one, numbers within the output's tolerance."""
    if isinstance(got, Failure):
        return False
    got = plain(output.kind, got)
    expected = plain(output.kind, expected)
    if output.kind.name in ("text", "list", "object") and not got and not expected:
        return True
    if isinstance(got, list) and isinstance(expected, list) and output.any_order:
        return len(got) == len(expected) and _paired(got, expected, output.tolerance)
    return _same(got, expected, output.tolerance)


def _paired(got: list[Any], expected: list[Any], tolerance: float) -> bool:
    left = list(expected)
    for each in got:
        found = next((at for at, one in enumerate(left) if _same(each, one, tolerance)), None)
        if found is None:
            return False
        del left[found]
    return True


def _same(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, int | float) and isinstance(expected, int | float):
        off = abs(exact(float(got)) - exact(float(expected)))
        return off <= Decimal(repr(float(tolerance)))
    if isinstance(got, list) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(
            _same(one, other, tolerance) for one, other in zip(got, expected, strict=True)
        )
    if isinstance(got, dict) and isinstance(expected, dict):
        return all(_same(got.get(key), each, tolerance) for key, each in expected.items())
    if isinstance(got, str) and isinstance(expected, str):
        return got.strip() == expected.strip()
    return bool(got == expected)


def failures(policy: Policy, case: Case) -> Iterator[tuple[Output, Any, Any, tuple[Any, ...]]]:
    """Each output that disagrees: itself, what was expected, what came out, and the reasons."""
    decision = policy.decide(case.inputs)
    for output in policy.outputs:
        if output.compared:
            expected, got = case.expected.get(output.name), decision.values[output.name]
            if not agrees(output, expected, got):
                yield output, expected, got, tuple(policy.behind(output, decision))
