"""A rule's verdict as the record tells it."""

from freehold.core.decisions import Decision, Outcome
from freehold.core.spec import RuleSpec
from freehold.core.trail import Firing
from freehold.rules.answer_json import FACT as ANSWER_JSON
from freehold.rules.names import facts_in
from freehold.stages.policy.demands import STRICTNESS, Fired, strictest

_OUTCOMES: dict[str, Outcome] = {
    "block": "deny",
    "require_approval": "hold",
    "rewrite": "transform",
    "redact": "transform",
    "annotate": "allow",
    "allow": "allow",
}


def reads_json(rule: RuleSpec) -> bool:
    """Whether the rule reads the answer as JSON."""
    return ANSWER_JSON in facts_in(rule.when)


def not_evaluated(rule: RuleSpec) -> str:
    """That an evaluation failed, and what its author can do about it."""
    said = f"rule {rule.id} could not be evaluated"
    if reads_json(rule):
        said += (
            ": the answer is no JSON that can be read, lacks a member that the rule reads and that"
            " has no default, or has one that is something else than declared (`answer_fields`)"
        )
    return said


def firing_of(rule: RuleSpec, fired: Fired | None) -> Firing:
    """For the record."""
    return Firing(
        rule=rule.id,
        version=rule.version,
        phase=rule.phase,
        fired=fired is not None,
        mode=rule.mode,
        errored=fired is not None and fired.errored,
        obligations=() if fired is None else tuple(o.action for o in rule.obligations),
    )


def decision_of(fired: Fired, *evidence: str) -> Decision:
    """A rule's verdict for the record, with what else it rests on."""
    rule = fired.rule
    action = STRICTNESS[strictest(fired)]
    why = rule.why or f"rule {rule.id} applies: {rule.when}"
    if fired.errored:
        why = f"{not_evaluated(rule)}, so the strictest outcome holds"
    if rule.mode == "observe":
        why = f"would have demanded {action.replace('_', ' ')}: {why}"
    return Decision(
        stage="policy",
        outcome=_OUTCOMES[action],
        rule=rule.id,
        why=why,
        mode=rule.mode,
        evidence=(*evidence, *fired.evidence),
        public=rule.public,
    )
