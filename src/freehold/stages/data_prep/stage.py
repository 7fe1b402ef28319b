"""The data_prep stage."""

from collections.abc import Mapping
from operator import is_
from types import MappingProxyType

import orjson

from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.decisions import Decision
from freehold.core.errors import RequestTooLarge
from freehold.core.handoffs import Admitted, Prepared
from freehold.core.spec import AppSpec, IntentSet
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.rules.turns import newest_turn
from freehold.stages.data_prep.intents import NONE, IntentBook
from freehold.text.embedding import embed
from freehold.text.features import featurise
from freehold.text.normalise import normalise


class DataPrep:
    """Normalises every text of a request and featurises the user's newest turn once.

    Args:
        intents: what apps' intents were learned from, by its digest.
    """

    def __init__(self, intents: Mapping[str, IntentSet] = MappingProxyType({})) -> None:
        self._intents = IntentBook(intents)

    def prepare(self, app: AppSpec) -> None:
        """Learn the app's intents ahead of its first request.

        Raises:
            ValueError: its examples, or its trained file, can't be used.
        """
        if app.intents:
            self._intents.of(app.intents)

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
        app = admitted.app
        vector = embed(query) if app.embeds else None
        wanted = NONE
        if app.intents and query and ask.operation != "embedding":
            wanted = self._intents.of(app.intents).of(query, vector)
        return Prepared(
            admitted=admitted,
            messages=messages,
            features=featurise(query),
            query=query,
            hidden=hidden,
            vector=vector,
            intent=wanted.name if wanted.fits else "",
            intent_score=wanted.score,
            intent_near=wanted.second if wanted.fits else wanted.name,
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
