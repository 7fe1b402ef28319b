"""What is shown of queues, cases in hand, labels and disputes: for the wire and for terminals.

Texts go through ``masked``, so that nobody reads what they are not cleared for.
"""

from collections.abc import Callable, Sequence
from typing import Any

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case, Moment
from freehold.core.clock import rfc3339
from freehold.core.decisions import MILLION
from freehold.core.labels import Label, QueueSpec, Standing, Words, queue_of
from freehold.learning.labelling.reasons import why
from freehold.services.labelling import InHand
from freehold.services.labelling_deciding import Dispute
from freehold.services.labelling_evidence import Neighbour

Masked = Callable[[str], str]
Readable = Callable[[str], bool]
"""Whether what a source gives may be shown to this reader."""


def queue_dict(queue: QueueSpec, *, guideline: bool = False) -> dict[str, Any]:
    """A queue by its fields."""
    told: dict[str, Any] = {
        "object": "labelling.queue",
        "name": queue.name,
        "title": queue.title,
        "skill": queue.skill,
        "apps": list(queue.apps),
        "reasons": list(queue.reasons),
        "intents": list(queue.intents),
        "tenant": queue.tenant or None,
        "asks": list(queue.ask),
        "classes": list(queue.classes),
        "rating": _ends(queue),
        "overlap": queue.overlap,
        "overlap_share": queue.share / MILLION,
        "second_read": "blind" if queue.blind else "open",
        "gold_share": queue.gold_share / MILLION,
        "per_day": queue.per_day or None,
        "reserve_minutes": queue.reserve_minutes,
        "labelers": queue.labelers or None,
        "adjudicators": queue.adjudicators or None,
        "guideline": {"digest": queue.digest} if queue.digest else None,
    }
    if guideline and queue.digest:
        told["guideline"]["text"] = queue.guideline
    return told


def _ends(queue: QueueSpec) -> dict[str, int] | None:
    if "rating" not in queue.ask:
        return None
    return {"min": queue.least // MILLION, "max": queue.most // MILLION}


def task_dict(
    found: InHand,
    bundle: ResolvedBundle,
    near: Sequence[Neighbour],
    masked: Masked = str,
    readable: Readable = lambda source: True,  # noqa: ARG005 - whoever reads all asks nothing
) -> dict[str, Any]:
    """A case in hand, with all that its labeler decides by."""
    moment = found.read.moment or Moment()
    chosen = found.chosen
    return {
        "object": "labelling.task",
        "id": found.task.task_id,
        **_place(found.case, found.queue),
        "reserved_until": rfc3339(found.until_ns),
        "why": why(found.case),
        "chosen": chosen.why if chosen is not None else "",
        "alike": list(chosen.similar) if chosen is not None else [],
        **texts_dict(found.case, moment, bundle, masked, readable),
        "suggestion": {
            "answer": masked(found.suggestion.answer),
            "intent": found.suggestion.intent,
            "by": found.suggestion.by,
            "evidence": [masked(one) for one in found.suggestion.evidence],
        },
        "near": [_near(one, masked) for one in near],
    }


def _place(case: Case, queue: QueueSpec) -> dict[str, Any]:
    return {
        "queue": queue.name,
        "asks": list(queue.ask),
        "case": case.case_id,
        "exchange": case.exchange_id,
        "tenant": case.tenant,
        "app": case.app,
        "model": case.model,
        "at": rfc3339(case.at_ns),
    }


def texts_dict(
    case: Case, moment: Moment, bundle: ResolvedBundle, masked: Masked, readable: Readable
) -> dict[str, Any]:
    """What was asked, given as context and answered, as far as a reader may see it."""
    rules = {name: rule.why for name, rule in bundle.rules.items()}
    return {
        "question": masked(question(moment)),
        "messages": [
            {"role": str(m.get("role", "")), "content": masked(_text(m.get("content")))}
            for m in moment.asked
        ],
        "context": [
            {
                "source": str(piece.get("source", "")),
                "title": str(piece.get("title", "")),
                "text": masked(_text(piece.get("text")))
                if readable(str(piece.get("source", "")))
                else None,
            }
            for piece in moment.pieces
        ],
        "rules": [{"id": name, "why": rules.get(name, "")} for name in moment.rules],
        "findings": sorted({_finding(one) for one in moment.findings} - {""}),
        "answer": masked(moment.released or moment.said),
        "outcome": case.outcome,
        "comments": [masked(comment) for comment in moment.comments],
    }


def question(moment: Moment) -> str:
    """The newest thing that the user said."""
    said = (m.get("content") for m in reversed(moment.asked) if m.get("role") == "user")
    return next((text for text in said if isinstance(text, str)), "")


def _text(content: Any) -> str:
    return content if isinstance(content, str) else ""


def _finding(finding: dict[str, Any]) -> str:
    """Which detector found what kind of thing; never the thing itself."""
    return " ".join(str(finding[name]) for name in ("detector", "kind") if finding.get(name))


def _near(one: Neighbour, masked: Masked) -> dict[str, Any]:
    return {
        "near": one.near / MILLION,
        "question": masked(question(one.moment)),
        **label_dict(one.label, one.words, masked, released=one.moment.released),
    }


def label_dict(
    label: Label, words: Words | None, masked: Masked = str, *, released: str = ""
) -> dict[str, Any]:
    """A label with its words, where there are any left."""
    answer = words.answer if words is not None else ""
    if label.verdict == "correct":
        answer = answer or released
    return {
        "object": "labelling.label",
        "id": label.label_id,
        "queue": queue_of(label.queue),
        "case": label.case_id,
        "by": label.labeler,
        "verified": label.verified,
        "kind": label.kind,
        "verdict": label.verdict,
        "intent": label.intent or None,
        "rating": label.rating / MILLION if label.rating is not None else None,
        "answer": masked(answer) if answer else None,
        "comment": masked(words.comment) if words is not None and words.comment else None,
        "guideline": label.guideline or None,
        "suggested": label.suggested or None,
        "alike": label.alike or None,
        "took_ms": label.took_ms,
        "at": rfc3339(label.at_ns),
        "undone": label.undone,
    }


def kept_dict(label: Label, standing: Standing) -> dict[str, Any]:
    """What whoever labels is told: what was kept, and how the case stands now."""
    return {**label_dict(label, None), "task": standing.task.task_id, "state": standing.task.state}


def standing_dict(standing: Standing) -> dict[str, Any]:
    """How a case stands in its queue, without texts."""
    task = standing.task
    return {
        "object": "labelling.standing",
        "id": task.task_id,
        "queue": task.queue,
        "case": task.case_id,
        "tenant": task.tenant,
        "app": task.app,
        "state": task.state,
        "wanted": task.wanted,
        "labels": len(standing.labels),
        "labelers": [label.labeler for label in standing.labels],
        "verdicts": [label.verdict for label in standing.labels],
        "handed": task.handed or None,
        "changed_at": rfc3339(task.changed_ns),
    }


def dispute_dict(
    dispute: Dispute,
    bundle: ResolvedBundle,
    masked: Masked = str,
    readable: Readable = lambda source: True,  # noqa: ARG005 - whoever reads all asks nothing
) -> dict[str, Any]:
    """A case to be decided, with everything that was said of it."""
    return {
        **standing_dict(dispute.standing),
        "object": "labelling.dispute",
        **_place(dispute.case, dispute.queue),
        "unsettled": dispute.why,
        "why": why(dispute.case),
        **texts_dict(dispute.case, dispute.moment, bundle, masked, readable),
        "suggestion": {
            "answer": masked(dispute.suggestion.answer),
            "intent": dispute.suggestion.intent,
            "by": dispute.suggestion.by,
        },
        "said": [
            label_dict(label, words, masked, released=dispute.moment.released)
            for label, words in dispute.said
        ],
    }
