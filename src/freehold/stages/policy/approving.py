"""What comes of a person's approval: a demand that is met, or one that is still open."""

from collections.abc import Container, Iterable

from freehold.core.decisions import Decision
from freehold.core.errors import StillHeld
from freehold.core.handoffs import Demand, Discharge
from freehold.core.trail import Trail

_ANEW = (
    "What was approved is not what the rules want approved now: send the request without its"
    " approval's id."
)


def still_held(demand: Demand, *, request: bool) -> StillHeld:
    """The refusal of what was held before, and of which not all is approved that rules demand."""
    why = f"rule {demand.rule} v{demand.version} still wants the approval of a {demand.role}"
    return StillHeld(why, rule=demand.rule, demand=demand, public=_ANEW if request else None)


def say_who_approved(discharged: Iterable[Discharge], fired: Container[str], trail: Trail) -> None:
    """Write down which rules' demands persons have met."""
    for met in discharged:
        if met.rule in fired:
            trail.decide(
                Decision(
                    stage="policy",
                    outcome="allow",
                    rule=met.rule,
                    why=f"{met.by} ({met.issuer}), a {met.role}, approved it as {met.approval_id}",
                )
            )
