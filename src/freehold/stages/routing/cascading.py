"""Cascades: a smaller model answers first, and a larger one where that answer is in doubt.

Each check gives a confidence, and the least of them counts. Nothing of a checked answer leaves
before it is found good enough, so that the next model's takes its place unseen (Chen et al. 2023,
"FrugalGPT"). A check is no control: what passes is judged by governance and policy as ever, and the
last model's answer is not checked at all.
"""

from collections.abc import Callable, Sequence

from freehold.core.ask import Ask
from freehold.core.cascades import CascadeCheck, CascadeSpec
from freehold.core.decisions import MILLION, Decision
from freehold.core.errors import (
    ANOTHER_MAY,
    Abstained,
    AnswerDoubted,
    FreeholdError,
    GovernanceRefusal,
    PolicyRefusal,
    RoutingError,
)
from freehold.core.handoffs import Answer, Attempt, Checked, Plan
from freehold.core.routes import RouteSpec
from freehold.core.routing import Outcome
from freehold.core.spec import ModelSpec
from freehold.core.trail import Trail
from freehold.rules.facts import asked_text, trusted_texts
from freehold.rules.promised_json import objection, wrong_call
from freehold.rules.promises import Given, unauthorised, ungrounded_values
from freehold.text.hedges import abstains, opening, refuses

_LONGEST_REASON = 300
_EARLY: frozenset[CascadeCheck] = frozenset({"abstain", "refusal"})
"""What an answer's first sentences tell."""

_DOUBT = 250_000
"""What a doubt counts beside a word from outside, in millionths."""

Doubt = tuple[int, str]
"""A confidence in millionths, and what lowers it."""
_SURE: Doubt = (MILLION, "")


def order(route: RouteSpec, ready: list[ModelSpec]) -> list[ModelSpec]:
    """Models whose answers are checked first, then those that cost at least as much as they do."""
    cascade = route.cascade
    if cascade is None or not ready:
        return ready
    first = [model for model in ready if model.id in cascade.models] or ready[:1]
    dearest = max(map(_price, first))
    rest = [model for model in ready if model not in first]
    # whoever is cheaper than the model in doubt is asked only when the dearer ones fail
    return first + sorted(rest, key=lambda model: _price(model) < dearest)


def _price(model: ModelSpec) -> int:
    return model.input_price_nano + model.output_price_nano


def checks(route: RouteSpec, plan: Sequence[ModelSpec], ask: Ask) -> list[CascadeSpec | None]:
    """For each model of the plan how its answer is checked; never the last one's."""
    cascade = route.cascade
    if cascade is None or ask.operation == "embedding":
        return [None] * len(plan)
    checked = [
        number < len(plan) - 1
        and (model.id in cascade.models or (number == 0 and not cascade.models))
        for number, model in enumerate(plan)
    ]
    taken = 0
    for number, yes in enumerate(checked):
        taken += yes
        checked[number] = yes and taken <= cascade.steps
    return [cascade if yes else None for yes in checked]


def trusts(checked: Checked, now_ns: int, trail: Trail) -> bool:
    """Whether a checked answer is good enough; false while more of it must be seen.

    Raises:
        AnswerDoubted: it is not, and there is time to ask the next model.
    """
    answer = checked.answer
    attempt = answer.sendable.attempt
    cascade = attempt.cascade
    if cascade is None or trail.trusted == attempt.number:
        return True
    begun = _begun(checked, cascade)
    if not answer.complete and not begun:
        return False
    confidence, doubts = _confidence(checked, cascade, begun)
    model = attempt.model.id
    rule = f"route.{answer.sendable.plan.ruled.admitted.app.route.id}.cascade"
    said = f"{model} has a confidence of {confidence / MILLION:.2f}"
    if confidence < cascade.escalate_below:
        why = f"{said}, below {cascade.escalate_below / MILLION:.2f}: {'; '.join(doubts)}"
        if _time_left(answer, now_ns, trail):
            trail.spare = answer if cascade.keep and answer.complete else None
            raise AnswerDoubted(why)
        why += "; there is no time for another model"
    else:
        why = f"{said}, which is enough"
    trail.trusted = attempt.number
    trail.decide(Decision(stage="routing", outcome="allow", rule=rule, why=why))
    return True


def _time_left(answer: Answer, now_ns: int, trail: Trail) -> bool:
    """Whether another model may have as long as this one took."""
    took = now_ns - trail.arrival.started_ns - trail.call.started_ns
    return now_ns + took < answer.sendable.plan.deadline_ns


def goes_on(error: FreeholdError, plan: Plan, attempt: Attempt, trail: Trail) -> bool:
    """Whether the next model may take over, of whose answer nothing has left; it starts afresh."""
    if trail.released_chars:
        return False
    refused = isinstance(error, GovernanceRefusal | PolicyRefusal)
    if refused and (attempt.cascade is None or "controls" not in attempt.cascade.checks):
        return False
    if not refused and not isinstance(error, ANOTHER_MAY):
        return False
    trail.start_over()
    trail.trusted = 0
    if refused or isinstance(error, AnswerDoubted | Abstained):
        trail.outcomes.append(_failed(attempt, trail))
    if refused or isinstance(error, AnswerDoubted):
        why = str(error) if not refused else f"{attempt.model.id}: its answer was refused: {error}"
        route = trail.app.route.id if trail.app is not None else ""
        trail.decide(
            Decision(
                stage="routing",
                outcome="allow",
                rule=f"route.{route}.cascade",
                why=f"{why}; the next model is asked",
            )
        )
        return True
    after = next(trail.untried(plan), None)
    if after is not None:
        why = f"{str(error)[:_LONGEST_REASON]}; {after.model.id} is asked instead"
        trail.decide(Decision(stage="routing", outcome="allow", rule="failover", why=why))
    elif isinstance(error, RoutingError) and trail.spare is None:  # no call of it tells why
        why = f"{str(error)[:_LONGEST_REASON]}; there is no other model to ask"
        trail.decide(Decision(stage="routing", outcome="deny", rule="failover", why=why))
    return True


def _failed(attempt: Attempt, trail: Trail) -> Outcome:
    """What a route may learn from an answer that did not do. It counts for little: of the answers
    that did, only some are ever spoken of.
    """
    model = attempt.model.id
    return Outcome(
        exchange_id=trail.arrival.exchange_id,
        score=0,
        source="cascade",
        metric=f"cascade.{model}",
        model=model,
        cost_nano=sum(call.cost_nano for call in trail.calls if call.attempt == attempt.number),
        weight=_DOUBT,
    )


def spare(failure: FreeholdError, trail: Trail) -> Answer:
    """The answer that was doubted and kept, now that all other models have failed.

    Raises:
        FreeholdError: ``failure``, where there is none.
    """
    kept = trail.spare
    if kept is None:
        raise failure
    model = kept.sendable.attempt.model.id
    trail.sendable, trail.answered = kept.sendable, model
    trail.decide(
        Decision(
            stage="routing",
            outcome="allow",
            rule=f"route.{kept.sendable.plan.ruled.admitted.app.route.id}.cascade",
            why=f"no other model answered ({failure}), so the doubted answer of {model} stands",
        )
    )
    return kept


# -- the checks ---------------------------------------------------------------------------------


def _begun(checked: Checked, cascade: CascadeSpec) -> bool:
    """Whether the checks need only the beginning of a streamed answer, and it is there."""
    if checked.answer.complete or not _EARLY.issuperset(cascade.checks):
        return False
    return bool(checked.choices) and all(opening(choice.text) for choice in checked.choices)


def _confidence(checked: Checked, cascade: CascadeSpec, begun: bool) -> tuple[int, list[str]]:
    """The least confidence of all checks, and why it is not whole."""
    given = [
        (name, check(checked, cascade))
        for name in cascade.checks
        if (check := _CHECKS.get(name)) is not None and (not begun or name in _EARLY)
    ]
    doubts = [f"{name}: {why}" for name, (confidence, why) in given if confidence < MILLION and why]
    return min((confidence for _, (confidence, _) in given), default=MILLION), doubts


def _abstain(checked: Checked, _: CascadeSpec) -> Doubt:
    worst = max((abstains(text) for text in _texts(checked)), default=0)
    return MILLION - worst, "it says that it does not know"


def _refusal(checked: Checked, _: CascadeSpec) -> Doubt:
    worst = max((refuses(text) for text in _texts(checked)), default=0)
    return MILLION - worst, "it declines to help"


def _length(checked: Checked, cascade: CascadeSpec) -> Doubt:
    for choice in checked.choices:
        if choice.finish_reason == "length":
            return 0, "it is cut off"
        if not choice.tool_calls and len(choice.text.strip()) < cascade.min_chars:
            return 0, f"it has fewer than {cascade.min_chars} characters"
    return _SURE


def _format(checked: Checked, _: CascadeSpec) -> Doubt:
    ask = checked.answer.sendable.plan.ruled.admitted.ask
    for choice in checked.choices:
        for call in choice.tool_calls:
            wrong = wrong_call(call, ask.tools)
            if wrong:
                return 0, wrong
        if choice.text or not choice.tool_calls:
            wrong = objection(choice.text, ask.response_format)
            if wrong:
                return 0, wrong
    return _SURE


def _own(checked: Checked, _: CascadeSpec) -> Doubt:
    said = checked.answer.confidence
    if said is None:
        return _SURE
    return said, "it abstains" if said == 0 else "the model itself is not sure"


def _grounded(checked: Checked, _: CascadeSpec) -> Doubt:
    plan = checked.answer.sendable.plan
    prepared = plan.ruled.grounded.screened.prepared
    given = Given(
        trusted=tuple(trusted_texts(plan)),
        asked=asked_text(plan),
        query=prepared.query,
        language=prepared.features.read_as,
    )
    found = [
        one
        for text in _texts(checked)
        for one in (*unauthorised(text, given), *ungrounded_values(text, given))
    ]
    if not found:
        return _SURE
    worst = max(found, key=lambda one: one.score)
    return MILLION - worst.score, worst.why


def _texts(checked: Checked) -> list[str]:
    return [choice.text for choice in checked.choices if choice.text]


_CHECKS: dict[CascadeCheck, Callable[[Checked, CascadeSpec], Doubt]] = {
    "abstain": _abstain,
    "refusal": _refusal,
    "length": _length,
    "format": _format,
    "confidence": _own,
    "groundedness": _grounded,
}
