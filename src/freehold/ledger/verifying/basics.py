"""Limits, errors and small readers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

Progress = Callable[[int, int], None]
sha256 = hashlib.sha256
HASH = 32
TILE = 256
LINE_LIMIT = 64 * 1024 * 1024  # a segment's size: no line is longer
NOTE_LIMIT = 1024 * 1024
JSON_LIMIT = 64 * 1024 * 1024
FOUND_LIMIT = 100  # findings told one by one for each log
NAMED = 5  # things of one kind that are named in one sentence
ZIP_ENTRIES = 200_000
ZIP_RATIO = 200
ZIP_SMALL = 256 * 1024 * 1024  # below this size no ratio is suspicious


class Unreadable(Exception):
    """Nothing can be said: no ledger, no archive, no proof, or the system refuses to read it."""


class Malformed(Exception):
    """Bytes that are not what they should be."""


def b64(text: str, size: int | None = None) -> bytes:
    """Bytes of base64 in its one canonical spelling, `size` of them.

    Raises:
        Malformed: another spelling, or another size.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("no base64") from error
    if base64.b64encode(data).decode() != text or (size is not None and len(data) != size):
        raise Malformed("base64 that is not spelled as it should be")
    return data


def read_json(data: bytes) -> Any:
    """A JSON value.

    Raises:
        Malformed: it is none, or one that is made to hurt its reader.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed("no JSON") from error


def canonical(value: Any) -> bytes:
    """The one spelling of a value: sorted keys, no white space, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def decimal(text: str) -> int:
    """A number without sign and leading zeros.

    Raises:
        Malformed: anything else, and what no log can hold.
    """
    if not re.fullmatch(r"0|[1-9][0-9]{0,17}", text, re.ASCII):
        raise Malformed("no number")
    return int(text)


def few(names: Sequence[str]) -> str:
    """The first ones, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
