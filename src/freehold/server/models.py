"""``GET /v1/models`` in each dialect."""

from collections.abc import Sequence
from typing import Any

import orjson


def model_list(names: Sequence[str], *, anthropic: bool) -> bytes:
    """All of them; there are few, so that one page has them."""
    rows = [_row(name, anthropic=anthropic) for name in names]
    if anthropic:
        ends = {"has_more": False, "first_id": names[0], "last_id": names[-1]}
        return orjson.dumps({"data": rows, **ends})
    return orjson.dumps({"object": "list", "data": rows})


def model_card(names: Sequence[str], *, anthropic: bool) -> bytes:
    """The first of them."""
    return orjson.dumps(_row(names[0], anthropic=anthropic))


def _row(name: str, *, anthropic: bool) -> dict[str, Any]:
    if anthropic:  # when a model was made, nobody told the bundle
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
        }
    return {"id": name, "object": "model", "created": 0, "owned_by": "freehold"}
