"""Values behind the declared facts, computed when a rule asks for them and only then."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from freehold.core.facts import FactKind, TextFact
from freehold.core.handoffs import Checked, Grounded, Plan, Screened
from freehold.rules.declared import DECLARED, attribute_of, default_of
from freehold.rules.grounding import ungrounded
from freehold.text.escapes import json_start, said
from freehold.text.facts import extract

_INSIDE_BEFORE = re.compile(r"(?:\w|\d[.,]|\w-)$")
_INSIDE_AFTER = re.compile(r"\w|[.,]\d|-\w")

_JSON = frozenset(fact.name for fact in DECLARED if fact.type == "json")

KINDS: dict[str, FactKind] = {
    "percents": "percent",
    "money": "money",
    "dates": "date",
    "durations": "duration",
    "quantities": "quantity",
    "commitments": "commitment",
}


def request_facts(names: Iterable[str], screened: Screened) -> dict[str, Any]:
    """Facts that exist before context: who asks, through which app, and what was said."""
    sheet: dict[str, Any] = {}
    text_facts: tuple[TextFact, ...] | None = None
    for name in names:
        attribute = attribute_of(name)
        if attribute is not None:
            attributes = screened.prepared.admitted.principal.attributes
            if attribute in attributes:
                sheet[name] = attributes[attribute]
        elif name in _REQUEST:
            sheet[name] = _REQUEST[name](screened)
        elif name in ("request.percents", "request.money"):
            if text_facts is None:
                prepared = screened.prepared
                text_facts = extract(prepared.query, prepared.features.read_as)
            sheet[name] = records(text_facts, KINDS[name.partition(".")[2]])
    return sheet


def grounded_facts(names: Iterable[str], grounded: Grounded) -> dict[str, Any]:
    """The request's facts and those about the context that was stitched in."""
    names = tuple(names)
    sheet = request_facts(names, grounded.screened)
    if "context.sources" in names:
        sheet["context.sources"] = [piece.source for piece in grounded.pieces]
    if "context.failed" in names:
        sheet["context.failed"] = list(grounded.stitched.failed)
    if "context.labels" in names:
        sheet["context.labels"] = sorted({la for piece in grounded.pieces for la in piece.labels})
    if "request.labels" in names:
        sheet["request.labels"] = sorted(grounded.screened.labels)
    return sheet


def answer_facts(
    names: Iterable[str],
    checked: Checked,
    text_facts: Sequence[TextFact],
    *,
    texts: Sequence[str],
    last: bool,
    promised: bool = False,
) -> dict[str, Any]:
    """Facts about what a model said.

    Args:
        names: which of them are wanted.
        checked: the answer.
        text_facts: what was extracted from ``texts``.
        texts: of each choice, as much as rules may read now.
        last: whether that is all; tool calls are only known then.
        promised: whether it was to be JSON; where it is, rules read what its escapes stand for.
    """
    sheet: dict[str, Any] = {}
    for name in names:
        short = name.removeprefix("answer.")
        if short in KINDS and name.startswith("answer."):
            sheet[name] = records(text_facts, KINDS[short])
        elif name == "answer.text":
            sheet[name] = "\n".join(said(t, 0 if promised else json_start(t)) for t in texts)
        elif name == "answer.chars":
            sheet[name] = sum(map(len, texts))
        elif name == "answer.model":
            sheet[name] = checked.answer.sendable.attempt.model.id
        elif name == "answer.labels":
            sheet[name] = sorted({finding.label for finding in checked.findings})
        elif name == "answer.ungrounded_money":
            sheet[name] = ungrounded_money(checked, text_facts)
        elif name == "answer.ungrounded":
            sheet[name] = _ungrounded(checked, text_facts, texts)
        elif name == "answer.tools":
            calls = [t.name for choice in checked.choices for t in choice.tool_calls]
            sheet[name] = calls if last else []
    return sheet


def stream_facts(
    names: Iterable[str], sentence: str, sentences: int, chars: int, elapsed_ms: int, *, ended: bool
) -> dict[str, Any]:
    """Facts about the sentence under judgement, and how far the answer has come with it."""
    known = {
        "stream.sentence": sentence,
        "stream.sentences": sentences,
        "stream.chars": chars,
        "stream.elapsed_ms": elapsed_ms,
        "stream.ended": ended,
    }
    return {name: value for name, value in known.items() if name in names}


def records(text_facts: Iterable[TextFact], kind: str) -> list[dict[str, Any]]:
    """The facts of one kind in the form that CEL reads."""
    return [fact.cel() for fact in text_facts if fact.kind == kind]


def text_facts(found: Iterable[TextFact]) -> dict[str, list[dict[str, Any]]]:
    """All that was read in an answer, under the names that rules know it by."""
    seen = tuple(found)
    sheet = {f"answer.{short}": records(seen, kind) for short, kind in KINDS.items()}
    return {name: facts for name, facts in sheet.items() if facts}


def complete(names: Iterable[str], sheet: dict[str, Any]) -> dict[str, Any]:
    """Optional facts that are absent at their declared default. Absent JSON stays absent: nobody
    could read it.
    """
    for name in names:
        if name not in sheet and attribute_of(name) is None and name not in _JSON:
            sheet[name] = default_of(name)
    return sheet


def ungrounded_money(checked: Checked, text_facts: Iterable[TextFact]) -> list[dict[str, Any]]:
    """Affirmed amounts whose value stands in no trusted piece and not in the app's own prompt.

    One that could not be read is grounded in nothing.
    """
    stated = [f for f in text_facts if f.kind == "money" and f.polarity == "affirmed"]
    if not stated:
        return []
    trusted = trusted_texts(checked.answer.sendable.plan)
    return [f.cel() for f in stated if not (f.parsed and _stands_in(f.value, trusted))]


def trusted_texts(plan: Plan) -> list[str]:
    """What may ground a statement: trusted context, and the app's own prompt."""
    trusted = [piece.text for piece in plan.ruled.grounded.pieces if piece.trusted]
    return [*trusted, plan.ruled.admitted.app.system_prompt]


def asked_text(plan: Plan) -> str:
    """What the caller wrote; an answer may repeat it where it promises nothing."""
    messages = plan.ruled.grounded.screened.prepared.messages
    return "\n".join(message.content for message in messages if message.role == "user")


def _ungrounded(
    checked: Checked, text_facts: Iterable[TextFact], texts: Sequence[str]
) -> list[dict[str, Any]]:
    plan = checked.answer.sendable.plan
    language = plan.ruled.grounded.screened.prepared.features.read_as
    return ungrounded(texts, text_facts, trusted_texts(plan), asked_text(plan), language)


def _stands_in(minor_units: int, texts: list[str]) -> bool:
    """Is the amount written in one of the texts, as whole currency or in minor units?"""
    whole, cents = divmod(abs(minor_units), 100)
    forms = {f"{whole}.{cents:02d}", f"{whole:,}.{cents:02d}", str(abs(minor_units))}
    if cents % 10 == 0:
        forms.add(f"{whole}.{cents // 10}")
    if not cents:
        forms.update((str(whole), f"{whole:,}"))
    return any(_alone(form, text) for text in texts for form in forms if form in text)


def _alone(form: str, text: str) -> bool:
    """Does the number stand by itself, not inside a longer one or in an identifier?"""
    start = text.find(form)
    while start >= 0:
        before, after = text[max(0, start - 2) : start], text[start + len(form) :][:2]
        if not _INSIDE_BEFORE.search(before) and not _INSIDE_AFTER.match(after):
            return True
        start = text.find(form, start + 1)
    return False


_REQUEST: dict[str, Callable[[Screened], Any]] = {
    "app.id": lambda s: s.prepared.admitted.app.id,
    "app.tenant": lambda s: s.prepared.admitted.app.tenant,
    "app.tenants": lambda s: list(s.prepared.admitted.app.tenant_path),
    "app.purpose": lambda s: s.prepared.admitted.app.purpose,
    "app.risk": lambda s: s.prepared.admitted.app.risk,
    "principal.id": lambda s: s.prepared.admitted.principal.id,
    "principal.verified": lambda s: s.prepared.admitted.principal.verified,
    "principal.roles": lambda s: sorted(s.prepared.admitted.principal.roles),
    "principal.clearances": lambda s: sorted(s.prepared.admitted.principal.clearances),
    "request.operation": lambda s: s.prepared.admitted.ask.operation,
    "request.model": lambda s: s.prepared.admitted.ask.model,
    "request.text": lambda s: said(s.prepared.query, json_start(s.prepared.query)),
    "request.chars": lambda s: s.prepared.features.chars,
    "request.words": lambda s: s.prepared.features.words,
    "request.questions": lambda s: s.prepared.features.questions,
    "request.code": lambda s: s.prepared.features.code,
    "request.digits": lambda s: s.prepared.features.digits,
    "request.lines": lambda s: s.prepared.features.lines,
    "request.intent": lambda s: s.prepared.intent,
    "request.intent_score": lambda s: s.prepared.intent_score,
    "request.language": lambda s: s.prepared.features.language,
    "request.turns": lambda s: len(s.messages),
    "request.tools": lambda s: len(s.prepared.admitted.ask.tools),
    "request.in_scope": lambda s: s.in_scope,
    "request.scope": lambda s: s.scope or 0,
    "request.labels": lambda s: sorted(s.labels),
    "request.findings": lambda s: sorted({f.kind for f in s.findings}),
}
