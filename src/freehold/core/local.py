"""Models that run in this process: what one must do, and how an installed package offers one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from freehold.core.ask import Message

GROUP = "freehold.models"
"""The entry point: a name → a ``MakeModel``. Only those that a bundle names are imported."""


class Known(Struct, frozen=True, kw_only=True):
    """What a local model says, and how sure it is of it in millionths: its chance to be right.

    ``text`` is empty where it has nothing to say at all.
    """

    text: str
    confidence: int


class LocalModel(Protocol):
    """One model, made of one file. It keeps nothing of what it is asked, and several threads may
    ask it at once.
    """

    @property
    def version(self) -> str:
        """Changes whenever its answers may change."""
        ...

    @property
    def quick(self) -> bool:
        """Whether it answers within a millisecond, so that a thread would cost more."""
        ...

    def answer(self, messages: Sequence[Message]) -> Known:
        """Its answer to a conversation, the newest message last. Does no I/O.

        Raises:
            ValueError: it can't read this.
        """
        ...


class MakeModel(Protocol):
    """Makes a model of its file in the bundle (empty without one) and its options."""

    def __call__(self, data: bytes, options: Mapping[str, Any]) -> LocalModel:
        """Make it.

        Raises:
            ValueError: the file or an option is wrong; says what, and where.
        """
        ...
