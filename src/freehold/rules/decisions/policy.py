"""A policy that holds together, and what it decides about one case."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import Spot
from freehold.rules.decisions.declare import Declared, missing_names
from freehold.rules.decisions.engines import NoValue
from freehold.rules.decisions.kinds import Kind, presence, spread
from freehold.rules.decisions.scope import Compiled
from freehold.rules.decisions.steps import Reason, Shaping, Step


class Output(Struct, frozen=True, kw_only=True):
    """One column of the outcome.

    Attributes:
        column: the CSV column that it is compared with.
        when: where this is not so, the outcome is empty.
        compared: whether ``score`` looks at it.
        tolerance: how far a number may be off and still agree.
        any_order: whether a list agrees in any order.
    """

    name: str
    kind: Kind
    spot: Spot
    value: Compiled
    when: Compiled | None
    shaping: Shaping
    column: str
    compared: bool
    tolerance: float
    any_order: bool = False


class Failure(Struct, frozen=True):
    """Why an output has no value."""

    said: str


class Decision(Struct, frozen=True):
    """What was decided about one case: a value, None or a failure by output, and the reasons."""

    values: Mapping[str, Any]
    reasons: Mapping[str, tuple[Reason, ...]]
    """By step."""


class Policy(Struct, frozen=True, kw_only=True):
    """A compiled policy."""

    name: str
    inputs: tuple[Declared, ...]
    constants: Mapping[str, Any]
    steps: tuple[Step, ...]
    defines: Mapping[str, str]
    """The step that gives each variable."""
    outputs: tuple[Output, ...]

    def decide(self, case: Mapping[str, Any]) -> Decision:
        """Decide one case; ``case`` has a value by input name (as ``from_cell`` gives it).

        A step that can't be computed fails alone: what does not need it is decided all the same.
        """
        scope: dict[str, Any] = dict(self.constants)
        for declared in self.inputs:
            value = case.get(declared.name)
            scope.update(spread(declared.name, declared.kind, value))
            optional = frozenset(missing_names(declared.name, declared))
            present = set(presence(declared.name, declared.kind, value, optional))
            scope.update({f"given.{name}": name in present for name in optional})
        reasons: dict[str, tuple[Reason, ...]] = {}
        failed: dict[str, str] = {}
        for step in self.steps:
            try:
                reasons[step.name] = tuple(step.run(scope))
            except NoValue as error:
                failed[step.name] = self._root(step.uses, failed) or f"`{step.name}`: {error}"
                reasons[step.name] = (Reason(step.name, f"no value: {error}", step.spot),)
        values = {output.name: self._output(output, scope, failed) for output in self.outputs}
        return Decision(values, reasons)

    def _output(self, output: Output, scope: dict[str, Any], failed: Mapping[str, str]) -> Any:
        try:
            if output.when is not None and output.when.run(scope) is not True:
                return None
            return output.shaping.shape(output.value.run(scope), scope)
        except NoValue as error:
            return Failure(self._root(output.value.names, failed) or str(error))

    def _root(self, names: frozenset[str], failed: Mapping[str, str]) -> str:
        """The failure that lies behind, where one of these names failed before."""
        for name in sorted(names):
            step = self.defines.get(name)
            if step is not None and step in failed:
                return failed[step]
        return ""

    def behind(self, output: Output, decision: Decision) -> Iterator[Reason]:
        """The reasons of every step that an output rests on, in the policy's order."""
        wanted = set(output.value.names) | output.shaping.uses
        if output.when is not None:
            wanted |= output.when.names
        steps: set[str] = set()
        for step in reversed(self.steps):
            given = {name for name, by in self.defines.items() if by == step.name}
            if given & wanted:
                steps.add(step.name)
                wanted |= step.uses
        for step in self.steps:
            if step.name in steps:
                yield from decision.reasons.get(step.name, ())
