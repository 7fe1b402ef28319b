"""What an answer may depend on besides the question: states of the context, as short words."""

import re
from collections.abc import Mapping
from itertools import combinations

from freehold.text.slots.context import Context, Row, Value
from freehold.text.slots.rows import Asked, is_state, names_other, pick

ABSENT = "no"
"""The state of a feature that a context does not have."""
OTHER, PAIR = "other:", "~"
"""What begins the name of a feature that says whether the question names another row than the one
of this source, and what stands between two fields that are compared."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOST_STATE, _MOST_PAIRED = 24, 6


def features(context: Context, asked: Asked) -> dict[str, str]:
    """Feature → state. Of a source with several rows only the one that the question names is read:
    any other would be chance. What an answer is about is another matter: see `of_rows`.
    """
    found: dict[str, str] = {}
    for source, rows in context.sources.items():
        if not rows:
            continue
        found[f"there:{source}"] = "yes"
        found[f"rows:{source}"] = "one" if len(rows) == 1 else "many"
        row = spoken_of(source, context, asked)
        if row is not None:
            found.update(_states(source, row))
    for name, value in context.facts.items():
        found[f"fact:{name}"] = _state(value)
    return found


def of_rows(context: Context, asked: Asked, rules: Mapping[str, str]) -> dict[str, str]:
    """Features of the rows that an answer is about, by the rule for each source."""
    found: dict[str, str] = {}
    for source, rule in rules.items():
        row = pick(rule, source, context, asked)
        if row is not None:
            found.update(_states(source, row))
            found[f"{OTHER}{source}"] = "yes" if names_other(row, context, asked) else ABSENT
    return found


def spoken_of(source: str, context: Context, asked: Asked) -> Row | None:
    """The row that the question names, else the only one."""
    rows = context.sources.get(source, ())
    if len(rows) == 1:
        return None if names_other(rows[0], context, asked) else rows[0]
    named = asked.named(rows)
    return rows[named[0]] if len(named) == 1 else None


def _states(source: str, row: Row) -> dict[str, str]:
    found = {f"{source}.{field}": _state(value) for field, value in row.items()}
    days: list[tuple[str, Value]] = [
        (f, v) for f, v in row.items() if isinstance(v, str) and _DAY.match(v)
    ]
    numbers: list[tuple[str, Value]] = [
        (f, v) for f, v in row.items() if isinstance(v, int) and not isinstance(v, bool)
    ]
    for some in (days[:_MOST_PAIRED], numbers[:_MOST_PAIRED]):
        for (one, left), (other, right) in combinations(sorted(some), 2):
            found[f"{source}.{one}{PAIR}{other}"] = _order(left, right)
    return found


def _order(left: Value, right: Value) -> str:
    if left == right:
        return "="
    return "<" if left < right else ">"  # type: ignore[operator]


def _state(value: Value) -> str:
    """A word that says how something is, stays; of anything else only its kind does."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "0" if value == 0 else "+" if value > 0 else "-"
    if _DAY.match(value):
        return "day"
    if len(value) <= _MOST_STATE and is_state(value):
        return f"={value}"
    return "text"
