"""What a rule's verdict rests on, for the record: values and places, never the words."""

from collections.abc import Iterable, Mapping
from typing import Any

_MAX_EVIDENCE = 16


def _named(names: Iterable[str], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [record for name in names for record in facts.get(name, ())]


def unreadable(names: Iterable[str], facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Phrases that the rule is about, but that nobody could read."""
    return tuple(
        f"unreadable {record['kind']} at {record['start']}-{record['end']}"
        for record in _named(names, facts)
        if doubtful(record)
    )[:_MAX_EVIDENCE]


def doubtful(record: Mapping[str, Any]) -> bool:
    """Whether nobody could read it, and it may be more than a denial."""
    return not record["parsed"] and record["polarity"] != "negated"


def stretches(names: Iterable[str], facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Where in the text the facts stand that the rule was about; values, never the words."""
    return tuple(_described(record) for record in _named(names, facts)[:_MAX_EVIDENCE])


def _described(record: Mapping[str, Any]) -> str:
    # The unit of a quantity is a noun out of the text.
    unit = "" if record["kind"] == "quantity" else f" {record['unit']}"
    what = f"{record['kind']} {record['role']} {record['value']}{unit} {record['polarity']}"
    return f"{what} at {record['start']}-{record['end']}"
