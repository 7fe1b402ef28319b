"""What an answer of a model in this process rests on, in sentences: part of telling an exchange."""

from typing import Any

from freehold.ledger.record import Record
from freehold.services.explaining import account

_WHY = {
    "nothing_near": "no question like it was approved",
    "left_to_others": "it is nearer to what is to be left to others",
    "other_state": "it is asked otherwise, or of another state, than what was approved, or a value"
    " is missing",
    "follow_up": "it goes on from what was said before",
    "no_question": "there is no question, or a very long one",
    "not_near_enough": "nothing that it knows is near enough",
    "not_sure_enough": "it was less sure than it must be",
}
_KINDS = {
    "responder": "the approved answer",
    "classifier": "the class",
}


def basis(call: dict[str, Any]) -> str:
    """What a call's answer rests on, or why there was none; empty for models elsewhere, and in
    records of older versions.
    """
    told = call.get("basis")
    if not told:
        return ""
    version = f"version {told['version']}, " if told["version"] else ""
    sure = (call["confidence"] or 0) / 10_000
    how = f"{version}{sure:.1f} % sure, where {told['line'] / 10_000:.1f} % are asked for"
    near = _nearest(told)
    if told["why"]:
        said = f"it abstained: {_WHY.get(told['why'], told['why'])} ({how})"
        return f"{said}; the nearest is {near}" if near else said
    return f"{how}; it gave {near}" if near else how


def approved(record: Record) -> bool:
    """Whether what left is an answer that somebody had approved before: a responder's."""
    model = (record.closed or {}).get("model", "")
    answers = [call for call in account.calls(record) if call["model"] == model]
    told = (answers[-1].get("basis") if answers else None) or {}
    return told.get("kind") == "responder" and not told["why"]


def _nearest(told: dict[str, Any]) -> str:
    if not told["nearest"]:
        return ""
    case = f", from case {told['case']}" if told["case"] else ""
    return f"{_KINDS.get(told['kind'], 'what it calls')} {told['nearest']}{case}"
