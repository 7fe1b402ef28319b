"""How an endpoint is doing, as calls to it tell: what routing asks and inference reports."""

from typing import Protocol
from zlib import crc32

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.spec import ModelSpec


class Readiness(Struct, frozen=True, kw_only=True):
    """What an endpoint should get now: ``weight`` is its share of its usual traffic in millionths
    (zero: none, while anybody else can answer), ``why`` the reason where that is not all of it.
    ``slow``: it answers, but takes longer than it did, or did so a moment ago.
    """

    weight: int = MILLION
    why: str = ""
    slow: bool = False

    def takes(self, exchange_id: str, model_id: str, *, slow_too: bool = False) -> bool:
        """Whether this exchange is in the share; the same answer whenever it is asked.

        ``slow_too``: whoever is only slow takes it in any case.
        """
        if self.weight >= MILLION or (slow_too and self.slow):
            return True
        if self.weight <= 0:
            return False
        return crc32(f"{exchange_id}/{model_id}".encode()) % MILLION < self.weight


READY = Readiness()
"""Nothing is known against it."""


class Report(Struct, frozen=True, kw_only=True):
    """How one call ended.

    Attributes:
        ok: ``None`` where the end says nothing: the caller hung up, another model was faster, the
            request's own time was over.
        retry_after_s: what the endpoint asked for.
        waited_ns: from sending until it was over, or was given up.
        first_ns: until the first character or vector; ``None`` where none came.
        streamed: whether it came piece by piece, so that ``first_ns`` is less than ``waited_ns``.
        prompt_tokens, completion_tokens: what was read and written, estimated or counted.
    """

    ok: bool | None
    retry_after_s: float | None = None
    waited_ns: int = 0
    first_ns: int | None = None
    streamed: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Health(Protocol):
    """One for the process, whoever the providers are: routing reads it, inference tells it.

    Providers themselves know nothing of it; their errors say enough.
    """

    def of(self, model: ModelSpec) -> Readiness:
        """What this model's endpoint should get now."""
        ...

    def started(self, model: ModelSpec) -> bool:
        """A call begins. True when it is the one that probes whether the endpoint is back."""
        ...

    def ended(self, model: ModelSpec, report: Report, *, probe: bool) -> None:
        """A call is over; ``probe`` is what ``started`` said."""
        ...

    def usual_ns(self, model: ModelSpec, percentile: int, *, streamed: bool) -> int | None:
        """How long its latest answers took to begin, or where they come whole, to end: the value
        that so many millionths of them did not exceed. ``None`` while too few are known.
        """
        ...

    def may_retry(self, model: ModelSpec) -> bool:
        """Whether the endpoint may be asked once more for the same request; counts as done."""
        ...


class Untroubled:
    """`Health` where no endpoint stands behind a model: everything is ready, always."""

    def of(self, model: ModelSpec) -> Readiness:  # noqa: ARG002
        """Ready."""
        return READY

    def started(self, model: ModelSpec) -> bool:  # noqa: ARG002
        """No probe."""
        return False

    def ended(self, model: ModelSpec, report: Report, *, probe: bool) -> None:
        """Nothing to learn."""

    def usual_ns(self, model: ModelSpec, percentile: int, *, streamed: bool) -> None:
        """Nothing is known."""

    def may_retry(self, model: ModelSpec) -> bool:  # noqa: ARG002
        """As often as it likes."""
        return True
