"""The tools that the example's apps offer to a model, and conversations in which one was used."""

import json
from typing import Any, Final

from freehold.testing.retail.dice import Dice
from freehold.testing.retail.mix import CUSTOMER_SERVICE, INVENTORY, STORE_ASSISTANT
from freehold.testing.retail.world import Order

Tool = dict[str, Any]


def _tool(name: str, description: str, **properties: str) -> Tool:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {
                    key: {"type": "string", "description": text} for key, text in properties.items()
                },
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }


_GET_ORDER = _tool("get_order", "Look up one of the customer's own orders.", order_id="HO-…")
_START_RETURN = _tool(
    "start_return", "Open a return and e-mail the label.", order_id="HO-…", reason="why"
)
_FIND_STOCK = _tool("find_stock", "Count a product in a store.", sku="HP-…", store="store-…")
_PLAN_TRANSFER = _tool(
    "plan_transfer",
    "Propose moving stock between two stores.",
    sku="HP-…",
    from_store="store-…",
    to_store="store-…",
    quantity="how many",
)

BY_APP: Final[dict[str, tuple[Tool, ...]]] = {
    CUSTOMER_SERVICE: (_GET_ORDER, _START_RETURN, _FIND_STOCK),
    STORE_ASSISTANT: (_FIND_STOCK,),
    INVENTORY: (_FIND_STOCK, _PLAN_TRANSFER),
}

# The intent that an attack hides behind.
HARMLESS: Final = {
    CUSTOMER_SERVICE: "order_status",
    STORE_ASSISTANT: "shelf_stock",
    INVENTORY: "stock_summary",
}


def used(dice: Dice, order: Order, sku: str | None, store: str) -> list[dict[str, Any]]:
    """The two messages after a model called a tool: its call, and what the app answered."""
    call_id = f"call_{dice.text('abcdefghijklmnopqrstuvwxyz0123456789', 12)}"
    if sku is None:
        name, arguments = "get_order", {"order_id": order.id}
        result = {"order_id": order.id, "status": order.status, "promised_on": order.promised_on}
    else:
        name, arguments = "find_stock", {"sku": sku, "store": store}
        result = {"sku": sku, "store": store, "quantity": str(dice.between(0, 9))}
    function = {"name": name, "arguments": json.dumps(arguments)}
    return [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call_id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call_id, "content": json.dumps(result)},
    ]
