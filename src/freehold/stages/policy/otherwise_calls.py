"""What would have had to be otherwise for an answer's tool calls to pass."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.counterfactual import Counterfactual
from freehold.core.handoffs import Checked
from freehold.core.spec import FieldSpec
from freehold.rules.facts import complete
from freehold.rules.otherwise import told
from freehold.rules.otherwise.edits import Candidate, Key, Place, changed, key_of
from freehold.rules.otherwise.sheet import FieldOf
from freehold.rules.otherwise.words import said
from freehold.rules.structured import below
from freehold.stages.policy.calls import Call, facts_in_call, traced
from freehold.stages.policy.demands import Demands, Fired
from freehold.stages.policy.otherwise import (
    NONE_KNOWN,
    Terms,
    Trial,
    otherwise,
    outcome,
    placed,
)  # fmt: skip
from freehold.stages.policy.verdicts import RuleSet

CONTAINMENT = "containment"
"""What decisions about arguments from untrusted text are recorded under."""
_UNTRUSTED = "tool.untrusted"
_MOST_CALLS = 4
Verdicts = Sequence[Sequence[Fired | None]]


class Calls(Struct, frozen=True, kw_only=True):
    """The calls of an answer and what rules said of each; ``base`` are the request's facts."""

    calls: Sequence[Call]
    verdicts: Verdicts
    base: Mapping[str, Any]
    rules: RuleSet
    checked: Checked

    @property
    def terms(self) -> Terms:
        """What else decides."""
        answer = self.checked.answer
        verified = answer.sendable.plan.ruled.admitted.principal.verified
        return Terms(discharged=answer.discharged, verified=verified)

    def facts(self, place: int) -> dict[str, Any]:
        """What rules see of one call."""
        return complete(self.rules.names, facts_in_call(self.calls[place]) | dict(self.base))

    def with_edits(self, edits: Mapping[int, Candidate]) -> "Calls":
        """The same with some calls otherwise."""
        calls, verdicts = list(self.calls), list(self.verdicts)
        for place, made in edits.items():
            gone = {e.place.key for e in made if e.place.fact == _UNTRUSTED}
            origins = [o for o in calls[place].origins if key_of(o.cel()) not in gone]
            calls[place] = replace(calls[place], origins=origins)
            if self.rules.rules:
                verdicts[place] = self.rules.verdicts(changed(self.facts(place), made))
        return replace(self, calls=calls, verdicts=verdicts)

    def demands(self) -> Demands:
        """Of all calls together."""
        fired: dict[str, Fired] = {}
        for one in (one for each in self.verdicts for one in each if one is not None):
            if one.errored or one.rule.id not in fired:
                fired[one.rule.id] = one
        return Demands.of(fired.values())

    def stopped(self) -> list[tuple[Call, Key]]:
        """Arguments from untrusted text that nobody allows."""
        mode = self.checked.answer.sendable.plan.ruled.admitted.app.containment
        found, _ = traced(self.calls, self.verdicts, mode)
        return [(call, key) for call, o in found if (key := key_of(o.cel())) is not None]


def of_calls(calls: Calls, demands: Demands) -> list[Counterfactual]:
    """What would have let the calls pass, call by call; nothing where nobody objects."""
    found: list[Counterfactual] = []
    known: set[str] = set()
    for place in range(min(len(calls.calls), _MOST_CALLS)):
        mine = {f.rule.id for f in calls.verdicts[place] if f is not None} - known
        fired = tuple(f for f in demands.fired if f.rule.id in mine)
        if fired:
            known |= mine
            found += placed(otherwise(_trial(calls, place, demands, fired)), _where(calls, place))
    return [*found, *_contained(calls)]


def _trial(calls: Calls, place: int, demands: Demands, fired: tuple[Fired, ...]) -> Trial:
    facts = calls.facts(place)
    return Trial(
        rules=calls.rules,
        demands=demands,
        fired=fired,
        sheet=lambda _: facts,
        again=lambda edits: calls.with_edits({place: edits}).demands(),
        terms=calls.terms,
        field_of=_argument(calls, place),
        stopped=lambda edits: bool(calls.with_edits({place: edits} if edits else {}).stopped()),
    )


def _contained(calls: Calls) -> Iterator[Counterfactual]:
    """Without what came from untrusted text."""
    stopped = calls.stopped()
    if not stopped:
        return
    edits: dict[int, Candidate] = {}
    for place, call in enumerate(calls.calls):
        keys = [key for of, key in stopped if of is call]
        records = {key_of(o.cel()): o.cel() for o in call.origins}
        made = tuple(told.dropped(Place(_UNTRUSTED, key), records[key]) for key in keys)
        if made:
            edits[place] = made
    after = calls.with_edits(edits)
    then = "denied" if after.stopped() else outcome(after.demands(), calls.terms)
    change = tuple(edit.change for made in edits.values() for edit in made)
    if then == "denied":
        yield Counterfactual(rule=CONTAINMENT, phase="tool_call", why=NONE_KNOWN)
        return
    yield Counterfactual(
        rule=CONTAINMENT, phase="tool_call", change=change, then=then, why=said(change)
    )


def _where(calls: Calls, place: int) -> str:
    return calls.calls[place].where


def _argument(calls: Calls, place: int) -> FieldOf:
    app = calls.checked.answer.sendable.plan.ruled.admitted.app
    spec = app.tools.get(calls.calls[place].tool)
    fields = spec.arguments if spec is not None else ()

    def field_of(_fact: str, path: tuple[str | int, ...]) -> FieldSpec | None:
        return next((f for f in fields if below(f.path, path)), None)

    return field_of
