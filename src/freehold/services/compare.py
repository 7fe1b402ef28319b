"""What a draft of the rules would have decided about exchanges that are recorded.

From the facts that were written down, so that nothing is guessed: a rule that needs a fact which no
record has, or the words themselves where they were not kept, is undecided and said to be.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import NotFound
from freehold.core.spec import RuleSpec
from freehold.core.trail import Trail
from freehold.ledger.content import Opened
from freehold.ledger.record import Record
from freehold.rules.declared import ATTRIBUTE_PREFIX, RECORD_FIELDS, types_of
from freehold.rules.facts import KINDS
from freehold.rules.names import facts_in, reads_field
from freehold.services.unasked import no_request
from freehold.stages.policy.demands import STRICTNESS
from freehold.stages.policy.verdicts import RuleSet

NOTHING = "nothing"
_RANK = {action: rank for rank, action in enumerate((*STRICTNESS, NOTHING))}
_DESTROYED = ("erased", "expired", "lost")
_NOBODY = no_request()
_ANSWERED = ("allowed", "transformed")
"""Of a held answer, its rules' firings tell; a held request has none."""


class Change(Struct, frozen=True, kw_only=True):
    """An exchange of which a draft demands something else.

    ``was`` and ``becomes`` are the strictest demand of the enforcing rules that fired, or
    ``nothing``; ``rules_were`` and ``rules_become`` those rules.
    """

    exchange: str
    tenant: str
    app: str
    was: str
    becomes: str
    rules_were: tuple[str, ...]
    rules_become: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class Undecided(Struct, frozen=True, kw_only=True):
    """A rule that could not be put to some records, and the fact that they lack."""

    rule: str
    fact: str
    exchanges: int

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class Comparison(Struct, frozen=True, kw_only=True):
    """Recorded exchanges under a draft. ``skipped``: why → how many could not be compared;
    ``erased``: of how many the texts are destroyed, so that only the other facts count.
    """

    compared: int
    erased: int
    changed: tuple[Change, ...]
    undecided: tuple[Undecided, ...]
    skipped: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "compared": self.compared,
            "erased": self.erased,
            "changed": [change.as_dict() for change in self.changed],
            "undecided": [rule.as_dict() for rule in self.undecided],
            "skipped": dict(self.skipped),
        }


def compare(
    records: Iterable[Opened],
    decided: Callable[[str], ResolvedBundle | None],
    draft: ResolvedBundle,
) -> Comparison:
    """Put recorded exchanges to a draft.

    Args:
        decided: the bundle with a hash, if it was kept.
    """
    changed: list[Change] = []
    undecided: dict[tuple[str, str], int] = {}
    skipped: dict[str, int] = {}
    compared = erased = 0
    for found in records:
        erased += found.state in _DESTROYED
        try:
            change = _compared(found, decided, draft, undecided)
        except _Skip as reason:
            skipped[str(reason)] = skipped.get(str(reason), 0) + 1
            continue
        compared += 1
        if change is not None:
            changed.append(change)
    return Comparison(
        compared=compared,
        erased=erased,
        changed=tuple(changed),
        undecided=tuple(
            Undecided(rule=rule, fact=fact, exchanges=count)
            for (rule, fact), count in sorted(undecided.items())
        ),
        skipped=skipped,
    )


class _Skip(Exception):
    """Why an exchange can't be compared."""


def _compared(
    found: Opened,
    decided: Callable[[str], ResolvedBundle | None],
    draft: ResolvedBundle,
    undecided: dict[tuple[str, str], int],
) -> Change | None:
    record = found.record
    asked = record.opened.get("app") or {}
    live = decided(asked.get("bundle", "")) if asked else None
    if live is None:
        raise _Skip("no app is named" if not asked else "its bundle was not kept")
    try:
        before = live.app_for(record.tenant, record.app).rules
        after = draft.app_for(record.tenant, record.app).rules
    except NotFound:
        raise _Skip("the draft has no such tenant or app") from None
    firings = {f["rule"]: f for part in _parts(record) for f in part.get("firings", ())}
    known = {rule.id: rule for rule in before}
    sheet = _Sheet(record, before, words=found.words)
    was = [known[i] for i, f in firings.items() if f["fired"] and i in known]
    becomes = []
    is_open = False
    for rule in after:
        if rule.phase != "request" and not sheet.answered:
            continue
        if rule.phase == "tool_call" and not sheet.called:
            continue
        same = known.get(rule.id)
        if rule.id in firings and same is not None and same.when == rule.when:
            fired = firings[rule.id]["fired"]
        else:
            missing = sheet.missing(rule)
            if missing:
                key = (rule.id, missing)
                undecided[key] = undecided.get(key, 0) + 1
                is_open = is_open or rule.mode == "enforce"
                continue
            fired = sheet.fires(rule)
        if fired:
            becomes.append(rule)
    demanded, demands = _strictest(was), _strictest(becomes)
    # an undecided rule can only make it stricter
    if demanded == demands or (is_open and _RANK[demands] > _RANK[demanded]):
        return None
    return Change(
        exchange=record.exchange_id,
        tenant=record.tenant,
        app=record.app,
        was=demanded,
        becomes=demands,
        rules_were=tuple(rule.id for rule in was if rule.mode == "enforce"),
        rules_become=tuple(rule.id for rule in becomes if rule.mode == "enforce"),
    )


def _parts(record: Record) -> tuple[dict[str, Any], ...]:
    return record.opened, record.closed or {}


def _strictest(rules: Iterable[RuleSpec]) -> str:
    demanded = {
        obligation.action for r in rules if r.mode == "enforce" for obligation in r.obligations
    }
    return next((action for action in STRICTNESS if action in demanded), NOTHING)


class _Sheet:
    """The facts that one record has, and which it lacks."""

    def __init__(self, record: Record, rules: tuple[RuleSpec, ...], *, words: bool) -> None:
        self._words = words
        self.answered = record.outcome in _ANSWERED or any(
            firing["phase"] != "request"
            for part in _parts(record)
            for firing in part.get("firings", ())
        )
        self.called = bool((record.closed or {}).get("tool_calls"))
        self._facts: dict[str, Any] = {}
        for part in _parts(record):
            self._facts.update(_whole(part.get("facts") or {}))
        principal = record.opened.get("principal") or {}
        for name, value in (principal.get("attributes") or {}).items():
            self._facts[f"{ATTRIBUTE_PREFIX}{name}"] = value
        for short, kind in KINDS.items():
            if kind in RuleSet(rules, "answer").extracts:
                self._facts[f"answer.{short}"] = _found(record.closed or {}, kind)

    def missing(self, rule: RuleSpec) -> str:
        """The first fact that the rule needs and the record lacks; "" when it has all."""
        if rule.phase == "stream":
            return "the answer's sentences one by one"
        lacking = sorted(facts_in(rule.when) - self._facts.keys())
        if lacking:
            return lacking[0]
        if reads_field(rule.when, "text") and not self._words:
            return "the words themselves"
        return ""

    def fires(self, rule: RuleSpec) -> bool:
        """Whether the rule fires; one that can't be evaluated does."""
        trail = Trail(_NOBODY)
        phase = "answer" if rule.phase == "stream" else rule.phase
        RuleSet((rule,), phase).judge(self._facts, trail, {})
        return trail.firings[0].fired


def _whole(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were written down as they were, and not only as a length."""
    whole = {}
    for name, value in facts.items():
        kind = types_of((name,))[name]
        if kind == "records":
            fits = all(isinstance(r, dict) and r.keys() >= RECORD_FIELDS for r in value)
        else:
            fits = not isinstance(value, dict)
        if fits:
            whole[name] = value
    return whole


def _found(closed: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Facts of the answer of one kind, in the form that rules read."""
    return [
        fact | {"upper": fact["value"] if fact["upper"] is None else fact["upper"]}
        for fact in closed.get("answer_facts", ())
        if fact["kind"] == kind
    ]
