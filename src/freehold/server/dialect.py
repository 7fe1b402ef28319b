"""A wire dialect: how one API says what every request and answer here is.

A door reads a route's request with its dialect, sends it on the one journey, and writes with the
same dialect whatever comes back: an answer, a stream, an error. No other part of a door knows any.
"""

from typing import Any, Protocol

from msgspec import Struct

from freehold.core.ask import Ask
from freehold.core.errors import FreeholdError
from freehold.core.handoffs import Released

Headers = list[tuple[bytes, bytes]]


class Asked(Struct, frozen=True):
    """A request body, read. ``form`` is what the dialect's replies repeat of it, or build on."""

    ask: Ask
    form: Any = None


class Whole(Protocol):
    """Collects what is released into one reply."""

    def add(self, piece: Released) -> None:
        """One more piece.

        Raises:
            ProviderError: the dialect has no form for what the model said.
        """
        ...

    def body(self) -> bytes:
        """The reply's body.

        Raises:
            FreeholdError: the dialect can say it as an error only.
        """
        ...


class Events(Protocol):
    """Turns what is released into server-sent events, piece by piece."""

    @property
    def keep_alive(self) -> bytes:
        """A sign of life that clients of this dialect pass over."""
        ...

    def events(self, piece: Released) -> bytes:
        """The events of one piece. Raises as ``Whole.add``."""
        ...

    def end(self, outcome: str) -> bytes:
        """The last events of a stream that ended well; ``outcome`` goes into a comment."""
        ...

    def failed(self, error: FreeholdError, outcome: str) -> bytes:
        """The last events of one that broke off, on which the dialect's official clients raise."""
        ...


class Dialect(Protocol):
    """One operation on one wire."""

    def parse(self, body: bytes, headers: dict[bytes, bytes]) -> Asked:
        """Read a request.

        Raises:
            RequestError: with the parameter it is about, in words a developer can act on.
        """
        ...

    def whole(self, asked: Asked, exchange_id: str, created: int) -> Whole:
        """A whole reply; ``created`` in seconds since 1970."""
        ...

    def events(self, asked: Asked, exchange_id: str, created: int) -> Events:
        """A stream."""
        ...

    def error(self, error: FreeholdError, exchange_id: str) -> bytes:
        """An error's body; only its public reason."""
        ...

    def headers(self, exchange_id: str) -> Headers:
        """What its clients read in the head of every reply, beside what all have."""
        ...


def outcome_comment(outcome: str) -> bytes:
    """How the exchange ended, for those who look; clients skip comments."""
    return f": freehold outcome={outcome}\n\n".encode()
