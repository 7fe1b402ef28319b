"""What would have changed a decision, told to the person whom it concerns: kinds and limits."""

from collections.abc import Iterator
from typing import Any

from freehold.core.errors import RequestTooLarge
from freehold.ledger.record import Record
from freehold.rules.otherwise.words import amount
from freehold.services.explaining import account
from freehold.services.explaining.plain import kind_of, spoken

_ABOUT = {
    "answer.percents": "percentage",
    "answer.money": "amount",
    "answer.ungrounded_money": "amount",
    "answer.dates": "date",
    "answer.durations": "time",
    "answer.quantities": "quantity",
    "request.percents": "percentage in your request",
    "request.money": "amount in your request",
    "tool.money": "amount",
    "tool.percents": "percentage",
}
_ROLES = frozenset({"discount", "refund", "price", "fee", "rate", "share"})
_COUNTED = {
    "request.chars": "If your message had had {} characters",
    "request.words": "If your message had had {} words",
    "request.lines": "If your message had had {} lines",
    "request.turns": "If the conversation had had {} messages",
    "request.questions": "If you had asked {} questions at once",
    "answer.chars": "If the answer had had {} characters",
}
_MODELS = {
    "clearances": "If we had had an AI model that may work with such data.",
    "region": "If we had had an AI model in the right place.",
    "capabilities": "If we had had an AI model that can do what you asked for.",
    "context_window": "If we had had an AI model that takes longer requests.",
}
_ELSE = {
    "context": "If other information had been available about your case.",
    "tool": "If the answer had not wanted to do what it did.",
    "answer": "If the answer had not said what it said.",
    "stream": "If the answer had not said what it said.",
    "request": "If your message had been another one.",
    "principal": "If we had known something else about you.",
}
_MOST = 6
_OWN = ("message", "settings", "tools[", "response_format", "stop[")
"""Where the person's own words stand, and what goes with them."""
_AGREED = "If a person had agreed."


def otherwise(record: Record) -> Iterator[str]:
    """Nothing where nothing was decided against the person."""
    if record.outcome not in ("denied", "held", "transformed"):
        return
    made = account.changed(record)
    if record.outcome == "transformed" and not (made.answer or made.request):
        return
    waits = record.outcome == "held" and not record.approval
    agreed = any(step["verdict"] in ("approved", "amended") for step in record.approval)
    told = [
        "A person can still agree." if waits and each == _AGREED else each
        for each in dict.fromkeys(_hints(record))
        if not (agreed and each == _AGREED)
    ][:_MOST]
    yield from told
    if not told and any(e.get("private") and e["change"] for e in account.counterfactuals(record)):
        yield "What would have changed it is not told here. A person can look at it."
    elif not told and account.failure(record).get("code") == RequestTooLarge.code:
        yield "If your request had been shorter."
    elif not told:
        yield "We know of no single thing that would have changed it. A person can look at it."


def _hints(record: Record) -> Iterator[str]:
    for each in account.counterfactuals(record):
        changes = [c for c in each["change"] if c["fact"] != "principal.verified"]
        if each.get("private"):
            changes = [c for c in changes if c["fact"] == "approval"]
        said = list(dict.fromkeys(filter(None, map(_hint, changes))))
        if not said:
            continue
        then = {"held": " A person would have looked at it.", "transformed": ""}
        yield " And ".join([said[0], *(s[:1].lower() + s[1:] for s in said[1:])]) + then.get(
            each["then"], ""
        )


def _hint(change: dict[str, Any]) -> str:
    """One change in a sentence; only kinds, limits and what is the person's own."""
    fact, how = change["fact"], change["how"]
    if fact == "approval":
        return _AGREED
    if fact == "limit":
        return f"If you had asked later: after {str(change['to'])[:16].replace('T', ' ')} UTC."
    if fact == "model":
        return _MODELS.get(change["field"], _MODELS["clearances"])
    if fact == "request.tokens":
        less = -(-100 * (int(change["from"]) - int(change["to"])) // int(change["from"]))
        return f"If your request had been shorter, by about {less} %."
    if fact in ("finding", "request.findings", "request.labels"):
        kind = change.get("kind") or str(change.get("from") or "")
        mine = change.get("where", "").startswith(_OWN) or fact.startswith("request.")
        return f"If {'your message' if mine else 'the text'} had not had {kind_of(kind)} in it."
    if fact in _ABOUT:
        role = change.get("role", "")
        what = role if role in _ROLES else _ABOUT[fact]
        if how in ("at_most", "at_least", "exactly"):
            return f"If the {what} had been {_bound(change)}."
        return f"If there had been no {what} like that."
    if fact in _COUNTED and change.get("to") is not None:
        return _COUNTED[fact].format(_bound(change)) + "."
    if fact.startswith("principal.attributes.") and change.get("to"):
        return f"If your {spoken(fact.rpartition('.')[2])} had been {change['to']}."
    if fact == "request.in_scope":
        return "If you had asked about something that this service is for."
    if fact == "answer.missing_disclaimers":
        return "If the answer had had the notice that it needs."
    return _ELSE.get(fact.partition(".")[0], "")


def _bound(change: dict[str, Any]) -> str:
    value = amount(int(change["to"]), change.get("unit", ""))
    return {"at_most": f"{value} or less", "at_least": f"{value} or more"}.get(change["how"], value)
