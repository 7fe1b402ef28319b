"""A cheap estimate of tokens, for fitting a window and for providers that do not count.

It is an estimate and no tokenizer: English runs at 3.5 to 4.5 characters a token in today's
vocabularies, so 3.5 errs to the safe side; other scripts have 2 to 3 UTF-8 bytes a character and
one token for every 3 bytes or more.
"""

from collections.abc import Sequence

import orjson

from freehold.core.ask import Ask, Message

PER_MESSAGE = 4
"""What chat templates put around each message."""


def estimate(text: str) -> int:
    """Estimated tokens of a text."""
    if text.isascii():
        return (len(text) * 2 + 6) // 7
    return (len(text.encode("utf-8", "surrogatepass")) + 2) // 3


def of_message(message: Message) -> int:
    """Estimated tokens of one message, tool calls included."""
    total = PER_MESSAGE + estimate(message.content)
    for call in message.tool_calls:
        total += PER_MESSAGE + estimate(call.name) + estimate(call.arguments)
    return total


def of_settings(ask: Ask) -> int:
    """Estimated tokens of what a model reads beside the messages: tools and answer schema."""
    total = 0
    if ask.tools:
        total += (len(orjson.dumps(ask.tools)) * 2 + 6) // 7
    if ask.response_format is not None:
        total += (len(orjson.dumps(ask.response_format)) * 2 + 6) // 7
    return total


def turns(messages: Sequence[Message]) -> list[list[int]]:
    """Positions of the messages that stand and fall together: a user's and all that follow it.

    System messages belong to no turn.
    """
    found: list[list[int]] = []
    for position, message in enumerate(messages):
        if message.role in ("system", "developer"):
            continue
        if message.role == "user" or not found:
            found.append([])
        found[-1].append(position)
    return found


def of_rest(messages: Sequence[Message]) -> int:
    """Estimated tokens of what can't be left out: system messages and the newest turn."""
    left_out = {position for turn in turns(messages)[:-1] for position in turn}
    return sum(of_message(m) for i, m in enumerate(messages) if i not in left_out)


def at_most(text: str) -> int:
    """More tokens than a text can have, hardly ever fewer.

    Two ASCII characters make at least one token over a whole prompt; elsewhere a token is at least
    a byte.
    """
    if text.isascii():
        return len(text) // 2 + 1
    ascii_chars = len(text.encode("ascii", "ignore"))
    return ascii_chars // 2 + len(text.encode("utf-8", "surrogatepass")) - ascii_chars + 1
