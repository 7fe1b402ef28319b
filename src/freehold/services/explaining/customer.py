"""A decision told to the person whom it concerns: plain words, no internals, nobody else's data.

What may be told are rules' ``public`` texts, kinds of data and never values, and at which value it
would have passed, unless the rule keeps that private (``limits: private``).
"""

from collections.abc import Iterator
from typing import Any

from freehold.core.errors import Abstained, PolicyRefusal, RequestTooLarge
from freehold.ledger.record import Record
from freehold.services.explaining import account
from freehold.services.explaining.customer_otherwise import otherwise
from freehold.services.explaining.document import Document, Section
from freehold.services.explaining.own import approved
from freehold.services.explaining.plain import kind_of, listed, spoken

_DONE = {
    "allowed": "Your request was answered.",
    "transformed": "Your request was answered.",
    "denied": "Your request was refused.",
    "held": "Your request is waiting for a person.",
    "error": "Something went wrong on our side. Nothing was decided about you.",
    "interrupted": "The connection ended before the answer was complete.",
    "open": "Your request is still being worked on.",
}
_LABELS = {"pii": "personal data", "secret": "passwords or keys", "phi": "health data"}
_A_RULE = "One of our rules applied. A person can tell you more."


def document(record: Record) -> Document:
    """Tell it to whoever asked."""
    day = str(account.request(record).get("received_at", ""))[:10]
    sections = (
        Section(title="What was decided", lines=tuple(_decided(record))),
        Section(title="Why", lines=tuple(dict.fromkeys(_reasons(record)))),
        Section(title="How it was decided", lines=tuple(_procedure(record))),
        Section(title="What was used about you", lines=tuple(_used(record))),
        Section(title="What would have changed it", lines=tuple(otherwise(record))),
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
        yield _done(record)
    if record.outcome == "transformed":
        yield from _changed(record)
    failure = account.failure(record)
    spoke = [call for call in calls if account.spoke(call)]
    if record.outcome == "denied" and spoke and not failure.get("late"):
        did = "begun" if all(call["error"] for call in spoke) else "made"
        yield f"A computer program had {did} an answer. You did not get it."
    if failure.get("late"):
        yield "The answer was stopped. You may have seen the beginning of it."
    elif record.outcome == "error" and (record.closed or {}).get("released_chars"):
        yield "You may have seen the beginning of an answer."
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


def _done(record: Record) -> str:
    if account.failure(record).get("code") == Abstained.code:
        return "No answer was found that is sure enough. Nothing was decided about you."
    if record.outcome == "interrupted" and record.closed is None:
        return "Your request broke off before its answer was complete."
    return _DONE.get(record.outcome, "Your request has ended.")


def _changed(record: Record) -> Iterator[str]:
    """What of it: covering data for the model, and putting it back, changes no answer."""
    made = account.changed(record)
    if made.request:
        yield "Part of your request was changed before the AI model got it."
    if _replaced(record):
        yield "The answer, or a part of it, was replaced before you got it."
    elif made.answer:
        yield "Part of the answer was changed before you got it."


def _replaced(record: Record) -> bool:
    """Whether a rule put its own words in the place of some of the answer's."""
    rules = {each["rule"] for each in account.on_answer(record)}
    fired = (f for f in account.firings(record) if f["rule"] in rules)
    return any("rewrite" in firing["obligations"] for firing in fired)


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
    elif record.outcome == "error":
        yield failure.get("public") or "A part of our system did not work."
    elif record.outcome == "transformed":
        yield from _why_changed(record)
    else:
        met = _met(record)
        decisive = (d for d in account.decisive(record) if d["rule"] not in met)
        texts = [d["public"] for d in decisive if d["public"]]
        if failure.get("public") and failure["public"] not in texts:
            texts.insert(0, failure["public"])
        yield from texts
        if not texts and code and code != PolicyRefusal.code:
            yield "One of our checks did not let it pass. A person can tell you more."
        elif not texts:
            yield _A_RULE


def _why_changed(record: Record) -> Iterator[str]:
    """Rules' own words; of what was covered or taken out the kinds."""
    made = account.changed(record)
    rules = [d for d in account.decisive(record) if d["stage"] == "policy"]
    yield from (d["public"] for d in rules if d["public"])
    if rules and not any(d["public"] for d in rules):
        yield _A_RULE
    taken = [d for d in account.on_answer(record) if d["stage"] != "policy"]
    detectors = {d["rule"] for d in taken if d["evidence"]}
    found = (record.closed or {}).get("answer_findings") or ()
    kinds = dict.fromkeys(f["kind"] for f in found if f["detector"] in detectors)
    if kinds:
        yield f"Taken out of the answer, since it may not pass: {listed(map(kind_of, kinds))}."
    if any(not d["evidence"] for d in taken):
        yield "Signs that mean nothing to a reader were taken out of the answer."
    if made.covered:
        yield "Data was covered that an AI model may not see."
    if any(d["rule"] == "placeholders" and d["outcome"] == "allow"
           for d in account.every(record, "decisions")):  # fmt: skip
        yield "In the answer it was put back for you."


def _met(record: Record) -> set[str]:
    """Rules that wanted a person, before this exchange went on with what the person said."""
    if not account.request(record).get("approval"):
        return set()
    made = account.every(record, "decisions")
    return {d["rule"] for d in made if d["stage"] == "policy" and d["outcome"] == "allow"}


def _procedure(record: Record) -> Iterator[str]:
    rules, calls = account.firings(record), account.calls(record)
    judged = any(map(account.reached, account.guards(record)))
    if calls:
        yield from _made(record, calls)
    if judged:
        yield "An AI model looked for what may not pass."
    if rules:
        count = "1 fixed rule" if len(rules) == 1 else f"{len(rules)} fixed rules"
        yield f"It was checked by {count}. People wrote them beforehand."
        yield "The program can't overrule these rules. They treat the same facts in the same way."
    if account.collected(record):
        yield "The answer had been made before. Then it waited for a person."
        yield "That person agreed to it, or wrote another one in its place."
    elif record.closed is not None and not judged and not any(map(account.reached, calls)):
        yield "No AI model saw your request."
    if record.closed is not None and not _people(record):
        so_far = "So far this was" if record.outcome == "held" else "This was"
        yield f"{so_far} automatic. No person took part."


def _made(record: Record, calls: list[dict[str, Any]]) -> Iterator[str]:
    """Who made the answer, as far as there was one."""
    amended = any(step["verdict"] == "amended" for step in record.approval)
    spoke = [call for call in calls if account.spoke(call)]
    if not spoke:
        yield _asked_in_vain(calls)
    elif approved(record):
        yield "A computer program chose an answer that our staff had approved before."
        if amended:
            yield "A person changed it."
    elif account.request(record).get("operation") == "embedding":
        yield "A computer program (an AI model) turned what you sent into numbers."
    elif ((spoke[-1].get("basis") or {}).get("kind")) == "classifier":
        yield "A computer program (an AI model) chose one of several fixed answers."
    else:
        broke_off = record.closed is None or all(call["error"] for call in spoke)
        did = "began to write an" if broke_off else "wrote the"
        whose = "A person changed it." if amended else "A person did not write it."
        yield f"A computer program (an AI model) {did} answer. {whose}"
    if (record.closed or {}).get("tool_calls"):
        yield "It asked another program (a tool) to do something."


def _asked_in_vain(calls: list[dict[str, Any]]) -> str:
    if all(call.get("error_kind") == "unsure" for call in calls):
        return "A computer program of ours was asked. It was not sure enough to answer."
    if not any(map(account.reached, calls)):
        return "An AI model was to answer. It could not be reached."
    return "An AI model was asked. It gave no answer."


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
        yield f"What we know about you: {listed(spoken(name) for name in known)}."
    if {"principal.roles", "principal.clearances"} & set(names):
        yield "Your role with us."
    found = record.opened.get("findings") or ()
    kinds = dict.fromkeys(f["kind"] for f in found if not f["where"].startswith("context:"))
    if kinds:
        yield f"Noticed in what you sent: {listed(map(kind_of, kinds))}."
    yield from _covered(record)
    asked = [c for c in record.opened.get("context") or () if c["rows"] and not c["error"]]
    if asked:
        labels = dict.fromkeys(_LABELS[la] for c in asked for la in c["labels"] if la in _LABELS)
        more = f", among it {listed(labels)}" if labels else ""
        yield f"Information that we looked up for your request{more}."


def _covered(record: Record) -> Iterator[str]:
    """Whether data was hidden from the models that were asked."""
    calls = account.calls(record)
    covered = {bool(call["redacted"]) for call in calls if account.reached(call)}
    if covered == {True}:
        yield "Such data was covered before the AI model saw your request."
    elif covered == {True, False}:
        yield "Such data was covered for one AI model. Another one may see it."
    elif any(call["redacted"] for call in calls):
        yield "Such data was covered in what was to go to the AI model."


def _rights(record: Record) -> Iterator[str]:
    if record.outcome == "held" and not record.approval:
        yield "You need to do nothing now. You can also ask how far it is."
    if record.outcome in ("interrupted", "error"):
        yield "You can ask again."
    yield "You can ask that a person looks at this decision."
    yield "You can say what you think of it, and you can object to it."
    yield f"Please name this number: {record.exchange_id}"
