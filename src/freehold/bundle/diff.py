"""What changed between two versions of a bundle."""

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from freehold.bundle.problems import dotted
from freehold.bundle.schema import Bundle


class Change(Struct, frozen=True):
    """One value that differs; ``before`` or ``after`` is None where there was, or is, none."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON shows them."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.path}: {self.after}"
        if self.kind == "removed":
            return f"- {self.path}: {self.before}"
        return f"~ {self.path}: {self.before} → {self.after}"


def diff(before: Bundle, after: Bundle) -> list[Change]:
    """Changed values in order of path. What is left out counts as its default.

    A mapping's entry that is new or gone is one change, not one for each value in it; so is a list.
    """
    old = before.model_dump(mode="json", exclude_defaults=True)
    new = after.model_dump(mode="json", exclude_defaults=True)
    return sorted(_changes(old, new, ()), key=lambda change: change.path)


def _changes(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            here = (*path, key)
            if key not in new:
                yield Change(dotted(here), "removed", before=old[key])
            elif key not in old:
                yield Change(dotted(here), "added", after=new[key])
            else:
                yield from _changes(old[key], new[key], here)
    elif old != new:
        yield Change(dotted(path), "changed", before=old, after=new)
