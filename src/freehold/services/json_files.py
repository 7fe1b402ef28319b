"""Files that people bring: read as UTF-8, parsed as JSON, and every mistake told with its place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from freehold.core.errors import FreeholdError


def read_text(path: Path) -> str:
    """The file's text, without a byte order mark.

    Raises:
        FreeholdError: it can't be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FreeholdError(f"{path} is not UTF-8 text: {error}") from None
    except OSError as error:
        raise FreeholdError(f"{path} can't be read: {error.strerror or error}") from None


def parsed(raw: str, place: str) -> Any:
    """The JSON value; half a surrogate pair and nesting without end are mistakes as well.

    Raises:
        FreeholdError: it is none; begins with ``place``.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise FreeholdError(f"{place} is no JSON: {error}") from None


def parsed_lines(raw: str, path: Path) -> Iterator[tuple[str, Any]]:
    """Place and value of each line that is not blank (JSON Lines: only a line feed ends a line).

    Raises:
        FreeholdError: a line is no JSON; says which.
    """
    for number, line in enumerate(raw.split("\n"), 1):
        if line.strip():
            place = f"{path}:{number}"
            yield place, parsed(line, place)
