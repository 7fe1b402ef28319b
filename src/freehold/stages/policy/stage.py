"""The policy stage: rules on the request, and rules on the answer as it grows."""

from typing import Any

from freehold.core.decisions import Needs
from freehold.core.handoffs import (
    Answer,
    Awaiting,
    Checked,
    Demand,
    Grounded,
    Held,
    Judged,
    Ruled,
)
from freehold.core.ports import Holds
from freehold.core.spec import AppSpec, Obligation, RuleSpec
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.rules.facts import complete, grounded_facts, text_facts
from freehold.stages.policy import tool_calls
from freehold.stages.policy.approving import say_who_approved, still_held
from freehold.stages.policy.changes import labels_to_cut, request_changed, rewritten
from freehold.stages.policy.demands import Demands, Fired, seen_by, terms_of
from freehold.stages.policy.judging import (
    judge_step,
    refuse_if_blocked,
    refuse_if_broken,
)
from freehold.stages.policy.otherwise_steps import of_request
from freehold.stages.policy.progress import Progress
from freehold.stages.policy.sheets import is_structured, spoken_with
from freehold.stages.policy.verdicts import RuleSet
from freehold.text.facts import extract

_MAX_SETS = 4_096


class Policy:
    """Evaluates the app's rules; all of them, always, before and after the model."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        # By identity, since hashing a hundred rules costs more than evaluating them; the rules
        # are kept beside their set, so that no other tuple can take their place in memory.
        self._sets: dict[tuple[int, str], tuple[tuple[RuleSpec, ...], RuleSet]] = {}

    def _rules(self, app: AppSpec, phase: str) -> RuleSet:
        key = (id(app.rules), phase)
        found = self._sets.get(key)
        if found is None:
            if len(self._sets) >= _MAX_SETS:
                self._sets.clear()
            found = self._sets[key] = (app.rules, RuleSet(app.rules, phase, app.disclaimers))
        return found[1]

    def prepare(self, app: AppSpec) -> None:
        """Compile an app's rules and what reads facts, so that no first request waits for it."""
        self._rules(app, "request")
        extracts = self._rules(app, "tool_call").extracts | self._rules(app, "answer").extracts
        if extracts:
            extract("We refund 10 % of $5 within 2 days, on 3 May 2026.")

    @timed("policy")
    def request(self, grounded: Grounded, trail: Trail) -> Ruled | Awaiting:
        """Judge the request with its context.

        Raises:
            PolicyRefusal: a rule blocks it.
            StillHeld: it was held before, and what was approved is not all that rules demand.
            ControlFailed: a rule could not be evaluated.
        """
        admitted = grounded.admitted
        rules = self._rules(admitted.app, "request")
        messages = grounded.screened.messages
        if not rules.rules:
            return Ruled(grounded=grounded, messages=messages, facts={})
        facts = complete(rules.names, grounded_facts(rules.names, grounded))
        demands = rules.judge(facts, trail, {})
        trail.facts.update(facts)
        if demands.fired:
            trail.counterfactuals += of_request(rules, facts, demands, admitted, trail)
        refuse_if_blocked(demands, trail)
        demand = demands.approval(trail.discharged, facts)
        if demand is not None:
            return Awaiting(grounded=grounded, held=self._hold(*demand, grounded, trail, facts))
        if trail.discharged:
            say_who_approved(trail.discharged, {f.rule.id for f in demands.fired}, trail)
        tags = tuple(o.tag for o in demands.all("annotate"))
        trail.tags.extend(tags)
        return Ruled(
            grounded=grounded,
            messages=request_changed(
                messages, admitted.ask.operation, demands, spoken_with(grounded)
            ),
            facts=facts,
            tags=tags,
            redact_labels=labels_to_cut(demands),
        )

    @timed("policy")
    def answer(self, checked: Checked, trail: Trail) -> Judged:
        """Judge what the model has said so far, and say how much of it may leave.

        Raises:
            PolicyRefusal: a rule blocks it.
            ControlFailed: a rule could not be evaluated.
        """
        admitted = checked.answer.sendable.plan.ruled.admitted
        calls = self._rules(admitted.app, "tool_call")
        if checked.answer.discharged:
            trail.inputs.discharged = checked.answer.discharged
        waits = calls.withholds and bool(admitted.ask.tools)
        if not tool_calls.calls_in(checked):
            return self._said(checked, trail, waits=waits)
        acted = tool_calls.judge(checked, calls, trail)
        judged = self._said(checked, trail, waits=waits)
        trail.tags.extend(tag for tag in acted.tags if tag not in trail.tags)
        if judged.held is not None:
            return judged
        demand = acted.demands.approval(checked.answer.discharged)
        if demand is not None:
            return self._withheld(*demand, checked, trail)
        say_who_approved(checked.answer.discharged, acted.fired, trail)
        return acted.applied(judged)

    def _withheld(
        self, fired: Fired, obligation: Obligation, checked: Checked, trail: Trail
    ) -> Judged:
        seen = trail.facts | text_facts(trail.answer_facts)
        return Judged(
            checked=checked,
            choices=(),
            release_chars=(),
            held=self._hold(fired, obligation, checked.answer, trail, seen),
            tags=tuple(trail.tags),
        )

    def _said(self, checked: Checked, trail: Trail, *, waits: bool) -> Judged:
        """Judge the words. Nothing of them leaves early where a rule ``waits`` for tool calls."""
        admitted = checked.answer.sendable.plan.ruled.admitted
        rules = self._rules(admitted.app, "answer")
        if waits and not checked.answer.complete:
            return _unjudged(checked, "whole")
        if not rules.rules:
            return Judged(
                checked=checked, choices=checked.choices, release_chars=checked.safe_chars
            )
        needs: Needs = rules.needs
        if needs == "sentence" and (admitted.ask.n > 1 or is_structured(checked)):
            needs = "whole"  # alternatives leave side by side, and half of a structure is none
        if not checked.answer.complete and needs != "sentence":
            return _unjudged(checked, needs)
        progress: Progress = trail.judging or self._begin(rules, trail)
        demands = Demands()
        for step in progress.steps(checked, by_sentence=rules.by_sentence):
            demands = judge_step(step, rules, checked, progress, trail)
        tags = tuple(o.tag for o in demands.all("annotate"))
        trail.tags.extend(tag for tag in tags if tag not in trail.tags)
        if progress.pending is not None:
            if not checked.answer.complete:
                return _unjudged(checked, "whole")
            fired, obligation = progress.pending
            if obligation.action == "require_approval":
                return self._withheld(fired, obligation, checked, trail)
        if checked.answer.discharged and checked.answer.complete:
            say_who_approved(checked.answer.discharged, progress.fired, trail)
        if progress.pending is not None:
            return rewritten(checked, progress.pending[1].template, tags)
        choices = progress.choices(checked)
        if checked.answer.complete and is_structured(checked):
            refuse_if_broken(choices, checked, demands)
        progress.left = progress.left or any(progress.out)
        return Judged(
            checked=checked,
            choices=choices,
            release_chars=tuple(len(choice.text) for choice in choices),
            tags=tags,
        )

    @staticmethod
    def _begin(rules: RuleSet, trail: Trail) -> Progress:
        """A new answer; what was decided about one that broke off concerned no answer at all."""
        ids = {rule.id for rule in rules.rules}
        if any(decision.stage == "policy" for decision in trail.decisions):
            trail.decisions[:] = [
                d for d in trail.decisions if d.stage != "policy" or d.rule not in ids
            ]
        trail.counterfactuals[:] = [c for c in trail.counterfactuals if c.rule not in ids]
        trail.pace.clear()
        trail.inputs.forget_steps()
        progress = trail.judging = Progress()
        return progress

    async def kept(self, held: Held) -> None:
        """Return when a held answer is where an approver will find it.

        Raises:
            StorageError: it could not be kept.
        """
        await self._holds.kept(held.approval_id)

    def _hold(
        self,
        fired: Fired,
        obligation: Obligation,
        what: Answer | Grounded,
        trail: Trail,
        facts: dict[str, Any],
    ) -> Held:
        """Withhold an answer, or a request.

        Raises:
            StillHeld: it was held before, and what was approved is not all that rules demand.
        """
        rule, role = fired.rule, obligation.role
        if isinstance(what, Grounded):
            noun, admitted, met, seen = "request", what.admitted, trail.discharged, True
        else:
            noun, admitted = "answer", what.sendable.plan.ruled.admitted
            met, seen = what.discharged, False
        demand = Demand(
            role=role,
            rule=rule.id,
            version=rule.version,
            why=rule.why,
            public=rule.public,
            evidence=fired.evidence,
            facts=facts,
            terms=terms_of(rule),
            seen=seen_by(rule, facts) if seen else "",
        )
        if met:
            raise still_held(demand, request=seen)
        trail.held = Held(
            approval_id=self._holds.hold(admitted, demand, what),
            role=role,
            rule=rule.id,
            public=rule.public or f"This {noun} needs the approval of a {role}.",
            releasable=admitted.principal.verified,
        )
        return trail.held


def _unjudged(checked: Checked, needs: Needs) -> Judged:
    """Before the end: nothing leaves where a rule needs all of it, everything where none does."""
    release = checked.safe_chars if needs == "span" else (0,) * len(checked.choices)
    return Judged(checked=checked, choices=checked.choices, release_chars=release)
