"""Evaluating a set of rules and uniting what they demand."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from freehold.core.decisions import Decision, Outcome
from freehold.core.spec import Obligation, RuleSpec
from freehold.core.trail import Firing, Trail
from freehold.rules.program import ConditionSet, conditions

STRICTNESS = ("block", "require_approval", "rewrite", "redact", "annotate")
"""Strictest first. All rules are evaluated; their obligations are united in this order."""

_OUTCOMES: dict[str, Outcome] = {
    "block": "deny",
    "require_approval": "hold",
    "rewrite": "transform",
    "redact": "transform",
    "annotate": "allow",
}
_BLOCK = Obligation(action="block")


class Fired(Struct, frozen=True, kw_only=True):
    """A rule that fired, or that could not be evaluated, which counts as firing."""

    rule: RuleSpec
    errored: bool
    evidence: tuple[str, ...]

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """What it demands; blocking when it could not be evaluated."""
        return (_BLOCK,) if self.errored else self.rule.obligations


class Demands(Struct, frozen=True, kw_only=True):
    """The united obligations of all enforcing rules that fired, strictest first."""

    fired: tuple[Fired, ...] = ()

    def first(self, action: str) -> tuple[Fired, Obligation] | None:
        """The first rule that demands ``action``."""
        for fired in self.fired:
            for obligation in fired.obligations:
                if obligation.action == action:
                    return fired, obligation
        return None

    def all(self, action: str) -> list[Obligation]:
        """Every obligation of one kind."""
        return [o for fired in self.fired for o in fired.obligations if o.action == action]


class RuleSet:
    """The rules of one phase, compiled as one program."""

    __slots__ = ("_conditions", "names", "rules")

    def __init__(self, rules: Sequence[RuleSpec], phase: str) -> None:
        self.rules = tuple(rule for rule in rules if rule.phase == phase)
        expressions = tuple(rule.when for rule in self.rules)
        self._conditions: ConditionSet = conditions(
            expressions, "request" if phase == "request" else "answer"
        )
        self.names = self._conditions.names

    def judge(self, facts: Mapping[str, Any], trail: Trail) -> Demands:
        """Evaluate every rule, write down each verdict, and unite the enforcing ones' demands."""
        if not self.rules:
            return Demands()
        enforced: list[Fired] = []
        decided = {d.rule for d in trail.decisions if d.stage == "policy"}
        # A streamed answer is judged sentence by sentence: the last verdict is the one that counts.
        trail.firings[:] = [f for f in trail.firings if f.phase != self.rules[0].phase]
        for rule, verdict in zip(self.rules, self._conditions.run(facts), strict=True):
            unreadable = () if verdict else _unreadable(rule, facts)
            fires = verdict is not False or bool(unreadable)
            trail.firings.append(
                Firing(
                    rule=rule.id,
                    version=rule.version,
                    phase=rule.phase,
                    fired=fires,
                    mode=rule.mode,
                    errored=verdict is None,
                    obligations=tuple(o.action for o in rule.obligations) if fires else (),
                )
            )
            if not fires:
                continue
            fired = Fired(
                rule=rule, errored=verdict is None, evidence=unreadable or _evidence(rule, facts)
            )
            if rule.id not in decided:
                trail.decide(_decision(fired))
            if rule.mode == "enforce":
                enforced.append(fired)
        enforced.sort(key=_strictest)
        return Demands(fired=tuple(enforced))


def _strictest(fired: Fired) -> int:
    return min(STRICTNESS.index(o.action) for o in fired.obligations)


def _decision(fired: Fired) -> Decision:
    rule = fired.rule
    action = STRICTNESS[_strictest(fired)]
    why = rule.why or f"rule {rule.id} applies: {rule.when}"
    if fired.errored:
        why = f"rule {rule.id} could not be evaluated, so the strictest outcome holds"
    if rule.mode == "observe":
        why = f"would have demanded {action.replace('_', ' ')}: {why}"
    return Decision(
        stage="policy",
        outcome=_OUTCOMES[action],
        rule=rule.id,
        why=why,
        mode=rule.mode,
        evidence=fired.evidence,
        public=rule.public,
    )


def _records_named(rule: RuleSpec, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        record
        for name, value in facts.items()
        if name in rule.when and isinstance(value, list)
        for record in value
        if isinstance(record, dict)
    ]


def _unreadable(rule: RuleSpec, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Money and percent phrases that the rule is about, but that nobody could read."""
    return tuple(
        f"unreadable {record['kind']} at {record['start']}-{record['end']}"
        for record in _records_named(rule, facts)
        if not record["parsed"] and record["polarity"] != "negated"
    )


def _evidence(rule: RuleSpec, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Where in the text the facts stand that the rule was about; values, never the words."""
    return tuple(
        f"{r['kind']} {r['role']} {r['value']} {r['unit']} {r['polarity']} at {r['start']}-{r['end']}"
        for r in _records_named(rule, facts)[:16]
    )
