"""Exchanges that happened elsewhere, and that nobody has labelled yet: the rows of a file."""

import hashlib
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.core.errors import RequestError
from freehold.learning.datasets.given import (
    ASKED,
    EVER_NS,
    RIGHT,
    asked,
    each,
    each_of,
    known,
    moment_of,
    object_of,
    objects_of,
    sized,
    text_of,
)

_MESSAGE = frozenset({"role", "content", "name"})
_KNOWN = frozenset(
    {
        *ASKED, "said", "id", "conversation", "at", "at_ns", "person", "issuer", "intent",
        "attributes", "pieces",
    }
)  # fmt: skip
_LONGEST = 200


class Brought(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exchange.

    Attributes:
        messages: what was asked, ``{"role", "content"}`` each; ``pieces``: its context.
        said: what was answered, right or wrong; empty where nobody knows.
        id: what it is called where it comes from.
        at_ns: when it was; 0 where nobody knows.
        person, issuer: who asked, and who vouches for them; ``attributes`` what is known of them.
        intent: what it may be about.
    """

    messages: tuple[dict[str, Any], ...]
    said: str = ""
    id: str = ""
    conversation: str = ""
    at_ns: int = 0
    person: str = ""
    issuer: str = ""
    intent: str = ""
    attributes: dict[str, str] = {}
    pieces: tuple[dict[str, Any], ...] = ()


def read(path: Path, attributes: Collection[str], now_ns: int = EVER_NS) -> Iterator[Brought]:
    """The rows of a file, one by one; by its ending it is JSON lines, CSV or Parquet.

    Args:
        attributes: those that people may have here.
        now_ns: when it is; rows that are from later are mistakes.

    Raises:
        RequestError: as `given.each`.
    """
    return each(path, partial(_row, attributes=attributes, now_ns=now_ns))


def read_text(
    text: str, form: str, attributes: Collection[str], now_ns: int = EVER_NS
) -> Iterator[Brought]:
    """The same of a text that somebody sends, as ``jsonl`` or ``csv``.

    Raises:
        RequestError: as `given.each_of`.
    """
    return each_of(text, form, partial(_row, attributes=attributes, now_ns=now_ns))


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex.

    Raises:
        RequestError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror or error}") from None


def _row(given: Any, attributes: Collection[str], now_ns: int) -> Brought:
    """Raises: ValueError: it is no such row."""
    right = [name for name in RIGHT if isinstance(given, dict) and given.get(name)]
    if right:
        raise ValueError(
            f"`{right[0]}` says what is right: such rows are a dataset already (freehold dataset"
            " import). What was answered then, right or wrong, is `said`"
        )
    # an empty column of what is right says nothing
    some = {k: v for k, v in given.items() if k not in RIGHT} if isinstance(given, dict) else given
    value = known(some, _KNOWN)
    messages, last = asked(value)
    for message in messages:
        if not isinstance(message["content"], str) or set(message) - _MESSAGE:
            raise ValueError("a message is not just `role`, `content` (a text) and `name`")
    said = text_of(value, "said") or last
    pieces = tuple(objects_of(value.get("pieces", []), "pieces"))
    for piece in pieces:
        if set(piece) - {"source", "title", "text"} or not all(
            isinstance(one, str) for one in piece.values()
        ):
            raise ValueError("one of `pieces` has more than the texts `source`, `title`, `text`")
    sized(messages, said, *(one for piece in pieces for one in piece.values()))
    names = ("id", "conversation", "person", "issuer", "intent")
    short = {name: text_of(value, name) for name in names}
    for name, text in short.items():
        if len(text) > _LONGEST:
            raise ValueError(f"`{name}` has more than {_LONGEST} characters")
    return Brought(
        messages=messages,
        said=said,
        at_ns=moment_of(value, now_ns),
        attributes=_attributes(value, attributes),
        pieces=pieces,
        **short,
    )


def _attributes(value: dict[str, Any], known_ones: Collection[str]) -> dict[str, str]:
    found = object_of(value.get("attributes", {}), "attributes")
    for name, text in found.items():
        if name not in known_ones:
            there = ", ".join(sorted(known_ones)) or "none"
            raise ValueError(f"the bundle declares no attribute `{name[:40]}`; it has {there}")
        if not isinstance(text, str):
            raise ValueError(f"the attribute `{name[:40]}` is no text")
    return found
