"""OpenAI-compatible endpoints: OpenAI, vLLM, Ollama, llama.cpp, any base URL; and Azure OpenAI."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from freehold.core.ports import Delta
from freehold.core.spec import ModelSpec
from freehold.providers import openai_build, openai_read, wire_errors
from freehold.providers.dialect import Plain, Reader, Trip
from freehold.providers.sse import SseParser

_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


class OpenAIDialect(Plain):
    """OpenAI's HTTP API."""

    def choose(self, trip: Trip) -> None:
        """Any operation has a path here."""
        trip.path = openai_build.path_for(trip.ask, trip.model)
        trip.streamed = openai_build.streams(trip.ask, trip.model)

    def headers(self, model: ModelSpec, key: str) -> dict[str, str]:
        """A bearer token; Azure takes keys in a header of its own."""
        if not key:
            return {}
        if "/openai/deployments/" in model.base_url:
            return {"api-key": key}
        return {"authorization": f"Bearer {key}"}

    def address(self, trip: Trip) -> str:
        """Behind the base; ``query`` (Azure's ``api-version``, say) comes last."""
        url = f"{trip.model.base_url.rstrip('/')}/{trip.path}"
        return f"{url}?{urlencode(trip.model.query)}" if trip.model.query else url

    def body(self, trip: Trip, quirks: frozenset[str]) -> bytes:
        """See ``openai_build.body``."""
        return openai_build.body(trip.sendable, trip.path, quirks)

    def quirk(self, trip: Trip, payload: bytes) -> str:
        """``max_tokens``, ``stream_options``, or the temperature that we set for a guard."""
        refused = wire_errors.refused_parameter(payload)
        ours = refused != "temperature" or trip.sendable.attempt.role == "guard"
        return refused if ours else ""

    def status(self, status: int, payload: bytes) -> int:
        """A 429 for want of money is no reason to come back."""
        if status == 429 and wire_errors.error_of(payload).get("code") in _NO_MONEY:
            return 402
        return status

    def whole(self, trip: Trip, payload: bytes) -> Delta:
        """A chat completion, a completion, embeddings or a moderation."""
        if trip.path == "moderations":
            return openai_read.moderation(payload)
        inputs = len(trip.sendable.messages) if trip.path == "embeddings" else None
        return openai_read.whole(payload, n=_choices(trip), inputs=inputs)

    def reader(self, trip: Trip) -> Reader:
        """For one streamed answer."""
        return _Reader(_choices(trip))


class AzureDialect(OpenAIDialect):
    """Azure OpenAI: deployments with an ``api-version``, or the newer ``/openai/v1`` without one.

    The base is the resource's address; ``upstream_model`` is the deployment's name.
    """

    def headers(self, model: ModelSpec, key: str) -> dict[str, str]:  # noqa: ARG002
        """Keys have a header of their own; a token of Entra ID goes into ``headers``."""
        return {"api-key": key} if key else {}

    def address(self, trip: Trip) -> str:
        """A deployment's own path where the model's ``query`` has an ``api-version``."""
        base = trip.model.base_url.rstrip("/")
        if "api-version" not in trip.model.query or base.endswith("/v1"):
            base = base if base.endswith("/openai/v1") else f"{base}/openai/v1"
        elif "/openai/deployments/" not in base:
            base += f"/openai/deployments/{quote(trip.model.upstream_model, safe='')}"
        url = f"{base}/{trip.path}"
        return f"{url}?{urlencode(trip.model.query)}" if trip.model.query else url


class _Reader:
    """Server-sent events with OpenAI's chunks in them."""

    __slots__ = ("_parser", "_stream")

    def __init__(self, choices: int) -> None:
        self._parser = SseParser()
        self._stream = openai_read.StreamReader(choices)

    @property
    def ended(self) -> bool:
        """``[DONE]`` was there: the usage stands before it."""
        return self._stream.done_marked

    def feed(self, piece: bytes) -> Delta | None:
        """What these bytes add."""
        return self._stream.read(self._parser.feed(piece))

    def finish(self) -> Iterable[Delta]:
        """An event without its empty line, and calls that no finish reason has closed."""
        if not self.ended:
            delta = self._stream.read(self._parser.finish())
            if delta is not None:
                yield delta
        delta = self._stream.finish()
        if delta is not None:
            yield delta


def _choices(trip: Trip) -> int:
    """How many choices may come: ``n`` for each prompt."""
    if trip.path != "completions":
        return trip.ask.n
    prompts = sum(message.role == "user" for message in trip.sendable.messages)
    return trip.ask.n * max(prompts, 1)
