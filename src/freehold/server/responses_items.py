"""``GET /v1/responses/{id}/input_items``: the conversation that a response answers, as items."""

from collections.abc import Iterator
from typing import Any

from freehold.core.ask import Message
from freehold.core.errors import RequestError
from freehold.services.responses import Found

_MOST = 100


def item_list(found: Found, wanted: dict[str, str]) -> dict[str, Any]:
    """A page of the items; ``wanted`` are ``after``, ``limit`` and ``order`` as they were asked.

    Raises:
        RequestError: one of them is nothing that it may be.
    """
    order, limit = wanted.get("order", "desc"), wanted.get("limit", "20")
    if order not in ("asc", "desc"):
        raise RequestError("`order` is asc or desc.", param="order")
    if not limit.isdecimal() or not 1 <= int(limit[:4]) <= _MOST:
        raise RequestError(f"`limit` is a number from 1 to {_MOST}.", param="limit")
    rows = list(_items(found.texts.messages, found.stored.response_id.removeprefix("resp_")))
    if order == "desc":
        rows.reverse()
    after = wanted.get("after")
    if after is not None:
        places = [place for place, row in enumerate(rows) if row["id"] == after]
        if not places:
            raise RequestError("`after` is no item of this response.", param="after")
        rows = rows[places[0] + 1 :]
    page = rows[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(rows) > len(page),
    }


def _items(messages: tuple[Message, ...], exchange_id: str) -> Iterator[dict[str, Any]]:
    for number, message in enumerate(messages):
        at = f"{exchange_id}_{number}"
        if message.role == "tool":
            yield {
                "id": f"fco_{at}",
                "type": "function_call_output",
                "call_id": message.tool_call_id,
                "output": message.content,
                "status": "completed",
            }
            continue
        if message.content or not message.tool_calls:
            kind = "output_text" if message.role == "assistant" else "input_text"
            part: dict[str, Any] = {"type": kind, "text": message.content}
            if message.role == "assistant":
                part |= {"annotations": [], "logprobs": []}
            yield {
                "id": f"msg_{at}",
                "type": "message",
                "role": message.role,
                "content": [part],
                "status": "completed",
            }
        for place, call in enumerate(message.tool_calls):
            yield {
                "id": f"fc_{at}_{place}",
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
                "status": "completed",
            }
