"""A YAML file whose every key must be looked at: what nobody took is told, with its line."""

from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct

from freehold.core.errors import RequestError

MAX_BYTES = 4 * 2**20
_MAX_NODES = 50_000
_MOST = 1e15


class Remark(Struct, frozen=True, kw_only=True):
    """What became of something in the file, where it is not the same here.

    Attributes:
        line: from 1.
        kind: ``left_out``; ``changed``: taken over in another way; ``check``: a person must look.
    """

    line: int
    key: str
    kind: str
    said: str
    do: str = ""


class Node:
    """A value with its line; of a mapping, which of its keys were taken."""

    def __init__(self, value: Any, line: int, path: str) -> None:
        self.value = value
        self.line = line
        self.path = path
        self._taken: set[str] = set()
        self._odd: set[str] = set()

    def take(self, key: str) -> "Node | None":
        """A key's value, which is looked at by this; nothing where it is not there, or null."""
        if not isinstance(self.value, dict):
            return None
        self._taken.add(key)
        found: Node | None = self.value.get(key)
        return found if found is not None and found.value is not None else None

    def text(self, key: str) -> str:
        """The same of a text or number; empty where there is none. What is neither stays."""
        found = self.take(key)
        if found is None or isinstance(found.value, dict | list):
            self._leave(key, found)
            return ""
        return str(found.value)

    def number(self, key: str) -> float | None:
        """The same of a number from zero on. What is none stays, and is odd."""
        found = self.take(key)
        try:
            number = float(found.value) if found is not None else -1.0
        except (TypeError, ValueError):
            number = -1.0
        if 0 <= number < _MOST and found is not None and not isinstance(found.value, bool):
            return number
        self._leave(key, found)
        return None

    def _leave(self, key: str, found: "Node | None") -> None:
        """What can't be used is not taken, so that it is told."""
        if found is not None:
            self._taken.discard(key)
            self._odd.add(key)

    def lend(self, key: str, node: "Node") -> None:
        """Say what this mapping does not say itself."""
        if isinstance(self.value, dict):
            self.value.setdefault(key, node)

    def odd(self, key: str) -> bool:
        """Whether a key was looked at, and has a value of another kind than is wanted."""
        return key in self._odd

    def items(self) -> "list[Node]":
        """Of a list, its parts; of one value, that."""
        return self.value if isinstance(self.value, list) else [self]

    def entries(self) -> "Iterator[tuple[str, Node]]":
        """Of a mapping, all keys, which are taken by this."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                self._taken.add(key)
                yield key, node

    def left(self) -> "Iterator[tuple[str, Node]]":
        """Keys that nobody took."""
        if isinstance(self.value, dict):
            yield from ((k, node) for k, node in self.value.items() if k not in self._taken)

    def plain(self) -> Any:
        """As Python has it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read(octets: bytes, name: str) -> Node:
    """The file's one mapping.

    Raises:
        RequestError: too large, no YAML, or no mapping.
    """
    if len(octets) > MAX_BYTES:
        raise RequestError(f"{name} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        root = yaml.compose(octets.decode("utf-8-sig"), Loader=yaml.SafeLoader)
        loader = yaml.SafeLoader("")
        found = _node(root, loader, "", [0], ()) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f" line {mark.line + 1}:" if mark is not None else ""
        raise RequestError(f"{name}:{at} {error.problem or 'no YAML'}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RequestError(f"{name} is no YAML: {error}") from None
    if found is None or not isinstance(found.value, dict):
        raise RequestError(f"{name} holds no mapping: a LiteLLM configuration has `model_list`")
    return found


def _node(
    node: yaml.Node, loader: yaml.SafeLoader, path: str, seen: list[int], above: tuple[int, ...]
) -> Node:
    seen[0] += 1
    if seen[0] > _MAX_NODES or id(node) in above:
        raise ValueError("it unfolds to too much")
    line = node.start_mark.line + 1
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        found = {}
        for key, value in node.value:
            name = str(getattr(key, "value", ""))
            made = _node(value, loader, f"{path}.{name}" if path else name, seen, above)
            made.line = key.start_mark.line + 1
            found[name] = made
        return Node(found, line, path)
    if isinstance(node, yaml.SequenceNode):
        parts = [
            _node(part, loader, f"{path}[{number}]", seen, above)
            for number, part in enumerate(node.value)
        ]
        return Node(parts, line, path)
    return Node(loader.construct_object(node), line, path)
