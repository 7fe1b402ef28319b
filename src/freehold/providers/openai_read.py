"""From the bytes of an OpenAI answer to Deltas; what no control can read is left behind.

Only the fields named here are decoded. Hidden reasoning (``reasoning_content``), log-probabilities
and whatever else a server adds never get into the process's own types.
"""

from typing import Any

import msgspec
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
from freehold.providers.vectors import in_order

_FINISHED = frozenset({"stop", "length", "tool_calls", "content_filter"})


class _Function(Struct):
    name: str | None = None
    arguments: Any = None


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(Struct):
    content: Any = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    audio: Any = None


class _Choice(Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Body(Struct):
    model: str | None = None
    choices: list[_Choice] | None = None
    data: msgspec.Raw = msgspec.Raw(b"[]")  # vectors, read where some are asked for
    usage: msgspec.Raw = msgspec.Raw()  # read by itself: nonsense in it spoils no answer
    error: Any = None


class _Results(Struct):
    results: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Body).decode


def whole(payload: bytes, *, n: int, inputs: int | None = None) -> Delta:
    """A whole answer as one Delta.

    Args:
        payload: the response's body.
        n: how many choices were asked for.
        inputs: for embeddings, how many vectors must come back.

    Raises:
        ProviderUnavailable: it is no such answer.
        ProviderRejected: it answers with something that no control can read.
    """
    body = _parse(payload)
    model = model_name(body.model)
    if inputs is not None:
        return Delta(
            embeddings=in_order(body.data, inputs),
            usage=_usage(body.usage),
            reported_model=model,
        )
    if not body.choices:
        raise malformed("it has no choices")
    choices = tuple(_whole_choice(choice, n) for choice in body.choices)
    if len({choice.index for choice in choices}) != len(choices):
        raise malformed("two choices have the same index")
    return Delta(choices=choices, usage=_usage(body.usage), reported_model=model)


def moderation(payload: bytes) -> Delta:
    """The one result of a moderation, as the JSON text of a choice.

    Raises:
        ProviderUnavailable: it is no such answer.
    """
    body = _parse(payload)
    try:
        results = msgspec.json.decode(payload, type=_Results).results
    except msgspec.MsgspecError:
        raise malformed("it has no results") from None
    if len(results) != 1:
        raise malformed(f"it has {len(results)} results for one text")
    text = bytes(results[0]).decode("utf-8", "replace")
    return Delta(
        choices=(Choice(text=text, finish_reason="stop"),),
        usage=_usage(body.usage),
        reported_model=model_name(body.model),
    )


class StreamReader:
    """Turns the data of a stream's events into Deltas, one Delta for what came together.

    ``done`` is true once ``[DONE]`` or a finish reason for every choice has been seen,
    ``done_marked`` only after ``[DONE]``: the usage stands between the two.
    """

    __slots__ = ("_calls", "_finished", "_n", "_seen", "done", "done_marked")

    def __init__(self, n: int) -> None:
        self._n = n
        self._calls: dict[int, list[_Growing]] = {}
        self._finished: set[int] = set()
        self._seen = False
        self.done = False
        self.done_marked = False

    def read(self, events: list[bytes]) -> Delta | None:
        """What these events add; ``None`` when that is nothing.

        Raises:
            ProviderUnavailable: malformed, or an error in the middle of the stream.
            ProviderRejected: something that no control can read.
        """
        texts: dict[int, str] = {}
        calls: dict[int, list[ToolCall]] = {}
        reasons: dict[int, str] = {}
        usage: Usage | None = None
        model = ""
        for event in events:
            if event.startswith(b"[DONE]"):
                self.done = self.done_marked = True
                continue
            if not event:
                continue
            body = _parse(event)
            model = body.model or model
            usage = _usage(body.usage) or usage
            for choice in body.choices or ():
                index = _index(choice.index, self._n)
                self._seen = True
                said = choice.delta or choice.message
                text = choice.text or (_text(said) if said is not None else "")
                if text:
                    texts[index] = texts[index] + text if index in texts else text
                if said is not None and said.tool_calls:
                    for part in said.tool_calls:
                        self._grow(index, part, calls)
                if choice.finish_reason:
                    reasons[index] = _reason(choice.finish_reason)
                    self._end(index, calls)
        if not (texts or calls or reasons or usage):
            return None
        indexes = sorted(texts.keys() | calls.keys() | reasons.keys())
        return Delta(
            choices=tuple(
                Choice(
                    index=i,
                    text=texts.get(i, ""),
                    tool_calls=tuple(calls.get(i, ())),
                    finish_reason=reasons.get(i),
                )
                for i in indexes
            ),
            usage=usage,
            reported_model=model_name(model),
        )

    def finish(self) -> Delta | None:
        """At the end: tool calls that no finish reason has closed.

        Raises:
            ProviderUnavailable: the stream ended in the middle of an answer.
        """
        if not self.done:
            raise cut_off()
        if not self._seen:
            raise malformed("it has no choices")
        calls: dict[int, list[ToolCall]] = {}
        for index in sorted(self._calls):
            self._end(index, calls)
        if not calls:
            return None
        return Delta(choices=tuple(Choice(index=i, tool_calls=tuple(c)) for i, c in calls.items()))

    def _grow(self, index: int, part: _Call, ready: dict[int, list[ToolCall]]) -> None:
        growing = self._calls.setdefault(index, [])
        function = part.function or _Function()
        name = function.name or ""
        current = growing[-1] if growing else None
        at = part.index if part.index is not None else (current.at if current else 0)
        # Some servers number every call 0 and tell them apart by their ids alone.
        renamed = bool(current and part.id and name and current.id and part.id != current.id)
        if current is None or at != current.at or renamed:
            if len(growing) >= MOST_CALLS:
                raise malformed("too many tool calls")
            if current is not None and not current.given:
                current.given = True
                ready.setdefault(index, []).append(current.finished(len(growing) - 1))
            if current is not None and any(g.at == at for g in growing) and not renamed:
                raise malformed("a tool call goes on after the next one has started")
            current = _Growing(at)
            growing.append(current)
        current.id = current.id or (part.id or "")
        current.name += name
        current.arguments.append(written(function.arguments))

    def _end(self, index: int, ready: dict[int, list[ToolCall]]) -> None:
        growing = self._calls.get(index)
        if growing and not growing[-1].given:
            growing[-1].given = True
            ready.setdefault(index, []).append(growing[-1].finished(len(growing) - 1))
        self._finished.add(index)
        self.done = self.done or len(self._finished) >= self._n


class _Growing:
    __slots__ = ("arguments", "at", "given", "id", "name")

    def __init__(self, at: int) -> None:
        self.at = at
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.given = False

    def finished(self, position: int) -> ToolCall:
        return ToolCall(
            id=self.id or f"call_{position}", name=self.name, arguments="".join(self.arguments)
        )


def _parse(payload: bytes) -> _Body:
    try:
        body = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The exception may quote the answer; only the fact is told.
        raise malformed("it is no JSON of the expected shape") from None
    if body.error is not None:
        raise ProviderUnavailable("the endpoint reported an error instead of an answer").of(
            "server_error"
        )
    return body


def _whole_choice(choice: _Choice, n: int) -> Choice:
    said = choice.message or choice.delta
    text = choice.text or ""
    calls: tuple[ToolCall, ...] = ()
    if said is not None:
        text = text or _text(said)
        if said.tool_calls:
            calls = tuple(
                _tool_call(call, i) for i, call in enumerate(said.tool_calls[:MOST_CALLS])
            )
    elif choice.text is None:
        raise malformed("a choice has no message")
    return Choice(
        index=_index(choice.index, n),
        text=text,
        tool_calls=calls,
        finish_reason=_reason(choice.finish_reason or ("tool_calls" if calls else "stop")),
    )


def _tool_call(call: _Call, position: int) -> ToolCall:
    function = call.function or _Function()
    return ToolCall(
        id=call.id or f"call_{position}",
        name=function.name or "",
        arguments=written(function.arguments),
    )


def _text(said: _Said) -> str:
    if said.audio is not None:
        raise ProviderRejected("the answer is audio, which no control can read").of("nonsense")
    content = said.content
    if content.__class__ is str:
        text: str = content
    elif content is None:
        text = ""
    elif isinstance(content, list):
        text = "".join(_part(part) for part in content)
    else:
        raise malformed("its content is no text")
    return text + said.refusal if said.refusal else text


def _part(part: Any) -> str:
    """Text parts are read, reasoning is left out, anything else can't be judged."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in {"text", "output_text", "refusal"}:
        text = part.get("text", part.get("refusal", ""))
        if isinstance(text, str):
            return text
    elif kind in {"thinking", "reasoning"}:
        return ""
    raise unreadable()


def _index(index: int, n: int) -> int:
    if not 0 <= index < n:
        raise malformed("it has more choices than were asked for")
    return index


def _reason(reason: str) -> str:
    if reason in _FINISHED:
        return reason
    return "length" if reason == "max_tokens" else "stop"


def _usage(raw: msgspec.Raw) -> Usage | None:
    """``None`` when nothing was counted; nonsense where what is there is no count."""
    try:
        usage = counts(raw)
    except ValueError:
        return NONSENSE
    if usage is None or usage.get("prompt_tokens") is None:
        return None
    prompt, completion = (
        whole_number(usage, f"{side}_tokens") for side in ("prompt", "completion")
    )
    if not prompt and not completion:
        return None  # some servers fill in zeros where they count nothing
    read = usage.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=count(read, "cached_tokens") or count(usage, "prompt_cache_hit_tokens"),
        cache_write_tokens=count(read, "cache_write_tokens"),
        reasoning_tokens=count(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )
