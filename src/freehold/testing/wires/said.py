"""What a fake endpoint says, and what goes wrong on the way."""

from typing import Any, Literal, Protocol

from msgspec import Struct


class Used(Struct, frozen=True, kw_only=True):
    """Tokens in Freehold's words: cached ones are parts of ``prompt``, thoughts of ``said``."""

    prompt: int = 100
    said: int = 20
    read: int = 0
    wrote: int = 0
    thought: int = 0


class Said(Struct, frozen=True, kw_only=True):
    """One answer. ``thinking`` is hidden reasoning, which no gateway of ours may pass on."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    thinking: str = ""
    finish: Literal["stop", "length", "filter"] = "stop"
    used: Used | None = Used()


class Mood(Struct, frozen=True, kw_only=True):
    """How an endpoint behaves.

    Attributes:
        status: other than 200, it answers with an error of its wire.
        retry_after: in seconds, beside an error.
        cut_after: so many pieces of a stream are sent, then the connection breaks.
        ends_early: as ``cut_after``, but the stream ends as if that had been all.
        fails_after: so many pieces, then an error within the stream.
        silent: it takes the request and never answers.
        stalls_after: so many pieces, then nothing more.
        blocked: its own filter refuses the prompt.
        garbled: what it sends is no JSON.
    """

    status: int = 200
    retry_after: str = ""
    cut_after: int | None = None
    ends_early: int | None = None
    fails_after: int | None = None
    silent: bool = False
    stalls_after: int | None = None
    blocked: bool = False
    garbled: bool = False


class Asked(Struct, kw_only=True):
    """A request as it came."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any


class Wire(Protocol):
    """How one provider's endpoint talks."""

    stream_type: str

    def fault(self, asked: Asked) -> str:
        """What the real endpoint would refuse in this request; empty when it is well-formed."""
        ...

    def streams(self, asked: Asked) -> bool:
        """Whether a stream is asked for."""
        ...

    def whole(self, said: Said) -> bytes:
        """An answer in one piece."""
        ...

    def pieces(self, said: Said) -> list[bytes]:
        """The frames of a streamed answer."""
        ...

    def error(self, status: int, message: str) -> bytes:
        """The body of an error."""
        ...

    def failure(self) -> bytes:
        """The frame of an error in the middle of a stream."""
        ...

    def blocked(self) -> tuple[int, bytes]:
        """Status and body when the endpoint's own filter refuses a prompt."""
        ...


def words(text: str) -> list[str]:
    """A text in pieces, as models write it; no character is lost."""
    pieces = text.split(" ")
    return [f"{piece} " for piece in pieces[:-1]] + pieces[-1:] if text else []
