"""What the dialects look like from outside: requests written in each, replies read in each."""

import json
from collections.abc import Iterator
from typing import Any

import orjson

CHAT, COMPLETION, EMBEDDING = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"
CHATS = (CHAT, MESSAGES, RESPONSES)
"""The routes that know conversations and tools."""
TEXTS = (CHAT, COMPLETION, MESSAGES, RESPONSES)
TEXT_ROUTES = [(path, stream) for path in TEXTS for stream in (False, True)]
ROUTES = [*TEXT_ROUTES, (EMBEDDING, False)]
ENDS = ("message_stop", "response.completed", "response.incomplete")


class Reply:
    """What came back. ``sent`` are the messages as the server got them."""

    def __init__(self, sent: list[dict[str, Any]]) -> None:
        self.sent = sent
        start = next((m for m in sent if m["type"] == "http.response.start"), None)
        self.status: int = start["status"] if start else 0
        self.headers = {k.decode(): v.decode() for k, v in (start or {"headers": ()})["headers"]}
        self.body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")

    @property
    def trace(self) -> str:
        """The exchange's id."""
        return self.headers["x-freehold-trace-id"]

    @property
    def json(self) -> Any:
        """A whole reply's body."""
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """A stream's data objects; ``[DONE]`` stays text."""
        found = []
        for event in self.body.decode().split("\n\n"):
            data = event.partition("data: ")[2]
            if data:
                found.append(data if data == "[DONE]" else json.loads(data))
        return found

    @property
    def done(self) -> bool:
        """Whether a stream came to its dialect's own end."""
        last = self.events[-1] if self.events else {}
        return last == "[DONE]" or (isinstance(last, dict) and last.get("type") in ENDS)

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def error(self) -> dict[str, Any]:
        """The error object, from a whole reply or from a stream's events."""
        if not self.streamed:
            return self.json["error"]
        (error,) = [e["error"] for e in self.events if isinstance(e, dict) and "error" in e]
        return error

    @property
    def text(self) -> str:
        """All text of the first choice."""
        if not self.streamed:
            return _whole_text(self.json)
        return "".join(_text_of(event) for event in self.events if isinstance(event, dict))

    @property
    def calls(self) -> list[tuple[str, str, Any]]:
        """Id, name and arguments of the tool calls of the first choice."""
        if not self.streamed:
            return _whole_calls(self.json)
        return _streamed_calls([e for e in self.events if isinstance(e, dict)])

    @property
    def answered(self) -> bytes:
        """The body without what a dialect repeats of the request."""
        parts = self.events if self.streamed else [self.json]
        return b"\n".join(orjson.dumps(_without_echo(part)) for part in parts)

    @property
    def signs(self) -> int:
        """How many signs of life came."""
        return self.body.count(b": keep-alive\n\n") + self.body.count(b"event: ping\n")

    @property
    def tokens(self) -> tuple[int, int]:
        """What the reply says was used: of the prompt, and of the answer."""
        bodies = [e for e in self.events if isinstance(e, dict)] if self.streamed else [self.json]
        used = [b.get("response", b).get("usage") or {} for b in bodies]
        usage = next(u for u in reversed(used) if u)
        names = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
        first, last = (next(usage[name] for name in pair if name in usage) for pair in names)
        return first, last


def _without_echo(part: Any) -> Any:
    if isinstance(part, dict):
        echo = ("tools", "tool_choice", "instructions") if part.get("object") == "response" else ()
        return {name: _without_echo(value) for name, value in part.items() if name not in echo}
    return [_without_echo(each) for each in part] if isinstance(part, list) else part


def _whole_text(body: dict[str, Any]) -> str:
    if body.get("object") == "response":
        messages = [item for item in body["output"] if item["type"] == "message"]
        return "".join(part["text"] for item in messages for part in item["content"])
    if body.get("type") == "message":
        return "".join(block.get("text", "") for block in body["content"])
    choice = body["choices"][0]
    return str(choice["text"] if "text" in choice else choice["message"]["content"] or "")


def _text_of(event: dict[str, Any]) -> str:
    if event.get("type") == "response.output_text.delta":
        return str(event["delta"])
    if event.get("type") == "content_block_delta":
        return str(event["delta"].get("text", ""))
    return "".join(
        choice.get("text") or choice.get("delta", {}).get("content") or ""
        for choice in event.get("choices", ())
        if choice["index"] == 0
    )


def _whole_calls(body: dict[str, Any]) -> list[tuple[str, str, Any]]:
    if body.get("object") == "response":
        items = [item for item in body["output"] if item["type"] == "function_call"]
        return [(i["call_id"], i["name"], json.loads(i["arguments"])) for i in items]
    if body.get("type") == "message":
        uses = [block for block in body["content"] if block["type"] == "tool_use"]
        return [(use["id"], use["name"], use["input"]) for use in uses]
    calls = body["choices"][0]["message"].get("tool_calls") or []
    return [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]


def _streamed_calls(events: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    if "choices" in events[0]:
        made = [
            call
            for event in events
            for choice in event.get("choices", ())
            if choice["index"] == 0
            for call in choice["delta"].get("tool_calls") or ()
        ]
        return [
            (c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in made
        ]
    if "response" in events[0]:
        items = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        return _whole_calls({"object": "response", "output": items})
    opened = [e["content_block"] for e in events if e["type"] == "content_block_start"]
    uses = [block for block in opened if block["type"] == "tool_use"]
    written = [
        e["delta"]["partial_json"]
        for e in events
        if e["type"] == "content_block_delta" and "partial_json" in e["delta"]
    ]
    return [(u["id"], u["name"], json.loads(w)) for u, w in zip(uses, written, strict=True)]


def body_for(path: str, text: str = "Hello there.", *, stream: bool = False) -> dict[str, Any]:
    """A plain request to one of the routes."""
    if path == EMBEDDING:
        return {"input": text}
    asked: dict[str, Any] = {"stream": True} if stream else {}
    if path == COMPLETION:
        return {"prompt": text, **asked}
    return in_dialect(path, {"messages": [{"role": "user", "content": text}], **asked})


def in_dialect(path: str, chat: dict[str, Any]) -> dict[str, Any]:
    """A request to ``/v1/chat/completions`` as another route's clients would write it."""
    body = dict(chat)
    if path == MESSAGES:
        body["messages"] = list(_turns(body["messages"]))
        if "tools" in body:
            body["tools"] = [_own_tool(tool["function"]) for tool in body["tools"]]
        return {"max_tokens": 1_024, **body}
    if path == RESPONSES:
        body["input"] = list(_items(body.pop("messages")))
        if "tools" in body:
            body["tools"] = [{"type": "function", **tool["function"]} for tool in body["tools"]]
        return body
    return body


def _own_tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters", {"type": "object"})
    rest = {name: value for name, value in function.items() if name != "parameters"}
    return {**rest, "input_schema": schema}


def _turns(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        calls = message.get("tool_calls")
        if message["role"] == "tool":
            result = {
                "type": "tool_result",
                "tool_use_id": message["tool_call_id"],
                "content": message["content"],
            }
            yield {"role": "user", "content": [result]}
        elif calls:
            blocks: list[dict[str, Any]] = [
                {
                    "type": "tool_use",
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "input": json.loads(call["function"]["arguments"]),
                }
                for call in calls
            ]
            if message.get("content"):
                blocks.insert(0, {"type": "text", "text": message["content"]})
            yield {"role": "assistant", "content": blocks}
        else:
            yield message


def _items(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if message["role"] == "tool":
            yield {
                "type": "function_call_output",
                "call_id": message["tool_call_id"],
                "output": message["content"],
            }
            continue
        if message.get("content"):
            yield {"role": message["role"], "content": message["content"]}
        for call in message.get("tool_calls") or ():
            yield {"type": "function_call", "call_id": call["id"], **call["function"]}
