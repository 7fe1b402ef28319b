"""A decision told to the person whom it concerns: plain words, no internals, nobody else's data.

What may be told are rules' ``public`` texts, kinds of data and never values, and at which value it
would have passed, unless the rule keeps that private (``limits: private``).
"""

from collections.abc import Iterator
from typing import Any

from freehold.core.errors import RequestTooLarge
from freehold.ledger.record import Record
from freehold.rules.otherwise.words import amount
from freehold.services.explaining import account
from freehold.services.explaining.document import Document, Section
from freehold.services.explaining.own import approved

_DONE = {
    "allowed": "Your request was answered.",
    "transformed": "Your request was answered. Part of the answer was changed before you got it.",
    "denied": "Your request was refused.",
    "held": "Your request is waiting for a person.",
    "error": "Something went wrong on our side. Nothing was decided about you.",
    "interrupted": "The connection ended before the answer was complete.",
    "open": "Your request is still being worked on.",
}
_KINDS = {
    "card": "a payment card number",
    "iban": "a bank account number",
    "email": "an email address",
    "phone": "a phone number",
    "name": "a name",
    "address": "an address",
    "birth_date": "a date of birth",
    "injection": "words that give the program orders",
}
_LABELS = {"pii": "personal data", "secret": "passwords or keys", "phi": "health data"}
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
_ELSE = {
    "context": "If other information had been available about your case.",
    "tool": "If the answer had not wanted to do what it did.",
    "answer": "If the answer had not said what it said.",
    "stream": "If the answer had not said what it said.",
    "request": "If your message had been another one.",
    "principal": "If we had known something else about you.",
}
_MOST = 6
_AGREED = "If a person had agreed."


def document(record: Record) -> Document:
    """Tell it to whoever asked."""
    day = str(account.request(record).get("received_at", ""))[:10]
    sections = (
        Section(title="What was decided", lines=tuple(_decided(record))),
        Section(title="Why", lines=tuple(dict.fromkeys(_reasons(record)))),
        Section(title="How it was decided", lines=tuple(_procedure(record))),
        Section(title="What was used about you", lines=tuple(_used(record))),
        Section(title="What would have changed it", lines=tuple(_otherwise(record))),
        Section(title="What you can do", lines=tuple(_rights(record))),
    )
    return Document(
        title=f"About your request of {day}" if day else "About your request",
        sections=tuple(section for section in sections if section.lines),
    )


def _decided(record: Record) -> Iterator[str]:
    waits = account.held(record)
    calls = account.calls(record)
    if record.outcome == "held" and record.approval:
        # how far a person has come is told below, by what they did
        yield "An answer to your request was made." if calls else "Your request was taken."
        yield "It had to wait for a person."
    elif record.outcome == "held" and calls:
        yield "An answer to your request was made. It is waiting for a person to look at it."
    else:
        yield _DONE.get(record.outcome, "Your request has ended.")
    failure = account.failure(record)
    if record.outcome == "denied" and calls and not failure.get("late"):
        yield "A computer program had made an answer. You did not get it."
    if failure.get("late"):
        yield "The answer was stopped. You may have seen the beginning of it."
    if account.request(record).get("approval"):
        yield "A person had looked at it before and agreed."
    for step in record.approval:
        yield {
            "approved": "A person looked at it and agreed.",
            "amended": "A person looked at it, changed it and agreed.",
            "declined": "A person looked at it and said no.",
            "expired": "Nobody decided in time, so it can't be given any more.",
        }.get(step["verdict"], "A person looked at it.")
    if waits and not record.approval and record.outcome == "held":
        yield "Nobody has decided yet."


def _reasons(record: Record) -> Iterator[str]:
    """Only what was written to be told."""
    if record.outcome not in ("denied", "held", "transformed", "error"):
        return
    failure = account.failure(record)
    code = str(failure.get("code", ""))
    if code.startswith("FH-ADM"):
        yield "We could not tell who was asking, or whether they may ask this."
    elif code == RequestTooLarge.code:
        yield "Your request was longer than we can take."
    elif code.startswith("FH-REQ"):
        yield "Your request could not be read as it was sent."
    else:
        met = _met(record)
        decisive = (d for d in account.decisive(record) if d["rule"] not in met)
        texts = [d["public"] for d in decisive if d["public"]]
        if failure.get("public") and failure["public"] not in texts:
            texts.insert(0, failure["public"])
        yield from texts
        if not texts:
            yield "One of our rules applied. A person can tell you more."


def _met(record: Record) -> set[str]:
    """Rules that wanted a person, before this exchange went on with what the person said."""
    if not account.request(record).get("approval"):
        return set()
    made = account.every(record, "decisions")
    return {d["rule"] for d in made if d["stage"] == "policy" and d["outcome"] == "allow"}


def _procedure(record: Record) -> Iterator[str]:
    rules = account.firings(record)
    if account.calls(record):
        amended = any(step["verdict"] == "amended" for step in record.approval)
        whose = "A person changed it." if amended else "A person did not write it."
        if approved(record):
            yield "A computer program chose an answer that our staff had approved before."
            if amended:
                yield whose
        else:
            yield f"A computer program (an AI model) wrote the answer. {whose}"
    if rules:
        count = "1 fixed rule" if len(rules) == 1 else f"{len(rules)} fixed rules"
        yield f"It was checked by {count}. People wrote them beforehand."
        yield "The program can't overrule these rules. They treat the same facts in the same way."
    if account.collected(record):
        yield "The answer had been made before. Then it waited for a person."
        yield "That person agreed to it, or wrote another one in its place."
    elif not account.calls(record) and record.closed is not None:
        yield "No AI model saw your request."
    if record.closed is not None and not _people(record):
        so_far = "So far this was" if record.outcome == "held" else "This was"
        yield f"{so_far} automatic. No person took part."


def _people(record: Record) -> bool:
    under = account.request(record).get("approval")
    return bool(under) or any(step["verdict"] != "expired" for step in record.approval)


def _used(record: Record) -> Iterator[str]:
    request, who = account.request(record), account.principal(record)
    if request.get("features"):
        yield "What you wrote."
    if (request.get("features") or {}).get("language"):
        yield "The language you wrote in."
    if who.get("verified"):
        yield "Your sign-in, which told us who you are."
    names = [name for name in account.facts_named(record) if name.startswith("principal.")]
    known = sorted(n.rpartition(".")[2] for n in names if n.startswith("principal.attributes."))
    if known:
        yield f"What we know about you: {_list(_spoken(name) for name in known)}."
    if {"principal.roles", "principal.clearances"} & set(names):
        yield "Your role with us."
    kinds = dict.fromkeys(f["kind"] for f in record.opened.get("findings") or ())
    if kinds:
        yield f"Noticed in what you sent: {_list(map(_kind, kinds))}."
    redacted = max((call.get("redacted") or 0 for call in account.calls(record)), default=0)
    if redacted:
        yield "Such data was covered before the AI model saw your request."
    asked = [c for c in record.opened.get("context") or () if c["rows"] and not c["error"]]
    if asked:
        labels = dict.fromkeys(_LABELS[la] for c in asked for la in c["labels"] if la in _LABELS)
        more = f", among it {_list(labels)}" if labels else ""
        yield f"Information that we looked up for your request{more}."


def _otherwise(record: Record) -> Iterator[str]:
    if record.outcome not in ("denied", "held", "transformed"):
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
        return "If we had had an AI model that may work with such data."
    if fact in ("finding", "request.findings", "request.labels"):
        kind = change.get("kind") or str(change.get("from") or "")
        mine = change.get("where", "").startswith("message") or fact.startswith("request.")
        return f"If {'your message' if mine else 'the text'} had not had {_kind(kind)} in it."
    if fact in _ABOUT:
        role = change.get("role", "")
        what = role if role in _ROLES else _ABOUT[fact]
        if how in ("at_most", "at_least", "exactly"):
            return f"If the {what} had been {_bound(change)}."
        return f"If there had been no {what} like that."
    if fact in _COUNTED and change.get("to") is not None:
        return _COUNTED[fact].format(_bound(change)) + "."
    if fact.startswith("principal.attributes.") and change.get("to"):
        return f"If your {_spoken(fact.rpartition('.')[2])} had been {change['to']}."
    if fact == "request.in_scope":
        return "If you had asked about something that this service is for."
    if fact == "answer.missing_disclaimers":
        return "If the answer had had the notice that it needs."
    return _ELSE.get(fact.partition(".")[0], "")


def _bound(change: dict[str, Any]) -> str:
    value = amount(int(change["to"]), change.get("unit", ""))
    return {"at_most": f"{value} or less", "at_least": f"{value} or more"}.get(change["how"], value)


def _rights(record: Record) -> Iterator[str]:
    if record.outcome == "held" and not record.approval:
        yield "You need to do nothing now. You can also ask how far it is."
    if record.outcome in ("interrupted", "error"):
        yield "You can ask again."
    yield "You can ask that a person looks at this decision."
    yield "You can say what you think of it, and you can object to it."
    yield f"Please name this number: {record.exchange_id}"


def _kind(kind: str) -> str:
    return _KINDS.get(kind, _spoken(kind))


def _spoken(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _list(words: Any) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else str(last)
