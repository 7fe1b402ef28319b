"""Who may decide about what is held, and what it takes to judge it again."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.approvals import Case, RequestCase, admitted_of, grounded_under, under
from freehold.core.errors import ApprovalError, RequestError
from freehold.core.handoffs import Admitted, Answer, Choice, Demand, Discharge
from freehold.core.principal import KeyGrant, Principal
from freehold.core.trail import Trail
from freehold.stages.governance import Governance
from freehold.stages.governance.waiting import Told
from freehold.stages.policy import Policy

MAX_REASON_CHARS = 2_000
_MAX_ANSWER_CHARS = 200_000


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


def case_under(case: Case | RequestCase, admitted: Admitted) -> Case | RequestCase:
    """The case as if its request had been admitted like this."""
    if isinstance(case, RequestCase):
        return replace(case, grounded=grounded_under(case.grounded, admitted))
    return replace(case, answer=under(case.answer, admitted))


def with_met(case: Case | RequestCase, discharge: Discharge) -> Case | RequestCase:
    """The case with one more demand met."""
    if isinstance(case, RequestCase):
        return replace(case, discharged=(*case.discharged, discharge))
    answer = replace(case.answer, discharged=(*case.answer.discharged, discharge))
    return replace(case, answer=answer)


def amendable(texts: Sequence[str]) -> None:
    """Raises: RequestError: no text is to be said, or too long a one."""
    if not texts or any(not t.strip() or len(t) > _MAX_ANSWER_CHARS or "\0" in t for t in texts):
        limit = f"{_MAX_ANSWER_CHARS:,}"
        raise RequestError(f"An amended answer has 1 to {limit} characters.", param="text")


def amended(case: Case, texts: Sequence[str]) -> Case:
    """The case with other texts, of which nothing was approved before.

    Raises:
        RequestError: they are not as many as the answer's choices.
    """
    before = case.answer.choices
    if len(texts) != len(before):
        wanted = "one text" if len(before) == 1 else f"{len(before)} texts, one for each"
        counted = "1 choice" if len(before) == 1 else f"{len(before)} choices"
        said = f"This answer has {counted}, so it wants {wanted}; this is {len(texts)}."
        raise RequestError(said, param="text")
    said_now = tuple(
        Choice(index=choice.index, text=text, finish_reason="stop")
        for choice, text in zip(before, texts, strict=True)
    )
    return replace(
        case,
        answer=replace(case.answer, choices=said_now, discharged=()),
        original=case.original or before,
    )


def judge_again(case: Case | RequestCase, governance: Governance, policy: Policy) -> list[str]:
    """See whether the rules let it go; what of an answer leaves then, choice by choice.

    Raises:
        StillHeld: another approval is wanted.
        FreeholdError: whatever else stands in its way.
    """
    if isinstance(case, RequestCase):
        trail = Trail(case.grounded.admitted.arrival)
        trail.discharged = case.discharged
        policy.request(case.grounded, trail)
        return []
    trail = judging(case.answer)
    # what takes its time is asked when the answer leaves: then it is judged once more
    trail.told = Told(unasked=True)
    judged = policy.answer(governance.answer(case.answer, trail), trail)
    return [choice.text for choice in judged.choices]


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
        raise ApprovalError("Nobody decides about a request of their own, or its answer.")


def wants(demand: Demand, approver: Approver) -> None:
    """Raises: ApprovalError: somebody else is asked."""
    may(approver, demand.role, None)
