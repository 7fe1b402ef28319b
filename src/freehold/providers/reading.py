"""What every wire's answers are held to; what no control can read is left behind."""

import re
from typing import Any

import msgspec
import orjson

from freehold.core.errors import ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Usage

MOST_CALLS = 128
_MOST = 10_000_000
_NAME = re.compile(r"[A-Za-z0-9_.:/@-]{1,128}")
_ADDRESS = re.compile(r"[^@/:]@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2}")
NONSENSE = Usage(prompt_tokens=-1, completion_tokens=-1)
"""What no count can be: the inference stage believes it not, estimates, and says so."""


def malformed(why: str) -> ProviderUnavailable:
    """The error for an answer that is none."""
    return ProviderUnavailable(f"the endpoint's answer can't be used: {why}").of("nonsense")


def cut_off() -> ProviderUnavailable:
    """The error for a stream that stops in the middle of an answer."""
    broken = ProviderUnavailable("the stream ended before the answer was complete")
    return broken.of("broken_off")


def unreadable() -> ProviderRejected:
    """The error for an answer with a part that is no text."""
    return ProviderRejected("the answer has a part that no control can read").of("nonsense")


def model_name(name: str | None) -> str:
    """A model's name as reported; nothing if it is no name or an address, since no control reads
    it. Then the name that the bundle gives the model stands for it.
    """
    if not name or not _NAME.fullmatch(name) or _ADDRESS.search(name):
        return ""
    return name


def written(arguments: Any) -> str:
    """A tool call's arguments as JSON text."""
    if arguments.__class__ is str:
        text: str = arguments
        return text
    return "" if arguments is None else orjson.dumps(arguments).decode()


def counts(raw: msgspec.Raw) -> dict[str, Any] | None:
    """A usage object; ``None`` when nothing was counted.

    Raises:
        ValueError: it is no object.
    """
    text = bytes(raw)
    if not text or text == b"null":
        return None
    try:
        usage = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(usage, dict):
        raise ValueError("no object")
    return usage or None


def count(details: Any, name: str) -> int:
    """A part of a count; zero where it is not told, or is nonsense: then the whole price holds."""
    found = details.get(name) if isinstance(details, dict) else None
    return found if type(found) is int and 0 <= found <= _MOST else 0


def whole_number(usage: dict[str, Any], name: str) -> int:
    """A count that decides on money; -1 where it is no integer."""
    found = usage.get(name, 0)
    if found is None:
        return 0
    return found if type(found) is int else -1
