"""What a wire is: how requests are written and answers read. `HttpProvider` does the rest."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from freehold.core.ask import Ask
from freehold.core.clock import Clock
from freehold.core.handoffs import Sendable
from freehold.core.ports import Delta
from freehold.core.spec import ModelSpec
from freehold.providers.transport import HttpResponse, TransportFailed


class Trip:
    """One call under way: what is asked, until when, and what it has cost so far."""

    __slots__ = (
        "ask",
        "clock",
        "ends_ns",
        "model",
        "path",
        "response",
        "sendable",
        "spent",
        "streamed",
    )

    def __init__(self, clock: Clock, sendable: Sendable) -> None:
        self.clock = clock
        self.sendable = sendable
        self.ask: Ask = sendable.plan.ruled.admitted.ask
        self.model = sendable.attempt.model
        own = clock.monotonic_ns() + self.model.timeout_ms * 1_000_000
        self.ends_ns = min(own, sendable.plan.deadline_ns)
        self.path = ""
        self.streamed = False
        self.spent = 0
        self.response: HttpResponse | None = None

    def left_ms(self) -> int:
        """Milliseconds until the end.

        Raises:
            TransportFailed: there are none.
        """
        left = (self.ends_ns - self.clock.monotonic_ns()) // 1_000_000
        if left <= 0:
            raise TransportFailed("timeout", self.model.base_url)
        return left

    def account(self, delta: Delta, began: int) -> Delta:
        """The delta with the work since ``began`` and everything not yet told."""
        delta = Delta(
            choices=delta.choices,
            usage=delta.usage,
            reported_model=delta.reported_model,
            embeddings=delta.embeddings,
            spent_ns=self.spent + self.clock.monotonic_ns() - began,
        )
        self.spent = 0
        return delta


class Reader(Protocol):
    """Turns a stream's bytes into deltas, one for what came together."""

    @property
    def ended(self) -> bool:
        """The answer is complete, and nothing behind it matters."""
        ...

    def feed(self, piece: bytes) -> Delta | None:
        """What these bytes add; ``None`` when that is nothing.

        Raises:
            ProviderUnavailable: malformed, or an error in the middle of the stream.
            ProviderRejected: something that no control can read.
        """
        ...

    def finish(self) -> Iterable[Delta]:
        """At the end of the stream: what was not told yet.

        Raises:
            ProviderUnavailable: the stream ended in the middle of an answer.
        """
        ...


class Dialect(Protocol):
    """One wire. Stateless, so that one serves every call at once."""

    def choose(self, trip: Trip) -> None:
        """Set ``trip.path`` and ``trip.streamed``.

        Raises:
            ProviderRejected: this wire has no such operation.
        """
        ...

    def headers(self, model: ModelSpec, key: str) -> dict[str, str]:
        """Headers, with lower-case names, that every request has; ``key`` may be empty."""
        ...

    def address(self, trip: Trip) -> str:
        """The URL."""
        ...

    def body(self, trip: Trip, quirks: frozenset[str]) -> bytes:
        """The request's body, without what this endpoint has refused before.

        Raises:
            ProviderRejected: it can't be said on this wire.
        """
        ...

    async def sign(
        self, trip: Trip, url: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """The headers as they are sent.

        Raises:
            ProviderError: what is needed for a signature is not there.
        """
        ...

    def renew(self, model: ModelSpec) -> bool:
        """Credentials were refused: read them anew. Whether that may help."""
        ...

    def quirk(self, trip: Trip, payload: bytes) -> str:
        """Which of our own additions a 400 refuses; empty when it is something else."""
        ...

    def status(self, status: int, payload: bytes) -> int:
        """The status that means what the endpoint means: some say 400 for a bad key."""
        ...

    def retry_after_s(self, payload: bytes) -> float | None:
        """Seconds to wait, where the body says it."""
        ...

    def whole(self, trip: Trip, payload: bytes) -> Delta:
        """A whole answer.

        Raises:
            ProviderUnavailable: it is no such answer.
            ProviderRejected: it answers with something that no control can read.
        """
        ...

    def reader(self, trip: Trip) -> Reader:
        """For one streamed answer."""
        ...

    def streams(self, content_type: str) -> bool:
        """Whether a response of this type comes in pieces."""
        ...


class Plain:
    """What most wires have in common."""

    async def sign(
        self,
        trip: Trip,  # noqa: ARG002
        url: str,  # noqa: ARG002
        headers: Mapping[str, str],
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """As they are."""
        return headers

    def renew(self, model: ModelSpec) -> bool:  # noqa: ARG002
        """There is nothing but the key."""
        return False

    def quirk(self, trip: Trip, payload: bytes) -> str:  # noqa: ARG002
        """Nothing is known to be refused."""
        return ""

    def status(self, status: int, payload: bytes) -> int:  # noqa: ARG002
        """As it is."""
        return status

    def retry_after_s(self, payload: bytes) -> float | None:  # noqa: ARG002
        """Only headers say it."""
        return None

    def streams(self, content_type: str) -> bool:
        """Whatever is not one piece of JSON."""
        return "json" not in content_type
