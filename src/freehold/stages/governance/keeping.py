"""What the record may keep of the texts, as the tenant says: nothing, redacted, or everything.

Whatever is kept will be sealed under a key of whoever asked. Without a key, nothing is kept.
"""

import re

import msgspec

from freehold.core.ask import Message, ToolCall
from freehold.core.decisions import Finding
from freehold.core.errors import AuditError, StorageError
from freehold.core.handoffs import Admitted
from freehold.core.ports import SubjectKeys
from freehold.core.spec import ContentKept
from freehold.core.subjects import subject_of
from freehold.core.trail import Trail
from freehold.ledger.content import ContentSealer
from freehold.stages.governance.exchange import FEW, Exchange, Mentions
from freehold.stages.governance.jsontext import escape
from freehold.stages.governance.placeholders import mask, tag
from freehold.stages.governance.scanner import Scanner, Stretch, apart, cover

UNREAD = "[not read]"
"""Stands where a text was that no detector has read."""


def keep(admitted: Admitted, trail: Trail, keys: SubjectKeys | None) -> None:
    """Set the trail's texts and what seals them. The prompt is a JSON list of messages, the answer
    plain text with its tool calls behind it.

    Secrets that were found give way to a note that they are gone, whatever is kept. A text that the
    detectors have not read is not kept as redacted: nobody knows what is in it; other values that
    were found stand there as placeholders.

    Raises:
        AuditError: there is no key, and the tenant wants no answer without its texts.
    """
    kept = admitted.app.content_kept
    exchange: Exchange | None = trail.seen
    if kept == "redacted" and (exchange is None or trail.screened is None):
        return
    if kept == "none" or not _sealing(admitted, trail, keys):
        return
    left = [*trail.released, *(f"{call.name}({call.arguments})" for call in trail.released_calls)]
    if kept == "full":
        whole = Keeper(exchange)
        if trail.prompt_text is None:
            messages = trail.screened.messages if trail.screened else admitted.ask.messages
            messages = tuple(map(whole.message, messages))
            trail.prompt_text = msgspec.json.encode(messages).decode()
        if left:
            trail.answer_text = whole.mentions("\n".join(left))
        return
    assert exchange is not None and trail.screened is not None  # noqa: S101, PT018 -- seen above
    masking = _Masking(exchange, trail.sealer)
    if trail.prompt_text is None:
        messages = tuple(map(masking.message, trail.screened.messages))
        trail.prompt_text = msgspec.json.encode(messages).decode()
    if left:
        trail.answer_text = masking.mentions("\n".join(left))


def _sealing(admitted: Admitted, trail: Trail, keys: SubjectKeys | None) -> bool:
    """Whether there is a key for this exchange; it is taken once."""
    if trail.sealer is not None or keys is None:
        return trail.sealer is not None
    try:
        key = keys.of(subject_of(admitted), admitted.app.retention_days)
    except StorageError as error:
        trail.unsealed = str(error)
        if admitted.app.strict_sealing:
            raise AuditError(f"the texts can't be kept: {error}") from error
        return False
    trail.sealer = ContentSealer(key, trail.arrival.exchange_id, admitted.conversation_id)
    return True


def keeper(admitted: Admitted, trail: Trail, kept: ContentKept) -> "Keeper | None":
    """What makes texts of an exchange that is over fit to be kept as ``kept`` says, which must not
    be more than its tenant keeps; ``None`` where nothing of them may be.
    """
    if kept == "none" or admitted.app.content_kept == "none" or trail.sealer is None:
        return None
    if kept == "full" and admitted.app.content_kept == "full":
        return Keeper(trail.seen)
    if trail.seen is None or trail.screened is None:
        return None
    return _Masking(trail.seen, trail.sealer)


class Keeper:
    """Takes out found secrets, and nothing else, as written and as they stand in JSON."""

    def __init__(self, exchange: Exchange | None) -> None:
        masks: dict[str, str] = {}
        for value, finding in exchange.values.items() if exchange else ():
            if finding.label == "secret" and value:
                masks[value] = masks[escape(value)] = mask(finding.kind)
        self._masks = masks
        longest = sorted(masks, key=len, reverse=True)
        self._found = re.compile("|".join(map(re.escape, longest))) if masks else None

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
        """A text of the request."""
        return self.mentions(text)

    def mentions(self, text: str) -> str:
        """Any text, without the values that were found."""
        return self._found.sub(lambda m: self._masks[m[0]], text) if self._found else text


class _Masking(Keeper):
    """Takes out what was found: where it was found, and wherever else the same value stands."""

    def __init__(self, exchange: Exchange, sealer: ContentSealer) -> None:
        super().__init__(exchange)
        self._exchange = exchange
        self._sealer = sealer
        self._scanner: Scanner = exchange.panel.request
        values = exchange.values
        self._many = Mentions(values, least=1) if len(values) > FEW else None
        # of few values, even letters within a word go
        self._few = [] if self._many else sorted(values, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text of the request; one that was not read gives way to a note that says so."""
        if not text:
            return text
        found = self._exchange.recall(self._scanner, text)
        if found is None:
            return UNREAD
        found = tuple(
            finding for finding in found if finding.detector not in self._exchange.panel.judging
        )
        if not found:
            return self.mentions(text)
        stretches = cover(found)
        if self._many:
            stretches = apart(stretches, self._known(self._many, text))
        parts: list[str] = []
        done = 0
        for start, end, finding in stretches:
            parts += (self._within(text[done:start]), self._name(text[start:end], finding))
            done = end
        return "".join(parts) + self._within(text[done:])

    def mentions(self, text: str) -> str:
        """Any text, without the values that were found."""
        text = super().mentions(text)
        if not self._many:
            return self._within(text)
        parts: list[str] = []
        done = 0
        for start, end, finding in apart([], self._known(self._many, text)):
            parts += (text[done:start], self._name(text[start:end], finding))
            done = end
        return "".join(parts) + text[done:] if parts else text

    def _known(self, many: Mentions, text: str) -> list[Stretch]:
        values = self._exchange.values
        return [(start, end, values[value]) for start, end, value in many.find(text)]

    def _within(self, text: str) -> str:
        """``text`` with each of few values replaced, the longest first; what has been put in is
        not read again.
        """
        parts = [text]  # texts and, between them, what stands for values
        for value in self._few:
            if value not in text:
                continue
            name = self._name(value, self._exchange.values[value])
            cut: list[str] = []
            for number, part in enumerate(parts):
                if number % 2:
                    cut.append(part)
                    continue
                first, *others = part.split(value)
                cut.append(first)
                for other in others:
                    cut += (name, other)
            parts = cut
        return "".join(parts)

    def _name(self, value: str, finding: Finding) -> str:
        """What stands for a value; a secret is not kept at all, not even sealed."""
        if finding.label == "secret":
            return mask(finding.kind)
        return self._sealer.placeholder(tag(finding.kind), value)
