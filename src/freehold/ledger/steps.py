"""The steps in which an answer was judged, each as what changed since the one before."""

from collections.abc import Mapping
from typing import Any

Change = dict[str, Any]
"""``is``: the whole value; ``more``: what was added at its end, to a text or a list."""
VARYING = ("answer.", "stream.")
"""Facts that may differ between the steps; all others are the same from the first to the last."""


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """What turns one step's facts into the next one's; only facts that may differ at all."""
    found: dict[str, Change] = {}
    for name, value in after.items():
        if not name.startswith(VARYING):
            continue
        if name not in before:
            found[name] = {"is": value}
            continue
        old = before[name]
        if value is not old and not _same(value, old):
            found[name] = _change(old, value)
    return found


def changed(before: Mapping[str, Any], made: Mapping[str, Change]) -> dict[str, Any]:
    """The next step's facts.

    Raises:
        ValueError: these are not changes of these facts.
    """
    after = dict(before)
    for name, change in made.items():
        if "is" in change:
            after[name] = change["is"]
            continue
        old, more = before.get(name), change.get("more")
        if type(old) is not type(more) or not isinstance(old, str | list):
            raise ValueError(f"{name} can't have grown by this")
        after[name] = old + more  # type: ignore[operator]
    return after


def _change(old: Any, new: Any) -> Change:
    if isinstance(new, str) and isinstance(old, str) and old and new.startswith(old):
        return {"more": new[len(old) :]}
    if isinstance(new, list) and isinstance(old, list) and old and new[: len(old)] == old:
        return {"more": new[len(old) :]}
    return {"is": new}


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one type: ``True`` is not 1 in a record."""
    return type(one) is type(other) and bool(one == other)
