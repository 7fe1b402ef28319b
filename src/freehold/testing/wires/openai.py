"""OpenAI's chat completions from the other side; Azure's paths and refusals with them."""

import re
from typing import Any

import orjson

from freehold.testing.wires.said import Asked, Said, Used, words

_AZURE = re.compile(
    r"/openai/(deployments/[^/]+/chat/completions\?api-version=[\w-]+|v1/chat/completions)$"
)


class OpenAIWire:
    """``POST /v1/chat/completions``; with ``azure``, its addresses, keys and filter."""

    stream_type = "text/event-stream"

    def __init__(self, *, azure: bool = False) -> None:
        self._azure = azure

    def fault(self, asked: Asked) -> str:
        """Addresses and keys; what is in the body is the simulator's business."""
        if self._azure:
            if not _AZURE.match(asked.path):
                return f"no route {asked.path}"
            return "" if "authorization" not in asked.headers else "this is no token"
        return "" if asked.path == "/v1/chat/completions" else f"no route {asked.path}"

    def streams(self, asked: Asked) -> bool:
        """As the body says."""
        return bool(asked.body.get("stream"))

    def whole(self, said: Said) -> bytes:
        """A chat completion; some servers show their reasoning beside it."""
        message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
        if said.thinking:
            message["reasoning_content"] = said.thinking
        if said.calls:
            message["tool_calls"] = [_call(n, *call) for n, call in enumerate(said.calls)]
        body = _body("chat.completion", {"message": message}, _reason(said))
        if said.used is not None:
            body["usage"] = _used(said.used)
        return orjson.dumps(body)

    def pieces(self, said: Said) -> list[bytes]:
        """Chunks; the usage has one of its own, without choices."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": word} for word in words(said.thinking)]
        deltas += [{"content": word} for word in words(said.text)]
        deltas += [
            {"tool_calls": [_call(number, *call) | {"index": number}]}
            for number, call in enumerate(said.calls)
        ]
        chunks = [_body("chat.completion.chunk", {"delta": delta}, None) for delta in deltas]
        chunks.append(_body("chat.completion.chunk", {"delta": {}}, _reason(said)))
        if said.used is not None:
            chunks.append(chunks[0] | {"choices": [], "usage": _used(said.used)})
        return [*(_event(orjson.dumps(chunk)) for chunk in chunks), _event(b"[DONE]")]

    def error(self, status: int, message: str) -> bytes:
        """An error object."""
        return orjson.dumps({"error": {"message": message, "type": "error", "code": str(status)}})

    def failure(self) -> bytes:
        """An error object where a chunk should be."""
        return _event(self.error(500, "The server had an error."))

    def blocked(self) -> tuple[int, bytes]:
        """Azure's filter."""
        error = {"message": "The response was filtered", "code": "content_filter", "status": 400}
        return 400, orjson.dumps({"error": error})


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _body(kind: str, said: dict[str, Any], reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": reason} | said
    return {"id": "chatcmpl-1", "object": kind, "model": "gpt-fake-1", "choices": [choice]}


def _call(number: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": orjson.dumps(arguments).decode()}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _reason(said: Said) -> str:
    if said.finish == "length":
        return "length"
    if said.finish == "filter":
        return "content_filter"
    return "tool_calls" if said.calls else "stop"


def _used(used: Used) -> dict[str, Any]:
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.said,
        "total_tokens": used.prompt + used.said,
        "prompt_tokens_details": {"cached_tokens": used.read, "cache_write_tokens": used.wrote},
        "completion_tokens_details": {"reasoning_tokens": used.thought},
    }
