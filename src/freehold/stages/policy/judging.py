"""Judging one portion of an answer: what rules see of it, and what follows for its text."""

from collections.abc import Sequence
from typing import Any

from freehold.core.errors import ControlFailed, PolicyRefusal
from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Choice, Grounded
from freehold.core.spec import RuleSpec
from freehold.core.trail import Trail
from freehold.rules import answer_json
from freehold.rules.disclaimers import FACT
from freehold.rules.facts import answer_facts, complete, grounded_facts, stream_facts
from freehold.stages.policy.changes import cuts, kinds_to_cut, label_cuts, labels_to_cut
from freehold.stages.policy.demands import Demands, is_late
from freehold.stages.policy.progress import Progress, Step
from freehold.stages.policy.verdicts import TEXT_FACTS, RuleSet, not_evaluated, reads_json
from freehold.text.escapes import json_start, said
from freehold.text.structured import is_json

ELAPSED = "stream.elapsed_ms"
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
    sheet = _Sheet(step, rules, checked, progress, trail)
    facts = sheet.of(progress.facts)
    seen = sheet.of([fact for new in whole for fact in new]) if apart else None
    kept = None
    if any(progress.gone):
        fresh = [fact for new in found for fact in new]
        kept = sheet.of([*progress.kept, *fresh], progress.kept_texts(sheet.texts))
    structured = step.last and answer_json.FACT in rules.names
    demands = rules.judge(
        facts,
        trail,
        progress.fired,
        last=step.last,
        whole=seen,
        kept=kept,
        variants=answer_json.variants(checked, sheet.texts) if structured else (),
    )
    _remember(facts if seen is None else seen, rules, checked, trail)
    if apart:
        progress.facts = [fact for new in whole for fact in new]
    refuse_if_blocked(demands, trail)
    if checked.answer.streams:
        _refuse_if_late(demands, trail)
    _ask_or_replace(demands, checked, progress)
    _change(step, demands, checked, progress, found, whole)
    return demands


class _Sheet:
    """Makes the facts that rules see at one step."""

    def __init__(
        self, step: Step, rules: RuleSet, checked: Checked, progress: Progress, trail: Trail
    ) -> None:
        if progress.base is None:
            grounded = checked.answer.sendable.plan.ruled.grounded
            progress.base = request_side(rules.names, grounded, trail)
        self.texts = progress.texts(checked, step)
        self._step = step
        self._rules = rules
        self._checked = checked
        self._base = progress.base
        self._promised = is_structured(checked)
        self._stream: dict[str, Any] = {}
        if rules.streamed:
            self._stream = stream_facts(
                rules.names,
                "\n".join(filter(None, self._fresh())),
                progress.sentences,
                sum(map(len, self.texts)),
                checked.answer.elapsed_ms,
                ended=step.last,
            )

    def _fresh(self) -> list[str]:
        """The step's own text, without its escapes where the answer is JSON."""
        fresh = list(self._step.fresh)
        for i, text in enumerate(fresh):
            if "\\" in text:
                whole = self.texts[i]
                start = 0 if self._promised else json_start(whole)
                begin = len(whole) - len(text)
                fresh[i] = said(text, None if start is None else max(0, start - begin))
        return fresh

    def of(self, found: list[TextFact], texts: list[str] | None = None) -> dict[str, Any]:
        """What rules see when this was found in the texts."""
        rules, last = self._rules, self._step.last
        texts = self.texts if texts is None else texts
        told = answer_facts(
            rules.names, self._checked, found, texts=texts, last=last, promised=self._promised
        )
        facts = complete(rules.names, told | self._base | self._stream)
        if rules.disclaimers is not None and last:
            facts[FACT] = rules.disclaimers.missing(facts, texts)
        return facts


def request_side(names: frozenset[str], grounded: Grounded, trail: Trail) -> dict[str, Any]:
    """Facts of the request and its context that rules on the answer name."""
    early = {name for name in names if not name.startswith(("answer.", "stream.", "tool."))}
    known = {name: trail.facts[name] for name in early if name in trail.facts}
    missing = early - known.keys()
    return known | grounded_facts(missing, grounded) if missing else known


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


def _ask_or_replace(demands: Demands, checked: Checked, progress: Progress) -> None:
    """What waits for the answer's end: a person's approval, or a template for all of it."""
    asked = demands.approval(checked.answer.discharged)
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


def spoken_with(grounded: Grounded) -> str:
    """The question's language."""
    return grounded.screened.prepared.features.read_as


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


def is_structured(checked: Checked) -> bool:
    """Whether the caller asked for JSON."""
    form = checked.answer.sendable.plan.ruled.admitted.ask.response_format
    return form is not None and form.get("type") != "text"


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
