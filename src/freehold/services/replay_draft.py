"""What another bundle would have decided about recorded exchanges: rules, outcome, route."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError, NotFound
from freehold.ledger.content import Opened
from freehold.rules.program import conditions
from freehold.services.compare import Change, Comparison, Undecided, compare
from freehold.services.replay_pass import Pass


class Drafts(Struct, frozen=True, kw_only=True):
    """An exchange that a draft decides otherwise; see `compare.Change`. ``model_was`` is the model
    that was chosen, empty where none was; the outcomes are those that follow from the demands.
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
    outcomes: dict[str, str] = {}

    def seen() -> Iterable[Opened]:
        for found in records:
            record = found.record
            outcomes[record.exchange_id] = record.outcome
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
        _both(change, routes.pop(change.exchange, None), outcomes.pop(change.exchange))
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


def _both(change: Change, moved: tuple[str, str] | None, outcome: str) -> Drafts:
    was, becomes = moved or ("", "")
    return Drafts(
        exchange=change.exchange,
        tenant=change.tenant,
        app=change.app,
        was=change.was,
        becomes=change.becomes,
        outcome_was=outcome,
        outcome_becomes=_OUTCOMES.get(change.becomes, "allowed"),
        rules_were=change.rules_were,
        rules_become=change.rules_become,
        model_was=was,
        model_becomes=becomes,
    )


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
