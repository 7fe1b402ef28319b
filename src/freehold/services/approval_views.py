"""What is shown of a held answer: in lists, to an approver, to whoever asked."""

from collections.abc import Callable
from typing import Any

from freehold.core.approvals import Case, Hold, Step, admitted_of
from freehold.core.clock import rfc3339
from freehold.core.handoffs import Choice

Masked = Callable[[str], str]


def listed(hold: Hold) -> dict[str, Any]:
    """One line of a list; no text of anybody."""
    return {
        "object": "approval",
        "id": hold.approval_id,
        "status": hold.state,
        "role": hold.role,
        "rule": hold.rule,
        "tenant": hold.tenant,
        "app": hold.app,
        "exchange": hold.exchange_id,
        "requester": {"id": hold.principal, "issuer": hold.issuer, "verified": hold.verified},
        "created_at": rfc3339(hold.created_ns),
        "expires_at": rfc3339(hold.expires_ns),
        "decided_at": rfc3339(hold.decided_ns) if hold.decided_ns is not None else None,
    }


def progress(hold: Hold) -> dict[str, Any]:
    """What whoever asked is told while they wait."""
    return {
        "object": "approval",
        "id": hold.approval_id,
        "status": hold.state,
        "role": hold.role,
        "releasable": hold.verified,
        "created_at": rfc3339(hold.created_ns),
        "expires_at": rfc3339(hold.expires_ns),
    }


def shown(
    hold: Hold,
    case: Case | None,
    steps: list[Step],
    masked: Masked,
    readable: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """All that an approver decides by. ``case`` is ``None`` where the text is gone already.

    ``readable`` are the classes of data that this approver may read, or that ``masked`` takes out:
    of a piece of context of another class, only its source is named.
    """
    told = listed(hold) | {"decisions": [_step(step) for step in steps]}
    if case is None:
        return told | {"request": None, "answer": None}
    admitted, demand = admitted_of(case.answer), case.demand
    messages = case.answer.sendable.plan.ruled.grounded.screened.prepared.messages
    pieces = case.answer.sendable.plan.ruled.grounded.pieces
    told |= {
        "rule": {
            "id": demand.rule,
            "version": demand.version,
            "why": demand.why,
            "public": demand.public,
        },
        "evidence": list(demand.evidence),
        "facts": _masked(demand.facts, masked),
        "requester": told["requester"] | {"roles": sorted(admitted.principal.roles)},
        "request": [{"role": m.role, "content": masked(m.content)} for m in messages],
        "context": [
            {
                "source": piece.source,
                "labels": sorted(piece.labels),
                "text": masked(piece.text) if piece.labels <= readable else None,
            }
            for piece in pieces
        ],
        "answer": _choices(case.answer.choices, masked),
        "model": case.answer.reported_model or case.answer.sendable.attempt.model.id,
    }
    if case.original:
        told["original"] = _choices(case.original, masked)
    return told


def _choices(choices: tuple[Choice, ...], masked: Masked) -> list[dict[str, Any]]:
    return [
        {
            "index": choice.index,
            "text": masked(choice.text),
            "tool_calls": [
                {"name": call.name, "arguments": masked(call.arguments)}
                for call in choice.tool_calls
            ],
        }
        for choice in choices
    ]


def _step(step: Step) -> dict[str, Any]:
    return {
        "decision": step.verdict,
        "by": step.by,
        "issuer": step.issuer,
        "role": step.role,
        "rule": step.rule,
        "reason": step.reason,
        "at": rfc3339(step.at_ns),
        "ledger_entry": step.event_id,
    }


def _masked(value: Any, masked: Masked) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        # what a fact quotes stands in the answer at its place; alone it could be anything
        return {k: _masked(item, masked) for k, item in value.items() if k != "text"}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, masked) for item in value]
    return value
