"""Amazon Bedrock's Converse from the other side, event streams and signatures included."""

import re
import struct
import zlib
from typing import Any

import orjson

from freehold.testing.wires.said import Asked, Said, Used, words

_PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream)$")


class BedrockWire:
    """``Converse`` and ``ConverseStream``.

    Args:
        access_key, secret_key: whose signatures are good; without, none is asked for.
    """

    stream_type = "application/vnd.amazon.eventstream"

    def __init__(self, access_key: str = "", secret_key: str = "") -> None:
        self._keys = access_key, secret_key

    def fault(self, asked: Asked) -> str:
        """The rules whose breach the real API answers with 400 (or 403, for the signature)."""
        if _PATH.match(asked.path) is None:
            return f"no route {asked.path}"
        body = asked.body
        if "maxTokens" not in body.get("inferenceConfig", {}):
            return "inferenceConfig.maxTokens is expected of a gateway that counts"
        used = False
        open_calls: set[str] = set()
        before = ""
        for turn in body.get("messages") or []:
            if turn["role"] == before:
                return "A conversation must alternate between user and assistant roles."
            before = turn["role"]
            results = {b["toolResult"]["toolUseId"] for b in turn["content"] if "toolResult" in b}
            if results != open_calls:
                return "The number of toolResult blocks must match that of toolUse blocks"
            open_calls = {b["toolUse"]["toolUseId"] for b in turn["content"] if "toolUse" in b}
            used = used or bool(open_calls)
            if any(block.get("text") == "" for block in turn["content"]):
                return "The text field in the ContentBlock object is blank."
        if used and not body.get("toolConfig"):
            return "The toolConfig field must be defined when using toolUse content blocks."
        return self._signature(asked)

    def streams(self, asked: Asked) -> bool:
        """As the path says."""
        return asked.path.endswith("/converse-stream")

    def whole(self, said: Said) -> bytes:
        """A message within its envelope."""
        blocks: list[dict[str, Any]] = []
        if said.thinking:
            text = {"text": said.thinking, "signature": "c2ln"}
            blocks.append({"reasoningContent": {"reasoningText": text}})
        if said.text:
            blocks.append({"text": said.text})
        for number, (name, arguments) in enumerate(said.calls):
            use = {"toolUseId": f"tooluse_{number}", "name": name, "input": arguments}
            blocks.append({"toolUse": use})
        body: dict[str, Any] = {
            "output": {"message": {"role": "assistant", "content": blocks}},
            "stopReason": _reason(said),
            "metrics": {"latencyMs": 5},
        }
        if said.used is not None:
            body["usage"] = _used(said.used)
        return orjson.dumps(body)

    def pieces(self, said: Said) -> list[bytes]:
        """Frames; the usage comes last, behind the message's end."""
        out = [event("messageStart", role="assistant")]
        index = 0
        if said.thinking:
            for word in words(said.thinking):
                delta = {"reasoningContent": {"text": word}}
                out.append(event("contentBlockDelta", contentBlockIndex=index, delta=delta))
            out.append(event("contentBlockStop", contentBlockIndex=index))
            index += 1
        if said.text:
            for word in words(said.text):
                text = {"text": word}
                out.append(event("contentBlockDelta", contentBlockIndex=index, delta=text))
            out.append(event("contentBlockStop", contentBlockIndex=index))
            index += 1
        for number, (name, arguments) in enumerate(said.calls):
            use = {"toolUse": {"toolUseId": f"tooluse_{number}", "name": name}}
            out.append(event("contentBlockStart", contentBlockIndex=index, start=use))
            text_of = orjson.dumps(arguments).decode()
            for part in (text_of[:3], text_of[3:]):
                more = {"toolUse": {"input": part}}
                out.append(event("contentBlockDelta", contentBlockIndex=index, delta=more))
            out.append(event("contentBlockStop", contentBlockIndex=index))
            index += 1
        out.append(event("messageStop", stopReason=_reason(said)))
        usage = {} if said.used is None else {"usage": _used(said.used)}
        out.append(event("metadata", metrics={"latencyMs": 5}, **usage))
        return out

    def error(self, status: int, message: str) -> bytes:
        """What it is stands in a header; the body only says it."""
        del status
        return orjson.dumps({"message": message})

    def failure(self) -> bytes:
        """An exception among the events."""
        headers = {
            ":message-type": "exception",
            ":exception-type": "throttlingException",
            ":content-type": "application/json",
        }
        return frame(headers, orjson.dumps({"message": "Too many requests"}))

    def blocked(self) -> tuple[int, bytes]:
        """A guardrail's words stand in the model's place."""
        return 200, self.whole(Said(text="Sorry, I can't.", finish="filter"))

    def _signature(self, asked: Asked) -> str:
        """Signed again, by AWS's own code, what was sent must come out the same."""
        access, secret = self._keys
        if not access:
            return ""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        given = asked.headers.get("authorization", "")
        found = re.search(r"Credential=[^/]+/\d+/([^/]+)/bedrock/.*SignedHeaders=([^,]+)", given)
        if found is None:
            return "Missing Authentication Token"
        signed = {name: asked.headers.get(name, "") for name in found[2].split(";")}
        url = f"http://{asked.headers['host']}{asked.path}"
        request = AWSRequest("POST", url, headers=signed, data=asked.raw)
        request.context["timestamp"] = signed["x-amz-date"]
        signer = SigV4Auth(Credentials(access, secret), "bedrock", found[1])
        canonical = signer.canonical_request(request)
        wanted = signer.signature(signer.string_to_sign(request, canonical), request)
        if not given.endswith(f"Signature={wanted}"):
            return "The request signature we calculated does not match the signature you provided."
        return ""


def event(kind: str, **fields: Any) -> bytes:
    """One event's frame."""
    headers = {
        ":event-type": kind,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return frame(headers, orjson.dumps(fields))


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """A message of an event stream: lengths, their checksum, headers, payload, checksum of all.

    https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html; strings have type 7.
    """
    written = [(name.encode(), value.encode()) for name, value in headers.items()]
    named = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack("!H", len(value)) + value
        for name, value in written
    )
    prelude = struct.pack("!II", 16 + len(named) + len(payload), len(named))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + named + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _used(used: Used) -> dict[str, int]:
    return {
        "inputTokens": used.prompt - used.read - used.wrote,
        "outputTokens": used.said,
        "totalTokens": used.prompt + used.said,
        "cacheReadInputTokens": used.read,
        "cacheWriteInputTokens": used.wrote,
    }


def _reason(said: Said) -> str:
    if said.finish == "length":
        return "max_tokens"
    if said.finish == "filter":
        return "guardrail_intervened"
    return "tool_use" if said.calls else "end_turn"
