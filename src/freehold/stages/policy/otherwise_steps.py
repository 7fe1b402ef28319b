"""What would have had to be otherwise at a step of an answer, or in a request."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.counterfactual import Counterfactual
from freehold.core.handoffs import Admitted, Checked
from freehold.core.spec import AppSpec, FieldSpec
from freehold.core.trail import Trail
from freehold.rules import answer_json
from freehold.rules.answer_json import Reading
from freehold.rules.otherwise.edits import Candidate, changed
from freehold.rules.structured import below
from freehold.stages.policy.demands import Demands, Fired
from freehold.stages.policy.otherwise import Terms, Trial, otherwise
from freehold.stages.policy.progress import Progress, Step
from freehold.stages.policy.sheets import Sheet, spoken_with
from freehold.stages.policy.verdicts import RuleSet

Sheets = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]
"""What rules see, what those that need the whole answer see, and what rewriters of sentences."""


class Judging(Struct, frozen=True):
    """One step of an answer under judgement."""

    step: Step
    rules: RuleSet
    checked: Checked
    progress: Progress
    trail: Trail


def of_request(
    rules: RuleSet, facts: Mapping[str, Any], demands: Demands, admitted: Admitted, trail: Trail
) -> list[Counterfactual]:
    """What would have let the request pass, or pass as it was."""
    if not demands.fired:
        return []

    def again(edits: Candidate) -> Demands:
        sheet = changed(facts, edits)
        return rules.demanded((sheet, sheet, sheet), {})

    terms = Terms(discharged=trail.discharged, verified=admitted.principal.verified, seen=facts)
    return otherwise(
        Trial(
            rules=rules,
            demands=demands,
            fired=demands.fired,
            sheet=lambda _: facts,
            again=again,
            terms=terms,
        )
    )


def of_step(
    judging: Judging,
    demands: Demands,
    known: Mapping[str, Fired],
    sheets: Sheets,
    variants: Sequence[Reading],
) -> list[Counterfactual]:
    """What would have kept the rules quiet that began to object at this step.

    Where all of the answer is there already, all of it is tried; else as much as there is.

    Args:
        demands: what the rules demand now; ``known`` are those that had fired before.
        sheets: what rules saw at this step; ``variants`` what the answer is as JSON.
    """
    told = {each.rule for each in judging.trail.counterfactuals}
    new = tuple(f for f in demands.fired if f.rule.id not in known and f.rule.id not in told)
    if not new:
        return []
    checked, rules, last = judging.checked, judging.rules, judging.step.last
    if checked.answer.complete and not last:
        found = _of_all(judging, known, told)
        if found is not None:
            return found
    trial = _trial(judging, demands, new, sheets, variants, known, last=last)
    return otherwise(_with_first(trial, rules, variants))


def _of_all(
    judging: Judging, known: Mapping[str, Fired], told: set[str]
) -> list[Counterfactual] | None:
    """The same on the whole answer; ``None`` where the rules do not object to that."""
    checked, rules, progress = judging.checked, judging.rules, judging.progress
    language = spoken_with(checked.answer.sendable.plan.ruled.grounded)
    seen = progress.seen
    rest = Step(tuple(choice.text[seen[i] :] for i, choice in enumerate(checked.choices)), True)
    sheet = Sheet(rest, rules, checked, progress, judging.trail)
    whole = progress.whole(checked, language, rules.extracts)
    facts = sheet.of([fact for new in whole for fact in new])
    structured = answer_json.FACT in rules.names
    variants = answer_json.variants(checked, sheet.texts) if structured else ()
    sheets = (facts, facts, facts)
    alone = {f.rule.id for f in rules.demanded(sheets, {}, variants=variants).fired}
    before = {rule: fired for rule, fired in known.items() if rule not in alone}
    demands = rules.demanded(sheets, before, variants=variants)
    new = tuple(f for f in demands.fired if f.rule.id not in known and f.rule.id not in told)
    if not new:
        return None
    trial = _trial(judging, demands, new, sheets, variants, before, last=True)
    return otherwise(_with_first(trial, rules, variants))


def _trial(
    judging: Judging,
    demands: Demands,
    new: tuple[Fired, ...],
    sheets: Sheets,
    variants: Sequence[Reading],
    before: Mapping[str, Fired],
    *,
    last: bool,
) -> Trial:
    rules, answer = judging.rules, judging.checked.answer
    admitted = answer.sendable.plan.ruled.admitted

    def again(edits: Candidate) -> Demands:
        made = {id(sheet): changed(sheet, edits) for sheet in sheets}
        as_json = [replace(each, facts=changed(each.facts, edits)) for each in variants]
        facts, whole, kept = (made[id(sheet)] for sheet in sheets)
        return rules.demanded((facts, whole, kept), before, last=last, variants=as_json)

    return Trial(
        rules=rules,
        demands=demands,
        fired=new,
        sheet=lambda fired: sheets[fired.rule.needs == "whole"],
        again=again,
        terms=Terms(
            discharged=answer.discharged,
            streams=answer.streams,
            left=judging.progress.left,
            verified=admitted.principal.verified,
        ),
        field_of=_answer_field(admitted.app),
    )


def _with_first(trial: Trial, rules: RuleSet, variants: Sequence[Reading]) -> Trial:
    """With the first JSON in the answer for which something fires beside the other facts."""
    if not variants:
        return trial
    see = trial.sheet

    def sheet(fired: Fired) -> Mapping[str, Any]:
        facts = see(fired)
        for each in variants:
            together = {**facts, **each.facts}
            if any(f.rule.id == fired.rule.id for f in rules.demanded((together,) * 3, {}).fired):
                return together
        return facts

    return replace(trial, sheet=sheet)


def _answer_field(app: AppSpec) -> Any:
    def field_of(_fact: str, path: tuple[str | int, ...]) -> FieldSpec | None:
        return next((f for f in app.answer_fields if below(f.path, path)), None)

    return field_of
