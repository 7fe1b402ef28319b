"""Responses that are kept, so that a caller can come back to one, and the store's side of it."""

from typing import Any, Literal, Protocol

from msgspec import Struct

from freehold.core.ask import Message
from freehold.core.handoffs import Released
from freehold.core.subjects import Subject

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
OVER: tuple[Status, ...] = ("completed", "incomplete", "failed", "cancelled")


class Stored(Struct, frozen=True, kw_only=True):
    """A response, without its text.

    ``principal``, ``issuer``, ``verified`` and ``key_id`` say who asked, as in `Hold`.
    ``approval_id`` is what it waits for, if anything. Which process works on it, and when that one
    last said so, ``owner`` and ``beat_ns`` tell.
    """

    response_id: str
    tenant: str
    app: str
    principal: str
    issuer: str
    verified: bool
    key_id: str
    status: Status
    background: bool
    approval_id: str
    owner: str
    created_ns: int
    beat_ns: int
    expires_ns: int


class Failure(Struct, frozen=True, kw_only=True):
    """Why there is no answer, as whoever asked may read it."""

    code: str
    message: str


class Texts(Struct, frozen=True, kw_only=True):
    """The sealed part: what the dialect repeats of the request, the conversation that was asked,
    without its instructions, and what was said.
    """

    form: dict[str, Any] = {}
    messages: tuple[Message, ...] = ()
    said: Released = Released()
    failure: Failure | None = None


class ResponseStore(Protocol):
    """Where responses are kept."""

    async def put(
        self, stored: Stored, texts: Texts | None, subject: Subject, days: int, *, new: bool
    ) -> None:
        """Keep a response; without ``texts``, where it stands only.

        Args:
            subject: whose key seals the texts; they can be read for at least ``days``.
            new: otherwise it takes the place of what was kept of it, unless that was cancelled or
                deleted since.

        Raises:
            StorageError: it can't be kept.
        """
        ...

    def find(self, response_id: str) -> Stored | None:
        """One of them."""
        ...

    def open(self, stored: Stored) -> Texts | None:
        """Its texts; ``None`` where none were kept.

        Raises:
            NotFound: they were erased.
            StorageError: the seal is broken, or the vault can't be read.
        """
        ...

    def move(
        self, stored: Stored, status: Status, *, owner: str = "", approval_id: str = ""
    ) -> bool:
        """Change where it stands, unless somebody has since ``stored`` was read; say whether."""
        ...

    def delete(self, response_id: str) -> bool:
        """Forget it; false if it was not there."""
        ...

    def beat(self, owner: str) -> frozenset[str]:
        """Say that a process lives; which of the responses it works on are still wanted."""
        ...

    def prune(self) -> int:
        """Forget those whose time is over; say how many."""
        ...
