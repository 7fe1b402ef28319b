"""Google's Gemini API, and Vertex AI's form of it: how requests are written.

The wire is https://ai.google.dev/api/generate-content; ADR 0018 says why it is written here and not
by Google's SDK, which the tests hold it against.
"""

import re
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from freehold.core.ask import Ask, ToolCall
from freehold.core.ports import Delta
from freehold.core.spec import ModelSpec
from freehold.providers import asking, gemini_read, wire_errors
from freehold.providers.dialect import Plain, Reader, Trip

MOST_ANSWERS = 8
_SIGNED = re.compile(r"gemini-(?:[3-9]|\d\d)")
# What Google's documentation names for calls whose signature is not at hand: signatures are hidden
# reasoning, which never leaves this gateway, and so never comes back.
_NO_SIGNATURE = "skip_thought_signature_validator"
_BUDGETS = {"none": 0, "minimal": 0, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
_LEVELS = {"none": "minimal", "minimal": "minimal", "low": "low", "medium": "medium"}
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_BAD_KEY = ("API_KEY_INVALID", "API key not valid", "API key expired")


class GeminiDialect(Plain):
    """``generateContent``, its stream, and ``batchEmbedContents``.

    The base is ``https://generativelanguage.googleapis.com``, with its version or without, or on
    Vertex AI everything up to and including ``/publishers/google``.
    """

    def choose(self, trip: Trip) -> None:
        """Chats and embeddings."""
        if trip.ask.operation == "embedding":
            trip.path = "batchEmbedContents"
            return
        ask = asking.chat(trip.sendable, "Gemini's API", MOST_ANSWERS)
        trip.streamed = asking.streams(ask, trip.model)
        trip.path = "streamGenerateContent" if trip.streamed else "generateContent"

    def headers(self, model: ModelSpec, key: str) -> dict[str, str]:  # noqa: ARG002
        """Never in the URL, where logs would have it. A token goes into the model's ``headers``."""
        return {"x-goog-api-key": key} if key else {}

    def address(self, trip: Trip) -> str:
        """The model and what it shall do are the last part of the path."""
        base = trip.model.base_url.rstrip("/")
        if "/publishers/" not in base and not re.search(r"/v\d\w*$", base):
            base += "/v1beta"
        query = dict(trip.model.query)
        if trip.streamed:
            query["alt"] = "sse"
        url = f"{base}/models/{quote(_name(trip), safe='')}:{trip.path}"
        return f"{url}?{urlencode(query)}" if query else url

    def body(self, trip: Trip, quirks: frozenset[str]) -> bytes:
        """See https://ai.google.dev/api/generate-content#request-body."""
        if trip.path == "batchEmbedContents":
            return orjson.dumps({"requests": _inputs(trip)})
        return orjson.dumps(_body(trip, quirks))

    def quirk(self, trip: Trip, payload: bytes) -> str:
        """How long to think, which not every model can be told."""
        message = str(wire_errors.error_of(payload).get("message")).casefold()
        return "thinking" if "thinking" in message and _effort(trip.ask) else ""

    def status(self, status: int, payload: bytes) -> int:
        """A bad key, or a place where Google does not serve, are told as malformed requests."""
        if status != 400:
            return status
        error = wire_errors.error_of(payload)
        if error.get("status") == "FAILED_PRECONDITION":
            return 403
        return 401 if any(mark in str(error) for mark in _BAD_KEY) else status

    def retry_after_s(self, payload: bytes) -> float | None:
        """``RetryInfo`` among the details: ``"34.5s"``."""
        details = wire_errors.error_of(payload).get("details")
        for detail in details if isinstance(details, list) else ():
            delay = detail.get("retryDelay") if isinstance(detail, dict) else None
            if isinstance(delay, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?s", delay):
                return min(float(delay[:-1]), wire_errors.LONGEST_PAUSE_S)
        return None

    def whole(self, trip: Trip, payload: bytes) -> Delta:
        """Candidates, or vectors."""
        if trip.path == "batchEmbedContents":
            packed = trip.ask.options.get("encoding_format") == "base64"
            return gemini_read.vectors(payload, len(trip.sendable.messages), packed=packed)
        return gemini_read.whole(payload, _asked(trip))

    def reader(self, trip: Trip) -> Reader:
        """For one streamed answer."""
        return gemini_read.StreamReader(_asked(trip))


def _name(trip: Trip) -> str:
    return trip.model.upstream_model.removeprefix("models/")


def _asked(trip: Trip) -> gemini_read.Asked:
    # Most of Gemini's calls have no id; with the exchange's, no two of a conversation are the same.
    exchange = trip.sendable.plan.ruled.admitted.arrival.exchange_id
    return gemini_read.Asked(trip.ask.n, f"call_{asking.plain_id(exchange)[-12:]}")


def _inputs(trip: Trip) -> list[dict[str, Any]]:
    size = trip.ask.options.get("dimensions")
    more = {} if size is None else {"outputDimensionality": size}
    model = f"models/{_name(trip)}"
    return [
        {"model": model, "content": {"parts": [{"text": message.content}]}} | more
        for message in trip.sendable.messages
    ]


def _body(trip: Trip, quirks: frozenset[str]) -> dict[str, Any]:
    system, turns = asking.conversation(trip.sendable.messages)
    signed = _SIGNED.match(_name(trip)) is not None
    fields: dict[str, Any] = {
        "contents": [
            {
                "role": "model" if turn.role == "assistant" else "user",
                "parts": _parts(turn, signed=signed),
            }
            for turn in turns
        ],
        "generationConfig": _generation(trip, quirks, signed=signed),
    }
    if system:
        fields["systemInstruction"] = {"parts": [{"text": system}]}
    tools = asking.functions(trip.ask)
    if tools:
        fields["tools"] = [
            {
                "functionDeclarations": [
                    {
                        "name": tool.name,
                        "description": tool.description,
                        "parametersJsonSchema": tool.schema,
                    }
                    for tool in tools
                ]
            }
        ]
        fields["toolConfig"] = {"functionCallingConfig": _tool_choice(trip.ask)}
    return fields


def _parts(turn: asking.Turn, *, signed: bool) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, ToolCall):
            call: dict[str, Any] = {
                "functionCall": {"name": part.name, "args": asking.arguments(part)}
            }
            if signed and not any("functionCall" in known for known in parts):
                call["thoughtSignature"] = _NO_SIGNATURE  # of calls side by side, the first has it
            parts.append(call)
        elif isinstance(part, asking.Result):
            response = {"name": part.name or "unknown", "response": _response(part.text)}
            parts.append({"functionResponse": response})
        else:
            parts.append({"text": part})
    return parts


def _response(text: str) -> dict[str, Any]:
    """An object is needed: the tool's own, or one around its text."""
    if text.lstrip().startswith("{"):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, dict):
            return value
    return {"result": text}


def _tool_choice(ask: Ask) -> dict[str, Any]:
    choice = asking.choice(ask)
    mode = {"auto": "AUTO", "none": "NONE"}.get(choice.mode, "ANY")
    return {"mode": mode} | ({"allowedFunctionNames": [choice.name]} if choice.name else {})


def _generation(trip: Trip, quirks: frozenset[str], *, signed: bool) -> dict[str, Any]:
    ask = trip.ask
    fields: dict[str, Any] = {"maxOutputTokens": trip.sendable.attempt.max_tokens}
    for name, theirs in _SAMPLING.items():
        if name in ask.options:
            fields[theirs] = ask.options[name]
    if ask.n > 1:
        fields["candidateCount"] = ask.n
    if ask.stop:
        fields["stopSequences"] = list(ask.stop)
    as_json, schema = asking.wanted_json(ask)
    if as_json:
        fields["responseMimeType"] = "application/json"
    if schema is not None:
        fields["responseJsonSchema"] = schema
    effort = _effort(ask)
    if effort and "thinking" not in quirks:
        fields["thinkingConfig"] = (
            {"thinkingLevel": _LEVELS.get(effort, "high")}
            if signed
            else {"thinkingBudget": _BUDGETS[effort]}
        )
    return fields


def _effort(ask: Ask) -> str:
    """How much to think, if it is said; no thought is ever asked to be shown."""
    effort = str(ask.options.get("reasoning_effort", ""))
    return effort if effort in _BUDGETS else ""
