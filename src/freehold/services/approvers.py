"""Who may decide about a held answer, and what it takes to judge one again."""

from msgspec import Struct

from freehold.core.approvals import admitted_of
from freehold.core.errors import ApprovalError, RequestError
from freehold.core.handoffs import Answer, Demand
from freehold.core.principal import KeyGrant, Principal
from freehold.core.trail import Trail

MAX_REASON_CHARS = 2_000


class Approver(Struct, frozen=True, kw_only=True):
    """A verified person. Through a door with keys, the key's tenant bounds what they reach too."""

    person: Principal
    grant: KeyGrant | None = None


def judging(answer: Answer) -> Trail:
    """A trail for judging a held answer again, as if its exchange had just come this far."""
    sendable = answer.sendable
    admitted = admitted_of(answer)
    trail = Trail(admitted.arrival)
    trail.grant, trail.app = admitted.grant, admitted.app
    trail.screened = sendable.plan.ruled.grounded.screened
    trail.sendable = sendable
    return trail


def reasoned(reason: str) -> None:
    """Raises: RequestError: it says nothing, or too much."""
    if not reason.strip() or len(reason) > MAX_REASON_CHARS or "\0" in reason:
        limit = f"{MAX_REASON_CHARS:,}"
        raise RequestError(f"A decision needs a reason of 1 to {limit} characters.", param="reason")


def may(approver: Approver, role: str, requester: str | None) -> None:
    """Raises: ApprovalError: the role is not theirs, or the request is.

    Whoever asked is somebody else only if the name is another one, whoever vouches for it.
    """
    person = approver.person
    if role not in person.roles:
        raise ApprovalError(f"This needs the role {role}, which the identity token does not carry.")
    if requester is not None and requester.casefold() == person.id.casefold():
        raise ApprovalError("Nobody decides about the answer to a request of their own.")


def wants(demand: Demand, approver: Approver) -> None:
    """Raises: ApprovalError: somebody else is asked."""
    may(approver, demand.role, None)
