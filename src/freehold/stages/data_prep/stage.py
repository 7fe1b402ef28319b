"""The data_prep stage."""

from operator import is_

import orjson

from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.decisions import Decision
from freehold.core.errors import RequestTooLarge
from freehold.core.handoffs import Admitted, Prepared
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.rules.turns import newest_turn
from freehold.text.embedding import embed
from freehold.text.features import featurise
from freehold.text.normalise import normalise


class DataPrep:
    """Normalises every text of a request and featurises the user's newest turn once."""

    @timed("data_prep")
    def __call__(self, admitted: Admitted, trail: Trail) -> Prepared:
        """Clean the messages.

        Raises:
            RequestTooLarge: more characters than the app allows.
        """
        ask = admitted.ask
        limit = admitted.app.limits.max_request_chars
        size = _size(ask)
        if size > limit:
            raise RequestTooLarge(
                f"The request holds {size:,} characters; this app takes {limit:,}.",
                param="messages",
            )
        hidden: dict[str, int] = {}
        messages = tuple(_clean(message, hidden) for message in ask.messages)
        if hidden:
            counted = ", ".join(f"{count} {kind}" for kind, count in sorted(hidden.items()))
            trail.decide(
                Decision(
                    stage="data_prep",
                    outcome="allow",
                    rule="hidden.unicode",
                    why=f"invisible characters were taken out of the request: {counted}",
                )
            )
        turn = newest_turn(messages, ask.operation)
        query = "\n".join(m.content for i, m in enumerate(messages) if i in turn)
        return Prepared(
            admitted=admitted,
            messages=messages,
            features=featurise(query),
            query=query,
            hidden=hidden,
            vector=embed(query) if admitted.app.embeds else None,
        )


def _size(ask: Ask) -> int:
    """Characters of all that a model would read: messages, tools, the form of the answer."""
    size = sum(map(len, ask.stop))
    for message in ask.messages:
        size += len(message.content) + len(message.name or "")
        for call in message.tool_calls:
            size += len(call.name) + len(call.arguments)
    if ask.tools or ask.response_format is not None:
        size += len(orjson.dumps((ask.tools, ask.response_format)).decode())
    return size


def _clean(message: Message, hidden: dict[str, int]) -> Message:
    """The message in normal form; the very same object when nothing changed."""
    content = _text(message.content, hidden)
    calls = message.tool_calls
    if calls:
        calls = tuple(_clean_call(call, hidden) for call in calls)
        if all(map(is_, calls, message.tool_calls)):
            calls = message.tool_calls
    if content is message.content and calls is message.tool_calls:
        return message
    return Message(
        role=message.role,
        content=content,
        name=message.name,
        tool_calls=calls,
        tool_call_id=message.tool_call_id,
    )


def _clean_call(call: ToolCall, hidden: dict[str, int]) -> ToolCall:
    arguments = _text(call.arguments, hidden)
    if arguments is call.arguments:
        return call
    return ToolCall(id=call.id, name=call.name, arguments=arguments)


def _text(text: str, hidden: dict[str, int]) -> str:
    if not text:
        return text
    # Composed text may be longer than what was sent, three times at most (UAX 15): cut nothing.
    clean = normalise(text, 3 * len(text))
    for kind, count in clean.removed.items():
        hidden[kind] = hidden.get(kind, 0) + count
    return text if clean.text == text else clean.text
