"""A light reader of SQL: is it one statement that only reads, and which parameters has it?

It knows comments, quotes and words, no grammar. The database's own read-only connection is what
enforces; this says so before the first request does.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<string>'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[A-Za-z_][^\]]*\])
      | (?P<cast>::)
      | (?P<parameter>:[A-Za-z_]\w*)
      | (?P<positional>\?\d*|\$\d+|%s\b|%\(\w+\)s|@[A-Za-z_]\w*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<open>'|"|`|/\*)
      | (?P<end>;)
      | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WRITES = frozenset(
    "insert update delete merge upsert create alter drop truncate grant revoke attach detach "
    "pragma vacuum reindex analyze copy call execute lock begin commit rollback savepoint into "
    "load_extension".split()
)


class Query(Struct, frozen=True):
    """What the reader saw. ``complaints`` is empty for one statement that only reads."""

    parameters: tuple[str, ...]
    complaints: tuple[str, ...]


def read(sql: str) -> Query:
    """Look through ``sql``; nothing is executed."""
    parameters: dict[str, None] = {}
    complaints: dict[str, None] = {}
    first = ""
    ended = False
    for kind, text in _tokens(sql):
        if kind == "space":
            continue
        if ended:
            complaints["it has more than one statement"] = None
            break
        if kind == "end":
            ended = True
        elif kind == "open":
            complaints[f"a {text} is not closed"] = None
        elif kind == "positional":
            complaints[f"`{text}` is not a named parameter; write `:name`"] = None
        elif kind == "parameter":
            parameters[text[1:]] = None
        elif kind == "word":
            word = text.lower()
            first = first or word
            if word in _WRITES:
                complaints[f"`{text.upper()}` does not only read"] = None
        elif kind == "other" and not first and text != "(":
            first = first or text
    if first not in {"select", "with"} and not any("only read" in said for said in complaints):
        complaints["it must start with SELECT or WITH"] = None
    return Query(tuple(parameters), tuple(complaints))


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(sql):
        yield match.lastgroup or "other", match.group()
