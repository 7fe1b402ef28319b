"""What rules that fired demand, united."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.handoffs import Discharge
from freehold.core.spec import Obligation, RuleSpec
from freehold.ledger.canonical import encode
from freehold.rules.names import facts_in, tokens

STRICTNESS = ("block", "require_approval", "rewrite", "redact", "annotate", "allow")
"""Strictest first. All rules are evaluated; their obligations are united in this order."""

_BLOCK = Obligation(action="block")


class Fired(Struct, frozen=True, kw_only=True):
    """A rule that fired, or that could not be evaluated, which counts as firing."""

    rule: RuleSpec
    errored: bool
    evidence: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The facts that it is about."""
        return facts_in(self.rule.when)

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """What it demands; blocking when it could not be evaluated."""
        return (_BLOCK,) if self.errored else self.rule.obligations


class Demands(Struct, frozen=True, kw_only=True):
    """The united obligations of all enforcing rules that fired, strictest first.

    ``now`` are those that want the sentence under judgement rewritten; of an answer, ``fired``
    rewrites what they say of the whole.
    """

    fired: tuple[Fired, ...] = ()
    now: tuple[Fired, ...] = ()

    @classmethod
    def of(cls, fired: Iterable[Fired]) -> "Demands":
        """What the enforcing ones among these demand."""
        return cls(
            fired=tuple(sorted((f for f in fired if f.rule.mode == "enforce"), key=strictest))
        )

    def first(self, action: str) -> tuple[Fired, Obligation] | None:
        """The first rule that demands ``action``."""
        for fired in self.fired:
            for obligation in fired.obligations:
                if obligation.action == action:
                    return fired, obligation
        return None

    def approval(
        self, discharged: Sequence[Discharge], facts: Mapping[str, Any] | None = None
    ) -> tuple[Fired, Obligation] | None:
        """The first demand for an approval that nobody has met: this rule, as it is written now,
        wants this role, and of a request, on these facts.
        """
        met = {(d.rule, d.terms, d.role, d.seen) for d in discharged}
        for fired in self.fired:
            for obligation in fired.obligations:
                if obligation.action != "require_approval":
                    continue
                seen = seen_by(fired.rule, facts) if met and facts is not None else ""
                terms = terms_of(fired.rule) if met else ""
                if (fired.rule.id, terms, obligation.role, seen) not in met:
                    return fired, obligation
        return None

    def of_whole(self, action: str) -> tuple[Fired, Obligation] | None:
        """The first demand of rules that see the whole answer."""
        whole = tuple(fired for fired in self.fired if fired.rule.needs == "whole")
        return Demands(fired=whole).first(action)

    def all(self, action: str, needs: str = "") -> list[Obligation]:
        """Every obligation of one kind; only of rules that need so much, where that is told."""
        return [
            obligation
            for fired in self.fired
            if not needs or fired.rule.needs == needs
            for obligation in fired.obligations
            if obligation.action == action
        ]

    def too_late(self) -> tuple[Fired, Obligation] | None:
        """The first demand that can't be met once the text has left that it is about."""
        for fired in self.fired:
            if is_late(fired.rule):
                for obligation in fired.obligations:
                    if obligation.action != "annotate":
                        return fired, obligation
        return None


def is_late(rule: RuleSpec) -> bool:
    """Whether a stream leaves before this rule has judged it, and ends when it objects."""
    return rule.needs == "whole" and rule.late == "terminate"


def terms_of(rule: RuleSpec) -> str:
    """A digest of what a rule says: its version, when it applies and what it demands then. Layout,
    and words for people, may change under an approval.
    """
    when = [text for _, text, _ in tokens(rule.when)]
    said = (rule.id, rule.version, rule.phase, when, rule.obligations)
    return sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()


def seen_by(rule: RuleSpec, facts: Mapping[str, Any]) -> str:
    """A digest of the facts that a rule has before it: who approves it approves it on these."""
    named = {name: facts[name] for name in sorted(facts_in(rule.when)) if name in facts}
    return sha256(encode(named)).hexdigest()


def strictest(fired: Fired) -> int:
    """The place in `STRICTNESS` of the strictest that it demands."""
    ranks = [STRICTNESS.index(obligation.action) for obligation in fired.obligations]
    return min(ranks, default=len(STRICTNESS) - 1)
