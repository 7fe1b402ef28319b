"""Errors as problem details (RFC 9457), for doors where no client of a model asks."""

import orjson

from freehold.core.errors import FreeholdError
from freehold.server.http import TRACE_HEADER, Send, reply

_PROBLEM: tuple[bytes, bytes] = (b"content-type", b"application/problem+json")


async def problem(send: Send, error: FreeholdError, exchange_id: str) -> None:
    """Tell what refused a request."""
    told = {
        "type": f"urn:freehold:error:{error.code}",
        "title": error.slug.replace("_", " "),
        "status": error.status,
        "detail": error.public,
        "code": error.code,
        "instance": exchange_id,
    }
    if error.param:
        told["param"] = error.param
    headers = [_PROBLEM, (TRACE_HEADER, exchange_id.encode())]
    after = getattr(error, "retry_after_s", None)
    if after is not None:
        headers.append((b"retry-after", str(after).encode()))
    await reply(send, error.status, headers, orjson.dumps(told))
