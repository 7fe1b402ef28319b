"""By what two rows are known to belong together: what may never be in two parts of a dataset."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal

from freehold.core.training import Example
from freehold.text.normalise import HIDDEN_KINDS, fold

Grouping = Literal["question", "input"]
"""``question``: rows that ask the same belong together, whatever their context and numbers are (a
class is learned from the question alone). ``input``: rows that ask the same of the same context (an
answer is learned from both)."""

_PLACEHOLDER = re.compile(r"\[[A-Za-z][A-Za-z0-9_]{0,47}_[0-9A-Fa-f]{8}\]")
_NUMBER = re.compile(r"\w*\d\w*")
_WORDS = re.compile(r"\w+")
_UNSEEN = re.compile(
    "|".join(f"[{chars}]" for kind, chars in HIDDEN_KINDS if kind not in ("control", "surrogate"))
)
SIZE = 8


def words_of(text: str) -> str:
    """A text as its words alone: no case, punctuation or look-alikes."""
    return " ".join(_WORDS.findall(fold(text).casefold()))


def _as_read(text: str) -> str:
    """A text as somebody reads it: characters that are written in several ways in one (NFKC), and
    without those that nobody sees.
    """
    return text if text.isascii() else unicodedata.normalize("NFKC", _UNSEEN.sub("", text))


def question_of(text: str) -> str:
    """The same, with every number and placeholder as one sign: what is asked, not of which one."""
    return words_of(_NUMBER.sub("0", _PLACEHOLDER.sub("0", text)))


def marks_of(row: Example, grouping: Grouping) -> tuple[bytes, ...]:
    """What a row shares with those that must be in its part, but for its context records."""
    found = [mark("id", row.id)]
    if row.conversation:
        found.append(mark("conversation", row.conversation))
    read = _as_read(row.question)
    asked = question_of(read) if grouping == "question" else words_of(read)
    if asked:
        context = sorted(map(_told, row.pieces)) if grouping == "input" else []
        found.append(mark(grouping, asked, *context))
    return tuple(found)


def records_of(row: Example) -> tuple[bytes, ...]:
    """Its context records: one order, one ticket. What many rows share is no record but common
    knowledge, which only whoever has seen all rows can tell.
    """
    return tuple(sorted({mark("record", _told(piece)) for piece in row.pieces}))


def _told(piece: Mapping[str, Any]) -> str:
    return str(piece.get("digest") or "") or str(piece.get("text") or "")


def mark(kind: str, *values: str) -> bytes:
    """Eight bytes for it; of a million rows, two that differ share one once in 40,000 datasets."""
    octets = "\0".join((kind, *values)).encode("utf-8", "replace")
    return blake2b(octets, digest_size=SIZE).digest()


def common(records: Sequence[tuple[bytes, ...]]) -> set[bytes]:
    """Context that more than 20 rows and more than one in fifty share: a policy, not an order."""
    counts: dict[bytes, int] = {}
    for row in records:
        for each in row:
            counts[each] = counts.get(each, 0) + 1
    most = max(20, len(records) // 50)
    return {each for each, count in counts.items() if count > most}
