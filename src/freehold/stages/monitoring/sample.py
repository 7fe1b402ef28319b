"""What is kept of an exchange until it is counted: values and references, and never a text."""

from collections.abc import Sequence
from typing import NamedTuple

from freehold.core.carried import NOBODY as STRANGERS
from freehold.core.carried import Owner
from freehold.core.decisions import Finding, Stage
from freehold.core.features import Features
from freehold.core.handoffs import Admitted, Candidate
from freehold.core.spec import AppSpec
from freehold.core.trail import Call, Firing, Trail

NOBODY = "none"


class Sample(NamedTuple):
    """One exchange that is over; a tuple, because it is made on the hot path."""

    exchange_id: str
    app: str
    route: str
    outcome: str
    stream: bool
    took_ns: int
    failure: str
    spent_ns: dict[Stage, int]
    waited_ns: dict[Stage, int]
    calls: list[Call]
    firings: list[Firing]
    findings: list[Finding]
    answer_findings: list[Finding]
    features: Features | None
    intent: str
    candidates: Sequence[Candidate]
    owner: Owner


def taken(trail: Trail, admitted: Admitted | None, outcome: str, took_ns: int) -> Sample:
    """A sample of an exchange that is over: its lists grow no more."""
    arrival = trail.arrival
    app = admitted.app if admitted is not None else trail.app
    route = route_of(trail, app)
    screened = trail.screened
    prepared = screened.prepared if screened is not None else None
    failure = trail.failure
    return Sample(
        arrival.exchange_id,
        app.id if app is not None else NOBODY,
        route,
        outcome,
        arrival.ask.stream,
        took_ns,
        failure.code if failure is not None else "",
        trail.spent_ns,
        trail.waited_ns,
        trail.calls,
        trail.firings,
        trail.findings,
        trail.answer_findings,
        prepared.features if prepared is not None else None,
        prepared.intent if prepared is not None else "",
        trail.candidates,
        _owner(trail, app),
    )


Likeness = tuple[object, ...]


def likeness(sample: Sample) -> Likeness:
    """What decides under which labels an exchange is counted: all but its numbers."""
    calls, firings = sample.calls, sample.firings
    features, found = sample.features, None
    if sample.findings or sample.answer_findings:
        found = tuple(
            [(one.kind, one.label) for one in (*sample.findings, *sample.answer_findings)]
        )
    return (
        sample.app,
        sample.route,
        sample.outcome,
        sample.stream,
        sample.failure,
        sample.intent,
        None if features is None else features.language,
        found,
        tuple([(call.model, call.role, call.error_kind) for call in calls]),
        tuple([(one.rule, one.mode) for one in firings if one.fired]),
        tuple([(one.model, one.filtered, one.lost == "") for one in sample.candidates]),
    )


def _owner(trail: Trail, app: AppSpec | None) -> Owner:
    if app is not None:
        return app.tenant, app.id
    grant = trail.grant
    return (grant.tenant, grant.app) if grant is not None else STRANGERS


def route_of(trail: Trail, app: AppSpec | None) -> str:
    """The route that an exchange takes, or would have taken."""
    if app is None:
        return NOBODY
    of = app.embedding_route if trail.arrival.ask.operation == "embedding" else app.route
    return of.id if of is not None else NOBODY


def switches(calls: list[Call]) -> list[tuple[str, str, str]]:
    """Why more than one call was made for an answer: ``retry``, ``hedge`` or ``fallback``, with the
    model before and the model after.
    """
    found = []
    before: Call | None = None
    for call in calls:
        if call.role not in ("answer", "embed"):
            continue
        if before is not None:
            if call.attempt == before.attempt and call.model == before.model:
                kind = "retry"
            elif before.ended_ns is None or call.started_ns < before.ended_ns:
                kind = "hedge"
            else:
                kind = "fallback"
            found.append((kind, before.model, call.model))
        before = call
    return found
