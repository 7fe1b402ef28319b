"""Evaluating a set of rules and uniting what they demand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct

from freehold.core.decisions import Decision, Needs, Outcome
from freehold.core.facts import FactKind
from freehold.core.spec import Disclaimer, RuleSpec
from freehold.core.trail import Firing, Trail
from freehold.rules.answer_json import FACT as ANSWER_JSON
from freehold.rules.answer_json import Reading
from freehold.rules.declared import DECLARED, Phase, types_of
from freehold.rules.disclaimers import FACT, Disclaimers
from freehold.rules.facts import KINDS
from freehold.rules.names import facts_in, reads_field
from freehold.rules.program import conditions
from freehold.stages.policy.demands import STRICTNESS, Demands, Fired, is_late, strictest
from freehold.stages.policy.evidence import doubtful, stretches, unreadable

_OUTCOMES: dict[str, Outcome] = {
    "block": "deny",
    "require_approval": "hold",
    "rewrite": "transform",
    "redact": "transform",
    "annotate": "allow",
    "allow": "allow",
}
TEXT_FACTS = frozenset(
    fact.name
    for fact in DECLARED
    if fact.name.startswith("answer.") and fact.type in ("records", "json")
)
"""Facts that are extracted from the answer's text."""

_TOGETHER = {
    "request": ("request",),
    "answer": ("answer", "stream"),
    "tool_call": ("tool_call",),
}
"""Phases whose rules are evaluated together."""


def _kinds_named(names: frozenset[str]) -> frozenset[FactKind]:
    """The kinds of text facts behind these names of facts."""
    kinds = {kind for short, kind in KINDS.items() if names & {f"answer.{short}", f"tool.{short}"}}
    if "answer.ungrounded_money" in names:
        kinds.add("money")
    if "answer.ungrounded" in names:
        kinds.update(KINDS.values())
    return frozenset(kinds)


class RuleSet:
    """The rules of one phase, compiled as one program; those on streams belong to the answer's.

    ``needs`` is how much of a growing answer the enforcing rules must see; observing and late ones
    hold nothing back. ``streamed``: some rule is of phase ``stream``. ``by_sentence``: some rule
    judges each sentence, so that all answers are judged so; ``whole``: some rule judges what is
    there at the end. ``extracts`` are the kinds of facts that rules name, or cut out of the answer.
    ``disclaimers`` are the app's, where a rule asks which of them an answer lacks.
    """

    __slots__ = (
        "_conditions",
        "_naming",
        "_places",
        "_quiet",
        "_records",
        "_rewriters",
        "by_sentence",
        "disclaimers",
        "extracts",
        "names",
        "needs",
        "phase",
        "rules",
        "streamed",
        "whole",
    )

    def __init__(
        self, rules: Sequence[RuleSpec], phase: str, disclaimers: Sequence[Disclaimer] = ()
    ) -> None:
        together = _TOGETHER[phase]
        self.rules = tuple(rule for rule in rules if rule.phase in together)
        self.streamed = any(rule.phase == "stream" for rule in self.rules)
        self.phase: Phase = cast(Phase, phase)
        self._conditions = conditions(
            tuple(rule.when for rule in self.rules), "stream" if self.streamed else self.phase
        )
        self._rewriters = frozenset(
            rule.id for rule in self.rules if phase != "request" and _rewrites_sentences(rule)
        )
        self.by_sentence = self.streamed or any(
            rule.mode == "enforce" and rule.needs == "sentence" for rule in self.rules
        )
        self.whole = any(rule.needs == "whole" for rule in self.rules)
        self._records = tuple(_records_of(rule) for rule in self.rules)
        self._places = {rule.id: place for place, rule in enumerate(self.rules)}
        self._quiet = [firing_of(rule, None) for rule in self.rules]
        self._naming: dict[str, list[int]] = {}
        for place, watched in enumerate(self._records):
            for name in () if watched.handles_unreadable else watched.names:
                self._naming.setdefault(name, []).append(place)
        self.names = self._conditions.names
        asked = bool(disclaimers) and FACT in self.names
        self.disclaimers = Disclaimers(disclaimers) if asked else None
        if self.disclaimers is not None:
            self.names |= self.disclaimers.names
        self.needs = _needs(self.rules)
        self.extracts = _kinds_named(self.names).union(
            *(obligation.facts for rule in self.rules for obligation in rule.obligations)
        )

    @property
    def withholds(self) -> bool:
        """Whether an enforcing rule may want all of an answer to wait for a person."""
        return any(
            rule.mode == "enforce" and any(o.action == "require_approval" for o in rule.obligations)
            for rule in self.rules
        )

    def verdicts(self, facts: Mapping[str, Any]) -> list[Fired | None]:
        """What every rule says to these facts: ``None`` where it does not fire."""
        return [
            _fired(rule, verdict, watched, facts)
            for rule, verdict, watched in zip(
                self.rules, self._conditions.run(facts), self._records, strict=True
            )
        ]

    def _run(self, facts: Mapping[str, Any], variants: Sequence[Reading]) -> list[bool | None]:
        if not variants:
            return self._conditions.run(facts)
        runs = []
        for each in variants:
            verdicts = self._conditions.run({**facts, **each.facts})
            runs.append(verdicts if each.meant else self._in_words(verdicts, facts))
        return list(map(_strictest_of, zip(*runs, strict=True)))

    def _in_words(self, verdicts: list[bool | None], facts: Mapping[str, Any]) -> list[bool | None]:
        """The verdicts on an answer in words: that it lacks JSON, and only that, fires no rule."""
        return [
            False
            if verdict is None and reads_json(rule) and _has_all_else(rule, facts)
            else verdict
            for rule, verdict in zip(self.rules, verdicts, strict=True)
        ]

    def judge(
        self,
        facts: Mapping[str, Any],
        trail: Trail,
        before: dict[str, Fired],
        *,
        last: bool = True,
        whole: Mapping[str, Any] | None = None,
        kept: Mapping[str, Any] | None = None,
        variants: Sequence[Reading] = (),
    ) -> Demands:
        """Evaluate every rule, write down each verdict, and unite the enforcing ones' demands.

        Args:
            facts: what rules see.
            before: the rules that fired on an earlier part of the same answer: they stay fired,
                and those that fire now are added.
            last: unless this is the last part, rules that need the whole answer wait.
            whole: what those rules see where the answer is judged in parts.
            kept: what rules see that rewrite sentences: without those rewritten before.
            variants: what the answer's choices are as JSON; a rule fires when it does for one of
                them.
        """
        now: list[Fired] = []
        decided = {d.rule for d in trail.decisions if d.stage == "policy"}
        sheets = (facts, facts if whole is None else whole, facts if kept is None else kept)
        different = {id(sheet): sheet for sheet in sheets}
        verdicts = {key: self._run(sheet, variants) for key, sheet in different.items()}
        firings = self._quiet.copy()
        for place in self._speaking(verdicts, different, before):
            rule, watched = self.rules[place], self._records[place]
            rewriter = rule.id in self._rewriters
            sheet = sheets[2 if rewriter else rule.needs == "whole"]
            fired = before.get(rule.id)
            if (fired is None or rewriter) and (last or rule.needs != "whole"):
                again = _fired(rule, verdicts[id(sheet)][place], watched, sheet)
                fired = fired or again
                if rewriter and again is not None:
                    now.append(again)
            if fired is None:
                continue
            firings[place] = firing_of(rule, fired)
            before.setdefault(rule.id, fired)
            if rule.id not in decided:
                trail.decide(decision_of(fired))
        # A streamed answer is judged in parts: the verdicts of the latest are those that count.
        mine = _TOGETHER[self.phase]
        trail.firings[:] = [f for f in trail.firings if f.phase not in mine] + firings
        enforced = list(Demands.of(before.values()).fired)
        # one that could not be evaluated now blocks, even if it could be before
        enforced = [fired for fired in now if fired.errored] + enforced
        return Demands(fired=tuple(enforced), now=tuple(sorted(now, key=strictest)))

    def _speaking(
        self,
        verdicts: Mapping[int, list[bool | None]],
        sheets: Mapping[int, Mapping[str, Any]],
        before: Mapping[str, Fired],
    ) -> Iterable[int]:
        """Places of the rules about which there is anything to say; mostly, there are none."""
        places = {self._places[rule] for rule in before if rule in self._places}
        for each in verdicts.values():
            if each.count(False) < len(each):
                places.update(place for place, verdict in enumerate(each) if verdict is not False)
        for name, naming in self._naming.items():
            if any(doubtful(r) for sheet in sheets.values() for r in sheet.get(name, ())):
                places.update(naming)
        return sorted(places) if places else ()


def _rewrites_sentences(rule: RuleSpec) -> bool:
    """Whether the rule puts its template in the place of the sentences at fault."""
    return (
        rule.mode == "enforce"
        and rule.needs == "sentence"
        and any(obligation.action == "rewrite" for obligation in rule.obligations)
    )


class _Records(Struct, frozen=True):
    """Lists of text facts that a rule names; ``handles_unreadable`` when it asks ``parsed``."""

    names: tuple[str, ...]
    handles_unreadable: bool


def _records_of(rule: RuleSpec) -> _Records:
    names = tuple(sorted(n for n in facts_in(rule.when) if types_of((n,))[n] == "records"))
    return _Records(names, reads_field(rule.when, "parsed"))


def _needs(rules: Sequence[RuleSpec]) -> Needs:
    enforcing = [rule for rule in rules if rule.mode == "enforce" and not is_late(rule)]
    if not enforcing:
        return "span"
    by_label = any(
        o.action == "redact" and o.labels for rule in enforcing for o in rule.obligations
    )
    if by_label or any(rule.needs == "whole" for rule in enforcing):
        return "whole"
    return "sentence"


def reads_json(rule: RuleSpec) -> bool:
    """Whether the rule reads the answer as JSON."""
    return ANSWER_JSON in facts_in(rule.when)


def _has_all_else(rule: RuleSpec, facts: Mapping[str, Any]) -> bool:
    """Whether nothing but the JSON is missing for it."""
    return all(name in facts for name in facts_in(rule.when) if name != ANSWER_JSON)


def not_evaluated(rule: RuleSpec) -> str:
    """That an evaluation failed, and what its author can do about it."""
    said = f"rule {rule.id} could not be evaluated"
    if reads_json(rule):
        said += (
            ": the answer is no JSON that can be read, lacks a member that the rule reads and that"
            " has no default, or has one that is something else than declared (`answer_fields`)"
        )
    return said


def _strictest_of(verdicts: tuple[bool | None, ...]) -> bool | None:
    """What holds where several were judged: an error, else that one fires."""
    return None if None in verdicts else True in verdicts


def _fired(
    rule: RuleSpec, verdict: bool | None, watched: _Records, facts: Mapping[str, Any]
) -> Fired | None:
    unread: tuple[str, ...] = ()
    if not verdict and not watched.handles_unreadable:
        unread = unreadable(watched.names, facts)
    if verdict is False and not unread:
        return None
    return Fired(
        rule=rule, errored=verdict is None, evidence=unread or stretches(watched.names, facts)
    )


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
