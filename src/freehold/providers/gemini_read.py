"""Gemini's answers, whole and streamed, as Deltas; thoughts and signatures are left behind."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from freehold.core.ask import ToolCall
from freehold.core.errors import ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Choice, Usage
from freehold.core.ports import Delta
from freehold.providers.reading import (
    MOST_CALLS,
    NONSENSE,
    count,
    counts,
    cut_off,
    malformed,
    model_name,
    unreadable,
    whole_number,
    written,
)
from freehold.providers.sse import SseParser
from freehold.providers.vectors import sound

_FILTERED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR"}
)
_BROKEN = frozenset(
    {"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "OTHER"}
)
_BLOCKED = _FILTERED | {"OTHER", "IMAGE_SAFETY", "JAILBREAK"}


class Asked(Struct, frozen=True):
    """How many answers, and how calls without an id are named."""

    n: int
    calls: str


class _Call(Struct):
    name: str = ""
    args: Any = None
    id: str | None = None


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    function_call: _Call | None = None
    inline_data: Any = None
    file_data: Any = None
    executable_code: Any = None
    code_execution_result: Any = None


class _Content(Struct):
    parts: list[_Part] = []


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int = 0


class _Feedback(Struct, rename="camel"):
    block_reason: str | None = None


class _Body(Struct, rename="camel"):
    candidates: list[_Candidate] = []
    prompt_feedback: _Feedback | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()  # by itself: nonsense in it spoils no answer
    model_version: str | None = None
    error: Any = None


class _Vector(Struct):
    values: list[float]


class _Vectors(Struct):
    embeddings: list[_Vector]


_body = msgspec.json.Decoder(_Body)
_vectors = msgspec.json.Decoder(_Vectors)


def whole(payload: bytes, asked: Asked) -> Delta:
    """Every candidate.

    Raises:
        ProviderUnavailable: it is no such answer.
        ProviderRejected: Google's filters refused the prompt, or something no control can read.
    """
    body = _parse(payload)
    if not body.candidates:
        raise malformed("it has no candidates")
    growing = [_Growing(index) for index in range(asked.n)]
    for candidate in body.candidates:
        _at(growing, candidate).take(candidate, asked)
    said = [one for one in growing if one.reason or one.text or one.calls]
    return Delta(
        choices=tuple(one.choice(last=True) for one in said),
        usage=_usage(body.usage_metadata),
        reported_model=model_name(body.model_version),
    )


def vectors(payload: bytes, inputs: int, *, packed: bool) -> Delta:
    """One vector for each input; ``packed``: as base64 of little-endian 32-bit floats.

    Raises:
        ProviderUnavailable: it is no such answer.
    """
    try:
        found = _vectors.decode(payload).embeddings
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise malformed("it is no JSON of the expected shape") from None
    if len(found) != inputs:
        raise malformed("it has not one vector for each input")
    lists = sound([vector.values for vector in found])
    if not packed:
        return Delta(embeddings=lists)
    return Delta(
        embeddings=tuple(b64encode(np.asarray(v, dtype="<f4").tobytes()).decode() for v in lists)
    )


class StreamReader:
    """For one streamed answer. Its end is the stream's; what usage says last holds."""

    __slots__ = ("_asked", "_finished", "_growing", "_model", "_parser", "_usage", "ended")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._parser = SseParser()
        self._growing = [_Growing(index) for index in range(asked.n)]
        self._usage = msgspec.Raw()
        self._model = ""
        self._finished: set[int] = set()
        self.ended = False

    def feed(self, piece: bytes) -> Delta | None:
        """What these bytes add."""
        return self._read(self._parser.feed(piece))

    def finish(self) -> Iterable[Delta]:
        """An event that only lacks its empty line, and the usage."""
        delta = self._read(self._parser.finish())
        if delta is not None:
            yield delta
        if not self._finished:
            raise cut_off()
        usage = _usage(self._usage)
        if usage is not None:
            yield Delta(usage=usage)

    def _read(self, events: list[bytes]) -> Delta | None:
        touched: list[_Growing] = []
        for event in events:
            body = _parse(event)
            if body.model_version and not self._model:
                self._model = model_name(body.model_version)
            self._usage = body.usage_metadata or self._usage
            for candidate in body.candidates:
                one = _at(self._growing, candidate)
                one.take(candidate, self._asked)
                if one.reason:
                    self._finished.add(one.index)
                if one not in touched:
                    touched.append(one)
        choices = tuple(one.choice() for one in touched if one.news)
        return Delta(choices=choices, reported_model=self._model) if choices else None


class _Growing:
    """One candidate: what is new since it was last told, and how many calls it has had."""

    __slots__ = ("calls", "index", "numbered", "reason", "spoke", "text")

    def __init__(self, index: int) -> None:
        self.index = index
        self.text = ""
        self.calls: list[ToolCall] = []
        self.numbered = 0
        self.reason = ""
        self.spoke = False

    @property
    def news(self) -> bool:
        return bool(self.text or self.calls or self.reason)

    def take(self, candidate: _Candidate, asked: Asked) -> None:
        for part in candidate.content.parts if candidate.content is not None else ():
            if part.thought:
                continue
            if part.function_call is not None:
                self._call(part.function_call, asked)
            elif part.text is not None:
                self.text += part.text
            elif _unreadable(part):
                raise unreadable()
        self.spoke = self.spoke or bool(self.text or self.calls)
        if candidate.finish_reason:
            self.reason = _reason(candidate.finish_reason, said=self.spoke)

    def choice(self, *, last: bool = False) -> Choice:
        reason = self.reason or ("stop" if last else "")
        if reason == "stop" and self.numbered:
            reason = "tool_calls"
        told = Choice(
            index=self.index,
            text=self.text,
            tool_calls=tuple(self.calls),
            finish_reason=reason or None,
        )
        self.text, self.calls, self.reason = "", [], ""
        return told

    def _call(self, call: _Call, asked: Asked) -> None:
        if self.numbered >= MOST_CALLS:
            raise malformed("too many tool calls")
        name = f"{asked.calls}_{self.index}_{self.numbered}"
        self.numbered += 1
        self.calls.append(
            ToolCall(id=call.id or name, name=call.name, arguments=written(call.args) or "{}")
        )


def _unreadable(part: _Part) -> bool:
    media = part.inline_data, part.file_data, part.executable_code, part.code_execution_result
    return any(one is not None for one in media)


def _at(growing: list[_Growing], candidate: _Candidate) -> _Growing:
    if not 0 <= candidate.index < len(growing):
        raise malformed("it has more candidates than were asked for")
    return growing[candidate.index]


def _parse(payload: bytes) -> _Body:
    try:
        body: _Body = _body.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The exception may quote the answer; only the fact is told.
        raise malformed("it is no JSON of the expected shape") from None
    if body.error is not None:
        raise ProviderUnavailable("the endpoint reported an error instead of an answer").of(
            "server_error"
        )
    blocked = body.prompt_feedback.block_reason if body.prompt_feedback is not None else None
    if blocked:
        kind = blocked if blocked in _BLOCKED else "unnamed"
        raise ProviderRejected(f"the endpoint's own filter refused the prompt ({kind})")
    return body


def _reason(reason: str, *, said: bool) -> str:
    if reason in _FILTERED:
        return "content_filter"
    if reason in _BROKEN and not said:
        raise malformed(f"the model ended with {reason}")
    return "length" if reason == "MAX_TOKENS" else "stop"


def _usage(raw: msgspec.Raw) -> Usage | None:
    """Thoughts are counted beside the answer; here they are a part of what was written."""
    try:
        used = counts(raw)
    except ValueError:
        return NONSENSE
    if used is None:
        return None
    prompt = whole_number(used, "promptTokenCount")
    said = whole_number(used, "candidatesTokenCount")
    thought = whole_number(used, "thoughtsTokenCount")
    if min(prompt, said, thought) < 0:
        return NONSENSE
    if not prompt:
        return None
    return Usage(
        prompt_tokens=prompt + count(used, "toolUsePromptTokenCount"),
        completion_tokens=said + thought,
        cached_tokens=count(used, "cachedContentTokenCount"),
        reasoning_tokens=thought,
    )
