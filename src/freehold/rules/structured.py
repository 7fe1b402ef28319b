"""JSON that a model wrote, as values for rules: a tool call's arguments, a structured answer.

What can't be read for certain is `Unreadable`: a member that is given twice means one thing to this
reader and another to the tool.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

MAX_CHARS = 200_000
MAX_DEPTH = 32
MAX_LEAVES = 5_000
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII)
_PART = re.compile(r"[^.\[\]]+|\[\]|\[\d{1,4}\]")

Part = str | int
Path = tuple[Part, ...]


class Unreadable(ValueError):
    """JSON that is not read, and why; nothing of its content is quoted."""


class Leaf(Struct, frozen=True):
    """A text, number or truth value, or an empty object or list, and where it stands."""

    path: Path
    value: Any


class _Twice(ValueError):
    """A member that is given twice."""


def read(text: str) -> Any:
    """The value that the whole text is; decimals are ``Decimal``.

    Raises:
        Unreadable: no JSON, or JSON that two readers may take for different things, or too much.
    """
    if len(text) > MAX_CHARS:
        raise Unreadable(f"more than {MAX_CHARS:,} characters")
    try:
        value = json.loads(
            text, object_pairs_hook=_members, parse_float=_decimal, parse_constant=_no_number
        )
    except _Twice:
        raise Unreadable("a member is given twice") from None
    except RecursionError:
        raise Unreadable(f"nested more than {MAX_DEPTH} deep") from None
    except ValueError:
        raise Unreadable("no JSON") from None
    leaves(value)
    if "\\u" in text:
        _encodable(value)
    return value


def read_object(text: str) -> dict[str, Any]:
    """The object that a call's arguments are; no text at all is an empty one.

    Raises:
        Unreadable: see `read`; or it is something else than an object.
    """
    if not text.strip():
        return {}
    value = read(text)
    if not isinstance(value, dict):
        raise Unreadable("no object")
    return value


def leaves(value: Any) -> list[Leaf]:
    """Every value that holds no others, in the order in which they stand.

    Raises:
        Unreadable: too many, too deep, or a number that rules can't hold.
    """
    found: list[Leaf] = []
    open_: list[tuple[Path, Any]] = [((), value)]
    while open_:
        path, each = open_.pop()
        if len(path) > MAX_DEPTH:
            raise Unreadable(f"nested more than {MAX_DEPTH} deep")
        if isinstance(each, dict) and each:
            open_ += [((*path, key), each[key]) for key in reversed(each)]
        elif isinstance(each, list) and each:
            open_ += [((*path, at), each[at]) for at in range(len(each) - 1, -1, -1)]
        else:
            if isinstance(each, int) and not INT_MIN <= each <= INT_MAX:
                raise Unreadable("a number is too large")
            found.append(Leaf(path, each))
        if len(found) + len(open_) > MAX_LEAVES:
            raise Unreadable(f"more than {MAX_LEAVES:,} values")
    return found


def shown(path: Path) -> str:
    """``lines[0].sku``. A key that is no plain word is shown as ``?``: it may hold anything."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            name = part if _PLAIN_KEY.fullmatch(part) else "?"
            parts.append(f".{name}" if parts else name)
    return "".join(parts)


def parsed(path: str) -> tuple[str, ...] | None:
    """The parts of a declared path (``lines[].sku``); ``None`` where it is none."""
    parts = tuple(_PART.findall(path))
    joined = "".join(part if part[0] == "[" else f".{part}" for part in parts).removeprefix(".")
    return parts if parts and joined == path and parts[0][0] != "[" else None


def below(pattern: str, path: Path) -> bool:
    """Whether a value at ``path`` is what the pattern names, or stands inside it."""
    parts = parsed(pattern) or ()
    return 0 < len(parts) <= len(path) and all(
        (part == "[]" and isinstance(at, int))
        or (part == f"[{at}]" if isinstance(at, int) else part == at)
        for part, at in zip(parts, path, strict=False)
    )


def without(value: Any, patterns: Iterable[str], instead: str) -> Any:
    """The value with another text wherever a pattern points at."""
    patterns = tuple(patterns)

    def walk(each: Any, path: Path) -> Any:
        if path and any(below(pattern, path) for pattern in patterns):
            return instead
        if isinstance(each, dict):
            return {key: walk(inner, (*path, key)) for key, inner in each.items()}
        if isinstance(each, list):
            return [walk(inner, (*path, at)) for at, inner in enumerate(each)]
        return each

    return walk(value, ())


def written(value: Any) -> str:
    """JSON again, with numbers as they were."""

    def number(each: Any) -> Any:
        if isinstance(each, Decimal):
            return float(each)
        raise TypeError(type(each).__name__)

    return json.dumps(value, ensure_ascii=False, default=number)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _Twice
    return members


def _encodable(value: Any) -> None:
    try:
        written(value).encode()
    except UnicodeEncodeError:
        raise Unreadable("half a character") from None


def _decimal(digits: str) -> Decimal:
    number = Decimal(digits)
    if abs(number.adjusted()) > 300:
        raise ValueError("out of range")
    return number


def _no_number(name: str) -> Any:
    raise ValueError(name)


def texts(found: Sequence[Leaf]) -> Iterator[tuple[Path, str]]:
    """The texts among some leaves, numbers as they are written, and keys that are no plain words:
    whoever writes the arguments can put anything there.
    """
    odd: dict[Path, None] = {}
    for leaf in found:
        for at, part in enumerate(leaf.path):
            if isinstance(part, str) and not _PLAIN_KEY.fullmatch(part):
                odd.setdefault(leaf.path[: at + 1])
    for path in odd:
        yield path, str(path[-1])
    for leaf in found:
        if isinstance(leaf.value, str):
            yield leaf.path, leaf.value
        elif isinstance(leaf.value, int | Decimal) and not isinstance(leaf.value, bool):
            yield leaf.path, str(leaf.value)
