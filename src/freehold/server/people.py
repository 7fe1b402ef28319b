"""What routes for people have in common: a key with the scope of labelling, and a verified person.

Errors are problem details (RFC 9457): no client of a model asks here.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, RequestError, ScopeRefused
from freehold.core.labels import KEY_SCOPE
from freehold.server.http import (
    JSON,
    TRACE_HEADER,
    Receive,
    Scope,
    Send,
    bearer,
    headers_of,
    identity_token,
    one_of_each,
    read_body,
    refuse_compressed,
    reply,
)
from freehold.server.problems import problem
from freehold.services.gateway import Gateway
from freehold.services.labelling_people import Labeler
from freehold.services.lookups import Lookups

_BODY_S = 60.0
T = TypeVar("T")


class PeopleRoutes:
    """The routes below a prefix. Whoever asks is a verified person; a key alone does nothing.

    Args:
        prefix: of their paths; ``what``: what they are for.
        most: requests of one key and person in a minute.
    """

    def __init__(self, gateway: Gateway, clock: Clock, prefix: str, what: str, most: int) -> None:
        self._gateway = gateway
        self._prefix = prefix
        self._lookups = Lookups(clock, what, most)

    async def handle(self, scope: Scope, receive: Receive, send: Send, exchange_id: str) -> None:
        """One request; what refuses it is told here, too."""
        trace = (TRACE_HEADER, exchange_id.encode())
        try:
            body = await self._asked(scope, receive)
        except FreeholdError as error:
            self._gateway.malformed(error)
            await problem(send, error, exchange_id)
            return
        if body is not None:
            await reply(send, 200, [JSON, trace], orjson.dumps(body))

    async def _asked(self, scope: Scope, receive: Receive) -> Any:
        headers = headers_of(scope)
        one_of_each(scope, headers)
        refuse_compressed(headers)
        token = identity_token(headers)
        grant, _, person = await self._gateway.journey.admit.visitor(bearer(headers), token)
        if KEY_SCOPE not in grant.scopes:
            raise ScopeRefused(
                f"key {grant.key_id} has no scope {KEY_SCOPE}",
                public="This key is not for labelling: `freehold key create --scope labelling`"
                " makes one that is.",
            )
        with self._lookups.one(grant, person):
            who = await self._gateway.labeler(token, grant)
            read = b""
            if scope["method"] == "POST":
                found = await read_body(receive, headers.get(b"content-length"), _BODY_S)
                if found is None:
                    return None
                read = found
            rest = scope["path"].removeprefix(self._prefix).strip("/").split("/")
            return await self.one(scope, rest, who, read)

    async def one(self, scope: Scope, rest: list[str], who: Labeler, body: bytes) -> Any:
        """What one request gets.

        Args:
            rest: the path behind the prefix, in parts.

        Raises:
            FreeholdError: whatever refuses it.
        """
        raise NotImplementedError


async def waited(work: Callable[[], T]) -> T:
    """What waits for the store, in a thread; a client that hangs up leaves nothing half-done."""
    return await asyncio.shield(asyncio.create_task(asyncio.to_thread(work)))


def list_of(rows: list[Any]) -> dict[str, Any]:
    """Rows as a list is told."""
    return {"object": "list", "data": rows}


def texts_in(body: bytes, known: tuple[str, ...]) -> dict[str, str]:
    """An object with texts; an empty body is an empty one.

    Raises:
        RequestError: it is none, or has other fields.
    """
    fields = fields_in(body, known)
    if not all(isinstance(value, str) for value in fields.values()):
        raise RequestError(f"The body is an object with texts: {', '.join(known) or 'none'}.")
    return fields


def fields_in(body: bytes, known: tuple[str, ...]) -> dict[str, Any]:
    """An object; an empty body is an empty one.

    Raises:
        RequestError: it is none, or has other fields.
    """
    try:
        fields = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError:
        raise RequestError("The body is no JSON.") from None
    if not isinstance(fields, dict):
        raise RequestError("The body is a JSON object.")
    for name in fields:
        if name not in known:
            there = ", ".join(known) or "none at all"
            raise RequestError(f"There is no field {name[:50]!r} here: {there}.", param=name[:50])
    return fields
