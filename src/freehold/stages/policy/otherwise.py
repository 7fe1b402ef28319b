"""What would have had to be otherwise for the rules not to object: found, and tried on the rules.

Only where an enforcing rule refuses, holds or changes something; the common request pays nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.counterfactual import Change, Counterfactual, Then
from freehold.core.handoffs import Discharge
from freehold.rules.otherwise.edits import Candidate, Edit
from freehold.rules.otherwise.search import candidates, unreadable
from freehold.rules.otherwise.sheet import FieldOf, none_declared
from freehold.rules.otherwise.words import said
from freehold.stages.policy.demands import Demands, Fired
from freehold.stages.policy.verdicts import RuleSet

MOST_TRIED = 32
"""Evaluations of a phase's rules for one decision."""
MOST_PROBED = 32
"""More of them, to see whether all of a range would have passed and not only its end."""
MOST_TOLD = 4
"""Counterfactuals of one rule."""
_STRICT: tuple[Then, ...] = ("allowed", "transformed", "held", "denied")
NONE_KNOWN = "no single change is known with which it would have passed"


class Terms(Struct, frozen=True, kw_only=True):
    """What else decides beside the rules.

    Attributes:
        discharged: demands for approval that persons have met.
        streams: whether text leaves while the answer grows; ``left``: some has.
        verified: whether a signed token names who asks, without whom nothing can be released.
        seen: the facts of a request, on which an approval is given.
    """

    discharged: Sequence[Discharge] = ()
    streams: bool = False
    left: bool = False
    verified: bool = True
    seen: Mapping[str, Any] | None = None


def outcome(demands: Demands, terms: Terms, *, approved: bool = False) -> Then:
    """What comes of these demands; ``approved``: persons have met all that can be."""
    if demands.first("block") is not None:
        return "denied"
    if terms.streams and demands.too_late() is not None:
        return "denied"
    if not approved and demands.approval(terms.discharged, terms.seen) is not None:
        return "denied" if terms.left else "held"
    if demands.first("rewrite") is not None or demands.first("redact") is not None:
        return "transformed"
    return "allowed"


def _never(_edits: Candidate) -> bool:
    return False


class Trial(Struct, frozen=True, kw_only=True):
    """One decision that can be taken again on other facts.

    Attributes:
        demands: what the rules demanded; ``fired``: the enforcing rules that began to now.
        sheet: the facts on which one of them fired.
        again: what they would have demanded on facts with these edits made.
        stopped: whether something else than a rule would then have refused it.
    """

    rules: RuleSet
    demands: Demands
    fired: tuple[Fired, ...]
    sheet: Callable[[Fired], Mapping[str, Any]]
    again: Callable[[Candidate], Demands]
    terms: Terms
    field_of: FieldOf = none_declared
    stopped: Callable[[Candidate], bool] = _never

    def outcome(self, edits: Candidate = (), demands: Demands | None = None) -> Then:
        """What comes of it with these edits made."""
        if self.stopped(edits):
            return "denied"
        return outcome(self.demands if demands is None else demands, self.terms)


def otherwise(trial: Trial) -> list[Counterfactual]:
    """For each rule that objected, what would have led to a milder outcome."""
    was = trial.outcome()
    objecting = [fired for fired in trial.fired if _objects(fired)]
    if not objecting or was == "allowed":
        return []
    told = list(_approval(trial, was, objecting))
    searched = _Searched(trial, was)
    for fired in objecting:
        told += searched.of(fired)
    silent = {each.rule for each in told}
    if all(fired.rule.id not in silent for fired in objecting):
        told += searched.together(objecting)
    silent = {each.rule for each in told}
    return told + [
        _told(fired, (), "", NONE_KNOWN) for fired in objecting if fired.rule.id not in silent
    ]


def _objects(fired: Fired) -> bool:
    return any(o.action not in ("annotate", "allow") for o in fired.obligations)


def _approval(trial: Trial, was: Then, objecting: Iterable[Fired]) -> Iterable[Counterfactual]:
    """Held: with the approval of everyone whom the rules ask."""
    if was != "held":
        return
    then = outcome(trial.demands, trial.terms, approved=True)
    change: list[Change] = []
    if not trial.terms.verified:
        change.append(Change(fact="principal.verified", was=False, to=True, how="exactly"))
    asked = [f for f in trial.demands.fired if any(_asks(o) for o in f.obligations)]
    roles = dict.fromkeys(o.role for f in asked for o in f.obligations if _asks(o))
    change += [Change(fact="approval", to=role, how="with") for role in roles]
    first = next((f for f in objecting if f in asked), None)
    if first is not None:
        yield _told(first, tuple(change), then, said(change))


def _asks(obligation: Any) -> bool:
    return bool(obligation.action == "require_approval")


class _Searched:
    """Candidates tried one after another, up to a bound."""

    def __init__(self, trial: Trial, was: Then) -> None:
        self._trial = trial
        self._was = _STRICT.index(was)
        self._left = MOST_TRIED
        self._probes = MOST_PROBED
        self._others = trial.rules.values_named
        self._quieting: dict[str, Candidate] = {}

    def of(self, fired: Fired) -> list[Counterfactual]:
        """Single changes after which all rules together would have been milder."""
        told: list[Counterfactual] = []
        for edits in self._candidates(fired):
            if self._left <= 0 or len(told) >= MOST_TOLD:
                break
            then, silent = self._try(edits)
            if fired.rule.id in silent:
                self._quieting.setdefault(fired.rule.id, edits)
            if _STRICT.index(then) < self._was and not any(_within(edits, t) for t in told):
                true = self._narrowed(edits, then)
                if true is not None:
                    told.append(self._told(fired, true, then))
        return told

    def together(self, objecting: Sequence[Fired]) -> list[Counterfactual]:
        """Where no single change is enough: one for each rule, all at once."""
        if len(objecting) < 2 or len(self._quieting) < len(objecting) or self._left <= 0:
            return []
        edits = tuple(_once(chain(*self._quieting.values())))
        then, _ = self._try(edits)
        narrowed = self._narrowed(edits, then) if _STRICT.index(then) < self._was else None
        if narrowed is None:
            return []
        edits = narrowed
        return [self._told(fired, edits, then) for fired in objecting]

    def _narrowed(self, edits: Candidate, then: Then) -> Candidate | None:
        """The same, where some of a range would have been stopped: at its end only; ``None`` where
        not even that is true.
        """
        exact = edits
        for at, edit in enumerate(edits):
            if not all(self._passes(edits, at, value, then) for value in self._turns(edit)):
                exact = (*exact[:at], _exactly(edit), *exact[at + 1 :])
        if exact is edits or self._comes_to(exact, then):
            return exact
        return None

    def _turns(self, edit: Edit) -> list[int]:
        """Values within the range of a change at which some rule about the same fact may turn."""
        limit, how = edit.change.to, edit.change.how
        if edit.action != "set" or type(limit) is not int or how not in ("at_most", "at_least"):
            return []
        facts = {edit.place.fact}
        if edit.place.fact.startswith("answer."):  # a record stands in these lists, too
            facts |= {"answer.ungrounded", "answer.ungrounded_money"}
        named = self._trial.rules.numbers_named
        numbers = {n for fact in facts for n in named.get(fact, ())}
        near = {n + step for n in numbers for step in (-1, 0, 1)}
        if how == "at_most":
            low = min(limit, 0)
            return sorted((n for n in near if low <= n < limit), reverse=True)
        return sorted(n for n in near if n > limit)

    def _passes(self, edits: Candidate, at: int, value: int, then: Then) -> bool:
        """Where nobody may look any more, it is not said to."""
        self._probes -= 1
        if self._probes < 0:
            return False
        other = replace(_exactly(edits[at]), value=value)
        return self._comes_to((*edits[:at], other, *edits[at + 1 :]), then)

    def _comes_to(self, edits: Candidate, then: Then) -> bool:
        came = self._trial.outcome(edits, self._trial.again(edits))
        return _STRICT.index(came) <= _STRICT.index(then)

    def _try(self, edits: Candidate) -> tuple[Then, frozenset[str]]:
        self._left -= 1
        demands = self._trial.again(edits)
        fired = {each.rule.id for each in demands.fired}
        silent = frozenset(f.rule.id for f in self._trial.fired) - fired
        return self._trial.outcome(edits, demands), silent

    def _candidates(self, fired: Fired) -> list[Candidate]:
        sheet = self._trial.sheet(fired)
        found: list[Candidate] = []
        doubtful = unreadable(self._trial.rules.watched(fired.rule.id), sheet)
        if doubtful:
            found.append(doubtful)
        return found + candidates(fired.rule.when, sheet, self._others, self._trial.field_of)

    def _told(self, fired: Fired, edits: Candidate, then: Then) -> Counterfactual:
        change = tuple(edit.change for edit in edits)
        return _told(fired, change, then, said(change))


def _exactly(edit: Edit) -> Edit:
    return replace(edit, change=replace(edit.change, how="exactly"))


def _once(edits: Iterable[Edit]) -> Iterator[Edit]:
    seen: list[Edit] = []
    for edit in edits:
        if edit not in seen:
            seen.append(edit)
            yield edit


def _within(edits: Candidate, told: Counterfactual) -> bool:
    """Whether something told says the same with less."""
    mine = [edit.change for edit in edits]
    return all(change in mine for change in told.change)


def _told(fired: Fired, change: tuple[Change, ...], then: Then, why: str) -> Counterfactual:
    rule = fired.rule
    return Counterfactual(
        rule=rule.id,
        phase=rule.phase,
        change=change,
        then=then,
        why=why,
        private=rule.private_limits,
    )


def placed(told: Iterable[Counterfactual], where: str) -> list[Counterfactual]:
    """With the place of a tool call instead of the word ``tool``."""
    return [
        replace(
            each,
            change=tuple(replace(c, where=where) if c.where == "tool" else c for c in each.change),
        )
        for each in told
    ]
