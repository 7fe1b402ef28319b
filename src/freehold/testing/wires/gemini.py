"""Google's Gemini API from the other side."""

import re
from typing import Any

import orjson

from freehold.testing.wires.said import Asked, Said, Used, words

_PATH = re.compile(r"/v1beta/models/([^/:]+):(\w+)(\?alt=sse)?$")


class GeminiWire:
    """``generateContent``, ``streamGenerateContent`` and ``batchEmbedContents``."""

    stream_type = "text/event-stream"

    def fault(self, asked: Asked) -> str:
        """The rules whose breach the real API answers with 400."""
        match = _PATH.match(asked.path)
        if match is None:
            return f"no route {asked.path}"
        if match[2] == "batchEmbedContents":
            return ""
        body = asked.body
        contents = body.get("contents") or []
        if not contents:
            return "contents is not specified"
        unknown = body.keys() - {
            "contents", "systemInstruction", "generationConfig", "tools", "toolConfig",
        }  # fmt: skip
        if unknown:
            return f"Unknown name {min(unknown)!r}"
        return _contents(contents, signed=match[1].startswith("gemini-3"))

    def streams(self, asked: Asked) -> bool:
        """As the path says."""
        return ":streamGenerateContent" in asked.path

    def whole(self, said: Said) -> bytes:
        """All candidates at once."""
        parts = [*_thoughts(said), *([{"text": said.text}] if said.text else []), *_calls(said)]
        return orjson.dumps(_chunk(parts, _reason(said), said.used))

    def pieces(self, said: Said) -> list[bytes]:
        """Chunks of the same form as a whole answer; the last has the finish reason."""
        parts = [*_thoughts(said), *({"text": word} for word in words(said.text)), *_calls(said)]
        early = None if said.used is None else Used(prompt=said.used.prompt, said=1)
        chunks = [_chunk([part], None, early) for part in parts]
        chunks.append(_chunk([{"text": ""}], _reason(said), said.used))
        return [b"data: " + orjson.dumps(chunk) + b"\r\n\r\n" for chunk in chunks]

    def vectors(self, count: int) -> bytes:
        """As many vectors as inputs."""
        return orjson.dumps({"embeddings": [{"values": [0.5, -0.25]} for _ in range(count)]})

    def error(self, status: int, message: str) -> bytes:
        """Google's error model, with how long to wait among the details."""
        names = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}
        details: list[dict[str, Any]] = []
        if status == 429:
            details.append(
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
            )
        if status == 401:  # as the real one: a bad key is a malformed request
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo"}
            details.append(reason | {"reason": "API_KEY_INVALID"})
        error = {
            "code": 400 if status == 401 else status,
            "message": message,
            "status": names.get(status, "UNAVAILABLE"),
            "details": details,
        }
        return orjson.dumps({"error": error})

    def failure(self) -> bytes:
        """An error object where a chunk should be."""
        return b"data: " + self.error(503, "The model is overloaded.") + b"\r\n\r\n"

    def blocked(self) -> tuple[int, bytes]:
        """No candidate, but the reason."""
        feedback = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        return 200, orjson.dumps(feedback | {"usageMetadata": {"promptTokenCount": 5}})


def _thoughts(said: Said) -> list[dict[str, Any]]:
    return [{"text": said.thinking, "thought": True}] if said.thinking else []


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "c2ln"}
        for name, arguments in said.calls
    ]


def _reason(said: Said) -> str:
    return {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}[said.finish]


def _chunk(parts: list[dict[str, Any]], reason: str | None, used: Used | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    chunk: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-fake-1"}
    if used is not None:
        chunk["usageMetadata"] = {
            "promptTokenCount": used.prompt,
            "candidatesTokenCount": used.said - used.thought,
            "thoughtsTokenCount": used.thought,
            "cachedContentTokenCount": used.read,
            "totalTokenCount": used.prompt + used.said,
        }
    return chunk


def _contents(contents: list[dict[str, Any]], *, signed: bool) -> str:
    """Calls are answered in the next turn; in Gemini 3, the first of a turn has a signature."""
    open_calls: list[str] = []
    for turn in contents:
        if turn["role"] not in {"user", "model"} or not turn["parts"]:
            return "contents.parts must not be empty"
        names = [p["functionResponse"]["name"] for p in turn["parts"] if "functionResponse" in p]
        if sorted(names) != sorted(open_calls):
            return "the number of function response parts must equal that of function call parts"
        calls = [part for part in turn["parts"] if "functionCall" in part]
        if signed and calls and "thoughtSignature" not in calls[0]:
            return "Function call is missing a thought_signature in functionCall parts"
        open_calls = [part["functionCall"]["name"] for part in calls]
    return ""
