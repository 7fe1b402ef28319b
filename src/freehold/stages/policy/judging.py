"""Judging one portion of an answer: what rules see of it, and what follows for its text."""

from collections.abc import Sequence
from typing import Any

from freehold.core.errors import ControlFailed, PolicyRefusal
from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Choice, Discharge
from freehold.core.spec import RuleSpec
from freehold.core.trail import Trail
from freehold.rules import answer_json
from freehold.stages.policy.changes import cuts, kinds_to_cut, label_cuts, labels_to_cut
from freehold.stages.policy.demands import Demands, is_late
from freehold.stages.policy.firings import not_evaluated, reads_json
from freehold.stages.policy.otherwise_steps import Judging, of_step
from freehold.stages.policy.progress import Progress, Step
from freehold.stages.policy.sheets import ELAPSED, Sheet, spoken_with
from freehold.stages.policy.verdicts import TEXT_FACTS, RuleSet
from freehold.text.structured import is_json

_NO_JSON = (
    "A rule reads this answer as JSON, and the answer is none that it can read, or lacks a member"
    " that the rule needs, so it was refused."
)


def judge_step(
    step: Step, rules: RuleSet, checked: Checked, progress: Progress, trail: Trail
) -> Demands:
    """Judge one portion of the answer with all that came before it.

    Raises:
        PolicyRefusal: a rule blocks it, or wants what is too late now.
        ControlFailed: a rule could not be evaluated.
    """
    grounded = checked.answer.sendable.plan.ruled.grounded
    language = spoken_with(grounded)
    found = progress.take(step, checked, language, rules.extracts)
    apart = step.last and rules.by_sentence and rules.whole
    whole = progress.whole(checked, language, rules.extracts) if apart else found
    sheet = Sheet(step, rules, checked, progress, trail)
    facts = sheet.of(progress.facts)
    seen = sheet.of([fact for new in whole for fact in new]) if apart else None
    kept = None
    if any(progress.gone):
        fresh = [fact for new in found for fact in new]
        kept = sheet.of([*progress.kept, *fresh], progress.kept_texts(sheet.texts))
    structured = step.last and answer_json.FACT in rules.names
    variants = answer_json.variants(checked, sheet.texts) if structured else ()
    known = dict(progress.fired)
    demands = rules.judge(
        facts,
        trail,
        progress.fired,
        last=step.last,
        whole=seen,
        kept=kept,
        variants=variants,
        left=progress.left,
    )
    if any(fired.rule.id not in known for fired in demands.fired):
        sheets = (facts, facts if seen is None else seen, facts if kept is None else kept)
        judged = Judging(step, rules, checked, progress, trail)
        trail.counterfactuals += of_step(judged, demands, known, sheets, variants)
    _remember(facts if seen is None else seen, rules, checked, trail)
    if apart:
        progress.facts = [fact for new in whole for fact in new]
    trail.answer_facts = tuple(progress.facts)  # also of an answer that is refused now
    follow(demands, progress, trail, checked.answer.discharged, streams=checked.answer.streams)
    _change(step, demands, checked, progress, found, whole)
    return demands


def follow(
    demands: Demands,
    progress: Progress,
    trail: Trail,
    discharged: Sequence[Discharge],
    *,
    streams: bool,
) -> None:
    """What follows at once from what a step's rules demand, whatever the texts are.

    Raises:
        PolicyRefusal: a rule blocks it, or wants what is too late now.
        ControlFailed: a rule could not be evaluated.
    """
    refuse_if_blocked(demands, trail)
    if streams:
        _refuse_if_late(demands, trail)
    _ask_or_replace(demands, discharged, progress)
    tag(demands, trail)


def tag(demands: Demands, trail: Trail) -> None:
    """Write down what fired rules want it marked with."""
    tags = (obligation.tag for obligation in demands.all("annotate"))
    trail.tags.extend(one for one in tags if one not in trail.tags)


def _remember(facts: dict[str, Any], rules: RuleSet, checked: Checked, trail: Trail) -> None:
    """What a later look at the record needs; the clock's readings are nowhere else."""
    trail.facts.update({k: v for k, v in facts.items() if k not in TEXT_FACTS})
    if rules.streamed and ELAPSED in rules.names:
        trail.pace.append(checked.answer.elapsed_ms)


def _refuse_if_late(demands: Demands, trail: Trail) -> None:
    late = demands.too_late()
    if late is None:
        return
    fired, obligation = late
    error = refusal(fired.rule, f"wants {obligation.action} of an answer that has left")
    trail.too_late(error, "policy")
    raise error


def _ask_or_replace(demands: Demands, discharged: Sequence[Discharge], progress: Progress) -> None:
    """What waits for the answer's end: a person's approval, or a template for all of it."""
    asked = demands.approval(discharged)
    if asked is not None:
        if progress.left:
            why = "wants require_approval after part of the answer had left"
            raise refusal(asked[0].rule, why)
        progress.pending = asked
    elif progress.pending is None:
        progress.pending = demands.of_whole("rewrite")


def _change(
    step: Step,
    demands: Demands,
    checked: Checked,
    progress: Progress,
    found: list[list[TextFact]],
    whole: list[list[TextFact]],
) -> None:
    template = Demands(fired=demands.now).first("rewrite") if demands.now else None
    if template is not None:
        progress.replace(step, template[1].template)
    else:
        kinds = kinds_to_cut(demands, "sentence")
        progress.advance(step, [cuts(new, kinds) if kinds else [] for new in found], found)
    if not step.last:
        return
    kinds, labels = kinds_to_cut(demands, "whole"), labels_to_cut(demands)
    if kinds or labels:
        progress.rebuild(
            checked,
            [
                cuts(whole[i], kinds) + label_cuts(choice.text, checked, i, labels)
                for i, choice in enumerate(checked.choices)
            ],
        )


def refuse_if_blocked(demands: Demands, trail: Trail) -> None:
    """End it where a rule blocks.

    Raises:
        PolicyRefusal: a rule blocks it.
        ControlFailed: a rule could not be evaluated.
    """
    blocked = demands.first("block")
    if blocked is None:
        return
    fired = blocked[0]
    error: PolicyRefusal | ControlFailed
    if fired.errored:
        public = _NO_JSON if reads_json(fired.rule) else None
        error = ControlFailed(not_evaluated(fired.rule), rule=fired.rule.id, public=public)
    else:
        error = refusal(fired.rule, "blocks it")
    if is_late(fired.rule):
        trail.too_late(error, "policy")
    raise error


def refuse_if_broken(choices: Sequence[Choice], checked: Checked, demands: Demands) -> None:
    """Refuse where what rules took out of JSON, or put into it, leaves none.

    Raises:
        PolicyRefusal: in the name of the first rule that changed it.
    """
    for choice, before in zip(choices, checked.choices, strict=True):
        if choice.text != before.text and is_json(before.text) and not is_json(choice.text):
            changed = demands.first("rewrite") or demands.first("redact")
            if changed is not None:
                raise refusal(changed[0].rule, f"wants {changed[1].action} that breaks the JSON")


def refusal(rule: RuleSpec, why: str) -> PolicyRefusal:
    """A rule's refusal, with what its caller may read."""
    return PolicyRefusal(f"rule {rule.id} {why}", public=rule.public or None, rule=rule.id)
