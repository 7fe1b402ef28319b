"""What released answers were made from: labels that travel with a text, also out and in again."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct


class Made(Struct, frozen=True):
    """What a conversation, or a stretch of text, was made from.

    ``labels`` maps each label to where it came from (``source hr``); ``exchange_id`` is the
    exchange that brought them in.
    """

    labels: dict[str, str]
    exchange_id: str = ""


class Lineage(Protocol):
    """Remembers by tenant, as keyed digests, what left with which labels. No I/O, no text."""

    def knows(self, tenant: str) -> bool:
        """Whether anything of this tenant's ever left with a label."""
        ...

    def conversation(self, tenant: str, conversation_id: str) -> Made | None:
        """What answers of a conversation were made from."""
        ...

    def digest(self, tenant: str, passage: str) -> bytes:
        """The 16 bytes under which a stretch of a text is known; they reveal nothing of it."""
        ...

    def said(self, digest: bytes) -> Made | None:
        """What the stretch with this digest was made from, where an answer held it."""
        ...

    def join(self, tenant: str, conversation_id: str, made: Made, days: int) -> None:
        """A conversation's answers are made from this too, from now on for so many days."""
        ...

    def say(self, tenant: str, passages: Iterable[str], made: Made, days: int) -> None:
        """These stretches left in an answer made from this.

        What has been said without a label, too, does not need it: a stretch has the labels that all
        of its answers share.
        """
        ...
