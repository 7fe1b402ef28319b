"""Static types of the interpreted engine."""

from collections.abc import Callable
from typing import Any

from freehold.rules.language import FactType

Kind = str | tuple[Any, ...]
"""``"int"``, ``("list", "string")``, ``("map", "string", "dyn")``."""

Run = Callable[[dict[str, Any]], Any]
Node = tuple[Kind, Run]

BOOL: Kind = "bool"
DYN: Kind = "dyn"
INT: Kind = "int"
DOUBLE: Kind = "double"
STRING: Kind = "string"
NULL: Kind = "null_type"
NUMBERS: frozenset[Kind] = frozenset({INT, DOUBLE})
FACT_TYPES: dict[FactType, Kind] = {
    "bool": BOOL,
    "int": INT,
    "string": STRING,
    "strings": ("list", STRING),
    "records": ("list", ("map", STRING, DYN)),
    "origins": ("list", ("map", STRING, DYN)),
    "json": DYN,
}


def fits(kind: Kind, wanted: Kind) -> bool:
    """Whether one type may stand where another is wanted; ``dyn`` fits everywhere."""
    if DYN in (kind, wanted) or kind == wanted:
        return True
    if isinstance(kind, tuple) and isinstance(wanted, tuple):
        return len(kind) == len(wanted) and all(map(fits, kind, wanted))
    return False


def joined(one: Kind, other: Kind) -> Kind:
    """The type of a choice between two."""
    return one if one == other else DYN


def shown(kind: Kind) -> str:
    """``list(map(string, dyn))``."""
    if isinstance(kind, tuple):
        return f"{kind[0]}({', '.join(map(shown, kind[1:]))})"
    return kind


def mismatch(sign: str, *kinds: Kind) -> str:
    """What to say of an operator or function that does not take these types."""
    return f"`{sign}` does not take ({', '.join(map(shown, kinds))})"
