"""The data_prep stage."""

from freehold.core.ask import Message, ToolCall
from freehold.core.decisions import Decision
from freehold.core.errors import RequestTooLarge
from freehold.core.handoffs import Admitted, Prepared
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.text.features import featurise
from freehold.text.normalise import normalise


class DataPrep:
    """Normalises every text of a request and featurises the newest user message once."""

    @timed("data_prep")
    def __call__(self, admitted: Admitted, trail: Trail) -> Prepared:
        """Clean the messages.

        Raises:
            RequestTooLarge: more characters than the app allows.
        """
        ask = admitted.ask
        limit = admitted.app.limits.max_request_chars
        size = sum(
            len(m.content) + sum(len(t.arguments) for t in m.tool_calls) for m in ask.messages
        )
        if size > limit:
            raise RequestTooLarge(
                f"The messages hold {size:,} characters; this app takes {limit:,}.",
                param="messages",
            )
        hidden: dict[str, int] = {}
        messages = tuple(_clean(message, limit, hidden) for message in ask.messages)
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
        query = next((m.content for m in reversed(messages) if m.role == "user"), "")
        return Prepared(
            admitted=admitted,
            messages=messages,
            features=featurise(query),
            query=query,
            hidden=hidden,
        )


def _clean(message: Message, limit: int, hidden: dict[str, int]) -> Message:
    """The message in normal form; the very same object when nothing changed."""
    content = _text(message.content, limit, hidden)
    calls = message.tool_calls
    if calls:
        calls = tuple(
            ToolCall(id=c.id, name=c.name, arguments=_text(c.arguments, limit, hidden))
            for c in calls
        )
    if content is message.content and calls is message.tool_calls:
        return message
    return Message(
        role=message.role,
        content=content,
        name=message.name,
        tool_calls=calls,
        tool_call_id=message.tool_call_id,
    )


def _text(text: str, limit: int, hidden: dict[str, int]) -> str:
    if not text:
        return text
    clean = normalise(text, limit)
    for kind, count in clean.removed.items():
        hidden[kind] = hidden.get(kind, 0) + count
    return text if clean.text == text else clean.text
