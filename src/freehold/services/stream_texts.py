"""Texts to be cut into streams, in the forms in which people have them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from freehold.core.errors import FreeholdError

_FORMS = (
    "a JSON list of texts, objects with `text` or `full_text`, or conversations with `messages`"
)


def read_texts(path: Path) -> tuple[str, ...]:
    """Every text of a file, each once.

    ``.json`` is a list (of texts, or of objects with ``text`` or presidio-research's
    ``full_text``), ``.jsonl`` has such an object, or a conversation whose assistant's ``messages``
    count, on each line; any other file has a text on each line.

    Raises:
        FreeholdError: it can't be read, has another form or no text; says where.
    """
    try:
        raw = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FreeholdError(f"{path} can't be read as UTF-8 text: {error}") from None
    found = (text for text in _texts(path, raw) if text.strip())
    texts = tuple(dict.fromkeys(found))
    if not texts:
        raise FreeholdError(f"{path} holds no text; it needs one on each line, or {_FORMS}")
    return texts


def _texts(path: Path, raw: str) -> Iterator[str]:
    if path.suffix == ".json":
        entries = _parsed(raw, str(path))
        if not isinstance(entries, list):
            raise FreeholdError(f"{path} must be {_FORMS}")
        for number, entry in enumerate(entries):
            yield from _of(entry, f"{path}: entry {number}")
    elif path.suffix == ".jsonl":
        for number, line in enumerate(raw.splitlines(), 1):
            if line.strip():
                place = f"{path}:{number}"
                yield from _of(_parsed(line, place), place)
    else:
        yield from raw.splitlines()


def _parsed(raw: str, place: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise FreeholdError(f"{place} is no JSON: {error}") from None


def _of(entry: Any, place: str) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
        return
    if isinstance(entry, dict):
        for key in ("text", "full_text"):
            if isinstance(entry.get(key), str):
                yield entry[key]
                return
        if isinstance(entry.get("messages"), list):
            yield from _said(entry["messages"])
            return
    raise FreeholdError(f"{place} has no text; the file must be {_FORMS}")


def _said(messages: list[Any]) -> Iterator[str]:
    for message in messages:
        if isinstance(message, dict) and message.get("role") == "assistant":
            content = message.get("content")
            if isinstance(content, str):
                yield content
