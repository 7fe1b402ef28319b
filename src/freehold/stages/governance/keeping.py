"""What the record may keep of the texts, as the tenant says: nothing, redacted, or everything."""

from collections.abc import Mapping

import msgspec

from freehold.core.ask import Message, ToolCall
from freehold.core.decisions import Finding
from freehold.core.handoffs import Admitted
from freehold.core.trail import Trail
from freehold.stages.governance.exchange import Exchange
from freehold.stages.governance.placeholders import mask


def keep(admitted: Admitted, trail: Trail) -> None:
    """Set the trail's texts. The prompt is a JSON list of messages, the answer plain text
    with its tool calls behind it.

    A text that the detectors have not read is not kept as redacted: nobody knows what is in it.
    """
    kept = admitted.app.content_kept
    if kept == "none":
        return
    exchange: Exchange | None = trail.seen
    if kept == "full":
        found: Mapping[str, Finding] = {}
    elif exchange is None:
        return
    else:
        found = exchange.values
    if trail.prompt_text is None:
        messages = trail.screened.messages if trail.screened else admitted.ask.messages
        if kept == "redacted":
            messages = tuple(_masked(message, found) for message in messages)
        trail.prompt_text = msgspec.json.encode(messages).decode()
    left = [*trail.released, *(f"{call.name}({call.arguments})" for call in trail.released_calls)]
    if left:
        trail.answer_text = _without("\n".join(left), found)


def _masked(message: Message, found: Mapping[str, Finding]) -> Message:
    if not found:
        return message
    return Message(
        role=message.role,
        content=_without(message.content, found),
        name=message.name,
        tool_calls=tuple(
            ToolCall(id=c.id, name=c.name, arguments=_without(c.arguments, found))
            for c in message.tool_calls
        ),
        tool_call_id=message.tool_call_id,
    )


def _without(text: str, found: Mapping[str, Finding]) -> str:
    """``text`` with every value that was found replaced, the longest first."""
    for value in sorted(found, key=len, reverse=True):
        if value in text:
            text = text.replace(value, mask(found[value].kind))
    return text
