"""The policy stage: rules on the request, and rules on the answer as it grows."""

from typing import Any

from freehold.core.decisions import Needs
from freehold.core.errors import ControlFailed, PolicyRefusal
from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Choice, Grounded, Held, Judged, Ruled
from freehold.core.ports import Holds
from freehold.core.spec import AppSpec, Obligation
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.rules.facts import answer_facts, complete, grounded_facts
from freehold.stages.policy.verdicts import Demands, Fired, RuleSet
from freehold.text.facts import extract
from freehold.text.sentences import sentence_end

_TEXT_FACTS = frozenset(
    f"answer.{kind}"
    for kind in (
        "percents", "money", "dates", "durations", "quantities", "commitments", "ungrounded_money",
    )
)  # fmt: skip


class _Progress:
    """How far the judging of one growing answer has come, choice by choice.

    ``seen`` counts characters of the checked text that have been judged, ``out`` holds what they
    became, ``facts`` what was found in them.
    """

    __slots__ = ("facts", "out", "seen")

    def __init__(self, choices: int) -> None:
        self.seen = [0] * choices
        self.out = [""] * choices
        self.facts: list[TextFact] = []


class Policy:
    """Evaluates the app's rules; all of them, always, before and after the model."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._sets: dict[tuple[Any, str], RuleSet] = {}

    def _rules(self, app: AppSpec, phase: str) -> RuleSet:
        found = self._sets.get((app.rules, phase))
        if found is None:
            found = self._sets[(app.rules, phase)] = RuleSet(app.rules, phase)
        return found

    @timed("policy")
    def request(self, grounded: Grounded, trail: Trail) -> Ruled:
        """Judge the request with its context.

        Raises:
            PolicyRefusal: a rule blocks it.
            ControlFailed: a rule could not be evaluated.
        """
        app = grounded.admitted.app
        rules = self._rules(app, "request")
        messages = grounded.screened.messages
        if not rules.rules:
            return Ruled(grounded=grounded, messages=messages, facts={})
        facts = complete(rules.names, grounded_facts(rules.names, grounded))
        demands = rules.judge(facts, trail)
        trail.facts.update(facts)
        _refuse_if_blocked(demands)
        hold = demands.first("require_approval")
        if hold is not None:
            raise _refusal(hold[0], f"needs approval by a {hold[1].role} before a model is asked")
        rewrite = demands.first("rewrite")
        if rewrite is not None:
            last = max(i for i, m in enumerate(messages) if m.role == "user")
            replaced = messages[last].__class__(role="user", content=rewrite[1].template)
            messages = (*messages[:last], replaced, *messages[last + 1 :])
        tags = tuple(o.tag for o in demands.all("annotate"))
        trail.tags.extend(tags)
        labels = frozenset(label for o in demands.all("redact") for label in o.labels)
        return Ruled(
            grounded=grounded, messages=messages, facts=facts, tags=tags, redact_labels=labels
        )

    @timed("policy")
    def answer(self, checked: Checked, trail: Trail) -> Judged:
        """Judge what the model has said so far, and say how much of it may leave.

        Raises:
            PolicyRefusal: a rule blocks it.
            ControlFailed: a rule could not be evaluated.
        """
        app = checked.answer.sendable.plan.ruled.admitted.app
        rules = self._rules(app, "answer")
        if not rules.rules:
            return Judged(
                checked=checked, choices=checked.choices, release_chars=checked.safe_chars
            )
        complete_now = checked.answer.complete
        if not complete_now:
            needs = _needs(rules)
            if needs == "whole":
                nothing = (0,) * len(checked.choices)
                return Judged(checked=checked, choices=checked.choices, release_chars=nothing)
            if needs == "span":
                return Judged(
                    checked=checked, choices=checked.choices, release_chars=checked.safe_chars
                )
        progress = trail.judging
        if progress is None:
            progress = trail.judging = _Progress(len(checked.choices))
        fresh = _fresh(checked, progress)
        if not complete_now and not any(fresh):
            return _judged(checked, progress, progress.out)
        new_facts = _extract(fresh, progress, bool(rules.names & _TEXT_FACTS))
        progress.facts.extend(f for found in new_facts for f in found)
        facts = _all_facts(rules.names, checked, progress.facts, trail)
        demands = rules.judge(facts, trail)
        trail.answer_facts = tuple(progress.facts)
        trail.facts.update({k: v for k, v in facts.items() if k not in _TEXT_FACTS})
        return self._apply(demands, checked, progress, fresh, new_facts, trail)

    def _apply(
        self,
        demands: Demands,
        checked: Checked,
        progress: _Progress,
        fresh: list[str],
        new_facts: list[list[TextFact]],
        trail: Trail,
    ) -> Judged:
        _refuse_if_blocked(demands)
        left = any(progress.out)
        for action in ("require_approval", "rewrite"):
            demand = demands.first(action)
            if demand is not None and left:
                raise _refusal(demand[0], f"{action} came after part of the answer had left")
        tags = tuple(o.tag for o in demands.all("annotate"))
        trail.tags.extend(t for t in tags if t not in trail.tags)
        hold = demands.first("require_approval")
        if hold is not None:
            return self._hold(hold, checked, trail)
        rewrite = demands.first("rewrite")
        if rewrite is not None:
            return _rewritten(checked, rewrite[1], tags)
        kinds = frozenset(kind for o in demands.all("redact") for kind in o.facts)
        for i, text in enumerate(fresh):
            progress.out[i] += _without(text, new_facts[i], progress.seen[i], kinds)
            progress.seen[i] += len(text)
        return _judged(checked, progress, progress.out, tags)

    def _hold(self, demand: tuple[Fired, Obligation], checked: Checked, trail: Trail) -> Judged:
        fired, obligation = demand
        admitted = checked.answer.sendable.plan.ruled.admitted
        approval = self._holds.hold(admitted, obligation.role, fired.rule.id, checked.answer)
        held = Held(
            approval_id=approval,
            role=obligation.role,
            rule=fired.rule.id,
            public=fired.rule.public or f"This answer needs the approval of a {obligation.role}.",
        )
        trail.held = held
        return Judged(
            checked=checked, choices=(), release_chars=(), held=held, tags=tuple(trail.tags)
        )


def _all_facts(
    names: frozenset[str], checked: Checked, text_facts: list[TextFact], trail: Trail
) -> dict[str, Any]:
    """Facts of the answer, and those of the request that rules on the answer name as well."""
    facts = answer_facts(names, checked, text_facts)
    early = names - facts.keys()
    facts.update({name: trail.facts[name] for name in early if name in trail.facts})
    missing = early - facts.keys()
    if missing:
        facts.update(grounded_facts(missing, checked.answer.sendable.plan.ruled.grounded))
    return complete(names, facts)


def _needs(rules: RuleSet) -> Needs:
    """How much the rules must see. Observing ones hold nothing back: they are read at the end."""
    enforcing = [rule.needs for rule in rules.rules if rule.mode == "enforce"]
    if not enforcing:
        return "span"
    return "whole" if "whole" in enforcing else "sentence"


def _fresh(checked: Checked, progress: _Progress) -> list[str]:
    """The text of each choice that can be judged now and has not been."""
    fresh = []
    for i, choice in enumerate(checked.choices):
        end = len(choice.text)
        if not checked.answer.complete:
            end = sentence_end(choice.text, progress.seen[i], checked.safe_chars[i])
        fresh.append(choice.text[progress.seen[i] : end])
    return fresh


def _extract(fresh: list[str], progress: _Progress, wanted: bool) -> list[list[TextFact]]:
    """Facts of the new text, with offsets in the whole answer's choice."""
    if not wanted:
        return [[] for _ in fresh]
    return [
        [_shifted(fact, progress.seen[i]) for fact in extract(text)] if text else []
        for i, text in enumerate(fresh)
    ]


def _shifted(fact: TextFact, offset: int) -> TextFact:
    if not offset:
        return fact
    return TextFact(
        kind=fact.kind, value=fact.value, upper=fact.upper, unit=fact.unit,
        start=fact.start + offset, end=fact.end + offset, text=fact.text,
        polarity=fact.polarity, role=fact.role, parsed=fact.parsed,
    )  # fmt: skip


def _without(text: str, facts: list[TextFact], offset: int, kinds: frozenset[str]) -> str:
    """``text`` with the facts of these kinds cut out."""
    for fact in reversed(facts):
        if fact.kind in kinds:
            start, end = fact.start - offset, fact.end - offset
            text = f"{text[:start]}[{fact.kind} removed]{text[end:]}"
    return text


def _rewritten(checked: Checked, obligation: Obligation, tags: tuple[str, ...]) -> Judged:
    choices = tuple(
        Choice(index=c.index, text=obligation.template, finish_reason="stop")
        for c in checked.choices
    )
    return Judged(
        checked=checked,
        choices=choices,
        release_chars=(len(obligation.template),) * len(choices),
        tags=tags,
    )


def _judged(
    checked: Checked, progress: _Progress, out: list[str], tags: tuple[str, ...] = ()
) -> Judged:
    done = checked.answer.complete
    choices = tuple(
        Choice(
            index=c.index,
            text=out[i],
            tool_calls=c.tool_calls if done else (),
            finish_reason=c.finish_reason if done else None,
        )
        for i, c in enumerate(checked.choices)
    )
    return Judged(
        checked=checked, choices=choices, release_chars=tuple(len(t) for t in out), tags=tags
    )


def _refuse_if_blocked(demands: Demands) -> None:
    blocked = demands.first("block")
    if blocked is None:
        return
    fired = blocked[0]
    if fired.errored:
        raise ControlFailed(f"rule {fired.rule.id} could not be evaluated", rule=fired.rule.id)
    raise _refusal(fired, "blocks it")


def _refusal(fired: Fired, why: str) -> PolicyRefusal:
    return PolicyRefusal(
        f"rule {fired.rule.id} {why}", public=fired.rule.public or None, rule=fired.rule.id
    )
