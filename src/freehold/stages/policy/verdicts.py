"""Evaluating a set of rules and uniting what they demand."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from freehold.core.decisions import Decision, Needs, Outcome
from freehold.core.facts import FactKind
from freehold.core.handoffs import Discharge
from freehold.core.spec import Disclaimer, Obligation, RuleSpec
from freehold.core.trail import Firing, Trail
from freehold.rules.declared import DECLARED, Phase, types_of
from freehold.rules.disclaimers import FACT, Disclaimers
from freehold.rules.facts import KINDS
from freehold.rules.names import facts_in, reads_field
from freehold.rules.program import conditions

STRICTNESS = ("block", "require_approval", "rewrite", "redact", "annotate")
"""Strictest first. All rules are evaluated; their obligations are united in this order."""

_OUTCOMES: dict[str, Outcome] = {
    "block": "deny",
    "require_approval": "hold",
    "rewrite": "transform",
    "redact": "transform",
    "annotate": "allow",
}
TEXT_FACTS = frozenset(
    fact.name for fact in DECLARED if fact.name.startswith("answer.") and fact.type == "records"
)
"""Facts that are extracted from the answer's text."""

_BLOCK = Obligation(action="block")
_MAX_EVIDENCE = 16


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

    def approval(self, discharged: Sequence[Discharge]) -> tuple[Fired, Obligation] | None:
        """The first demand for an approval that nobody has met: this rule, as it is written now,
        wants this role.
        """
        met = {(d.rule, d.version, d.role) for d in discharged}
        for fired in self.fired:
            for obligation in fired.obligations:
                wanted = (fired.rule.id, fired.rule.version, obligation.role)
                if obligation.action == "require_approval" and wanted not in met:
                    return fired, obligation
        return None

    def all(self, action: str) -> list[Obligation]:
        """Every obligation of one kind."""
        return [o for fired in self.fired for o in fired.obligations if o.action == action]


def _kinds_named(names: frozenset[str]) -> frozenset[FactKind]:
    """The kinds of text facts behind these names of facts."""
    kinds = {kind for short, kind in KINDS.items() if f"answer.{short}" in names}
    if "answer.ungrounded_money" in names:
        kinds.add("money")
    if "answer.ungrounded" in names:
        kinds.update(KINDS.values())
    return frozenset(kinds)


class RuleSet:
    """The rules of one phase, compiled as one program.

    ``needs`` is how much of a growing answer the enforcing rules must see; observing ones hold
    nothing back. ``extracts`` are the kinds of facts that rules name, or cut out of the answer.
    ``disclaimers`` are the app's, where a rule asks which of them an answer lacks.
    """

    __slots__ = (
        "_conditions",
        "_records",
        "disclaimers",
        "extracts",
        "names",
        "needs",
        "phase",
        "rules",
    )

    def __init__(
        self, rules: Sequence[RuleSpec], phase: str, disclaimers: Sequence[Disclaimer] = ()
    ) -> None:
        self.rules = tuple(rule for rule in rules if rule.phase == phase)
        self.phase: Phase = "request" if phase == "request" else "answer"
        self._conditions = conditions(tuple(rule.when for rule in self.rules), self.phase)
        self._records = tuple(_records_of(rule) for rule in self.rules)
        self.names = self._conditions.names
        asked = bool(disclaimers) and FACT in self.names
        self.disclaimers = Disclaimers(disclaimers) if asked else None
        if self.disclaimers is not None:
            self.names |= self.disclaimers.names
        self.needs = _needs(self.rules)
        self.extracts = _kinds_named(self.names).union(
            *(obligation.facts for rule in self.rules for obligation in rule.obligations)
        )

    def judge(
        self,
        facts: Mapping[str, Any],
        trail: Trail,
        before: dict[str, Fired],
        *,
        last: bool = True,
    ) -> Demands:
        """Evaluate every rule, write down each verdict, and unite the enforcing ones' demands.

        ``before`` has the rules that fired on an earlier part of the same answer: they stay fired,
        and those that fire now are added. Unless this is the ``last`` part, observing rules that
        need the whole answer wait.
        """
        firings = []
        decided = {d.rule for d in trail.decisions if d.stage == "policy"}
        verdicts = self._conditions.run(facts)
        for rule, verdict, watched in zip(self.rules, verdicts, self._records, strict=True):
            fired = before.get(rule.id)
            if fired is None and (last or rule.mode == "enforce" or rule.needs != "whole"):
                fired = _fired(rule, verdict, watched, facts)
            firings.append(_firing(rule, fired))
            if fired is None:
                continue
            before[rule.id] = fired
            if rule.id not in decided:
                trail.decide(_decision(fired))
        # A streamed answer is judged in parts: the verdicts of the latest are those that count.
        trail.firings[:] = [f for f in trail.firings if f.phase != self.phase] + firings
        enforced = [fired for fired in before.values() if fired.rule.mode == "enforce"]
        enforced.sort(key=_strictest)
        return Demands(fired=tuple(enforced))


class _Records(Struct, frozen=True):
    """Lists of text facts that a rule names; ``handles_unreadable`` when it asks ``parsed``."""

    names: tuple[str, ...]
    handles_unreadable: bool


def _records_of(rule: RuleSpec) -> _Records:
    names = tuple(sorted(n for n in facts_in(rule.when) if types_of((n,))[n] == "records"))
    return _Records(names, reads_field(rule.when, "parsed"))


def _needs(rules: Sequence[RuleSpec]) -> Needs:
    enforcing = [rule for rule in rules if rule.mode == "enforce"]
    if not enforcing:
        return "span"
    by_label = any(
        o.action == "redact" and o.labels for rule in enforcing for o in rule.obligations
    )
    if by_label or any(rule.needs == "whole" for rule in enforcing):
        return "whole"
    return "sentence"


def _fired(
    rule: RuleSpec, verdict: bool | None, watched: _Records, facts: Mapping[str, Any]
) -> Fired | None:
    unreadable: tuple[str, ...] = ()
    if not verdict and not watched.handles_unreadable:
        unreadable = _unreadable(watched, facts)
    if verdict is False and not unreadable:
        return None
    return Fired(
        rule=rule, errored=verdict is None, evidence=unreadable or _evidence(watched, facts)
    )


def _firing(rule: RuleSpec, fired: Fired | None) -> Firing:
    return Firing(
        rule=rule.id,
        version=rule.version,
        phase=rule.phase,
        fired=fired is not None,
        mode=rule.mode,
        errored=fired is not None and fired.errored,
        obligations=() if fired is None else tuple(o.action for o in rule.obligations),
    )


def _strictest(fired: Fired) -> int:
    ranks = [STRICTNESS.index(obligation.action) for obligation in fired.obligations]
    return min(ranks, default=len(STRICTNESS) - 1)


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


def _named(watched: _Records, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [record for name in watched.names for record in facts.get(name, ())]


def _unreadable(watched: _Records, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Phrases that the rule is about, but that nobody could read."""
    return tuple(
        f"unreadable {record['kind']} at {record['start']}-{record['end']}"
        for record in _named(watched, facts)
        if not record["parsed"] and record["polarity"] != "negated"
    )[:_MAX_EVIDENCE]


def _evidence(watched: _Records, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Where in the text the facts stand that the rule was about; values, never the words."""
    return tuple(_described(record) for record in _named(watched, facts)[:_MAX_EVIDENCE])


def _described(record: Mapping[str, Any]) -> str:
    # The unit of a quantity is a noun out of the text.
    unit = "" if record["kind"] == "quantity" else f" {record['unit']}"
    what = f"{record['kind']} {record['role']} {record['value']}{unit} {record['polarity']}"
    return f"{what} at {record['start']}-{record['end']}"
