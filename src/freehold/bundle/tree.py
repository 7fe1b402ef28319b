"""A YAML document in which every value and every key knows its line and column."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import yaml
from msgspec import Struct

from freehold.bundle.problems import Problems, Spot
from freehold.bundle.syntax import character_error, syntax_error

MAX_DEPTH = 40
MAX_VALUES = 500_000
"""Values of one file, with every alias counted as often as it is used."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})

# The core schema of YAML 1.2 (chapter 10.3): `no` is a word and `12:30` a time, not numbers.
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,30}")
_OCTAL = re.compile(r"0o[0-7]{1,30}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,2})?")

Scalar = str | int | float | bool | None


class Tree:
    """A value and where it stands: a mapping, a list or a scalar."""

    __slots__ = ("depth", "keys", "size", "spot", "value")

    def __init__(self, spot: Spot, value: "Scalar | dict[str, Tree] | list[Tree]") -> None:
        self.spot = spot
        self.value = value
        self.keys: dict[str, Spot] = {}
        self.size = 1
        self.depth = 1

    def get(self, key: str) -> "Tree | None":
        """The value under ``key``; None if there is none or this is no mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def entries(self) -> "Iterator[tuple[str, Tree]]":
        """A mapping's entries; nothing for anything else."""
        if isinstance(self.value, dict):
            yield from self.value.items()

    def items(self) -> "list[Tree]":
        """A list's items; nothing for anything else."""
        return self.value if isinstance(self.value, list) else []

    def text(self, key: str) -> str | None:
        """The string under ``key``; None if it is missing or something else."""
        found = self.get(key)
        return found.value if found is not None and isinstance(found.value, str) else None

    def key_spot(self, key: str) -> Spot:
        """Where the key itself stands; this value's own place if it has no such key."""
        return self.keys.get(key, self.spot)

    def section(self, *path: str) -> "Tree":
        """The mapping at ``path``, or an empty one, so that checks need no special case."""
        here: Tree | None = self
        for part in path:
            here = here.get(part) if here is not None else None
        return here if here is not None else Tree(self.spot, {})

    def at(self, path: Sequence[str | int]) -> Spot:
        """Where the value at ``path`` stands, or the nearest thing above that exists."""
        here, spot = self, self.spot
        for part in path:
            if isinstance(here.value, dict) and isinstance(part, str) and part in here.value:
                spot = here.keys[part]
                here = here.value[part]
            elif isinstance(here.value, list) and isinstance(part, int) and part < len(here.value):
                here = here.value[part]
                spot = here.spot
            else:
                return spot
        return spot if here.value is None or isinstance(here.value, dict) else here.spot

    def plain(self) -> Any:
        """The value alone, as dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


class Parsed(Struct, frozen=True):
    """A document; ``whole`` is false where it breaks off, and then ``tree`` is what came before."""

    tree: Tree
    whole: bool


def parse(
    text: str,
    file: str,
    problems: Problems,
    open_at: Callable[[tuple[str, ...]], bool] = lambda path: not path,
) -> Parsed:
    """Read one YAML document.

    Everything that is wrong goes to ``problems``. The first syntax error ends the file (what
    follows it can't be trusted), and so does a value that is nested or repeated without end;
    duplicate keys don't.

    Args:
        open_at: whether the mapping at a path may be kept though it breaks off, with the entries
            that were read in full. An empty document is an empty mapping.
    """
    builder = _Builder(file, problems)
    whole = True
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if not builder.take(event):
                whole = False
                break
    except yaml.MarkedYAMLError as error:
        syntax_error(error, text, file, problems)
        whole = False
    except yaml.reader.ReaderError as error:
        character_error(error, text, file, problems)
        whole = False
    if not whole:
        builder.give_up(open_at)
    return Parsed(builder.root or Tree(Spot(file, 1, 1), {}), whole)


class _Open:
    """A collection that is still being read, with the key that has no value yet."""

    __slots__ = ("anchor", "discard", "key", "tree")

    def __init__(self, tree: Tree, anchor: str | None) -> None:
        self.tree = tree
        self.anchor = anchor
        self.key: str | None = None
        self.discard = False


class _Builder:
    """Builds trees from parser events with an own stack: no recursion that a file could exhaust."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems
        self.root: Tree | None = None
        self.documents = 0
        self.stack: list[_Open] = []
        self.anchors: dict[str, Tree | None] = {}

    def take(self, event: Any) -> bool:
        """One event; False when the file can't be read on."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                message = "a second document (`---`) in one file"
                return self._fail(event, "yaml.documents", message, "put it in a file of its own")
        elif isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            return self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = self.stack.pop()
            if closed.anchor:
                self.anchors[closed.anchor] = closed.tree
            return self._place(closed.tree, event)
        return True

    def give_up(self, open_at: Callable[[tuple[str, ...]], bool]) -> None:
        """Keep what was read in full; a value that breaks off is dropped, its neighbours stay."""
        kept: list[tuple[Tree, str, Tree]] = []
        path: tuple[str, ...] = ()
        for outer, inner in pairwise(self.stack):
            path = (*path, outer.key or "")
            mappings = isinstance(outer.tree.value, dict) and isinstance(inner.tree.value, dict)
            if outer.key is None or outer.discard or not mappings or not open_at(path):
                break
            kept.append((outer.tree, outer.key, inner.tree))
        for above, key, below in reversed(kept):
            if below.value and isinstance(above.value, dict):
                above.value[key] = below
        if self.stack and isinstance(self.stack[0].tree.value, dict):
            self.root = self.stack[0].tree

    def _spot(self, event: Any) -> Spot:
        return Spot(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _fail(self, event: Any, code: str, message: str, suggestion: str = "") -> bool:
        self.problems.add(code, self._spot(event), message, suggestion=suggestion)
        return False

    def _key_is_next(self) -> bool:
        if not self.stack:
            return False
        here = self.stack[-1]
        return isinstance(here.tree.value, dict) and here.key is None

    def _scalar(self, event: Any) -> bool:
        if event.tag is not None and event.tag not in _STRING_TAGS:
            return self._fail(
                event, "yaml.tag", f"the tag `{event.tag}` means nothing here", "remove it"
            )
        if self._key_is_next():
            return self._key(event)
        quoted = bool(event.style) or event.tag is not None
        tree = Tree(self._spot(event), event.value if quoted else resolve_scalar(event.value))
        if event.anchor:
            self.anchors[event.anchor] = tree
        return self._place(tree, event)

    def _key(self, event: Any) -> bool:
        here = self.stack[-1]
        key, spot, keys = event.value, self._spot(event), here.tree.keys
        if key == "<<" and not event.style:
            message = "merge keys (`<<`) are not supported"
            suggestion = "repeat the keys, or use an alias for a whole value"
            return self._fail(event, "yaml.merge-key", message, suggestion)
        here.key = key
        here.discard = key in keys
        if here.discard:
            self.problems.add(
                "yaml.duplicate-key",
                spot,
                f"the key `{key}` stands here a second time; the first is on line {keys[key].line}",
                path=[outer.key for outer in self.stack if outer.key is not None],
                suggestion="keep one of them",
            )
        else:
            keys[key] = spot
        return True

    def _alias(self, event: Any) -> bool:
        if self._key_is_next():
            return self._fail(event, "yaml.key", "an alias can't be a key")
        target = self.anchors.get(event.anchor)
        if target is not None:
            return self._place(target, event)
        if event.anchor in self.anchors:
            message = f"the alias `*{event.anchor}` stands inside what it repeats"
        else:
            message = f"unknown alias `*{event.anchor}`"
        return self._fail(event, "yaml.alias", message)

    def _open(self, event: Any) -> bool:
        if self._key_is_next():
            message = "a list or mapping can't be a key"
            return self._fail(
                event, "yaml.key", message, "put text that holds `{` or `[` in quotes"
            )
        if event.tag is not None and not event.implicit:
            return self._fail(
                event, "yaml.tag", f"the tag `{event.tag}` means nothing here", "remove it"
            )
        if len(self.stack) >= MAX_DEPTH:
            return self._fail(event, "yaml.depth", f"nested deeper than {MAX_DEPTH} levels")
        if event.anchor:
            self.anchors[event.anchor] = None
        mapping = isinstance(event, yaml.MappingStartEvent)
        self.stack.append(_Open(Tree(self._spot(event), {} if mapping else []), event.anchor))
        return True

    def _place(self, tree: Tree, event: Any) -> bool:
        if not self.stack:
            self.root = tree
            return True
        here = self.stack[-1]
        parent = here.tree
        if isinstance(parent.value, list):
            parent.value.append(tree)
        elif isinstance(parent.value, dict) and here.key is not None:
            if not here.discard:
                parent.value[here.key] = tree
            here.key = None
        parent.size += tree.size
        parent.depth = max(parent.depth, tree.depth + 1)
        if parent.size > MAX_VALUES:
            return self._fail(
                event, "yaml.size", f"more than {MAX_VALUES} values, aliases included"
            )
        if len(self.stack) + tree.depth > MAX_DEPTH + 1:
            return self._fail(event, "yaml.depth", f"nested deeper than {MAX_DEPTH} levels")
        return True


def resolve_scalar(text: str) -> Scalar:
    """What an unquoted scalar means in YAML 1.2's core schema (infinities stay text)."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "-+.0123456789":
        return text
    readers: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
        (_INT, int),
        (_OCTAL, lambda digits: int(digits, 0)),
        (_HEX, lambda digits: int(digits, 0)),
        (_FLOAT, float),
    )
    for pattern, read in readers:
        if pattern.fullmatch(text):
            return read(text)
    return text


def shown(value: Any) -> str:
    """A value as a message may print it: short, and on one line."""
    text = " ".join(str(value).split())
    return f"`{text[:40]}…`" if len(text) > 40 else f"`{text}`"
