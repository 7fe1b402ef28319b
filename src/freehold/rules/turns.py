"""What the newest turn of a conversation is, for the facts and for whoever changes it."""

from collections.abc import Sequence

from freehold.core.ask import Message, Operation


def newest_turn(messages: Sequence[Message], operation: Operation) -> frozenset[int]:
    """Places of what the user has said since the last answer; every input of an embedding.

    All of it, since a wish that is split over two messages is still one wish.
    """
    users = [i for i, message in enumerate(messages) if message.role == "user"]
    if operation == "embedding" or not users:
        return frozenset(users)
    newest = users[-1]
    for i in range(newest - 1, -1, -1):
        if messages[i].role == "assistant":
            return frozenset(place for place in users if place > i)
    return frozenset(users)
