"""The dialect of ``/v1/messages``."""

import orjson
from msgspec import Struct

from freehold.core.errors import FreeholdError
from freehold.server.anthropic_replies import (
    MessageEvents,
    MessageReply,
    error_body,
    prompt_tokens,
)
from freehold.server.anthropic_wire import check_version, parse, parse_prompt
from freehold.server.dialect import Asked, Headers

VERSION_HEADER = b"anthropic-version"


class MessagesDialect(Struct, frozen=True):
    """Anthropic's Messages."""

    def parse(self, body: bytes, headers: dict[bytes, bytes]) -> Asked:
        """Read a request; see `Dialect.parse`."""
        check_version(headers.get(VERSION_HEADER))
        return Asked(parse(body))

    def count(self, body: bytes, headers: dict[bytes, bytes]) -> bytes:
        """The reply to a request for a count. It is an estimate, and says so.

        Raises:
            RequestError: as ``parse``.
        """
        check_version(headers.get(VERSION_HEADER))
        return orjson.dumps({"input_tokens": prompt_tokens(parse_prompt(body)), "estimated": True})

    def whole(self, asked: Asked, exchange_id: str, created: int) -> MessageReply:  # noqa: ARG002
        """A whole reply."""
        return MessageReply(asked.ask, exchange_id)

    def events(self, asked: Asked, exchange_id: str, created: int) -> MessageEvents:  # noqa: ARG002
        """A stream."""
        return MessageEvents(asked.ask, exchange_id)

    def error(self, error: FreeholdError, exchange_id: str) -> bytes:
        """An Anthropic error object."""
        return orjson.dumps(error_body(error, exchange_id))

    def headers(self, exchange_id: str) -> Headers:
        """The request's id, where Anthropic's clients look for it."""
        return [(b"request-id", exchange_id.encode())]


MESSAGES = MessagesDialect()
