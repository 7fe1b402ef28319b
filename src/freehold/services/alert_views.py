"""Alerts and measures as they are told: to the ledger, to a webhook, to routing."""

from hashlib import sha256
from typing import Any

import msgspec

from freehold.bundle.mirroring import mirror_specs
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.alerts import AlertRow, ReactionSpec, Subject
from freehold.core.clock import rfc3339
from freehold.core.ids import prefixed
from freehold.core.standing import Measure

_SECOND_NS = 1_000_000_000


def notice(kind: str, row: AlertRow, now_ns: int) -> dict[str, Any]:
    """What a webhook is told of an alert."""
    data = details_of(row) | {
        "id": row.alert_id,
        "status": row.state,
        "fired_at": rfc3339(row.fired_ns),
        "resolved_at": rfc3339(row.resolved_ns) if row.resolved_ns is not None else None,
        "resolved": row.resolved,
    }
    return {"type": kind, "timestamp": rfc3339(now_ns), "data": data}


def fingerprints(bundle: ResolvedBundle) -> dict[Subject, str]:
    """Of which version everything is that can be watched: a model's endpoint, a route's
    candidates, an app's route, rules and sources. What was normal for another one says nothing.
    """
    found: dict[Subject, str] = {}
    for name, model in bundle.models.items():
        found[Subject("model", name)] = _digest(
            model.provider, model.base_url, model.upstream_model, model.version
        )
    for name, route in bundle.bundle.routes.items():
        found[Subject("route", name)] = _digest(route.candidates)
    for name, app in bundle.bundle.apps.items():
        rules = [(rule, bundle.rules[rule].version) for rule in app.rules if rule in bundle.rules]
        found[Subject("app", name)] = _digest(app.route, rules, app.sources)
    for mirror in mirror_specs(bundle.bundle):
        found[Subject("mirror", mirror.label)] = _digest(mirror.kind, mirror.target)
    return found


def _digest(*values: Any) -> str:
    return sha256(msgspec.json.encode(values)).hexdigest()


def subject_of(row: AlertRow) -> Subject:
    """What it is about."""
    return Subject(row.subject_kind, row.subject)


def details_of(row: AlertRow) -> dict[str, Any]:
    """What the ledger and a webhook are told of an alert."""
    return {
        "name": row.name,
        "watch": row.watch,
        "subject": {"kind": row.subject_kind, "name": row.subject},
        "severity": row.severity,
        "why": row.why,
        "times": row.times,
    }


def measure_of(reaction: ReactionSpec, subject: Subject, row: AlertRow, now: int) -> Measure | None:
    """What a reaction sets; nothing where it sets nothing."""
    if reaction.kind == "open_case":
        return None
    until = now + reaction.minutes * 60 * _SECOND_NS if reaction.minutes else None
    return Measure(
        id=prefixed("mea", now),
        kind=reaction.kind,
        route=reaction.route or (subject.name if subject.kind == "route" else ""),
        model=reaction.model or (subject.name if subject.kind == "model" else ""),
        intent=reaction.intent,
        floor=reaction.floor,
        by=f"alert {row.name}",
        why=row.why,
        since_ns=now,
        until_ns=until,
    )


def said_of(measure: Measure, alert_id: str) -> dict[str, Any]:
    """What the ledger is told of a measure."""
    return {
        "alert": alert_id,
        "kind": measure.kind,
        "route": measure.route,
        "model": measure.model,
        "intent": measure.intent,
        "floor": measure.floor,
        "until": rfc3339(measure.until_ns) if measure.until_ns is not None else "",
    }
