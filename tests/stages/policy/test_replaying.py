"""Demands that persons had met, judged once more."""

import pytest

from freehold.core.errors import StillHeld
from freehold.core.handoffs import Discharge
from freehold.core.judged import Noted
from freehold.core.spec import Obligation, RuleSpec
from freehold.core.trail import Trail
from freehold.stages.policy.again import Again
from freehold.stages.policy.demands import seen_by, terms_of
from freehold.stages.policy.replaying import Awaited, Told, request
from freehold.stages.policy.verdicts import RuleSet
from tests.stages import made

RULE = RuleSpec(
    id="asks",
    version=2,
    phase="request",
    when='request.text.matches("gift") && request.chars > 3',
    obligations=(Obligation(action="require_approval", role="manager"),),
)
FACTS = {"request.text": "a gift", "request.chars": 6}


def judged(discharge: Discharge | None, *, words: bool) -> tuple[Awaited | None, Trail, Again]:
    facts = dict(FACTS) if words else {"request.chars": 6}
    missing = frozenset() if words else frozenset({"request.text"})
    again = Again({"facts": Noted(matched=(0,))}, missing, words=words)
    trail = Trail(made.arrival())
    met = () if discharge is None else (discharge,)
    return (
        request(Told(facts=facts, again=again), RuleSet((RULE,), "request"), met, trail),
        trail,
        again,
    )


def met(seen: str, role: str = "manager") -> Discharge:
    return Discharge(
        approval_id="apr", rule="asks", version=2, role=role, by="ann", issuer="own",
        terms=terms_of(RULE), seen=seen,
    )  # fmt: skip


@pytest.mark.parametrize("words", [True, False])
def test_what_nobody_has_approved_waits(words: bool) -> None:
    held, trail, _ = judged(None, words=words)
    assert held == Awaited("manager", "asks")
    assert [firing.fired for firing in trail.firings] == [True]


@pytest.mark.parametrize("words", [True, False])
def test_what_was_approved_goes_on(words: bool) -> None:
    held, trail, again = judged(met(seen_by(RULE, FACTS)), words=words)
    assert held is None
    assert "approved it as apr" in trail.decisions[-1].why
    assert again.taken == ({} if words else {0: "the words on which it was approved"})


def test_what_was_approved_on_other_words_does_not() -> None:
    with pytest.raises(StillHeld):
        judged(met("another digest"), words=True)
    with pytest.raises(StillHeld):
        judged(met(seen_by(RULE, FACTS), role="clerk"), words=False)
