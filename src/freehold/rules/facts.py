"""Values behind the declared facts, computed when a rule asks for them and only then."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Grounded, Piece, Screened
from freehold.rules.declared import attribute_of, default_of
from freehold.text.facts import extract

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_MAX_GROUNDING_CHARS = 64_000

KINDS = {
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
                language = screened.prepared.features.language
                text_facts = extract(
                    screened.prepared.query, "en" if language == "und" else language
                )
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
) -> dict[str, Any]:
    """Facts about what a model said.

    Args:
        names: which of them are wanted.
        checked: the answer.
        text_facts: what was extracted from ``texts``.
        texts: of each choice, as much as rules may read now.
        last: whether that is all; tool calls are only known then.
    """
    sheet: dict[str, Any] = {}
    for name in names:
        short = name.removeprefix("answer.")
        if short in KINDS and name.startswith("answer."):
            sheet[name] = records(text_facts, KINDS[short])
        elif name == "answer.text":
            sheet[name] = "\n".join(texts)
        elif name == "answer.chars":
            sheet[name] = sum(map(len, texts))
        elif name == "answer.model":
            sheet[name] = checked.answer.sendable.attempt.model.id
        elif name == "answer.labels":
            sheet[name] = sorted({finding.label for finding in checked.findings})
        elif name == "answer.ungrounded_money":
            sheet[name] = ungrounded_money(checked, text_facts)
        elif name == "answer.tools":
            calls = [t.name for choice in checked.choices for t in choice.tool_calls]
            sheet[name] = calls if last else []
    return sheet


def records(text_facts: Iterable[TextFact], kind: str) -> list[dict[str, Any]]:
    """The facts of one kind in the form that CEL reads."""
    return [fact.cel() for fact in text_facts if fact.kind == kind]


def complete(names: Iterable[str], sheet: dict[str, Any]) -> dict[str, Any]:
    """Optional facts that are absent at their declared default."""
    for name in names:
        if name not in sheet and attribute_of(name) is None:
            sheet[name] = default_of(name)
    return sheet


def ungrounded_money(checked: Checked, text_facts: Iterable[TextFact]) -> list[dict[str, Any]]:
    """Affirmed amounts whose value stands in no trusted piece and not in the app's own prompt.

    One that could not be read is grounded in nothing.
    """
    stated = [f for f in text_facts if f.kind == "money" and f.polarity == "affirmed"]
    if not stated:
        return []
    plan = checked.answer.sendable.plan
    known = trusted_minor_units(plan.ruled.grounded.pieces)
    known |= _minor_units(plan.ruled.admitted.app.system_prompt)
    return [f.cel() for f in stated if not (f.parsed and f.value in known)]


def trusted_minor_units(pieces: Iterable[Piece]) -> set[int]:
    """Every number in trusted pieces, read both as minor units and as whole currency."""
    known: set[int] = set()
    for piece in pieces:
        if piece.trusted:
            known |= _minor_units(piece.text)
    return known


def _minor_units(text: str) -> set[int]:
    values: set[int] = set()
    for found in _NUMBER.finditer(text, 0, _MAX_GROUNDING_CHARS):
        whole, _, fraction = found.group().replace(",", "").partition(".")
        if len(whole) > 15:
            continue
        values.add(int(whole) * 100 + int((fraction + "00")[:2]))
        if not fraction:
            values.add(int(whole))
    return values


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
    "request.text": lambda s: s.prepared.query,
    "request.chars": lambda s: s.prepared.features.chars,
    "request.words": lambda s: s.prepared.features.words,
    "request.questions": lambda s: s.prepared.features.questions,
    "request.code": lambda s: s.prepared.features.code,
    "request.language": lambda s: s.prepared.features.language,
    "request.turns": lambda s: len(s.messages),
    "request.tools": lambda s: len(s.prepared.admitted.ask.tools),
    "request.labels": lambda s: sorted(s.labels),
    "request.findings": lambda s: sorted({f.kind for f in s.findings}),
}
