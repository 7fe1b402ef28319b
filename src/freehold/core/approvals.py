"""Held answers: what an approver decides about, and the store's side of it as a Protocol."""

from collections.abc import Callable, Collection
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.handoffs import Admitted, Answer, Choice, Demand

State = Literal["waiting", "approved", "declined", "expired"]
Verdict = Literal["approved", "amended", "declined", "expired"]
KEY_SCOPE = "approvals"


class Hold(Struct, frozen=True, kw_only=True):
    """A held answer without its text.

    ``principal``, ``issuer`` and ``verified`` say who asked. ``step`` counts decisions, so that of
    two at once only one is taken. Until ``expires_ns`` it waits; once approved, it is kept as long
    again. ``kept`` is false when the text is gone.
    """

    approval_id: str
    exchange_id: str
    tenant: str
    app: str
    principal: str
    issuer: str
    verified: bool
    key_id: str
    role: str
    rule: str
    state: State
    step: int
    created_ns: int
    expires_ns: int
    decided_ns: int | None = None
    public: str = ""
    kept: bool = True


class Case(Struct, frozen=True, kw_only=True):
    """The sealed part: everything that judging and releasing the answer takes.

    ``answer`` has all who have met a demand so far in ``discharged``; ``original`` is what the
    model said where an approver wrote something else.
    """

    answer: Answer
    demand: Demand
    original: tuple[Choice, ...] = ()


class Step(Struct, frozen=True, kw_only=True):
    """One decision about a held answer: who, when and why. ``event_id`` is its ledger entry."""

    approval_id: str
    step: int
    verdict: Verdict
    by: str
    issuer: str
    role: str
    rule: str
    reason: str
    event_id: str
    at_ns: int


class Notice(Struct, frozen=True, kw_only=True):
    """Something that a webhook is to be told, at least once."""

    notice_id: str
    approval_id: str
    body: str
    attempts: int
    created_ns: int


class Change(Struct, frozen=True, kw_only=True):
    """What a decision does to a held answer. ``case`` is sealed anew where it is given."""

    state: State
    verdict: Verdict
    by: str
    issuer: str
    reason: str
    role: str
    rule: str
    expires_ns: int
    public: str = ""
    case: Case | None = None
    next_role: str = ""
    next_rule: str = ""
    notice: dict[str, Any] | None = None


class HoldStore(Protocol):
    """Where held answers are, as approvers and requesters see them."""

    def rows(
        self,
        *,
        states: Collection[State] = (),
        tenants: Collection[str] | None = None,
        roles: Collection[str] | None = None,
        limit: int = 1_000,
    ) -> list[Hold]:
        """Oldest first; of ``None`` tenants or roles is of all."""
        ...

    def find(self, approval_id: str) -> Hold | None:
        """One of them."""
        ...

    def open(self, approval_id: str) -> tuple[Hold, Case]:
        """One of them with its text.

        Raises:
            NotFound: no such approval, or its text is gone.
            StorageError: the seal is broken.
        """
        ...

    def decide(self, hold: Hold, change: Change, log: Callable[[], str]) -> bool:
        """Take a decision if nobody has since ``hold`` was read; ``log`` writes the ledger entry
        and gives its id. Whatever ``log`` raises undoes the decision.
        """
        ...

    def steps(self, *, approval_id: str = "", exchange_id: str = "") -> list[Step]:
        """Every decision about one held answer, in order."""
        ...

    def overdue(self, limit: int) -> list[Hold]:
        """Held answers that wait and have waited too long."""
        ...

    def forget(self) -> int:
        """Destroy the texts of what is over and was kept long enough; say how many."""
        ...


def packed(case: Case) -> bytes:
    """A case as bytes, without the caller's key and token, and without the bundle's part."""
    raw: dict[str, Any] = msgspec.to_builtins(case)
    ruled = raw["answer"]["sendable"]["plan"]["ruled"]
    admitted = ruled["grounded"]["stitched"]["screened"]["prepared"]["admitted"]
    admitted["arrival"] |= {"key": "", "identity_token": None, "client_headers": {}}
    needed = ("id", "tenant", "tenant_path", "bundle_hash", "purpose", "route")
    admitted["app"] = {name: admitted["app"][name] for name in needed}
    raw["answer"]["sendable"]["plan"] |= {"attempts": [], "candidates": []}
    return msgspec.json.encode(raw)


def unpacked(content: bytes) -> Case:
    """The case behind these bytes.

    Raises:
        msgspec.MsgspecError: another version of Freehold wrote them.
    """
    return msgspec.json.decode(content, type=Case)


def admitted_of(answer: Answer) -> Admitted:
    """Who asked what, through which app."""
    return answer.sendable.plan.ruled.admitted


def under(answer: Answer, admitted: Admitted) -> Answer:
    """The answer as if it had been admitted like this: under the bundle that is live now."""
    sendable = answer.sendable
    ruled = sendable.plan.ruled
    stitched = ruled.grounded.stitched
    prepared = replace(stitched.screened.prepared, admitted=admitted)
    screened = replace(stitched.screened, prepared=prepared)
    grounded = replace(ruled.grounded, stitched=replace(stitched, screened=screened))
    plan = replace(sendable.plan, ruled=replace(ruled, grounded=grounded))
    return replace(answer, sendable=replace(sendable, plan=plan))
