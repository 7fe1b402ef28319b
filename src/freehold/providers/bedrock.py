"""Amazon Bedrock's Converse: how requests are written.

The wire is https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html;
botocore signs, and finds credentials where it is told to.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from freehold.core.ask import Ask, ToolCall
from freehold.core.ports import Delta, Secrets
from freehold.core.spec import ModelSpec
from freehold.providers import asking, bedrock_read, wire_errors
from freehold.providers.aws import Signer
from freehold.providers.dialect import Plain, Reader, Trip


class BedrockDialect(Plain):
    """``Converse`` and ``ConverseStream``; the base is the region's ``bedrock-runtime`` address.

    Args:
        secrets: resolves the references of a model's ``aws`` section.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._signer = Signer(secrets)

    def choose(self, trip: Trip) -> None:
        """Chats only."""
        ask = asking.chat(trip.sendable, "Bedrock's Converse")
        trip.streamed = asking.streams(ask, trip.model)
        trip.path = "converse-stream" if trip.streamed else "converse"

    def headers(self, model: ModelSpec, key: str) -> dict[str, str]:  # noqa: ARG002
        """A Bedrock API key is a bearer token; everything else is signed."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def address(self, trip: Trip) -> str:
        """The model, its profile or its ARN is one part of the path."""
        base = trip.model.base_url.rstrip("/")
        return f"{base}/model/{quote(trip.model.upstream_model, safe='')}/{trip.path}"

    def body(self, trip: Trip, quirks: frozenset[str]) -> bytes:
        """See the API reference of Converse."""
        return orjson.dumps(_body(trip, quirks))

    async def sign(
        self, trip: Trip, url: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """With the model's credentials, unless it has a key."""
        if "authorization" in headers:
            return headers
        return await self._signer.sign(trip.model, url, headers, body)

    def renew(self, model: ModelSpec) -> bool:
        """Temporary credentials end."""
        return self._signer.forget(model)

    def quirk(self, trip: Trip, payload: bytes) -> str:
        """The effort, or the sampling, that not every model behind Bedrock takes."""
        return asking.refused(trip.ask, str(wire_errors.error_of(payload).get("message")))

    def status(self, status: int, payload: bytes) -> int:
        """Credentials that have ended are told as forbidden."""
        if status != 403:
            return status
        message = str(wire_errors.error_of(payload).get("message"))
        return 401 if "security token" in message or "expired" in message else status

    def whole(self, trip: Trip, payload: bytes) -> Delta:  # noqa: ARG002
        """A message."""
        return bedrock_read.whole(payload)

    def reader(self, trip: Trip) -> Reader:  # noqa: ARG002
        """For one streamed answer."""
        return bedrock_read.StreamReader()


def _body(trip: Trip, quirks: frozenset[str]) -> dict[str, Any]:
    ask = trip.ask
    system, turns = asking.conversation(trip.sendable.messages)
    as_json, schema = asking.wanted_json(ask)
    if as_json and schema is None:
        system = f"{system}\n\n{asking.JSON_ONLY}" if system else asking.JSON_ONLY
    inference: dict[str, Any] = {"maxTokens": trip.sendable.attempt.max_tokens}
    for name, theirs in (("temperature", "temperature"), ("top_p", "topP")):
        value = ask.options.get(name)
        if isinstance(value, int | float) and "sampling" not in quirks:
            inference[theirs] = min(value, 1)  # both scales end at 1 here
    if ask.stop:
        inference["stopSequences"] = list(ask.stop)
    fields: dict[str, Any] = {
        "messages": [{"role": t.role, "content": [_block(p) for p in t.parts]} for t in turns],
        "inferenceConfig": inference,
    }
    if system:
        fields["system"] = [{"text": system}]
    tools = _tools(ask, turns)
    if tools:
        fields["toolConfig"] = tools
    output: dict[str, Any] = {}
    if schema is not None:
        text = orjson.dumps(schema).decode()
        structure = {"jsonSchema": {"name": "answer", "schema": text}}
        output["textFormat"] = {"type": "json_schema", "structure": structure}
    effort = ask.options.get("reasoning_effort")
    if isinstance(effort, str) and effort != "none" and "effort" not in quirks:
        output["effort"] = "low" if effort == "minimal" else effort
    if output:
        fields["outputConfig"] = output
    return fields


def _tools(ask: Ask, turns: list[asking.Turn]) -> dict[str, Any] | None:
    """Nothing can be forbidden here once calls stand in the conversation: they need their tools."""
    choice = asking.choice(ask)
    used = any(isinstance(part, ToolCall) for turn in turns for part in turn.parts)
    if choice.mode == "none" and not used:
        return None
    tools = [
        {
            "toolSpec": {"name": tool.name, "inputSchema": {"json": tool.schema}}
            | ({"description": tool.description} if tool.description else {})
        }
        for tool in asking.functions(ask, turns)
    ]
    if not tools:
        return None
    if choice.mode == "required":
        return {"tools": tools, "toolChoice": {"any": {}}}
    if choice.mode == "one":
        return {"tools": tools, "toolChoice": {"tool": {"name": choice.name}}}
    return {"tools": tools}


def _block(part: asking.Part) -> dict[str, Any]:
    if isinstance(part, ToolCall):
        use = {"toolUseId": asking.plain_id(part.id), "name": part.name}
        return {"toolUse": use | {"input": asking.arguments(part)}}
    if isinstance(part, asking.Result):
        content = [{"text": part.text or " "}]  # an empty text is refused
        return {"toolResult": {"toolUseId": asking.plain_id(part.id), "content": content}}
    return {"text": part}
