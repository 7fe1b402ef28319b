"""What is known of an exchange that is over, whether it was just seen or is read in the ledger."""

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET, Struct

from freehold.core.handoffs import Admitted
from freehold.core.trail import Call, Trail
from freehold.ledger.record import Record

_SCOPE = "purpose.scope"
_NOTES = ("annotate", "allow")


class Tried(Struct, frozen=True):
    """A call to a model that was to answer: how it ended and how sure it was."""

    model: str
    error_kind: str
    confidence: int | None


class Witnessed(Struct, frozen=True, kw_only=True):
    """What triggers look at.

    Attributes:
        rules: those that fired, once each; ``mattered`` are those of them that did more, or would
            have, than leave a note. ``detectors`` that found something.
        tried: answering calls, in order.
        answered: the model whose answer counts; empty where none does.
        expected: what the route's router expected of it, in millionths.
        human: what a person had or has to do with it: ``held``, ``approved``.
        read: governance has read the request: it was not refused before that.
    """

    exchange_id: str
    outcome: str
    rules: tuple[str, ...] = ()
    mattered: frozenset[str] = frozenset()
    detectors: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()
    answered: str = ""
    expected: int | None = None
    human: str = ""
    out_of_scope: bool = False
    intent: str = ""
    read: bool = True

    @property
    def confidence(self) -> int | None:
        """How sure whoever answered was, in millionths: as it says itself, else as was expected."""
        for tried in reversed(self.tried):
            if tried.model == self.answered and not tried.error_kind:
                return self.expected if tried.confidence is None else tried.confidence
        return None


def witnessed(trail: Trail, outcome: str) -> Witnessed:
    """An exchange that has just ended."""
    answered = _answered(trail.calls, trail.answered)
    screened = trail.screened
    found = trail.findings or trail.answer_findings
    return Witnessed(
        exchange_id=trail.arrival.exchange_id,
        outcome=outcome,
        rules=tuple(dict.fromkeys([one.rule for one in trail.firings if one.fired])),
        mattered=frozenset(
            [one.rule for one in trail.firings if one.fired and mattered(one.obligations)]
        ),
        detectors=_names(trail) if found else (),
        tried=tuple(
            [
                Tried(call.model, call.error_kind, call.confidence)
                for call in trail.calls
                if call.role == "answer"
            ]
        ),
        answered=answered,
        expected=_expected(trail, answered) if trail.routed is not None else None,
        human="held" if trail.held is not None else "approved" if trail.approval else "",
        out_of_scope=screened is not None and not screened.in_scope,
        intent="" if screened is None else screened.prepared.intent,
        read=screened is not None,
    )


def _names(trail: Trail) -> tuple[str, ...]:
    found = (*trail.findings, *trail.answer_findings)
    return tuple(dict.fromkeys([one.detector for one in found]))


def _answered(calls: list[Call], named: str) -> str:
    if named:
        return named
    for call in reversed(calls):
        if call.role == "answer" and not call.error_kind:
            return call.model
    return ""


def expected_of(trail: Trail) -> int | None:
    """What its router expected of whoever answered an exchange, in millionths."""
    return _expected(trail, _answered(trail.calls, trail.answered))


def _expected(trail: Trail, model: str) -> int | None:
    for candidate in trail.candidates:
        if candidate.model == model:
            return None if candidate.success is UNSET else candidate.success
    return None


def recalled(record: Record) -> Witnessed:
    """An exchange as the ledger has it. Whether a question was out of scope stands there only as
    what a detector found, or as an intent that did not fit.
    """
    opened, closed = record.opened, record.closed or {}
    request = opened.get("request") or {}
    findings = [*(opened.get("findings") or ()), *(closed.get("answer_findings") or ())]
    firings = [*(opened.get("firings") or ()), *(closed.get("firings") or ())]
    detectors = tuple(dict.fromkeys(one["detector"] for one in findings))
    calls = closed.get("calls", opened.get("calls")) or ()
    tried = tuple(
        Tried(call["model"], call.get("error_kind", ""), call.get("confidence"))
        for call in calls
        if call.get("role", "answer") == "answer"
    )
    whose = [one.model for one in tried if not one.error_kind]
    answered = closed.get("model", "") if whose else ""
    return Witnessed(
        exchange_id=record.exchange_id,
        outcome=record.outcome,
        rules=tuple(dict.fromkeys(one["rule"] for one in _fired(firings))),
        mattered=frozenset(
            one["rule"] for one in _fired(firings) if mattered(one.get("obligations") or ())
        ),
        detectors=detectors,
        tried=tried,
        answered=answered,
        expected=next(
            (
                one.get("success")
                for one in opened.get("candidates") or ()
                if one["model"] == answered
            ),
            None,
        ),
        human="held" if closed.get("held") else "approved" if request.get("approval") else "",
        out_of_scope=_SCOPE in detectors
        or (not request.get("intent") and bool(request.get("intent_near"))),
        intent=request.get("intent", ""),
        read=bool(request.get("features")),
    )


def _fired(firings: list[Any]) -> list[dict[str, Any]]:
    """Those that were silent are strings."""
    return [one for one in firings if not isinstance(one, str) and one.get("fired")]


def mattered(obligations: Iterable[str]) -> bool:
    """Whether a rule with these obligations does more than leave a note, or let something pass."""
    return any(not one.startswith(_NOTES) for one in obligations)


def attributes_of(record: Record) -> dict[str, str]:
    """The attributes of whoever asked."""
    return dict((record.opened.get("principal") or {}).get("attributes") or {})


def version_of(admitted: Admitted, trail: Trail, model: str) -> str:
    """The version of the model that answered: as the bundle has it, else as it named itself."""
    spec = admitted.app.models.get(model)
    if spec is not None and spec.version:
        return spec.version
    reported = (call.reported_model for call in reversed(trail.calls) if call.model == model)
    return next((name for name in reported if name), "")
