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
      | (?P<open>'|"|`|/\*|\$\w*\$)
      | (?P<positional>\?\d*|\$\d+|%s\b|%\(\w+\)s|@[A-Za-z_]\w*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<end>;)
      | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
MAX_CHARS = 20_000
_WRITES = frozenset(
    "insert update delete merge upsert create alter drop truncate grant revoke attach detach "
    "pragma vacuum reindex analyze copy call execute lock begin commit rollback savepoint into "
    "load_extension".split()
)

_LEADS = frozenset({"from", "join"})
_ENDS = frozenset("select where group order having limit offset union except intersect".split())


class Query(Struct, frozen=True):
    """What the reader saw. ``complaints`` is empty for one statement that only reads."""

    parameters: tuple[str, ...]
    complaints: tuple[str, ...]


def read(sql: str) -> Query:
    """Look through ``sql``; nothing is executed."""
    if len(sql) > MAX_CHARS:
        return Query((), (f"it has more than {MAX_CHARS:,} characters",))
    tokens = [(kind, text) for kind, text in _tokens(sql) if kind != "space"]
    kinds = [kind for kind, _ in tokens]
    complaints: dict[str, None] = {}
    if "end" in kinds[:-1]:
        complaints["it has more than one statement"] = None
        tokens = tokens[: kinds.index("end")]
    for kind, text in tokens:
        if kind == "open":
            complaints[f"a {text} is not closed"] = None
            break
        if kind == "positional":
            complaints[f"`{text}` is not a named parameter; write `:name`"] = None
        elif kind == "word" and text.lower() in _WRITES:
            complaints[f"`{text.upper()}` does not only read"] = None
    first = next((text.lower() for _, text in tokens if text != "("), "")
    if first not in {"select", "with"} and first not in _WRITES:
        complaints["it must start with SELECT or WITH"] = None
    parameters = dict.fromkeys(text[1:] for kind, text in tokens if kind == "parameter")
    return Query(tuple(parameters), tuple(complaints))


def tables(sql: str) -> tuple[str, ...]:
    """The tables and functions behind FROM and JOIN, as they are written; rather one too many."""
    found: dict[str, None] = {}
    listing = [False]  # for each open bracket: whether a comma leads to the next table
    name, expects = "", False
    for kind, text in [*_tokens(sql), ("end", ";")]:
        if kind == "space":
            continue
        if name and (text == "." or name.endswith(".")):
            name += text
            continue
        if name:
            found[name] = None
            name = ""
        word = text.lower() if kind == "word" else ""
        if word in _LEADS:
            expects = listing[-1] = True
        elif expects and kind in {"word", "name"}:
            name, expects = text, False
        else:
            expects = text == "," and listing[-1]
        if word in _ENDS:
            listing[-1] = False
        elif text == "(":
            listing.append(False)
        elif text == ")" and len(listing) > 1:
            listing.pop()
    return tuple(found)


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(sql):
        yield match.lastgroup or "other", match.group()
