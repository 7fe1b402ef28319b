"""The dialect of ``/v1/chat/completions``, ``/v1/completions`` and ``/v1/embeddings``."""

from msgspec import Struct

from freehold.core.ask import Operation
from freehold.core.errors import FreeholdError
from freehold.server.dialect import Asked, Headers
from freehold.server.openai_replies import StreamReply, WholeReply, error_bytes
from freehold.server.openai_wire import parse


class OpenAIDialect(Struct, frozen=True):
    """One of its operations."""

    operation: Operation

    def parse(self, body: bytes, headers: dict[bytes, bytes]) -> Asked:  # noqa: ARG002
        """Read a request; see `Dialect.parse`."""
        return Asked(parse(self.operation, body))

    def whole(self, asked: Asked, exchange_id: str, created: int) -> WholeReply:
        """A whole reply."""
        return WholeReply(asked.ask, exchange_id, created)

    def events(self, asked: Asked, exchange_id: str, created: int) -> StreamReply:
        """A stream."""
        return StreamReply(asked.ask, exchange_id, created)

    def error(self, error: FreeholdError, exchange_id: str) -> bytes:  # noqa: ARG002
        """An OpenAI error object."""
        return error_bytes(error)

    def headers(self, exchange_id: str) -> Headers:  # noqa: ARG002
        """None of its own."""
        return []


CHAT = OpenAIDialect("chat")
COMPLETION = OpenAIDialect("completion")
EMBEDDING = OpenAIDialect("embedding")
