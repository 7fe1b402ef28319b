"""What waits for a person, an answer or a request, and the store's side of it as a Protocol."""

from collections.abc import Callable, Collection
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.handoffs import Admitted, Answer, Choice, Demand, Discharge, Grounded

State = Literal["waiting", "approved", "declined", "expired"]
Verdict = Literal["approved", "amended", "declined", "expired"]
Waits = Literal["answer", "request"]
"""What waits: the answer that a model gave, or a request that no model has been asked yet."""
KEY_SCOPE = "approvals"
About = Literal["approval", "alert"]


class Hold(Struct, frozen=True, kw_only=True):
    """Something held, without its text: ``waits`` says what.

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
    waits: Waits = "answer"

    def gone(self, now_ns: int) -> str:
        """Why its text is no more: only an erasure destroys one before its time; "" if it is."""
        if self.kept:
            return ""
        if now_ns < self.expires_ns:
            return "erased with what else was stored of whoever asked"
        return "destroyed when its time was over"


class Case(Struct, frozen=True, kw_only=True):
    """The sealed part of an answer: everything that judging and releasing it takes.

    ``answer`` has all who have met a demand so far in ``discharged``; ``original`` is what the
    model said where an approver wrote something else.
    """

    answer: Answer
    demand: Demand
    original: tuple[Choice, ...] = ()

    @property
    def grounded(self) -> Grounded:
        """The request behind it, with its context."""
        return self.answer.sendable.plan.ruled.grounded


class RequestCase(Struct, frozen=True, kw_only=True):
    """The sealed part of a request: what judging it takes, and all who have met a demand so far."""

    grounded: Grounded
    demand: Demand
    discharged: tuple[Discharge, ...] = ()


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
    """Something that a webhook is to be told, at least once: ``about`` says which one,
    ``subject_id`` of what.
    """

    notice_id: str
    subject_id: str
    body: str
    attempts: int
    created_ns: int
    about: About = "approval"


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
    case: Case | RequestCase | None = None
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

    def open(self, approval_id: str) -> tuple[Hold, Case | RequestCase]:
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


def packed(case: Case | RequestCase) -> bytes:
    """A case as bytes, without the caller's key and token, and without the bundle's part."""
    raw: dict[str, Any] = msgspec.to_builtins(case, enc_hook=_numbers)
    of_answer = isinstance(case, Case)
    ruled = raw["answer"]["sendable"]["plan"]["ruled"] if of_answer else raw
    admitted = ruled["grounded"]["stitched"]["screened"]["prepared"]["admitted"]
    admitted["arrival"] |= {"key": "", "identity_token": None, "client_headers": {}}
    needed = ("id", "tenant", "tenant_path", "bundle_hash", "purpose", "route")
    admitted["app"] = {name: admitted["app"][name] for name in needed}
    if of_answer:
        # earlier versions, which may read it too, want candidates
        raw["answer"]["sendable"]["plan"] |= {"attempts": [], "candidates": []}
    return msgspec.json.encode(raw)


def _numbers(value: Any) -> Any:
    """The vector of a text as plain numbers, which whoever reads it takes as well."""
    return value.tolist()


def unpacked(content: bytes, waits: Waits = "answer") -> Case | RequestCase:
    """The case behind these bytes.

    Raises:
        msgspec.MsgspecError: another version of Freehold wrote them, or it is the other kind.
    """
    if waits == "request":
        return msgspec.json.decode(content, type=RequestCase)
    return msgspec.json.decode(content, type=Case)


def admitted_of(answer: Answer) -> Admitted:
    """Who asked what, through which app."""
    return answer.sendable.plan.ruled.admitted


def under(answer: Answer, admitted: Admitted) -> Answer:
    """The answer as if it had been admitted like this: under the bundle that is live now."""
    sendable = answer.sendable
    ruled = sendable.plan.ruled
    grounded = grounded_under(ruled.grounded, admitted)
    plan = replace(sendable.plan, ruled=replace(ruled, grounded=grounded))
    return replace(answer, sendable=replace(sendable, plan=plan))


def grounded_under(grounded: Grounded, admitted: Admitted) -> Grounded:
    """The request as if it had been admitted like this."""
    stitched = grounded.stitched
    prepared = replace(stitched.screened.prepared, admitted=admitted)
    screened = replace(stitched.screened, prepared=prepared)
    return replace(grounded, stitched=replace(stitched, screened=screened))
