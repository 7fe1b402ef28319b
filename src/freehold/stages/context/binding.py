"""From trusted paths to query parameters."""

import re
from typing import Any

import orjson

from freehold.core.handoffs import Screened
from freehold.core.spec import SourceSpec

_WORD = re.compile(r"[^\W_][\w'-]{2,63}")
_ID = re.compile(r"(?<![\w-])(?=[\w-]*\d)[A-Za-z0-9][\w-]{2,39}(?![\w-])")
_MAX_TERMS = 12
_COMMON = frozenset(
    "the and for are was you your with this that have has had not but can could would what when "
    "where which who how why does did from they them their there here our out about into than then "
    "please thanks thank hello hey just any all one get got want need like know tell also been "
    "some more very much will its it's i'm i've don't".split()
)


def bound_parameters(spec: SourceSpec, screened: Screened) -> dict[str, Any] | None:
    """Values for a source's parameters, or ``None`` when one that it needs is empty.

    A principal's attribute that nothing vouches for binds nothing: the source then gives nothing,
    which is the strict reading of "only what this person may see".
    """
    params: dict[str, Any] = {}
    for name, path in spec.bind.items():
        value = _value(path, screened)
        if value == "":
            return None
        params[name] = value
    return params


def _value(path: str, screened: Screened) -> str:
    principal = screened.prepared.admitted.principal
    if path == "principal.id":
        return principal.id
    if path == "principal.tenant":
        return screened.prepared.admitted.app.tenant
    if path.startswith("principal.attributes."):
        return principal.attributes.get(path.removeprefix("principal.attributes."), "")
    if path == "request.terms":
        return terms(screened.prepared.query)
    if path == "request.ids":
        return identifiers(screened.prepared.query)
    return screened.prepared.query


def terms(text: str) -> str:
    """A full-text query (FTS5 syntax): the significant words, quoted, any of which may match."""
    words: dict[str, None] = {}
    for found in _WORD.finditer(text.lower()):
        if found.group() not in _COMMON:
            words[found.group()] = None
            if len(words) == _MAX_TERMS:
                break
    return " OR ".join(f'"{word}"' for word in words)


def identifiers(text: str) -> str:
    """A JSON array of the words that carry a digit: order numbers, SKUs."""
    words: dict[str, None] = {}
    for found in _ID.finditer(text):
        words[found.group().upper()] = None
        if len(words) == _MAX_TERMS:
            break
    return orjson.dumps(list(words)).decode()
