"""Rules on each tool call of an answer, and what its arguments may not come from."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.ask import ToolCall
from freehold.core.counterfactual import Counterfactual
from freehold.core.decisions import Decision, Mode
from freehold.core.errors import PolicyRefusal
from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Choice, Judged
from freehold.core.judged import Noted, Sheet
from freehold.core.spec import AppSpec, Containment
from freehold.core.trail import CalledTool, Firing, Trail, UntrustedArgument
from freehold.rules.facts import complete
from freehold.rules.members import facts_of, typed
from freehold.rules.structured import (
    Unreadable,
    leaves,
    read_object,
    without,
    written,
)
from freehold.stages.policy.calls import Call, facts_in_call, obligations, traced
from freehold.stages.policy.demands import Demands, Fired
from freehold.stages.policy.firings import decision_of, firing_of
from freehold.stages.policy.judging import refuse_if_blocked
from freehold.stages.policy.origins import Origin, Origins
from freehold.stages.policy.otherwise_calls import CONTAINMENT, Calls, of_calls
from freehold.stages.policy.sheets import request_side
from freehold.stages.policy.verdicts import RuleSet

ARGUMENTS = "tool.arguments"
"""What decisions about arguments that can't be read are recorded under."""
REMOVED = "[removed]"
_MAX_EVIDENCE = 16
_PUBLIC = (
    "This answer was refused: it calls a tool with something that comes from text which nobody "
    "vouches for."
)


class Acted(Struct, frozen=True, kw_only=True):
    """What the calls of an answer have come to: nothing in it blocks.

    ``redacted`` are arguments with something taken out, by choice and number of the call.
    """

    demands: Demands
    fired: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()
    redacted: dict[tuple[int, int], str] = {}

    def applied(self, judged: Judged) -> Judged:
        """The answer with its calls as they may leave."""
        tags = (*judged.tags, *(tag for tag in self.tags if tag not in judged.tags))
        choices = tuple(map(self._applied, judged.choices))
        return replace(judged, choices=choices, tags=tags)

    def _applied(self, choice: Choice) -> Choice:
        calls = tuple(
            replace(call, arguments=self.redacted.get((choice.index, number), call.arguments))
            for number, call in enumerate(choice.tool_calls)
        )
        return replace(choice, tool_calls=calls) if calls else choice


def calls_in(checked: Checked) -> bool:
    """Whether the answer is complete and calls tools."""
    return checked.answer.complete and any(choice.tool_calls for choice in checked.choices)


def judge(
    checked: Checked,
    rules: RuleSet,
    trail: Trail,
) -> Acted:
    """Judge every call of a complete answer, each by all rules.

    Raises:
        PolicyRefusal: a rule blocks a call, or it has an argument from untrusted text that no rule
            allows, or arguments that can't be read.
        ControlFailed: a rule could not be evaluated.
    """
    ruled = checked.answer.sendable.plan.ruled
    app = ruled.admitted.app
    calls = list(_read(checked, app, rules, trail))
    base = request_side(rules.names, ruled.grounded, trail)
    trail.facts.update(base)
    verdicts = [_verdicts(call, rules, base, trail) for call in calls]

    def otherwise(demands: Demands) -> list[Counterfactual]:
        return of_calls(
            Calls(calls=calls, verdicts=verdicts, base=base, rules=rules, checked=checked), demands
        )

    demands, fired = weigh(calls, verdicts, rules, app.containment, trail, otherwise)
    return Acted(
        demands=demands,
        fired=fired,
        tags=tuple(dict.fromkeys(o.tag for o in demands.all("annotate"))),
        redacted=dict(_redacted(calls, verdicts)),
    )


def weigh(
    calls: list[Call],
    verdicts: list[list[Fired | None]],
    rules: RuleSet,
    containment: Containment,
    trail: Trail,
    otherwise: Callable[[Demands], Iterable[Counterfactual]] = lambda _: (),
) -> tuple[Demands, frozenset[str]]:
    """Write down what rules say of the calls; what they demand of all, and which of them fired.

    Raises:
        PolicyRefusal: a rule blocks a call, or it has an argument from untrusted text that no rule
            allows.
        ControlFailed: a rule could not be evaluated.
    """
    _write_down(calls, verdicts, rules, trail)
    fired: dict[str, Fired] = {}
    for one in (one for per_call in verdicts for one in per_call if one is not None):
        if one.errored or one.rule.id not in fired:
            fired[one.rule.id] = one
    demands = Demands.of(fired.values())
    trail.counterfactuals += otherwise(demands)
    refuse_if_blocked(demands, trail)
    _contain(calls, verdicts, containment, trail)
    return demands, frozenset(fired)


def _read(checked: Checked, app: AppSpec, rules: RuleSet, trail: Trail) -> Iterator[Call]:
    grounded = checked.answer.sendable.plan.ruled.grounded
    language = grounded.screened.prepared.features.read_as
    origins = Origins(grounded)
    enforced = app.containment != "observe" or any(r.mode == "enforce" for r in rules.rules)
    for choice in checked.choices:
        for number, call in enumerate(choice.tool_calls):
            where = f"answer:{choice.index}" if choice.index else "answer"
            where = f"{where}:call:{number}"
            try:
                yield _one(call, choice.index, number, where, app, rules, language, origins)
            except Unreadable as error:
                _refuse_unreadable(call, where, str(error), trail, enforced=enforced)


def _one(
    call: ToolCall,
    choice: int,
    number: int,
    where: str,
    app: AppSpec,
    rules: RuleSet,
    language: str,
    origins: Origins,
) -> Call:
    raw = read_object(call.arguments)
    found = leaves(raw)
    spec = app.tools.get(call.name)
    value = typed(raw, spec.arguments if spec is not None else ())
    facts: tuple[TextFact, ...] = ()
    if rules.extracts:
        plain = call.arguments if "\\" not in call.arguments else written(raw)
        facts = (*facts_of(plain, language), *value.facts)
    return Call(
        choice=choice,
        number=number,
        tool=call.name,
        where=where,
        raw=raw,
        leaves=found,
        arguments=value.value,
        facts=facts,
        origins=origins.of(found),
    )


def _refuse_unreadable(
    call: ToolCall, where: str, why: str, trail: Trail, *, enforced: bool
) -> None:
    said = f"the arguments of tool {call.name} can't be read: {why}"
    public = f"This answer was refused: {said}."
    mode: Mode = "enforce" if enforced else "observe"
    trail.decide(
        Decision(
            stage="policy",
            outcome="deny",
            rule=ARGUMENTS,
            mode=mode,
            why=said if enforced else f"would have demanded block: {said}",
            evidence=(where,),
            public=public,
        )
    )
    if enforced:
        raise PolicyRefusal(said, public=public, rule=ARGUMENTS)


def _verdicts(call: Call, rules: RuleSet, base: dict[str, Any], trail: Trail) -> list[Fired | None]:
    if not rules.rules:
        return []
    facts = complete(rules.names, facts_in_call(call) | base)
    noted: list[Noted] = []
    verdicts = rules.verdicts(facts, noted)
    trail.inputs.sheets.append(Sheet("tool_call", facts, True, None, None, tuple(noted)))
    return verdicts


def _write_down(
    calls: list[Call], verdicts: list[list[Fired | None]], rules: RuleSet, trail: Trail
) -> None:
    """Every verdict; what was read and traced; a decision for each rule and call."""
    trail.firings[:] = [f for f in trail.firings if f.phase != "tool_call"]
    for place, rule in enumerate(rules.rules):
        # the firing that counts most: one that erred, one that fired
        per_call = [each[place] for each in verdicts if each[place] is not None]
        errored = next((one for one in per_call if one is not None and one.errored), None)
        trail.firings.append(firing_of(rule, errored or next(iter(per_call), None)))
    for call, each in zip(calls, verdicts, strict=True):
        for fired in each:
            if fired is not None:
                traced = "tool.untrusted" in fired.names
                trail.decide(decision_of(fired, *_evidence(call, call.origins if traced else [])))
    trail.called = [
        CalledTool(
            choice=call.choice,
            number=call.number,
            tool=call.tool,
            arguments=len(call.leaves),
            facts=call.facts,
            untrusted=tuple(UntrustedArgument(**origin.cel()) for origin in call.origins),  # type: ignore[arg-type]
        )
        for call in calls
    ]


def _evidence(call: Call, origins: list[Origin]) -> tuple[str, ...]:
    told = [origin.told() for origin in origins[:_MAX_EVIDENCE]]
    return (f"{call.where} {call.tool}", *told)


def _contain(
    calls: list[Call], verdicts: list[list[Fired | None]], mode: Containment, trail: Trail
) -> None:
    """Arguments from untrusted text that no rule allows.

    Raises:
        PolicyRefusal: there are some that the app's setting stops.
    """
    stopped, watched = ([_told(*one) for one in each] for each in traced(calls, verdicts, mode))
    found: tuple[tuple[list[str], Mode], ...] = ((stopped, "enforce"), (watched, "observe"))
    for told, by in found:
        if told:
            trail.decide(_contained(told, by))
            trail.firings.append(_fired(by))
    if stopped:
        raise PolicyRefusal(
            "a tool call has arguments from untrusted text", public=_PUBLIC, rule=CONTAINMENT
        )


def _told(call: Call, origin: Origin) -> str:
    return f"{call.where} {call.tool}, {origin.told()}"


def _fired(mode: Mode) -> Firing:
    """Counted as a rule's, so that a summary shows how often it would have stopped a call."""
    return Firing(
        rule=CONTAINMENT,
        version=1,
        phase="tool_call",
        fired=True,
        mode=mode,
        obligations=("block",),
    )


def _contained(found: list[str], mode: Mode) -> Decision:
    count = len(found)
    why = "arguments of tool calls come" if count > 1 else "an argument of a tool call comes"
    why = f"{why} from untrusted text, and no rule allows it"
    return Decision(
        stage="policy",
        outcome="deny",
        rule=CONTAINMENT,
        mode=mode,
        why=why if mode == "enforce" else f"would have demanded block: {why}",
        evidence=tuple(found[:_MAX_EVIDENCE]),
        public=_PUBLIC if mode == "enforce" else "",
    )


def _redacted(
    calls: list[Call], verdicts: list[list[Fired | None]]
) -> Iterator[tuple[tuple[int, int], str]]:
    for call, each in zip(calls, verdicts, strict=True):
        paths = [path for o in obligations(each, "redact") for path in o.arguments]
        if paths:
            changed = without(call.raw, paths, REMOVED)
            if changed != call.raw:
                yield (call.choice, call.number), written(changed)
