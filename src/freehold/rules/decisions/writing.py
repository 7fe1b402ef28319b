"""What tables and lists of rules are read with: types, output cells, files."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, cast

from freehold.bundle.problems import Problems, Spot, did_you_mean, one_of
from freehold.bundle.tree import Tree
from freehold.rules.decisions.declare import scalar
from freehold.rules.decisions.kinds import SCALARS, TEXT, Kind
from freehold.rules.decisions.scope import Path, Scope

Written = tuple[Spot, dict[str, tuple[Spot, Any]]]
"""A row as it stands in a file: its place, and each cell with its own."""


class Reader:
    """Reads parts of tables; whatever is wrong goes to the problems."""

    def __init__(self, folder: FilePath, problems: Problems) -> None:
        self.folder = folder
        self.problems = problems

    def kind(self, name: str, spot: Spot, path: Path) -> Kind | None:
        """A type by its name; ``list of text`` too."""
        outer, _, item = name.partition(" of ")
        if outer == "list" and item in SCALARS:
            return Kind("list", Kind(item))
        if name in SCALARS:
            return Kind(name)
        hint = did_you_mean(name, SCALARS) or f"one of {one_of(SCALARS)}"
        self.wrong("shape.choice", spot, f"there is no type `{name}`", path, hint)
        return None

    def types(self, section: Tree, path: Path) -> dict[str, Kind] | None:
        """The types of named outputs; None where one is unknown."""
        found = {
            name: self.kind(str(each.value), each.spot, (*path, name))
            for name, each in section.entries()
        }
        return None if None in found.values() else cast(dict[str, Kind], found)

    def gives(
        self,
        given: Mapping[str, tuple[Spot, Any]],
        outputs: Mapping[str, Kind],
        scope: Scope,
        path: Path,
        row: Spot | None = None,
    ) -> dict[str, Any] | None:
        """What a row gives by output; None where something is wrong with it."""
        found: dict[str, Any] = {}
        for name, kind in outputs.items():
            spot, written = given.get(name, (row or Spot("", 0, 0), None))
            try:
                value = self.output(kind, written, spot, scope, (*path, name))
            except ValueError as error:
                self.wrong("table.output", spot, f"output `{name}`: {error}", (*path, name))
                continue
            if value is not None:
                found[name] = value
        return found if len(found) == len(outputs) else None

    def output(self, kind: Kind, written: Any, spot: Spot, scope: Scope, path: Path) -> Any:
        """A literal of the declared type, or what ``= …`` computes."""
        if isinstance(written, str) and written.strip().startswith("="):
            numbers = ("number", "integer", "date") if kind.numeric else (kind.name,)
            return scope.compile(written.strip()[1:], spot, path, numbers)
        if written is None or (isinstance(written, str) and not written.strip()):
            if kind.name == "text" and written is not None:
                return ""
            raise ValueError(f"a {kind} is wanted here")
        if kind.name == "list":
            items = json.loads(written) if isinstance(written, str) else written
            if not isinstance(items, list):
                raise ValueError("a list is wanted here, such as [a, b]")
            return [scalar(kind.item or TEXT, each) for each in items]
        if kind.name == "text" and isinstance(written, str):
            if written.strip() in scope.variables:
                said = f"the text `{written.strip()}` is also the name of a value"
                hint = f"write `= {written.strip()}` if you mean the value"
                self.problems.warn("decision.literal", spot, said, path=path, suggestion=hint)
            return written
        try:
            return scalar(kind, written)
        except ValueError as error:
            raise ValueError(f"{error}; or `= …` and an expression") from None

    def from_csv(self, file: Tree, path: Path) -> Iterator[Written]:
        """The rows of a CSV file in the folder."""
        name = str(file.value)
        target = (self.folder / name).resolve()
        if not target.is_relative_to(self.folder.resolve()):
            self.wrong("file.outside", file.spot, f"`{name}` is not inside the folder", path)
            return
        try:
            lines = target.read_bytes().decode("utf-8-sig").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError) as error:
            said = f"`{name}` can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"
            self.wrong("file.unreadable", file.spot, said, path)
            return
        reader = csv.reader(lines, strict=True)
        header: list[str] = []
        try:
            for cells in reader:
                if not header:
                    header = [cell.strip() for cell in cells]
                    continue
                if not any(cell.strip() for cell in cells):
                    continue
                spot = Spot(name, reader.line_num, 1)
                if len(cells) != len(header):
                    said = f"{len(cells)} cells under {len(header)} columns"
                    self.wrong("csv.width", spot, said, path, "put cells with commas in quotes")
                    continue
                yield (
                    spot,
                    {
                        column: (Spot(name, reader.line_num, at), cell)
                        for at, (column, cell) in enumerate(zip(header, cells, strict=True), 1)
                    },
                )
        except csv.Error as error:
            self.wrong("csv.syntax", Spot(name, reader.line_num, 1), f"no CSV: {error}", path)

    def keys(self, tree: Tree, known: tuple[str, ...], path: Path) -> None:
        """Say every key that means nothing here."""
        for key, _ in tree.entries():
            if key not in known:
                hint = did_you_mean(key, known) or f"the keys here are {one_of(known, 20)}"
                said = f"unknown key `{key}`"
                self.wrong("shape.unknown-key", tree.key_spot(key), said, (*path, key), hint)

    def wrong(self, code: str, spot: Spot, said: str, path: Path, hint: str = "") -> None:
        """Note one problem."""
        self.problems.add(code, spot, said, path=path, suggestion=hint)
