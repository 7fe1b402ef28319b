"""``policy.yaml`` and its tables, read as a whole: every mistake at its line."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import Problem, Problems, Spot, did_you_mean
from freehold.bundle.tree import Tree, parse
from freehold.rules.decisions.declare import Declared
from freehold.rules.decisions.engines import DecisionEngine, default_engine
from freehold.rules.decisions.inputs import Inputs, as_name, usable
from freehold.rules.decisions.kinds import ANY, SCALARS, TEXT, Kind, day_number
from freehold.rules.decisions.policy import Output, Policy
from freehold.rules.decisions.scope import Path, Scope
from freehold.rules.decisions.stepping import Steps, keys, shaping
from freehold.rules.decisions.steps import Step

FILE = "policy.yaml"
_TOP = ("policy", "name", "description", "inputs", "constants", "tables", "values", "outputs",
        "tolerance")  # fmt: skip
_OUTPUT = ("type", "value", "when", "column", "compare", "tolerance", "any_order", "round", "min",
           "max", "note")  # fmt: skip
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Read(Struct, frozen=True):
    """A policy, or None as soon as there is one error; and all that was found."""

    policy: Policy | None
    problems: tuple[Problem, ...]


def read_policy(folder: FilePath, engine: DecisionEngine | None = None) -> Read:
    """Read and compile the policy in ``folder``. Nothing is raised for what is wrong with it."""
    problems = Problems()
    policy = None
    text = read_text(folder / FILE, FILE, problems, "a policy is a folder with this file")
    if text is not None:
        parsed = parse(text, FILE, problems)
        if parsed.whole and isinstance(parsed.tree.value, dict):
            policy = _Reader(folder, parsed.tree, engine or default_engine(), problems).read()
        elif parsed.whole:
            problems.add("shape.type", parsed.tree.spot, "the file holds no mapping")
    found = problems.sorted()
    broken = any(problem.severity == "error" for problem in found)
    return Read(None if broken else policy, found)


def read_text(path: FilePath, name: str, problems: Problems, hint: str = "") -> str | None:
    """A file's text without its byte-order mark; None with a problem."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        said = f"can't be read: {error.strerror or error}"
        problems.add("file.unreadable", Spot(name, 0, 0), said, suggestion=hint)
    except UnicodeDecodeError:
        said = "this is not UTF-8"
        problems.add("file.encoding", Spot(name, 0, 0), said, suggestion="save it as UTF-8")
    return None


class _Reader:
    def __init__(
        self, folder: FilePath, root: Tree, engine: DecisionEngine, problems: Problems
    ) -> None:
        self.folder = folder
        self.root = root
        self.problems = problems
        self.scope = Scope(engine, problems)
        self._inputs_reader = Inputs(problems)

    def read(self) -> Policy:
        """Everything, in an order in which each part sees what it may name."""
        keys(self.root, _TOP, (), self.problems)
        version = self.root.get("policy")
        if version is None or version.value != 1:
            said = "the format's version is missing" if version is None else "an unknown version"
            self._wrong(
                "shape.version", self.root.key_spot("policy"), said, (), "write `policy: 1`"
            )
        inputs = self._inputs()
        constants = self._constants()
        values = self.root.get("values") or Tree(self.root.spot, {})
        read = Steps(self.folder, self.root.section("tables"), self.problems)
        steps, defines = read.steps(values, self.scope, ("values",))
        read.unused()
        return Policy(
            name=str(self.root.text("name") or self.folder.name),
            inputs=inputs,
            constants=constants,
            steps=tuple(steps),
            defines=defines,
            outputs=self._outputs(steps),
        )

    def _wrong(self, code: str, spot: Spot, said: str, path: Path, hint: str = "") -> None:
        self.problems.add(code, spot, said, path=path, suggestion=hint)

    def _inputs(self) -> tuple[Declared, ...]:
        section = self.root.get("inputs")
        if section is None or not isinstance(section.value, dict) or not section.value:
            spot = self.root.key_spot("inputs")
            self._wrong(
                "shape.missing", spot, "`inputs:` is missing", ("inputs",), "name each column"
            )
            return ()
        found = []
        for name, tree in section.entries():
            declared = self._inputs_reader.named(name, section.keys[name], tree, ("inputs", name))
            if declared is not None:
                self.scope.declare(name, declared)
                found.append(declared)
            elif usable(name):
                self.scope.define(name, ANY)  # so that what uses it is not reported as well
        return tuple(found)

    def _constants(self) -> Mapping[str, Any]:
        section = self.root.section("constants")
        made: dict[str, Any] = {}
        for name, tree in section.entries():
            path: Path = ("constants", name)
            if not usable(name) or name in self.scope.variables:
                self._wrong("shape.id", section.keys[name], f"`{name}` can't be a name here", path)
                continue
            kind, value = _constant(tree)
            if kind is None:
                hint = "write a number, a text, a date, true, false, or a list of one of these"
                self._wrong("shape.type", tree.spot, f"`{name}` is no constant", path, hint)
                continue
            made[name] = value
            self.scope.define(name, kind)
        return made

    def _outputs(self, steps: list[Step]) -> tuple[Output, ...]:
        section = self.root.get("outputs")
        if section is None or not section.value:
            spot = self.root.key_spot("outputs")
            said = "`outputs:` is missing"
            self._wrong("shape.missing", spot, said, ("outputs",), "name what is decided")
            return ()
        made = []
        for name, tree in section.entries():
            output = self._output(name, section.keys[name], tree, ("outputs", name))
            if output is not None:
                made.append(output)
        if not any(problem.severity == "error" for problem in self.problems.sorted()):
            self._unread(steps, made)
        return tuple(made)

    def _output(self, name: str, spot: Spot, tree: Tree, path: Path) -> Output | None:
        if tree.value is None or isinstance(tree.value, str | bool | int | float):
            written = Tree(tree.spot, tree.value if tree.value is not None else name)
            tree = Tree(tree.spot, {"value": written})
        if not isinstance(tree.value, dict):
            self._wrong("shape.type", tree.spot, f"`{name}` needs a value", path)
            return None
        keys(tree, _OUTPUT, path, self.problems)
        written = tree.get("value") or Tree(spot, name)
        value = self.scope.compile(written.value, written.spot, (*path, "value"))
        when = tree.get("when")
        condition = self.scope.compile(when.value, when.spot, path, ("boolean",)) if when else None
        declared = tree.text("type")
        if declared is not None and declared not in (*SCALARS, "list", "object"):
            hint = did_you_mean(declared, SCALARS)
            self._wrong(
                "shape.choice", tree.section("type").spot, f"no type `{declared}`", path, hint
            )
            return None
        if value is None:
            return None
        kind = _declared_kind(declared, value.kind)
        if kind is None:
            said = f"`{name}` is declared a {declared}, but its value is a {value.kind}"
            self._wrong("decision.type", written.spot, said, path)
            return None
        return Output(
            name=name,
            kind=kind,
            spot=written.spot,
            value=value,
            when=condition,
            shaping=shaping(tree, self.scope, path),
            column=str(tree.text("column") or name),
            compared=self._flag(tree, "compare", True, path),
            tolerance=self._tolerance(tree, path),
            any_order=self._flag(tree, "any_order", False, path),
        )

    def _flag(self, tree: Tree, key: str, otherwise: bool, path: Path) -> bool:
        found = tree.get(key)
        if found is None:
            return otherwise
        if not isinstance(found.value, bool):
            self._wrong("shape.type", found.spot, f"`{key}` is `true` or `false`", path)
        return found.value is True

    def _tolerance(self, tree: Tree, path: Path) -> float:
        found = tree.get("tolerance") or self.root.get("tolerance")
        if found is None:
            return 0.0
        if (
            isinstance(found.value, bool)
            or not isinstance(found.value, int | float)
            or found.value < 0
        ):
            self._wrong("shape.type", found.spot, "`tolerance` is a number, such as 0.01", path)
            return 0.0
        return float(found.value)

    def _unread(self, steps: list[Step], outputs: list[Output]) -> None:
        """Warn of values that nothing reads: a slip of the pen, more often than not."""
        read: set[str] = set()
        for step in steps:
            read |= step.uses
        for output in outputs:
            read |= output.value.names | output.shaping.uses
            read |= output.when.names if output.when is not None else frozenset()
        for step in steps:
            if not any(name == step.name or name.startswith(f"{step.name}.") for name in read):
                self.problems.warn(
                    "decision.unread",
                    step.spot,
                    f"nothing uses `{step.name}`",
                    path=("values", step.name),
                    suggestion="name it in an output, or remove it",
                )


def _declared_kind(declared: str | None, found: Kind) -> Kind | None:
    """The declared type where the value can have it; None where it can't."""
    if declared is None or declared == found.name:
        return found
    if declared == "list" or found.name == "list":
        return found if found.name == "any" else None
    same: Callable[[str], bool] = lambda name: name in ("number", "integer", "date")  # noqa: E731
    if found.name == "any" or (same(declared) and same(found.name)):
        return Kind(as_name(declared))
    return None


def _constant(tree: Tree) -> tuple[Kind | None, Any]:
    value = tree.value
    if isinstance(value, list):
        parts = [_constant(each) for each in value]
        kinds = {kind for kind, _ in parts}
        kind = kinds.pop() if len(kinds) == 1 else None
        return (Kind("list", kind) if kind else None), [found for _, found in parts]
    if isinstance(value, bool):
        return Kind("boolean"), value
    if isinstance(value, int | float):
        return Kind("number"), float(value)
    if isinstance(value, str):
        if _DATE.fullmatch(value):
            try:
                return Kind("date"), day_number(value)
            except ValueError:
                return None, None
        return TEXT, value
    return None, None
