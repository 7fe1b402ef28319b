"""The policy stage: rules on the request, and rules on the answer as it grows."""

from typing import Any

from freehold.core.decisions import Decision, Needs
from freehold.core.errors import ControlFailed, PolicyRefusal, StillHeld
from freehold.core.handoffs import Checked, Demand, Grounded, Held, Judged, Ruled
from freehold.core.ports import Holds
from freehold.core.spec import AppSpec, Obligation, RuleSpec
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.rules.disclaimers import FACT
from freehold.rules.facts import answer_facts, complete, grounded_facts, text_facts
from freehold.stages.policy.changes import (
    kinds_to_cut,
    labels_to_cut,
    request_changed,
    rewritten,
    without_facts,
    without_labels,
)
from freehold.stages.policy.progress import Progress, Step
from freehold.stages.policy.verdicts import TEXT_FACTS, Demands, Fired, RuleSet
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
        if self._rules(app, "answer").extracts:
            extract("We refund 10 % of $5 within 2 days, on 3 May 2026.")

    @timed("policy")
    def request(self, grounded: Grounded, trail: Trail) -> Ruled:
        """Judge the request with its context.

        Raises:
            PolicyRefusal: a rule blocks it, or wants it approved.
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
        _refuse_if_blocked(demands)
        hold = demands.first("require_approval")
        if hold is not None:
            fired, obligation = hold
            raise _refusal(
                fired.rule,
                f"needs approval by a {obligation.role} before a model is asked",
                f"This request needs the approval of a {obligation.role}.",
            )
        tags = tuple(o.tag for o in demands.all("annotate"))
        trail.tags.extend(tags)
        return Ruled(
            grounded=grounded,
            messages=request_changed(
                messages, admitted.ask.operation, demands, _language(grounded)
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
        rules = self._rules(admitted.app, "answer")
        if not rules.rules:
            return Judged(
                checked=checked, choices=checked.choices, release_chars=checked.safe_chars
            )
        needs = "whole" if rules.needs != "span" and admitted.ask.n > 1 else rules.needs
        if not checked.answer.complete and needs != "sentence":
            return _unjudged(checked, needs)
        progress: Progress = trail.judging or self._begin(rules, trail)
        demands = Demands()
        for step in progress.steps(checked, by_sentence=needs == "sentence"):
            demands = self._judge(step, rules, checked, progress, trail)
        trail.answer_facts = tuple(progress.facts)
        tags = tuple(o.tag for o in demands.all("annotate"))
        trail.tags.extend(tag for tag in tags if tag not in trail.tags)
        if progress.pending is not None:
            if not checked.answer.complete:
                return _unjudged(checked, "whole")
            fired, obligation = progress.pending
            if obligation.action == "require_approval":
                return self._hold(fired, obligation, checked, trail)
        if checked.answer.discharged and checked.answer.complete:
            _say_who_approved(checked, progress, trail)
        if progress.pending is not None:
            return rewritten(checked, progress.pending[1].template, tags)
        choices = progress.choices(checked)
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
        if any(firing.phase == "answer" for firing in trail.firings):
            trail.decisions[:] = [
                d for d in trail.decisions if d.stage != "policy" or d.rule not in ids
            ]
        progress = trail.judging = Progress()
        return progress

    @staticmethod
    def _judge(
        step: Step, rules: RuleSet, checked: Checked, progress: Progress, trail: Trail
    ) -> Demands:
        """Judge one portion of the answer with all that came before it."""
        grounded = checked.answer.sendable.plan.ruled.grounded
        found = progress.take(step, checked, _language(grounded), rules.extracts)
        if progress.base is None:
            progress.base = _request_side(rules.names, grounded, trail)
        texts = progress.texts(checked, step)
        facts = answer_facts(rules.names, checked, progress.facts, texts=texts, last=step.last)
        facts = complete(rules.names, facts | progress.base)
        if rules.disclaimers is not None and step.last:
            facts[FACT] = rules.disclaimers.missing(facts, texts)
        demands = rules.judge(facts, trail, progress.fired, last=step.last)
        trail.facts.update({k: v for k, v in facts.items() if k not in TEXT_FACTS})
        _refuse_if_blocked(demands)
        for action in ("require_approval", "rewrite"):
            demand = (
                demands.first(action)
                if action == "rewrite"
                else demands.approval(checked.answer.discharged)
            )
            if demand is not None:
                if progress.left:
                    why = f"wants {action} after part of the answer had left"
                    raise _refusal(demand[0].rule, why)
                if progress.pending is None or action == "require_approval":
                    progress.pending = demand
                break
        kinds, labels = kinds_to_cut(demands), labels_to_cut(demands)
        for i, text in enumerate(step.fresh):
            became = without_facts(text, found[i], progress.seen[i], kinds) if kinds else text
            if labels:
                became = without_labels(became, checked, i, labels)
            progress.advance(i, text, became)
        return demands

    async def kept(self, held: Held) -> None:
        """Return when a held answer is where an approver will find it.

        Raises:
            StorageError: it could not be kept.
        """
        await self._holds.kept(held.approval_id)

    def _hold(self, fired: Fired, obligation: Obligation, checked: Checked, trail: Trail) -> Judged:
        """Withhold the answer.

        Raises:
            StillHeld: it was held before, and what was approved is not all that rules demand.
        """
        rule, role = fired.rule, obligation.role
        demand = Demand(
            role=role,
            rule=rule.id,
            version=rule.version,
            why=rule.why,
            public=rule.public,
            evidence=fired.evidence,
            facts=trail.facts | text_facts(trail.answer_facts),
        )
        if checked.answer.discharged:
            why = f"rule {rule.id} v{rule.version} still wants the approval of a {role}"
            raise StillHeld(why, rule=rule.id, demand=demand)
        admitted = checked.answer.sendable.plan.ruled.admitted
        approval = self._holds.hold(admitted, demand, checked.answer)
        held = Held(
            approval_id=approval,
            role=role,
            rule=rule.id,
            public=rule.public or f"This answer needs the approval of a {role}.",
            releasable=admitted.principal.verified,
        )
        trail.held = held
        return Judged(
            checked=checked, choices=(), release_chars=(), held=held, tags=tuple(trail.tags)
        )


def _say_who_approved(checked: Checked, progress: Progress, trail: Trail) -> None:
    """Write down which rules' demands persons have met."""
    for met in checked.answer.discharged:
        if met.rule in progress.fired:
            trail.decide(
                Decision(
                    stage="policy",
                    outcome="allow",
                    rule=met.rule,
                    why=f"{met.by} ({met.issuer}), a {met.role}, approved it as {met.approval_id}",
                )
            )


def _unjudged(checked: Checked, needs: Needs) -> Judged:
    """Before the end: nothing leaves where a rule needs all of it, everything where none does."""
    release = checked.safe_chars if needs == "span" else (0,) * len(checked.choices)
    return Judged(checked=checked, choices=checked.choices, release_chars=release)


def _request_side(names: frozenset[str], grounded: Grounded, trail: Trail) -> dict[str, Any]:
    """Facts of the request and its context that rules on the answer name."""
    early = {name for name in names if not name.startswith("answer.")}
    known = {name: trail.facts[name] for name in early if name in trail.facts}
    missing = early - known.keys()
    return known | grounded_facts(missing, grounded) if missing else known


def _language(grounded: Grounded) -> str:
    return grounded.screened.prepared.features.read_as


def _refuse_if_blocked(demands: Demands) -> None:
    blocked = demands.first("block")
    if blocked is None:
        return
    rule = blocked[0].rule
    if blocked[0].errored:
        raise ControlFailed(f"rule {rule.id} could not be evaluated", rule=rule.id)
    raise _refusal(rule, "blocks it")


def _refusal(rule: RuleSpec, why: str, public: str | None = None) -> PolicyRefusal:
    return PolicyRefusal(f"rule {rule.id} {why}", public=rule.public or public, rule=rule.id)
