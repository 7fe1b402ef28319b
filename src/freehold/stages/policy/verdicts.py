"""Evaluating a set of rules and uniting what they demand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct

from freehold.core.decisions import Needs
from freehold.core.facts import FactKind
from freehold.core.judged import Noted, Seen
from freehold.core.spec import Disclaimer, RuleSpec
from freehold.core.trail import Trail
from freehold.rules.answer_json import FACT as ANSWER_JSON
from freehold.rules.answer_json import Reading
from freehold.rules.declared import DECLARED, Phase, types_of
from freehold.rules.disclaimers import FACT, Disclaimers
from freehold.rules.facts import KINDS
from freehold.rules.names import facts_in, reads_field
from freehold.rules.otherwise.named import numbers_in, values_in
from freehold.rules.program import ConditionSet, conditions
from freehold.stages.policy.again import Again
from freehold.stages.policy.demands import Demands, Fired, is_late, strictest
from freehold.stages.policy.evidence import doubtful, stretches, unreadable
from freehold.stages.policy.firings import decision_of, firing_of, reads_json
from freehold.stages.policy.steps import seen_as, step_of

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
        "_numbers",
        "_places",
        "_quiet",
        "_records",
        "_rewriters",
        "_values",
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
        self._values: dict[str, tuple[str, ...]] | None = None
        self._numbers: dict[str, frozenset[int]] | None = None
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

    @property
    def values_named(self) -> Mapping[str, tuple[str, ...]]:
        """The texts with which these rules compare facts, by fact; read when first asked."""
        if self._values is None:
            self._values = values_in(rule.when for rule in self.rules)
        return self._values

    @property
    def numbers_named(self) -> Mapping[str, frozenset[int]]:
        """The numbers in conditions that name a fact, by fact; read when first asked."""
        if self._numbers is None:
            self._numbers = numbers_in(rule.when for rule in self.rules)
        return self._numbers

    def watched(self, rule_id: str) -> tuple[str, ...]:
        """Lists of text facts whose unreadable phrases fire this rule."""
        watched = self._records[self._places[rule_id]]
        return () if watched.handles_unreadable else watched.names

    def demanded(
        self,
        sheets: tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]],
        before: Mapping[str, Fired],
        *,
        last: bool = True,
        variants: Sequence[Reading] = (),
    ) -> Demands:
        """What would be demanded on other facts; nothing is written down.

        Args:
            sheets: what rules see, what those that need the whole answer, what rewriters.
            before, last, variants: as `judge` has them.
        """
        verdicts = {id(sheet): self._run(sheet, variants) for sheet in sheets}
        fired = dict(before)
        for place, rule in enumerate(self.rules):
            if rule.id in fired or not (last or rule.needs != "whole"):
                continue
            sheet = sheets[2 if rule.id in self._rewriters else rule.needs == "whole"]
            again = _fired(rule, verdicts[id(sheet)][place], self._records[place], sheet)
            if again is not None:
                fired[rule.id] = again
        return Demands.of(fired.values())

    def verdicts(
        self, facts: Mapping[str, Any], noted: list[Noted] | None = None
    ) -> list[Fired | None]:
        """What every rule says to these facts: ``None`` where it does not fire. ``noted`` gets what
        came of reading words.
        """
        verdicts = self._run(facts, (), noted)
        return self._fired_of(verdicts, facts)

    def verdicts_again(self, facts: Mapping[str, Any], again: Again) -> list[Fired | None]:
        """The same of a step that was judged before."""
        return self._fired_of(again.verdicts(self._conditions, "facts", facts), facts)

    def _fired_of(
        self, verdicts: Sequence[bool | None], facts: Mapping[str, Any]
    ) -> list[Fired | None]:
        return [
            _fired(rule, verdict, watched, facts)
            for rule, verdict, watched in zip(self.rules, verdicts, self._records, strict=True)
        ]

    @property
    def conditions(self) -> ConditionSet:
        """The rules' expressions, compiled together."""
        return self._conditions

    def _run(
        self,
        facts: Mapping[str, Any],
        variants: Sequence[Reading],
        noted: list[Noted] | None = None,
        seen: Seen = "facts",
    ) -> list[bool | None]:
        read: list[Noted] | None = [] if noted is not None and self._conditions.notes else None
        if not variants:
            verdicts = self._conditions.run(facts, read)
        else:
            runs = []
            for each in variants:
                one = self._conditions.run({**facts, **each.facts}, read)
                runs.append(one if each.meant else self._in_words(one, facts))
            verdicts = list(map(_strictest_of, zip(*runs, strict=True)))
        if noted is not None and read is not None:
            noted += self._conditions.noted(read, verdicts, seen)
        return verdicts

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
        left: bool = False,
        again: Again | None = None,
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
            left: whether any of the answer may have left before.
            again: says what rules read in words, where this was judged before; then the trail gets
                no sheet of it.
        """
        now: list[Fired] = []
        decided = {d.rule for d in trail.decisions if d.stage == "policy"}
        sheets = (facts, facts if whole is None else whole, facts if kept is None else kept)
        different = {id(sheet): sheet for sheet in sheets}
        verdicts = self._evaluated(different, sheets, trail, variants, last, left, again)
        firings = self._quiet.copy()
        for place in self._speaking(verdicts, different, before):
            rule, watched = self.rules[place], self._records[place]
            rewriter = rule.id in self._rewriters
            sheet = sheets[2 if rewriter else rule.needs == "whole"]
            fired = before.get(rule.id)
            if (fired is None or rewriter) and (last or rule.needs != "whole"):
                anew = _fired(rule, verdicts[id(sheet)][place], watched, sheet)
                fired = fired or anew
                if rewriter and anew is not None:
                    now.append(anew)
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

    def _evaluated(
        self,
        different: Mapping[int, Mapping[str, Any]],
        sheets: Sequence[Mapping[str, Any]],
        trail: Trail,
        variants: Sequence[Reading],
        last: bool,
        left: bool,
        again: Again | None,
    ) -> dict[int, list[bool | None]]:
        """The rules' verdicts on each sheet, by its id; the trail gets the step, if it is new."""
        if again is not None:
            return {
                key: again.verdicts(self._conditions, seen_as(sheet, sheets), sheet)
                for key, sheet in different.items()
            }
        noted: list[Noted] = []
        verdicts = {
            key: self._run(sheet, variants, noted, seen_as(sheet, sheets))
            for key, sheet in different.items()
        }
        trail.inputs.sheets.append(step_of(self.phase, sheets, last, noted, left))
        return verdicts

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


def _has_all_else(rule: RuleSpec, facts: Mapping[str, Any]) -> bool:
    """Whether nothing but the JSON is missing for it."""
    return all(name in facts for name in facts_in(rule.when) if name != ANSWER_JSON)


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
