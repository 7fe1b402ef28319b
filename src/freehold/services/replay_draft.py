"""What another bundle would have decided about recorded exchanges: rules, outcome, route."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.spec import AppSpec
from freehold.ledger.content import Opened
from freehold.ledger.record import Record
from freehold.rules.program import conditions
from freehold.services.compare import Change, Comparison, Undecided, compare
from freehold.services.replay_pass import Pass


class Drafts(Struct, frozen=True, kw_only=True):
    """An exchange that a draft decides otherwise; see `compare.Change`. ``model_was`` is the model
    that was chosen, empty where none was; the outcomes are those that follow from the demands, and
    from what else the record tells: what was found and covered, and failures that no rule made.
    """

    exchange: str
    tenant: str
    app: str
    was: str
    becomes: str
    outcome_was: str = ""
    outcome_becomes: str = ""
    rules_were: tuple[str, ...] = ()
    rules_become: tuple[str, ...] = ()
    model_was: str = ""
    model_becomes: str = ""


class Drafted(Struct, frozen=True, kw_only=True):
    """Recorded exchanges under a draft; see `compare.Comparison`."""

    compared: int
    erased: int
    changed: tuple[Drafts, ...]
    undecided: tuple[Undecided, ...]
    skipped: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``; ``summary`` counts the changes by what becomes of what."""
        summary: dict[str, int] = {}
        for change in self.changed:
            outcome = (change.outcome_was, change.outcome_becomes)
            for was, becomes in (outcome, (change.model_was, change.model_becomes)):
                if was != becomes:
                    key = f"{was or 'nobody'} -> {becomes or 'nobody'}"
                    summary[key] = summary.get(key, 0) + 1
        return {
            "compared": self.compared,
            "erased": self.erased,
            "changed": [asdict(change) for change in self.changed],
            "undecided": [rule.as_dict() for rule in self.undecided],
            "skipped": dict(self.skipped),
            "summary": dict(sorted(summary.items())),
        }


def under(
    records: Iterable[Opened],
    decided: Callable[[str], ResolvedBundle | None],
    draft: ResolvedBundle,
) -> Drafted:
    """Put recorded exchanges to a draft: its rules by the recorded facts, its routes by what
    routing knew then.

    Args:
        decided: the bundle with a hash, if it was kept.
    """
    routes: dict[str, tuple[str, str]] = {}
    who: dict[str, Opened] = {}
    unknown: dict[str, int] = {}
    before: dict[str, Record] = {}

    def seen() -> Iterable[Opened]:
        for found in records:
            record = found.record
            before[record.exchange_id] = record
            try:
                moved = _moved(found, decided, draft)
            except _Unknown as why:
                unknown[str(why)] = unknown.get(str(why), 0) + 1
                moved = None
            if moved is not None:
                routes[record.exchange_id] = moved
                who[record.exchange_id] = found
            yield found

    compared: Comparison = compare(seen(), decided, draft)
    changed = [
        _both(change, routes.pop(change.exchange, None), before.pop(change.exchange), draft)
        for change in compared.changed
    ]
    for exchange, (was, becomes) in routes.items():
        record = who[exchange].record
        changed.append(
            Drafts(
                exchange=exchange,
                tenant=record.tenant,
                app=record.app,
                was="",
                becomes="",
                outcome_was=record.outcome,
                outcome_becomes=record.outcome,
                model_was=was,
                model_becomes=becomes,
            )
        )
    return Drafted(
        compared=compared.compared,
        erased=compared.erased,
        changed=tuple(changed),
        undecided=compared.undecided,
        skipped={**compared.skipped, **unknown},
    )


_OUTCOMES = {
    "block": "denied",
    "require_approval": "held",
    "rewrite": "transformed",
    "redact": "transformed",
}


def _both(
    change: Change, moved: tuple[str, str] | None, record: Record, draft: ResolvedBundle
) -> Drafts:
    was, becomes = moved or ("", "")
    return Drafts(
        exchange=change.exchange,
        tenant=change.tenant,
        app=change.app,
        was=change.was,
        becomes=change.becomes,
        outcome_was=record.outcome,
        outcome_becomes=_outcome(change, record, draft.app_for(record.tenant, record.app)),
        rules_were=change.rules_were,
        rules_become=change.rules_become,
        model_was=was,
        model_becomes=becomes,
    )


def _outcome(change: Change, record: Record, app: AppSpec) -> str:
    """What follows from a draft's demands and from all that is no rule's doing."""
    demanded = _OUTCOMES.get(change.becomes, "allowed")
    if demanded in ("denied", "held"):
        return demanded
    failure = (record.closed or {}).get("failure") or {}
    if failure.get("rule") not in change.rules_were and (failure or record.outcome in _BROKE_OFF):
        return record.outcome
    if demanded == "transformed" or _changed_otherwise(record) or _covered(record, app):
        return "transformed"
    return "allowed"


_BROKE_OFF = ("interrupted", "open")


def _changed_otherwise(record: Record) -> bool:
    """Whether anything but a rule changed something."""
    return any(
        each["outcome"] == "transform" and each["mode"] == "enforce" and each["stage"] != "policy"
        for part in (record.opened, record.closed or {})
        for each in part.get("decisions") or ()
    )


def _covered(record: Record, app: AppSpec) -> bool:
    """Whether something was found in a request that a rule kept from every model, which no model of
    the route may see: it would have been covered.
    """
    if record.opened.get("candidates"):
        return False  # then the record has it
    acts = {s.id for s in app.detectors if s.mode == "enforce" and s.action == "redact"}
    found = record.opened.get("findings") or ()
    labels = {each["label"] for each in found if each["detector"] in acts}
    models = [app.models[name] for name in app.route.candidates if name in app.models]
    return any(not any(label in m.clearances for m in models) for label in labels)


class _Unknown(Exception):
    """Why nobody can tell whom the draft's route would have chosen."""


def _moved(
    found: Opened, decided: Callable[[str], ResolvedBundle | None], draft: ResolvedBundle
) -> tuple[str, str] | None:
    """The chosen model and the draft's, where that is another one."""
    record = found.record
    if not record.opened.get("candidates"):
        return None
    try:
        app = draft.app_for(record.tenant, record.app)
    except NotFound:
        return None  # the comparison of rules says so
    live = decided((record.opened.get("app") or {}).get("bundle", ""))
    if live is None:
        return None  # it says that, too
    rules = tuple(rule.when for rule in app.route.rules)
    before = live.app_for(record.tenant, record.app).route.rules
    other = rules != tuple(rule.when for rule in before)
    # what was noted of words is about the rules of then
    if other and not found.words and conditions(rules, "route").notes:
        raise _Unknown("the draft's route reads words that were not kept")
    was = _first(record.opened["candidates"])
    try:
        becomes = Pass(found, app).route()
    except (FreeholdError, KeyError, ValueError, TypeError) as error:
        raise _Unknown(f"the draft's route: {error}") from None
    return None if was == becomes else (was, becomes)


def _first(candidates: Iterable[Mapping[str, Any]]) -> str:
    return next((each["model"] for each in candidates if not each["lost"]), "")
