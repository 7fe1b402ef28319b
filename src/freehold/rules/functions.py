"""Functions and macros of the interpreted engine."""

from collections.abc import Callable, Sequence
from typing import Any

from freehold.rules import values
from freehold.rules.types import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    STRING,
    Kind,
    Node,
    Run,
    fits,
    mismatch,
    shown,
)
from freehold.rules.values import EvaluationError
from freehold.text import patterns

WithVariable = Callable[[str, Kind, Any], Node]
SimpleName = Callable[[Any], str | None]

_STRING_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda subject, part: part in subject,
    "startsWith": lambda subject, part: subject.startswith(part),
    "endsWith": lambda subject, part: subject.endswith(part),
}
_CONVERSIONS: dict[str, tuple[Kind, Callable[[Any], Any], frozenset[Kind]]] = {
    "int": (INT, values.to_int, frozenset({INT, DOUBLE, STRING, DYN})),
    "double": (DOUBLE, values.to_double, frozenset({INT, DOUBLE, STRING, DYN})),
    "string": (STRING, values.to_string, frozenset({INT, BOOL, STRING, DYN})),
}
_COMPREHENSIONS = ("all", "exists", "exists_one", "filter", "map")


def call(name: str, arguments: Sequence[Node], *, method: bool) -> Node | str:
    """A function's type and closure, or what is wrong with the call."""
    kinds = [kind for kind, _ in arguments]
    runs = [run for _, run in arguments]
    wrong = mismatch(name, *kinds)
    if name == "size" and len(runs) == 1:
        if not (isinstance(kinds[0], tuple) or kinds[0] in (STRING, DYN)):
            return wrong
        (only,) = runs
        return INT, lambda s: values.size(only(s))
    if name == "dyn" and len(runs) == 1 and not method:
        return DYN, runs[0]
    if name in _CONVERSIONS and len(runs) == 1 and not method:
        kind, convert, takes = _CONVERSIONS[name]
        if kinds[0] not in takes:
            return wrong
        (only,) = runs
        return kind, lambda s: convert(only(s))
    if name == "matches" and len(runs) == 2:
        return _matches(runs) if all(fits(kind, STRING) for kind in kinds) else wrong
    if name in _STRING_TESTS and len(runs) == 2 and method:
        if not all(fits(kind, STRING) for kind in kinds):
            return wrong
        test, (subject, part) = _STRING_TESTS[name], runs
        return BOOL, lambda s: test(values.text(subject(s)), values.text(part(s)))
    return f"undeclared reference to '{name}'"


def pattern_of(written: str) -> patterns.Pattern:
    """The regular expression of a ``matches()``, in the syntax that both engines share.

    Raises:
        ValueError: it is none.
    """
    folds = written.startswith("(?i)")
    found = patterns.compile(written.removeprefix("(?i)"), folds)
    found.prepare()
    return found


def _matches(runs: list[Run]) -> Node:
    subject, pattern = runs
    compiled: dict[str, patterns.Pattern] = {}

    def run(scope: dict[str, Any]) -> bool:
        text, wanted = values.text(subject(scope)), values.text(pattern(scope))
        found = compiled.get(wanted)
        if found is None:
            if len(compiled) > 64:
                compiled.clear()
            try:
                found = compiled[wanted] = pattern_of(wanted)
            except ValueError:
                raise EvaluationError("not a regular expression") from None
        return found.test(text)

    return BOOL, run


def macro(
    name: str,
    target: Node,
    arguments: Sequence[Any],
    with_variable: WithVariable,
    simple_name: SimpleName,
) -> Node | str | None:
    """A comprehension over a list or the keys of a map; ``None`` when this is none."""
    if name not in _COMPREHENSIONS or not (
        len(arguments) == 2 or (name == "map" and len(arguments) == 3)
    ):
        return None
    variable = simple_name(arguments[0])
    if variable is None:
        return f"{name}() variable name must be a simple identifier"
    kind, over = target
    if kind != DYN and not isinstance(kind, tuple):
        return f"{name}() goes over a list or map, not {shown(kind)}"
    item = kind[1] if isinstance(kind, tuple) else DYN
    bodies = [with_variable(variable, item, body) for body in arguments[1:]]
    if (name != "map" or len(bodies) == 2) and bodies[0][0] not in (BOOL, DYN):
        return f"the condition of {name}() gives {shown(bodies[0][0])}, not a yes or no"
    each = _each(variable, over)
    first = bodies[0][1]
    if name == "exists":
        return BOOL, _folded(each, first, decisive=True)
    if name == "all":
        return BOOL, _folded(each, first, decisive=False)
    if name == "exists_one":
        return BOOL, lambda s: sum(values.truth(first(i)) for i in each(s)) == 1
    if name == "filter":
        return (
            ("list", item),
            lambda s: [i[variable] for i in each(s) if values.truth(first(i))],
        )
    if len(bodies) == 1:
        return ("list", bodies[0][0]), lambda s: [first(i) for i in each(s)]
    second = bodies[1][1]
    return (
        ("list", bodies[1][0]),
        lambda s: [second(i) for i in each(s) if values.truth(first(i))],
    )


def _each(variable: str, over: Run) -> Callable[[dict[str, Any]], Any]:
    """A scope for each element in turn, in which the variable is bound to it.

    A scope of its own, and not the outer one changed and changed back: an error that `&&` absorbs
    would leave the outer one changed for as long as somebody holds the error.
    """

    def scopes(scope: dict[str, Any]) -> Any:
        elements = over(scope)
        if type(elements) not in (list, dict):
            raise EvaluationError("nothing to go over")
        inner = dict(scope)
        for element in elements:
            inner[variable] = element
            yield inner

    return scopes


def _folded(each: Callable[[dict[str, Any]], Any], test: Run, *, decisive: bool) -> Run:
    """``exists`` (decided by a true) and ``all`` (by a false): errors count only without one."""

    def run(scope: dict[str, Any]) -> bool:
        failure: EvaluationError | None = None
        for inner in each(scope):
            try:
                if values.truth(test(inner)) is decisive:
                    return decisive
            except EvaluationError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not decisive

    return run
