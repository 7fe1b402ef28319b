"""Models that run in this process: what one must do, and how an installed package offers one."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from freehold.core.ask import Message
from freehold.core.basis import Unsure

KINDS = ("responder", "classifier", "causal-lm")
"""What Freehold ships itself."""
GROUP = "freehold.models"
"""The entry point: a name → a ``MakeModel``. Only those that a bundle names are imported."""

FOLDER = "custom:"
"""Begins the option ``folder`` of a model that is served from its whole folder: behind it stands
the folder's path in the registry, wherever that lies."""


class Known(Struct, frozen=True, kw_only=True):
    """What a local model says, and how sure it is of it in millionths: its chance to be right.

    ``text`` is empty where it has nothing to say at all; ``why`` is then for the record. So are
    ``nearest``, the name of the approved answer or class that it comes from, and ``case``, that of
    the nearest approved case: ids, and nothing of anybody's text.
    """

    text: str
    confidence: int
    nearest: str = ""
    case: str = ""
    why: Unsure | Literal[""] = ""


class Beside(Struct, frozen=True, kw_only=True):
    """What a local model may read beside the conversation: what was sent to it and no more.

    Attributes:
        pieces: context (``source``, ``text``, ``trusted``), redacted to the model's clearance.
        facts: the values that rules saw, by name.
        failed: sources that failed.
    """

    pieces: tuple[dict[str, Any], ...] = ()
    facts: Mapping[str, Any] = {}
    failed: tuple[str, ...] = ()


class LocalModel(Protocol):
    """One model, made of one file. It keeps nothing of what it is asked, and several threads may
    ask it at once. One that has ``whole = True`` is given system messages too, where the context
    stands; without it, only what user and assistant said.
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


@runtime_checkable
class ReadsContext(Protocol):
    """A `LocalModel` that also reads context: it is asked this way, and by ``answer`` without."""

    def answer_beside(self, messages: Sequence[Message], beside: Beside) -> Known:
        """As ``answer``."""
        ...


class MakeModel(Protocol):
    """Makes a model of its file in the bundle (empty without one) and its options."""

    def __call__(self, data: bytes, options: Mapping[str, Any]) -> LocalModel:
        """Make it.

        Raises:
            ValueError: the file or an option is wrong; says what, and where.
        """
        ...
