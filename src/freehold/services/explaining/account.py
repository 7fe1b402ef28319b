"""What a record says, as every audience needs it: the outcome, its reasons, what was used, what
would have changed it. Each rendering chooses from this.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from freehold.core.call_errors import WENT_AWAY
from freehold.core.legal_holds import LegalHold
from freehold.ledger.record import Record

_WEIGHT = {"deny": 0, "hold": 1, "transform": 2}


class Proof(Struct, frozen=True, kw_only=True):
    """What beside the record is known of it when it is told.

    Attributes:
        content: what became of the kept texts: ``open``, ``none``, ``erased``, ``expired``,
            ``lost``; empty where nobody looked. ``content_at``: when they were destroyed.
        checkpoints: by writer, how many lines the newest signed checkpoint covers.
        holds: the legal holds that keep it now.
    """

    content: str = ""
    content_at: str = ""
    checkpoints: dict[str, int] = {}
    holds: tuple[LegalHold, ...] = ()


def parts(record: Record) -> Iterator[dict[str, Any]]:
    """The opened and the closed part, as far as they are there."""
    yield record.opened
    if record.closed is not None:
        yield record.closed


def every(record: Record, field: str) -> list[dict[str, Any]]:
    """A list that goes on from the opened part in the closed one."""
    return [each for part in parts(record) for each in part.get(field) or ()]


def counterfactuals(record: Record) -> list[dict[str, Any]]:
    """What would have had to be otherwise; none in records of older versions."""
    return every(record, "counterfactuals")


def firings(record: Record) -> list[dict[str, Any]]:
    """Each rule considered, by its latest verdict."""
    return list({each["rule"]: each for each in every(record, "firings")}.values())


def enforced(record: Record) -> list[dict[str, Any]]:
    """Decisions that refused, held or changed something, the weightiest first."""
    found = [
        d for d in every(record, "decisions") if d["mode"] == "enforce" and d["outcome"] in _WEIGHT
    ]
    return sorted(found, key=lambda d: _WEIGHT[d["outcome"]])


def decisive(record: Record) -> list[dict[str, Any]]:
    """Of those, the ones that are as weighty as the outcome."""
    found = enforced(record)
    return [d for d in found if d["outcome"] == found[0]["outcome"]]


def failure(record: Record) -> dict[str, Any]:
    """The reason of an end without an answer; empty after an answer."""
    return (record.closed or {}).get("failure") or {}


def held(record: Record) -> dict[str, Any]:
    """What waits, or waited, for a person; empty where nothing did."""
    return (record.closed or {}).get("held") or {}


def request(record: Record) -> dict[str, Any]:
    """The request's shape; nearly empty for what was refused at the door."""
    found: dict[str, Any] = record.opened.get("request") or {}
    return found


def app(record: Record) -> dict[str, Any]:
    """The app; empty where no valid key told it."""
    found: dict[str, Any] = record.opened.get("app") or {}
    return found


def principal(record: Record) -> dict[str, Any]:
    """Who asked; empty where that was not settled."""
    found: dict[str, Any] = record.opened.get("principal") or {}
    return found


def calls(record: Record) -> list[dict[str, Any]]:
    """Uses of models that answered or were to."""
    part = record.closed if record.closed is not None else record.opened
    return [call for call in part.get("calls") or () if call["role"] != "guard"]


def guards(record: Record) -> list[dict[str, Any]]:
    """Uses of models that judged texts."""
    part = record.closed if record.closed is not None else record.opened
    return [call for call in part.get("calls") or () if call["role"] == "guard"]


def spoke(call: dict[str, Any]) -> bool:
    """Whether the model said anything, whatever came of it."""
    return call["first_ns"] is not None or not call["error"]


def reached(call: dict[str, Any]) -> bool:
    """Whether the model may have seen what it was asked; where there was no connection, it has not.

    Records of older versions do not say how a call failed.
    """
    return spoke(call) or call.get("error_kind") != "unreachable"


def ended(record: Record, call: dict[str, Any]) -> str:
    """How a call ended otherwise than with an answer, in words; empty after one."""
    error = call["error"]
    if not error or call.get("error_kind") != "hung_up":
        return f"failed: {error}" if error else ""
    if error == WENT_AWAY and record.outcome != "interrupted":
        return "left before its end"  # a control had objected, or another model took over
    return f"left before its end: {error}"


class Changed(Struct, frozen=True, kw_only=True):
    """What was changed on the way: the answer, the request by a rule, or only data in the request
    that was covered for a model.
    """

    answer: bool = False
    request: bool = False
    covered: bool = False


def changed(record: Record) -> Changed:
    """What enforcing controls changed."""
    phases = {firing["rule"]: firing["phase"] for firing in firings(record)}
    made = {"answer": False, "request": False, "covered": False}
    for each in enforced(record):
        if each["outcome"] == "transform":
            made[_where(each, phases)] = True
    return Changed(**made)


def on_answer(record: Record) -> list[dict[str, Any]]:
    """Decisions that changed the answer."""
    phases = {firing["rule"]: firing["phase"] for firing in firings(record)}
    found = (each for each in enforced(record) if each["outcome"] == "transform")
    return [each for each in found if _where(each, phases) == "answer"]


def _where(decision: dict[str, Any], phases: dict[str, str]) -> str:
    """Which of `Changed` a decision is about."""
    if decision["stage"] == "policy":
        return "request" if phases.get(decision["rule"]) == "request" else "answer"
    # what is covered is named with its place; of the answer's own placeholders and hidden
    # characters only the count is told
    evidence = decision["evidence"]
    return "answer" if not evidence or evidence[0].startswith("answer") else "covered"


def collected(record: Record) -> bool:
    """Whether what left is an answer that was made in an earlier exchange, and waited there."""
    left = record.outcome in ("allowed", "transformed")
    return left and bool(request(record).get("approval")) and not calls(record)


def facts_named(record: Record) -> list[str]:
    """Names of the facts that rules were shown."""
    return sorted({name for part in parts(record) for name in part.get("facts") or {}})
