"""What an index of the ledger answers; `storage` has one, services ask it."""

from typing import Any, Protocol

import msgspec
from msgspec import Struct

from freehold.core.clock import rfc3339
from freehold.ledger.reading import Damage

SHORTEST = 8
"""So many characters a beginning of an id has at least that stands for one exchange."""
Tenants = str | frozenset[str] | None
"""One tenant, several, or (``None``) all of them."""


class ExchangeRow(Struct, frozen=True, kw_only=True):
    """One exchange as the index knows it, with the places of its records.

    ``outcome`` is ``None`` while it is under way. ``rules_fired`` has ``rule/mode`` strings.
    """

    exchange_id: str
    tenant: str
    app: str
    writer: str
    key_id: str | None = None
    principal: str | None = None
    conversation: str | None = None
    bundle: str | None = None
    stream: bool | None = None
    opened_ns: int | None = None
    closed_ns: int | None = None
    outcome: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_nano: int | None = None
    duration_ns: int | None = None
    rules_fired: tuple[str, ...] = ()
    simulated: bool | None = None
    opened_segment: int | None = None
    opened_offset: int | None = None
    opened_length: int | None = None
    closed_segment: int | None = None
    closed_offset: int | None = None
    closed_length: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: times as text, without the places."""
        return {
            "exchange_id": self.exchange_id,
            "outcome": self.outcome or "open",
            "tenant": self.tenant,
            "app": self.app,
            "opened_at": rfc3339(self.opened_ns) if self.opened_ns is not None else None,
            "closed_at": rfc3339(self.closed_ns) if self.closed_ns is not None else None,
            "key_id": self.key_id,
            "principal": self.principal,
            "conversation": self.conversation,
            "bundle": self.bundle,
            "stream": self.stream,
            "model": self.model,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost_nano": self.cost_nano,
            "duration_ns": self.duration_ns,
            "rules_fired": list(self.rules_fired),
            "simulated": self.simulated,
        }


class ModelUse(Struct, frozen=True, kw_only=True):
    """What one model was used for."""

    exchanges: int
    prompt_tokens: int
    completion_tokens: int
    cost_nano: int


class Summary(Struct, frozen=True, kw_only=True):
    """A span of time in numbers. ``duration_ns`` has ``p50``, ``p95``, ``p99`` (nearest rank);
    ``own_work_ns`` is Freehold's own work by stage, up to the closing record.
    """

    exchanges: int
    outcomes: dict[str, int]
    models: dict[str, ModelUse]
    rules: dict[str, int]
    duration_ns: dict[str, int]
    own_work_ns: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(msgspec.to_builtins(self))


class ExchangeIndex(Protocol):
    """Looks exchanges up. With a ``tenant``, everyone else's do not exist."""

    def find(self, exchange_id: str, tenant: Tenants = None) -> ExchangeRow | None:
        """One exchange, by its id or a beginning of it that no other one shares."""
        ...

    def alike(self, beginning: str, tenant: Tenants = None, *, limit: int) -> list[str]:
        """Ids of exchanges that begin like this, the newest first."""
        ...

    def recent(
        self,
        *,
        tenant: Tenants = None,
        app: str | None = None,
        outcome: str | None = None,
        rule: str | None = None,
        conversation: str | None = None,
        before_ns: int | None = None,
        after: ExchangeRow | None = None,
        limit: int = 50,
    ) -> list[ExchangeRow]:
        """The newest first; with ``after``, those that come after this one in the list."""
        ...

    def belonging(
        self, tenant: Tenants, *, principal: str = "", conversation: str = ""
    ) -> list[ExchangeRow]:
        """All that a person asked, by their id, or all of one conversation; the oldest first."""
        ...

    def summary(
        self, *, tenant: Tenants = None, since_ns: int = 0, until_ns: int | None = None
    ) -> Summary:
        """Exchanges that arrived in a span of time."""
        ...

    def tenants(self) -> list[tuple[str, str | None]]:
        """Every tenant with every bundle that it ran under, the newest first."""
        ...

    def unreadable(self) -> list[Damage]:
        """What in the ledger is no record any more; no tenant is known for it."""
        ...
