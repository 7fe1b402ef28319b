"""What a small model reads of a conversation."""

from collections.abc import Sequence

from freehold.core.ask import Message


def question(messages: Sequence[Message]) -> str:
    """The newest message, if a user wrote it and nobody has spoken since; else nothing.

    A small model answers single questions: what hangs on earlier turns, it does not know.
    """
    newest = messages[-1] if messages else None
    return newest.content if newest is not None and newest.role == "user" else ""


def turns(messages: Sequence[Message]) -> int:
    """How many user messages there are."""
    return sum(message.role == "user" for message in messages)
