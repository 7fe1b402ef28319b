"""Legal holds: what must not become unreadable, whatever its time or an erasure says."""

from typing import Any, Literal, Protocol

from msgspec import Struct

from freehold.core.clock import rfc3339

HoldKind = Literal["tenant", "person", "conversation", "exchange"]


class LegalHold(Struct, frozen=True, kw_only=True):
    """One hold.

    Attributes:
        subject: the tenant, or the id of the person, conversation or exchange.
        tenant: whose person or conversation; empty: any tenant's.
        only: without the tenants below.
        issuer: who vouches for the person; ``None``: whoever does.
        names: keyed hashes of whom it was found to concern when it was placed.
        key_ids: keys of the texts that it was found to concern then.
        until_ns: when it ends by itself.
    """

    hold_id: str
    kind: HoldKind
    subject: str
    tenant: str = ""
    only: bool = False
    issuer: str | None = None
    reason: str
    placed_by: str
    placed_ns: int
    names: frozenset[str] = frozenset()
    key_ids: frozenset[str] = frozenset()
    until_ns: int | None = None
    lifted_ns: int | None = None
    lifted_by: str = ""
    lifted_why: str = ""

    def stands(self, now_ns: int) -> bool:
        """Whether it holds."""
        return self.lifted_ns is None and (self.until_ns is None or now_ns < self.until_ns)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without hashes and keys."""
        return {
            "id": self.hold_id,
            "kind": self.kind,
            "subject": self.subject,
            "tenant": self.tenant or None,
            "only": self.only,
            "issuer": self.issuer,
            "reason": self.reason,
            "placed_by": self.placed_by,
            "placed_at": rfc3339(self.placed_ns),
            "until": None if self.until_ns is None else rfc3339(self.until_ns),
            "lifted_at": None if self.lifted_ns is None else rfc3339(self.lifted_ns),
            "lifted_by": self.lifted_by or None,
            "lifted_why": self.lifted_why or None,
        }


class Kept(Struct, frozen=True, kw_only=True):
    """What holds keep from being destroyed: keys by their ids, by whose they are, by tenant; and
    rows of these tenants, people (tenant, id) and exchanges.
    """

    tenants: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    key_ids: frozenset[str] = frozenset()
    people: frozenset[tuple[str, str]] = frozenset()
    exchanges: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.tenants or self.names or self.key_ids or self.people or self.exchanges)

    def spares(self, key_id: str, name: str | None, tenant: str | None) -> bool:
        """Whether a key stays. Of whom or which tenant nothing is known, may be anybody's."""
        if not self:
            return False
        if name is None or name in self.names or key_id in self.key_ids:
            return True
        return bool(self.tenants) and (not tenant or tenant in self.tenants)

    def spares_row(self, tenant: str, person: str, exchange: str = "") -> bool:
        """Whether a row about somebody stays."""
        if tenant in self.tenants or exchange in self.exchanges:
            return True
        return bool(person) and (tenant, person) in self.people


class LegalHoldStore(Protocol):
    """Where holds stand, as the ledger has them."""

    def catch_up(self) -> None:
        """Know every hold that the ledger knows.

        Raises:
            StorageError: not all of the ledger can be read, or the store can't be written.
        """
        ...

    def damage(self) -> list[dict[str, Any]]:
        """The places of the ledger that can't be read, and that nobody has accepted."""
        ...

    def all(self) -> list[LegalHold]:
        """Every one that ever was, the oldest first."""
        ...

    def add(self, hold: LegalHold) -> None:
        """Place one."""
        ...

    def lift(self, hold_id: str, at_ns: int, by: str, why: str) -> bool:
        """End one; false where it was ended already."""
        ...
