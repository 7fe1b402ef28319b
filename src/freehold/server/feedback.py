"""``POST /v1/feedback``: what an app says of an answer afterwards."""

from typing import Any

import orjson

from freehold.core.clock import Clock
from freehold.core.errors import RequestError, ScopeRefused
from freehold.core.outcomes import KEY_SCOPE
from freehold.core.principal import KeyGrant, Principal
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
from freehold.services.gateway import Gateway
from freehold.services.lookups import Lookups
from freehold.services.telling import Said

PATH = "/v1/feedback"
_FIELDS = ("exchange_id", "conversation_id", "metric", "value", "comment")
_REPLY_IDS = ("chatcmpl-", "cmpl-", "resp_", "msg_")
"""What the dialects put before an exchange's id."""
_BODY_S = 60.0
_MOST_A_MINUTE = 60_000
_LONGEST_ID = 256


class FeedbackRoute:
    """The route."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._lookups = Lookups(clock, "feedback", _MOST_A_MINUTE)

    async def handle(self, scope: Scope, receive: Receive, send: Send, exchange_id: str) -> None:
        """One request.

        Raises:
            FreeholdError: whatever refuses it.
        """
        headers = headers_of(scope)
        one_of_each(scope, headers)
        refuse_compressed(headers)
        admit = self._gateway.journey.admit
        grant, app, person = await admit.visitor(bearer(headers), identity_token(headers))
        if KEY_SCOPE not in grant.scopes:
            raise ScopeRefused(
                f"key {grant.key_id} has no scope {KEY_SCOPE}",
                public="This key is not for feedback: `freehold key create --scope feedback` makes"
                " one that is.",
            )
        body = await read_body(receive, headers.get(b"content-length"), _BODY_S)
        if body is None:
            return
        fields = _fields(body)
        conversation = _text(fields, "conversation_id")
        if conversation:
            who = _person_id(grant, person, headers)
            conversation = admit.conversation_of(conversation, grant, who)
        said = Said(
            metric=_text(fields, "metric"),
            value=fields.get("value"),
            exchange_id=_exchange(fields),
            conversation=conversation,
            comment=_text(fields, "comment", longest=None),
            by=grant.key_id,
        )
        with self._lookups.one(grant, person):
            kept = await self._gateway.feedback.give(app, said)
        trace = (TRACE_HEADER, exchange_id.encode())
        await reply(send, 200, [JSON, trace], orjson.dumps(kept.as_dict()))


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError("The body is no JSON.") from None
    if not isinstance(fields, dict):
        raise RequestError(f"The body is an object with {', '.join(_FIELDS)}.")
    for name in fields:
        if name not in _FIELDS:
            raise RequestError(
                f"There is no field {name[:50]!r} here: {', '.join(_FIELDS)}.", param=name[:50]
            )
    if "metric" not in fields or "value" not in fields:
        raise RequestError("Say which `metric`, and its `value`.", param="metric")
    return fields


def _text(fields: dict[str, Any], name: str, *, longest: int | None = _LONGEST_ID) -> str:
    found = fields.get(name, "")
    if not isinstance(found, str) or (longest is not None and len(found) > longest):
        raise RequestError(f"`{name}` is a text.", param=name)
    return found


def _exchange(fields: dict[str, Any]) -> str:
    """Its id, or that of the reply, which an SDK has at hand where it hides the headers."""
    named = _text(fields, "exchange_id")
    prefix = next((each for each in _REPLY_IDS if named.startswith(each)), "")
    return named.removeprefix(prefix)


def _person_id(grant: KeyGrant, person: Principal | None, headers: dict[bytes, bytes]) -> str:
    """Whose conversation it is, as when it was begun: by token, or by a header that this key may
    set.
    """
    if person is not None:
        return person.id
    named = headers.get(b"x-freehold-subject", b"") if "subject" in grant.trusted_headers else b""
    return named.decode("latin-1")[:_LONGEST_ID]
