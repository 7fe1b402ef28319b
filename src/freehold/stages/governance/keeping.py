"""What the record may keep of the texts, as the tenant says: nothing, redacted, or everything."""

import msgspec

from freehold.bundle.names import LEARNED
from freehold.core.ask import Message, ToolCall
from freehold.core.handoffs import Admitted
from freehold.core.trail import Trail
from freehold.stages.governance.exchange import FEW, Exchange, Mentions
from freehold.stages.governance.placeholders import mask
from freehold.stages.governance.scanner import Scanner, Stretch, apart, cover

UNREAD = "[not read]"
"""Stands where a text was that no detector has read."""


def keep(admitted: Admitted, trail: Trail) -> None:
    """Set the trail's texts. The prompt is a JSON list of messages, the answer plain text
    with its tool calls behind it.

    A text that the detectors have not read is not kept as redacted: nobody knows what is in it.
    """
    kept = admitted.app.content_kept
    if kept == "none":
        return
    left = [*trail.released, *(f"{call.name}({call.arguments})" for call in trail.released_calls)]
    if kept == "full":
        if trail.prompt_text is None:
            messages = trail.screened.messages if trail.screened else admitted.ask.messages
            trail.prompt_text = msgspec.json.encode(messages).decode()
        if left:
            trail.answer_text = "\n".join(left)
        return
    exchange: Exchange | None = trail.seen
    if exchange is None or trail.screened is None:
        return
    masking = _Masking(exchange)
    if trail.prompt_text is None:
        messages = tuple(map(masking.message, trail.screened.messages))
        trail.prompt_text = msgspec.json.encode(messages).decode()
    if left:
        trail.answer_text = masking.mentions("\n".join(left))


class _Masking:
    """Takes out what was found: where it was found, and wherever else the same value stands."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._scanner: Scanner = exchange.panel.request
        values = exchange.values
        self._many = Mentions(values, least=1) if len(values) > FEW else None
        # of few values, even letters within a word go
        self._few = [] if self._many else sorted(values, key=len, reverse=True)

    def message(self, message: Message) -> Message:
        """A message as the record may have it: its content, its name, its ids and its calls."""
        if message.tool_calls or message.name or message.tool_call_id:
            return Message(
                role=message.role,
                content=self.text(message.content),
                name=message.name and self.text(message.name),
                tool_calls=tuple(
                    ToolCall(
                        id=self.text(call.id),
                        name=self.text(call.name),
                        arguments=self.text(call.arguments),
                    )
                    for call in message.tool_calls
                ),
                tool_call_id=message.tool_call_id and self.text(message.tool_call_id),
            )
        content = self.text(message.content)
        return (
            message if content is message.content else Message(role=message.role, content=content)
        )

    def text(self, text: str) -> str:
        """A text of the request; one that was not read gives way to a note that says so."""
        if not text:
            return text
        found = self._exchange.recall(self._scanner, text)
        if found is None:
            return UNREAD
        found = tuple(finding for finding in found if finding.detector not in LEARNED)
        if not found:
            return self.mentions(text)
        stretches = cover(found)
        if self._many:
            stretches = apart(stretches, self._known(self._many, text))
        parts: list[str] = []
        done = 0
        for start, end, finding in stretches:
            parts += (self._within(text[done:start]), mask(finding.kind))
            done = end
        return "".join(parts) + self._within(text[done:])

    def mentions(self, text: str) -> str:
        """Any text, without the values that were found."""
        if not self._many:
            return self._within(text)
        parts: list[str] = []
        done = 0
        for start, end, finding in apart([], self._known(self._many, text)):
            parts += (text[done:start], mask(finding.kind))
            done = end
        return "".join(parts) + text[done:] if parts else text

    def _known(self, many: Mentions, text: str) -> list[Stretch]:
        values = self._exchange.values
        return [(start, end, values[value]) for start, end, value in many.find(text)]

    def _within(self, text: str) -> str:
        """``text`` with each of few values replaced, the longest first."""
        for value in self._few:
            if value in text:
                text = text.replace(value, mask(self._exchange.values[value].kind))
        return text
