"""OpenAI's Responses, outbound: what the journey releases → bytes, whole or as server-sent events.

Source: https://platform.openai.com/docs/api-reference/responses and responses-streaming.
"""

from typing import Any

import msgspec
import orjson

from freehold.core.ask import ToolCall
from freehold.core.errors import FreeholdError
from freehold.core.handoffs import Held, Released, Usage
from freehold.server.dialect import Asked, outcome_comment
from freehold.server.held import held_text
from freehold.server.openai_replies import KEEP_ALIVE, error_body
from freehold.server.responses_wire import Form
from freehold.services.responses import Found

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Reply:
    """A response as far as it has come.

    Args:
        created: seconds since 1970.
    """

    def __init__(self, form: Form, exchange_id: str, created: int) -> None:
        self.exchange_id = exchange_id
        self.created = created
        self.form = form
        self.model = form.model
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.held: Held | None = None
        self.text = ""
        self.calls: list[ToolCall] = []

    def add(self, piece: Released) -> str:
        """Take note of a piece; the text in it."""
        self.model = piece.model or self.model
        self.usage = piece.usage or self.usage
        self.finish = piece.finish_reason or self.finish
        self.calls.extend(piece.tool_calls)
        text = piece.text
        if piece.held is not None:
            self.held = piece.held
            text = held_text(piece.held)
        self.text += text
        return text

    def response(self, status: str, failed: dict[str, str] | None = None) -> dict[str, Any]:
        """The response object in this status."""
        incomplete = _INCOMPLETE.get(self.finish or "") if status == "incomplete" else None
        return response_object(
            response_id(self.exchange_id),
            self.created,
            self.form,
            status=status,
            model=self.model,
            output=[] if status in ("in_progress", "queued") else self.output(status),
            usage=None if status in ("in_progress", "queued") else self.usage,
            incomplete=incomplete,
            failed=failed,
        )

    @property
    def ended(self) -> str:
        """The status of one whose end has come."""
        return "incomplete" if self.finish in _INCOMPLETE else "completed"

    def output(self, status: str) -> list[dict[str, Any]]:
        """What was said, item by item: the text, if any, then the tool calls."""
        done = "completed" if status == "completed" else "incomplete"
        items = [self.call(i, call.arguments, done) for i, call in enumerate(self.calls)]
        if self.text or not (items or status in ("failed", "cancelled")):
            items.insert(0, self.message(done, [text_part(self.text)]))
        return items

    def message(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        """The message item."""
        return {
            "id": f"msg_{self.exchange_id}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def call(self, number: int, arguments: str, status: str) -> dict[str, Any]:
        """The item of one tool call."""
        call = self.calls[number]
        return {
            "id": f"fc_{self.exchange_id}_{number}",
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": arguments,
            "status": status,
        }


class ResponseReply:
    """Collects what is released into one response."""

    __slots__ = ("_reply",)

    def __init__(self, asked: Asked, exchange_id: str, created: int) -> None:
        self._reply = Reply(form_of(asked), exchange_id, created)

    def add(self, piece: Released) -> None:
        """One more piece."""
        self._reply.add(piece)

    def body(self) -> bytes:
        """The response."""
        return orjson.dumps(self._reply.response(self._reply.ended))


class ResponseEvents:
    """Turns each released piece into events as it comes."""

    __slots__ = ("_began", "_number", "_open", "_reply", "_told")
    keep_alive = KEEP_ALIVE

    def __init__(self, asked: Asked, exchange_id: str, created: int) -> None:
        self._reply = Reply(form_of(asked), exchange_id, created)
        self._number = 0
        self._began = False
        self._open = False
        self._told = 0

    def events(self, piece: Released) -> bytes:
        """Server-sent events for one piece."""
        told = len(self._reply.calls)
        text = self._reply.add(piece)
        events = self._begin()
        if text:
            events += self._open_message()
            events += self._text_event("delta", delta=text, logprobs=[])
        if piece.finish_reason or piece.tool_calls:
            if not self._told and not self._reply.calls:  # a message of nothing, if nothing else
                events += self._open_message()
            events += self._close_message(self._reply.ended)
        for number in range(told, len(self._reply.calls)):
            events += self._call_events(number)
        return events

    def end(self, outcome: str) -> bytes:
        """How the exchange ended (a comment), and the whole response."""
        status = self._reply.ended
        last = self._begin() + self._close_message(status) + outcome_comment(outcome)
        return last + self._event(f"response.{status}", response=self._reply.response(status))

    def failed(self, error: FreeholdError, outcome: str) -> bytes:
        """The response as far as it came, then the error, on which official clients raise."""
        last = self._begin()
        about = error_body(error)["error"]
        why = {"code": about["code"], "message": about["message"]}
        last += self._event("response.failed", response=self._reply.response("failed", why))
        flat = {name: about[name] for name in ("code", "message", "param")}
        return last + self._event("error", **flat, error=about) + outcome_comment(outcome)

    def _begin(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        begun = self._reply.response("in_progress")
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    def _open_message(self) -> bytes:
        if self._open or self._told:
            return b""
        self._open = True
        item = self._reply.message("in_progress", [])
        return self._event(
            "response.output_item.added", output_index=0, item=item
        ) + self._part_event("added", "")

    def _close_message(self, status: str) -> bytes:
        if not self._open:
            return b""
        self._open = False
        self._told = 1
        text = self._reply.text
        item = self._reply.message(status, [text_part(text)])
        return (
            self._text_event("done", text=text, logprobs=[])
            + self._part_event("done", text)
            + self._event("response.output_item.done", output_index=0, item=item)
        )

    def _call_events(self, number: int) -> bytes:
        call = self._reply.calls[number]
        place = {"output_index": self._told}
        self._told += 1
        begun = self._reply.call(number, "", "in_progress")
        done = self._reply.call(number, call.arguments, "completed")
        written = {"item_id": done["id"], **place}
        kind = "response.function_call_arguments"
        return (
            self._event("response.output_item.added", **place, item=begun)
            + self._event(f"{kind}.delta", **written, delta=call.arguments)
            + self._event(f"{kind}.done", **written, name=call.name, arguments=call.arguments)
            + self._event("response.output_item.done", **place, item=done)
        )

    def _text_event(self, what: str, **fields: Any) -> bytes:
        item = f"msg_{self._reply.exchange_id}"
        kind = f"response.output_text.{what}"
        return self._event(kind, item_id=item, output_index=0, content_index=0, **fields)

    def _part_event(self, what: str, text: str) -> bytes:
        item = f"msg_{self._reply.exchange_id}"
        kind = f"response.content_part.{what}"
        part = text_part(text)
        return self._event(kind, item_id=item, output_index=0, content_index=0, part=part)

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = orjson.dumps({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def response_id(exchange_id: str) -> str:
    """A response's id."""
    return f"resp_{exchange_id}"


def form_of(asked: Asked) -> Form:
    """What a response repeats of its request; of one that was held, only what a model reads."""
    if isinstance(asked.form, Form):
        return asked.form
    return Form(model=asked.ask.model, max_output_tokens=asked.ask.max_tokens)


def kept_response(found: Found) -> dict[str, Any]:
    """A response that somebody comes back to, as it stands now."""
    stored, texts = found.stored, found.texts
    # nothing but these two is known of one whose process was killed
    form = msgspec.convert(texts.form | {"background": stored.background, "stored": True}, Form)
    exchange_id = stored.response_id.removeprefix("resp_")
    reply = Reply(form, exchange_id, stored.created_ns // 10**9)
    if stored.status in ("completed", "incomplete"):
        reply.add(texts.said)
    failure = texts.failure
    failed = None if failure is None else {"code": failure.code, "message": failure.message}
    return reply.response(stored.status, failed if stored.status == "failed" else None)


def response_object(
    wanted: str,
    created: int,
    form: Form,
    *,
    status: str,
    model: str,
    output: list[dict[str, Any]],
    usage: Usage | None = None,
    incomplete: str | None = None,
    failed: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A response object; ``wanted`` is its id."""
    return {
        "id": wanted,
        "object": "response",
        "created_at": created,
        "status": status,
        "background": form.background,
        "error": failed,
        "incomplete_details": None if incomplete is None else {"reason": incomplete},
        "instructions": form.instructions,
        "max_output_tokens": form.max_output_tokens,
        "metadata": form.metadata,
        "model": model,
        "output": output,
        "parallel_tool_calls": form.parallel_tool_calls,
        "previous_response_id": form.previous_response_id,
        "reasoning": {"effort": form.effort, "summary": None},
        "store": form.stored,
        "temperature": form.temperature,
        "text": form.text,
        "tool_choice": form.tool_choice,
        "tools": form.tools,
        "top_p": form.top_p,
        "truncation": form.truncation,
        "usage": None if status in ("queued", "in_progress") else usage_of(usage),
    }


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """Token counts; zeros when nothing was used."""
    used = usage or Usage()
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": used.cached_tokens,
            "cache_write_tokens": used.cache_write_tokens,
        },
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }


def text_part(text: str) -> dict[str, Any]:
    """A text of an answer."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
