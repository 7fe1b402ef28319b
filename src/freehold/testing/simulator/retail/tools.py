"""When the clerk calls a tool, and with what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any, Final

import orjson

from freehold.testing.simulator.answers import ToolCall
from freehold.testing.simulator.asks import Ask, Tool
from freehold.testing.simulator.retail.facts import Facts
from freehold.testing.simulator.retail.intents import Wish
from freehold.testing.simulator.structured import fitting

# Names of tools that answer an intent, the best first.
_FITS: Final = {
    intent: tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
    for intent, patterns in {
        "order_status": (r"order.*status|track", r"(?:get|find|look|fetch|check|read).*order"),
        "refund": (r"refund|return", r"(?:get|find|look|fetch|check|read).*order"),
        "stock": (r"stock|availab|inventor", r"(?:get|find|look|search|fetch).*product"),
        "inventory": (r"inventor|stock",),
        "price": (r"price", r"(?:get|find|look|search|fetch|list).*product"),
        "comparison": (r"compare", r"(?:get|find|look|search|fetch|list).*product"),
        "hours": (r"hours|opening", r"(?:get|find|look|fetch).*store"),
        "promotion": (r"promo|offer|deal",),
        "discount": (r"discount",),
    }.items()
}
_STORE: Final = re.compile(
    r"\b(store-\d{1,5})\b|\b(?:store|branch|shop) (?:no\.? |number |#)?([A-Z]?-?\d{1,5})\b",
    re.IGNORECASE,
)
_QUANTITY: Final = re.compile(r"\b(\d{1,3}) (?:units|pieces|of)\b")


def _choose(ask: Ask, wish: Wish) -> Tool | None:
    """The tool to call now, if any."""
    if ask.forced_tool not in (None, "*"):
        return next(tool for tool in ask.tools if tool.name == ask.forced_tool)
    for pattern in _FITS.get(wish.intent, ()):
        for tool in ask.tools:
            if pattern.search(tool.name):
                return tool
    return ask.tools[0] if ask.forced_tool == "*" else None


def _value(name: str, text: str, wish: Wish, facts: Facts) -> object:
    """What the request says about a parameter of this name, or None."""
    lower = name.lower()
    if "order" in lower or "reservation" in lower:
        return wish.order_id
    if "email" in lower:
        return wish.email
    if "store" in lower or "branch" in lower:
        found = _STORE.search(text)
        return found[1] or found[2] if found else facts.store_id or facts.store
    if "sku" in lower:
        return wish.product.sku if wish.product else None
    if any(word in lower for word in ("product", "item", "query", "search")):
        return wish.product.name if wish.product else text
    if any(word in lower for word in ("quantity", "count", "amount")):
        found = _QUANTITY.search(text)
        return int(found[1]) if found else 1
    if "name" in lower or "customer" in lower:
        return wish.address
    if any(word in lower for word in ("reason", "note", "comment", "message")):
        return text[:200]
    return None


def _arguments(
    tool: Tool, text: str, wish: Wish, facts: Facts, rng: Random, *, forced: bool
) -> dict[str, Any] | None:
    """Arguments for a call; nothing where a required one is not known."""
    properties = tool.parameters.get("properties")
    required = tool.parameters.get("required") or ()
    arguments: dict[str, Any] = {}
    for name, schema in (properties if isinstance(properties, Mapping) else {}).items():
        value = _value(name, text, wish, facts)
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        if value is not None and "enum" not in schema and kind in (None, "string", "integer"):
            if kind == "integer" and not str(value).isdigit():
                value = None
            else:
                value = int(str(value)) if kind == "integer" else str(value)
            arguments[name] = value
        if arguments.get(name) is None:
            arguments.pop(name, None)
            if name in required:
                if not forced and kind == "string" and "enum" not in schema:
                    return None
                arguments[name] = fitting(schema, rng)
    return arguments


def call(ask: Ask, wish: Wish, facts: Facts, rng: Random) -> ToolCall | None:
    """The call that the newest user message asks for; None once a tool has answered."""
    if not ask.tools or ask.messages[-1].role == "tool":
        return None
    tool = _choose(ask, wish)
    if tool is None:
        return None
    forced = ask.forced_tool is not None
    arguments = _arguments(tool, ask.last_user, wish, facts, rng, forced=forced)
    if arguments is None:
        return None
    identifier = f"call_sim{rng.getrandbits(80):020x}"
    return ToolCall(identifier, tool.name, orjson.dumps(arguments).decode())
