"""The dialect of ``/v1/responses``."""

from msgspec import Struct

from freehold.core.errors import FreeholdError
from freehold.server.dialect import Asked, Headers
from freehold.server.openai_replies import error_bytes
from freehold.server.responses_replies import ResponseEvents, ResponseReply
from freehold.server.responses_wire import parse


class ResponsesDialect(Struct, frozen=True):
    """OpenAI's Responses."""

    def parse(self, body: bytes, headers: dict[bytes, bytes]) -> Asked:  # noqa: ARG002
        """Read a request; see `Dialect.parse`."""
        return parse(body)

    def whole(self, asked: Asked, exchange_id: str, created: int) -> ResponseReply:
        """A whole reply."""
        return ResponseReply(asked, exchange_id, created)

    def events(self, asked: Asked, exchange_id: str, created: int) -> ResponseEvents:
        """A stream."""
        return ResponseEvents(asked, exchange_id, created)

    def error(self, error: FreeholdError, exchange_id: str) -> bytes:  # noqa: ARG002
        """An OpenAI error object."""
        return error_bytes(error)

    def headers(self, exchange_id: str) -> Headers:
        """The request's id, where OpenAI's clients look for it."""
        return [(b"x-request-id", exchange_id.encode())]


RESPONSES = ResponsesDialect()
