"""Texts to be cut into streams, in the forms in which people have them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from freehold.core.errors import FreeholdError
from freehold.services.json_files import parsed, parsed_lines, read_text

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
    raw = read_text(path)
    found = (text for text in _texts(path, raw) if text.strip())
    texts = tuple(dict.fromkeys(found))
    if not texts:
        raise FreeholdError(f"{path} holds no text; it needs one on each line, or {_FORMS}")
    return texts


def _texts(path: Path, raw: str) -> Iterator[str]:
    if path.suffix == ".json":
        entries = parsed(raw, str(path))
        if not isinstance(entries, list):
            raise FreeholdError(f"{path} must be {_FORMS}")
        for number, entry in enumerate(entries):
            yield from _of(entry, f"{path}: entry {number}")
    elif path.suffix == ".jsonl":
        for place, entry in parsed_lines(raw, path):
            yield from _of(entry, place)
    else:
        yield from raw.splitlines()


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
