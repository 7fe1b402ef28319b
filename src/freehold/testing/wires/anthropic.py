"""Anthropic's Messages API from the other side."""

from typing import Any

import orjson

from freehold.testing.wires.said import Asked, Said, Used, words

_ROLES = {"user", "assistant"}


class AnthropicWire:
    """``POST /v1/messages``.

    Args:
        samples: false for a model that takes no temperature, as all newer ones do.
        efforts: false for a model that knows no effort.
    """

    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, *, samples: bool = True, efforts: bool = True) -> None:
        self._samples = samples
        self._efforts = efforts

    def fault(self, asked: Asked) -> str:
        """The rules whose breach the real API answers with 400."""
        body = asked.body
        if asked.path.split("?")[0] != "/v1/messages":
            return f"no route {asked.path}"
        if asked.headers.get("anthropic-version") != "2023-06-01":
            return "anthropic-version: header is required"
        if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
            return "max_tokens: Field required"
        turns = body.get("messages") or []
        if not turns or turns[0]["role"] != "user":
            return "messages: first message must use the user role"
        if not self._samples and body.keys() & {"temperature", "top_p"}:
            return "`temperature` is deprecated for this model."
        if not self._efforts and "effort" in body.get("output_config", {}):
            return "This model does not support the effort parameter."
        if not 0 <= body.get("temperature", 1) <= 1:
            return "temperature: range: 0..1"
        if "temperature" in body and "top_p" in body:
            return "`temperature` and `top_p` cannot both be specified for this model"
        return _turns(turns) or _tools(body, turns)

    def streams(self, asked: Asked) -> bool:
        """As the body says."""
        return bool(asked.body.get("stream"))

    def whole(self, said: Said) -> bytes:
        """A message."""
        blocks: list[dict[str, Any]] = []
        if said.thinking:
            blocks.append({"type": "thinking", "thinking": said.thinking, "signature": "c2ln"})
        if said.text:
            blocks.append({"type": "text", "text": said.text, "citations": None})
        for number, (name, arguments) in enumerate(said.calls):
            use = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments}
            blocks.append(use)
        message = _message(blocks) | {"stop_reason": _reason(said), "stop_sequence": None}
        if said.used is not None:
            message["usage"] = _used(said.used)
        return orjson.dumps(message)

    def pieces(self, said: Said) -> list[bytes]:
        """Events: the message begins, its blocks come one after the other, it ends."""
        used = said.used
        start = _message([]) | {"stop_reason": None, "stop_sequence": None}
        if used is not None:
            start["usage"] = _used(used) | {"output_tokens": 1}
        out = [_event("message_start", message=start), _event("ping")]
        blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        if said.thinking:
            deltas = [{"type": "thinking_delta", "thinking": w} for w in words(said.thinking)]
            deltas.append({"type": "signature_delta", "signature": "c2ln"})
            blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
        if said.text:
            deltas = [{"type": "text_delta", "text": word} for word in words(said.text)]
            blocks.append(({"type": "text", "text": ""}, deltas))
        for number, (name, arguments) in enumerate(said.calls):
            text = orjson.dumps(arguments).decode()
            half = len(text) // 2
            deltas = [
                {"type": "input_json_delta", "partial_json": part}
                for part in ("", text[:half], text[half:])
            ]
            use = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
            blocks.append((use, deltas))
        for index, (block, deltas) in enumerate(blocks):
            out.append(_event("content_block_start", index=index, content_block=block))
            out += [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
            out.append(_event("content_block_stop", index=index))
        end = {"stop_reason": _reason(said), "stop_sequence": None}
        total = {} if used is None else {"output_tokens": used.said}
        out.append(_event("message_delta", delta=end, usage=total))
        out.append(_event("message_stop"))
        return out

    def error(self, status: int, message: str) -> bytes:
        """Error objects have a type of their own."""
        kinds = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
        error = {"type": kinds.get(status, "invalid_request_error"), "message": message}
        return orjson.dumps({"type": "error", "error": error, "request_id": "req_1"})

    def failure(self) -> bytes:
        """Overloaded, in the middle of a stream."""
        return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    def blocked(self) -> tuple[int, bytes]:
        """A refusal is an answer of the model."""
        return 200, self.whole(Said(finish="filter"))


def _message(content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-fake-1",
        "content": content,
    }


def _used(used: Used) -> dict[str, Any]:
    return {
        "input_tokens": used.prompt - used.read - used.wrote,
        "cache_read_input_tokens": used.read,
        "cache_creation_input_tokens": used.wrote,
        "output_tokens": used.said,
        "output_tokens_details": {"thinking_tokens": used.thought},
    }


def _reason(said: Said) -> str:
    if said.finish == "length":
        return "max_tokens"
    if said.finish == "filter":
        return "refusal"
    return "tool_use" if said.calls else "end_turn"


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind} | fields))


def _turns(turns: list[dict[str, Any]]) -> str:
    """Roles take turns here, nothing is empty, and each call is answered in the next turn."""
    open_calls: set[str] = set()
    before = ""
    for turn in turns:
        if turn["role"] not in _ROLES or turn["role"] == before:
            return "messages: roles must alternate"
        before = turn["role"]
        content = turn["content"]
        if not content:
            return "messages: text content blocks must be non-empty"
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        answered = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        if set(answered) != open_calls:
            return "messages: `tool_use` ids were found without `tool_result` blocks"
        if [b["type"] for b in blocks[: len(answered)]] != ["tool_result"] * len(answered):
            return "messages: tool results come first"
        if any(b["type"] == "text" and not b["text"] for b in blocks):
            return "messages: text content blocks must be non-empty"
        open_calls = {b["id"] for b in blocks if b["type"] == "tool_use"}
        if any(not isinstance(b["input"], dict) for b in blocks if b["type"] == "tool_use"):
            return "messages: tool_use.input: Input should be a valid dictionary"
    return ""


def _tools(body: dict[str, Any], turns: list[dict[str, Any]]) -> str:
    used = any(
        block["type"] in {"tool_use", "tool_result"}
        for turn in turns
        if not isinstance(turn["content"], str)
        for block in turn["content"]
    )
    tools = body.get("tools") or []
    if used and not tools:
        return "Requests which include `tool_use` or `tool_result` blocks must define tools"
    if any(not isinstance(tool.get("input_schema"), dict) for tool in tools):
        return "tools: input_schema: Field required"
    return (
        "tool_choice may only be specified with tools"
        if not tools and "tool_choice" in body
        else ""
    )
