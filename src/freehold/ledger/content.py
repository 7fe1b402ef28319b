"""Texts in records: sealed under a key of the person whom they belong to, and opened again.

Each part of a record has one seal, over JSON, bound to the exchange and the part. A value that was
taken out of a text has a placeholder there, and stands beside the text within the seal.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.clock import rfc3339
from freehold.core.errors import StorageError
from freehold.core.subjects import ALGORITHM, Destroyed, SubjectKey
from freehold.ledger.canonical import encode
from freehold.ledger.record import Record

FindKey = Callable[[str], SubjectKey | Destroyed | None]
_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*_[0-9A-F]{8}\]")


class TextsDoNotFit(StorageError):
    """A record and its sealed texts are not of one another any more: one was changed."""


class Sealed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The unreadable part of a record's ``content``; ``box`` is written in base64. ``subject`` is
    empty where the part before has the same key.
    """

    alg: str = ALGORITHM
    box: bytes
    key: str
    subject: str = ""


class Texts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is in the box: what was asked and what left, the words of facts, the values behind the
    placeholders in the texts, what the request's text looked like to a router that learns, and the
    words of the steps in which an answer was judged.
    """

    input: str | None = None
    output: str | None = None
    facts: dict[str, Any] = {}
    answer_facts: list[str] = []
    tool_facts: list[list[str]] = []
    values: dict[str, str] = {}
    signals: bytes = b""
    steps: list[dict[str, Any]] = []


_texts = msgspec.json.Decoder(Texts)


class ContentSealer:
    """Seals the texts of one exchange."""

    __slots__ = ("_conversation", "_exchange", "_key", "_made", "_new", "_taken")

    def __init__(self, key: SubjectKey, exchange: str, conversation: str) -> None:
        self._key = key
        self._exchange = exchange
        self._conversation = conversation
        self._made: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        self._new: dict[str, str] = {}

    @property
    def key(self) -> SubjectKey:
        """The key that it seals under."""
        return self._key

    def placeholder(self, tag: str, value: str) -> str:
        """What stands for a value in a kept text: ``[EMAIL_7F3A2C9B]`` for the tag ``EMAIL``.

        The same within a conversation, under one key. The digits are a keyed hash: without the key
        nobody can try values out.
        """
        known = self._made.get((tag, value))
        if known is not None:
            return known
        message = f"{len(self._conversation)}:{self._conversation}{tag}:{value}".encode(
            "utf-8", "surrogatepass"
        )
        turn = 0
        while True:
            digits = self._key.mark(message + (b"\0%d" % turn if turn else b"")).hex().upper()
            made = f"[{tag}_{digits}]"
            if made not in self._taken:
                break
            turn += 1  # another value of this exchange has the same digits
        self._taken.add(made)
        self._made[tag, value] = made
        self._new[made] = value
        return made

    def seal(self, part: str, texts: Texts, *, again: bool = False) -> Sealed:
        """The texts of one part (``opened``, ``closed``), with the values whose placeholders are
        new since the last one. ``again``: the part before says whose they are.
        """
        if self._new:
            new, self._new = self._new, {}
            texts = replace(texts, values=new)
        box = self._key.seal(encode(texts), _bound(part, self._exchange))
        subject = "" if again else self._key.subject
        return Sealed(box=box, key=self._key.id, subject=subject)


class Opened(Struct, frozen=True, kw_only=True):
    """A record with its texts, as far as they can be had.

    Attributes:
        record: with ``content.input`` and ``content.output`` as texts, and facts with their words.
        signals: of a router that learns, see ``text.signal_bytes``.
        values: placeholder → the value behind it.
        steps: the words of the steps in which an answer was judged.
        state: ``open``; ``none`` where nothing was kept; ``erased`` or ``expired`` where the key
            was destroyed, ``at`` when; ``lost`` where the vault never had it.
    """

    record: Record
    state: str
    at: str = ""
    values: dict[str, str] = {}
    signals: bytes = b""
    steps: tuple[dict[str, Any], ...] = ()

    @property
    def words(self) -> bool:
        """Whether facts have the words that they were read from."""
        kept = (self.record.opened.get("content") or {}).get("kept")
        return self.state == "open" and kept == "full"

    def restored(self, text: str) -> str:
        """A kept text with the values in the place of their placeholders."""
        values = self.values
        return _PLACEHOLDER.sub(lambda m: values.get(m[0], m[0]), text) if values else text


def key_ids(record: Record, subject: str = "") -> set[str]:
    """The keys that a record's texts are sealed with; only those of a subject, if one is named."""
    return {
        sealed["key"]
        for _, part in _parts(record)
        if (sealed := _sealed(part)) and subject in ("", sealed.get("subject", ""))
    }


def plain_texts(record: Record) -> bool:
    """Whether an older version wrote the record's texts down as they were."""
    contents = [part.get("content") or {} for _, part in _parts(record)]
    return any(content.get("input") or content.get("output") for content in contents)


def fate(record: Record, find: FindKey) -> tuple[str, str]:
    """What became of a record's texts, as `Opened.state` says it, and when they were destroyed;
    none of them is read.

    Raises:
        StorageError: the vault can't be read.
    """
    keys = [find(key_id) for key_id in sorted(key_ids(record))]
    if not keys:
        return ("open" if plain_texts(record) else "none"), ""
    for key in keys:
        if isinstance(key, Destroyed):
            return key.why, rfc3339(key.at_ns)
    return ("lost" if None in keys else "open"), ""


def opened(record: Record, find: FindKey) -> Opened:
    """A record with its texts.

    Raises:
        TextsDoNotFit: the record was changed around its seal, or the seal.
        StorageError: the vault can't be read.
    """
    keys = {key_id: find(key_id) for key_id in key_ids(record)}
    if not keys:
        return Opened(record=record, state="open" if plain_texts(record) else "none")
    for key in keys.values():
        if isinstance(key, Destroyed):
            return Opened(record=record, state=key.why, at=rfc3339(key.at_ns))
    if None in keys.values():
        return Opened(record=record, state="lost")
    values: dict[str, str] = {}
    signals = b""
    steps: tuple[dict[str, Any], ...] = ()
    whole: dict[str, Any] = {}
    for name, part in _parts(record):
        sealed = _sealed(part)
        if sealed:
            texts = _unboxed(keys[sealed["key"]], sealed["box"], name, record.exchange_id)
            values |= texts.values
            signals = signals or texts.signals
            steps = steps or tuple(texts.steps)
            try:
                part = _with(part, texts)
            except ValueError as error:
                why = f"the sealed texts of {record.exchange_id} do not fit what else it says"
                raise TextsDoNotFit(why) from error
        whole[name] = part
    closed = whole["closed"] if record.closed is not None else None
    record = replace(record, opened=whole["opened"], closed=closed)
    return Opened(record=record, state="open", values=values, signals=signals, steps=steps)


def _unboxed(key: Any, box: str, part: str, exchange: str) -> Texts:
    try:
        octets = msgspec.convert(box, bytes, strict=False)
        return _texts.decode(key.open(octets, _bound(part, exchange)))
    except (msgspec.MsgspecError, StorageError) as error:
        raise TextsDoNotFit(f"the sealed texts of {exchange} are damaged: {error}") from error


def _bound(part: str, exchange: str) -> bytes:
    # one string: each further one costs the cipher two microseconds
    return f"{part} of {exchange}".encode("utf-8", "surrogatepass")


def _with(part: dict[str, Any], texts: Texts) -> dict[str, Any]:
    """A part of a record with its texts in their places."""
    content = {name: each for name, each in part["content"].items() if name != "sealed"}
    content |= {"input": texts.input, "output": texts.output}
    whole = part | {"content": content, "facts": part["facts"] | texts.facts}
    if texts.answer_facts:
        whole["answer_facts"] = _worded(part["answer_facts"], texts.answer_facts)
    if texts.tool_facts:
        calls = zip(part["tool_calls"], texts.tool_facts, strict=True)
        whole["tool_calls"] = [
            call | {"facts": _worded(call["facts"], words)} for call, words in calls
        ]
    return whole


def _worded(facts: list[dict[str, Any]], words: list[str]) -> list[dict[str, Any]]:
    return [fact | {"text": said} for fact, said in zip(facts, words, strict=True)]


def _parts(record: Record) -> tuple[tuple[str, dict[str, Any]], ...]:
    return ("opened", record.opened), ("closed", record.closed or {})


def _sealed(part: dict[str, Any]) -> dict[str, Any]:
    return (part.get("content") or {}).get("sealed") or {}
