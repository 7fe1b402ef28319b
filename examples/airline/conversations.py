"""The recorded conversations: their turns, and the tools that their agent used."""

import json
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDING = CHECKOUT.parent / "shared" / "data" / "dialogues" / "airline_gpt4o.jsonl"

Message = dict[str, Any]


class Said(NamedTuple):
    """What an assistant message says and calls; calls are (id, name, arguments as JSON text)."""

    text: str
    calls: tuple[tuple[str, str, str], ...]


class Turn(NamedTuple):
    """One assistant message: `place` is its index among the messages of its conversation."""

    conversation: int
    place: int
    history: list[Message]
    recorded: Said

    @property
    def streamed(self) -> bool:
        """Every other turn is streamed, beginning differently in every other conversation."""
        return (self.conversation + len(self.history)) % 4 in (1, 2)


def load(path: Path) -> list[list[Message]]:
    """Each conversation's messages, in OpenAI's form."""
    lines = path.read_text("utf-8").splitlines()
    return [json.loads(line)["messages"] for line in lines if line.strip()]


def said(message: Message) -> Said:
    """What a recorded assistant message says."""
    calls = (
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    )
    return Said(message.get("content") or "", tuple(calls))


def turns(conversation: int, messages: list[Message]) -> list[Turn]:
    """Every assistant message with all that came before it, as it was recorded."""
    return [
        Turn(conversation, place, messages[:place], said(message))
        for place, message in enumerate(messages)
        if message["role"] == "assistant"
    ]


def tools(conversations: list[list[Message]]) -> list[dict[str, Any]]:
    """The functions used anywhere, with the arguments seen; anything is allowed as their values."""
    seen: dict[str, set[str]] = {}
    for messages in conversations:
        for message in messages:
            for call in message.get("tool_calls") or ():
                function = call["function"]
                seen.setdefault(function["name"], set()).update(json.loads(function["arguments"]))
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": f"{name.replace('_', ' ').capitalize()}.",
                "parameters": {
                    "type": "object",
                    "properties": {argument: {} for argument in sorted(arguments)},
                    "additionalProperties": True,
                },
            },
        }
        for name, arguments in sorted(seen.items())
    ]
