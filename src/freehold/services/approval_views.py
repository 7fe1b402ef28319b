"""What is shown of a held answer or request: in lists, to an approver, to whoever asked."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from freehold.core.approvals import Case, Change, Hold, RequestCase, Step
from freehold.core.clock import rfc3339
from freehold.core.handoffs import Choice
from freehold.text.structured import is_json

Masked = Callable[[str], str]


def listed(hold: Hold) -> dict[str, Any]:
    """One line of a list; no text of anybody."""
    return {
        "object": "approval",
        "id": hold.approval_id,
        "waits": hold.waits,
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
        "waits": hold.waits,
        "status": hold.state,
        "role": hold.role,
        "releasable": hold.verified,
        "created_at": rfc3339(hold.created_ns),
        "expires_at": rfc3339(hold.expires_ns),
    }


def notice(hold: Hold, change: Change, now_ns: int) -> dict[str, Any]:
    """What a webhook is told of a decision: which, and never what it was about."""
    now = rfc3339(now_ns)
    data = listed(hold) | {
        "status": change.state,
        "role": change.next_role or hold.role,
        "rule": change.next_rule or hold.rule,
        "expires_at": rfc3339(change.expires_ns),
        "decided_at": now,
    }
    data.pop("requester")
    return {"type": f"approval.{change.verdict}", "timestamp": now, "data": data}


def shown(
    hold: Hold,
    case: Case | RequestCase | None,
    steps: list[Step],
    masked: Masked,
    readable: frozenset[str] = frozenset(),
    *,
    gone: str = "",
) -> dict[str, Any]:
    """All that an approver decides by. ``case`` is ``None`` where the text is gone already, and
    ``gone`` says why. Placeholders give way to what whoever asked would read in their place.

    ``readable`` are the classes of data that this approver may read, or that ``masked`` takes out:
    of a piece of context of another class, only its source is named.
    """
    told = listed(hold) | {"decisions": [_step(step) for step in steps]}
    if case is None:
        return told | {"request": None, "answer": None, "gone": gone}
    grounded, demand = case.grounded, case.demand
    admitted, messages = grounded.admitted, grounded.screened.prepared.messages
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
            for piece in grounded.pieces
        ],
        "answer": None,
        "model": None,
    }
    if isinstance(case, RequestCase):
        return told
    behind = case.answer.sendable.restorations
    told["answer"] = _choices(case.answer.choices, masked, behind)
    told["model"] = case.answer.model
    if case.original:
        told["original"] = _choices(case.original, masked, behind)
    return told


def restored(text: str, behind: Mapping[str, str]) -> str:
    """The text with what is behind its placeholders; JSON stays JSON."""
    quoted = is_json(text)
    for placeholder, value in behind.items():
        text = text.replace(
            placeholder, json.dumps(value, ensure_ascii=False)[1:-1] if quoted else value
        )
    return text


def _choices(
    choices: tuple[Choice, ...], masked: Masked, behind: Mapping[str, str]
) -> list[dict[str, Any]]:
    return [
        {
            "index": choice.index,
            "text": masked(restored(choice.text, behind)),
            "tool_calls": [
                {"name": call.name, "arguments": masked(restored(call.arguments, behind))}
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
