"""The facts that rules may use: declared once, typed, computed only when a rule names them.

Percentages are basis points, money minor units (cents), dates days since 1970-01-01, durations
seconds, quantities thousandths: CEL's integers, since its type checker rejects ``double > int``
and a record must have one byte form.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

from freehold.rules.engine import FactType

Phase = Literal["request", "route", "source", "answer"]
_EARLY: frozenset[Phase] = frozenset({"request", "route", "source", "answer"})
_STITCHED: frozenset[Phase] = frozenset({"request", "route", "answer"})
_ANSWERED: frozenset[Phase] = frozenset({"answer"})


class DeclaredFact(Struct, frozen=True, kw_only=True):
    """A name that rules may use, its type, when it exists and what it says."""

    name: str
    type: FactType
    phases: frozenset[Phase]
    says: str


def _fact(name: str, type: FactType, phases: frozenset[Phase], says: str) -> DeclaredFact:
    return DeclaredFact(name=name, type=type, phases=phases, says=says)


_TEXT_FACT = "each with `value`, `upper`, `unit`, `role`, `polarity`, `parsed`, `text`"

DECLARED: tuple[DeclaredFact, ...] = (
    _fact("app.id", "string", _EARLY, "The app that the key belongs to."),
    _fact("app.tenant", "string", _EARLY, "The tenant that asks."),
    _fact("app.tenants", "strings", _EARLY, "That tenant and all above it, root first."),
    _fact("app.purpose", "string", _EARLY, "What the app is for."),
    _fact("app.risk", "string", _EARLY, "`minimal`, `limited` or `high`."),
    _fact("principal.id", "string", _EARLY, "The end user; empty when unknown."),
    _fact("principal.verified", "bool", _EARLY, "Did a signed token say so?"),
    _fact("principal.roles", "strings", _EARLY, "Roles from the signed token."),
    _fact("principal.clearances", "strings", _EARLY, "Clearances from the signed token."),
    _fact("request.operation", "string", _EARLY, "`chat`, `completion` or `embedding`."),
    _fact("request.model", "string", _EARLY, "The model that the client asked for."),
    _fact("request.text", "string", _EARLY, "The newest user message."),
    _fact("request.chars", "int", _EARLY, "Its length in characters."),
    _fact("request.words", "int", _EARLY, "Its length in words."),
    _fact("request.questions", "int", _EARLY, "Question marks in it."),
    _fact("request.code", "bool", _EARLY, "Does it look like program code?"),
    _fact("request.language", "string", _EARLY, "ISO 639-1 code, `und` when it can't be told."),
    _fact("request.turns", "int", _EARLY, "Messages of the conversation so far."),
    _fact("request.tools", "int", _EARLY, "Tools offered to the model."),
    _fact("request.labels", "strings", _EARLY, "Classes of data found: `pii`, `secret`."),
    _fact("request.findings", "strings", _EARLY, "Kinds of findings: `email`, `iban`."),
    _fact("request.percents", "records", _EARLY, f"Percentages in it, {_TEXT_FACT}."),
    _fact("request.money", "records", _EARLY, f"Amounts of money in it, {_TEXT_FACT}."),
    _fact("context.sources", "strings", _STITCHED, "Sources that gave something."),
    _fact("context.failed", "strings", _STITCHED, "Sources that failed or were late."),
    _fact("context.labels", "strings", _STITCHED, "Labels of what they gave."),
    _fact("answer.text", "string", _ANSWERED, "The answer."),
    _fact("answer.chars", "int", _ANSWERED, "Its length in characters."),
    _fact("answer.model", "string", _ANSWERED, "The model that gave it."),
    _fact("answer.percents", "records", _ANSWERED, f"Percentages in it, {_TEXT_FACT}."),
    _fact("answer.money", "records", _ANSWERED, f"Amounts of money, {_TEXT_FACT}."),
    _fact("answer.dates", "records", _ANSWERED, f"Dates, {_TEXT_FACT}."),
    _fact("answer.durations", "records", _ANSWERED, f"Spans of time, {_TEXT_FACT}."),
    _fact("answer.quantities", "records", _ANSWERED, f"Quantities, {_TEXT_FACT}."),
    _fact("answer.commitments", "records", _ANSWERED, f"Promises and deeds, {_TEXT_FACT}."),
    _fact(
        "answer.ungrounded_money", "records", _ANSWERED, "Amounts that no trusted context contains."
    ),
    _fact("answer.labels", "strings", _ANSWERED, "Classes of data found in the answer."),
    _fact("answer.tools", "strings", _ANSWERED, "Names of the tools that the model calls."),
)

_BY_NAME = {fact.name: fact for fact in DECLARED}
_NAME = re.compile(r"(?<![\w.\"'])(?:app|principal|request|context|answer)(?:\.\w+)+")
_ATTRIBUTE_PREFIX = "principal.attributes."


def referenced(expressions: Iterable[str]) -> frozenset[str]:
    """The declared facts and ``principal.attributes.*`` that these expressions mention."""
    names = set()
    for expression in expressions:
        for match in _NAME.finditer(expression):
            text = match.group()
            if text.startswith(_ATTRIBUTE_PREFIX):
                names.add(_ATTRIBUTE_PREFIX + text[len(_ATTRIBUTE_PREFIX) :].split(".")[0])
                continue
            for name in (text, ".".join(text.split(".")[:2])):
                if name in _BY_NAME:
                    names.add(name)
                    break
    return frozenset(names)


def types_for(phase: Phase, expressions: Iterable[str]) -> dict[str, FactType]:
    """What may be used in ``phase``, with every attribute that the expressions mention.

    Which attributes exist is the bundle's to say (``identity.attributes``); its check compares.
    """
    types: dict[str, FactType] = {f.name: f.type for f in DECLARED if phase in f.phases}
    types.update({n: "string" for n in referenced(expressions) if n.startswith(_ATTRIBUTE_PREFIX)})
    return types


def default_of(name: str) -> Any:
    """The declared default of a fact that is absent."""
    if name.startswith(_ATTRIBUTE_PREFIX):
        return ""
    kind = _BY_NAME[name].type
    return {"bool": False, "int": 0, "string": "", "strings": [], "records": []}[kind]


def attribute_of(name: str) -> str | None:
    """``tier`` for ``principal.attributes.tier``, ``None`` for any other fact."""
    return name[len(_ATTRIBUTE_PREFIX) :] if name.startswith(_ATTRIBUTE_PREFIX) else None
