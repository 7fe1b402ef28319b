"""The facts that rules may use: declared once, typed, computed only when a rule names them.

Percentages are basis points, money minor units (cents), dates days since 1970-01-01, durations
seconds, quantities thousandths: CEL's integers, since its type checker rejects ``double > int``
and a record must have one byte form.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

from msgspec import Struct

from freehold.core.facts import FactKind, Polarity, TextFact
from freehold.rules.language import FactType

Phase = Literal["request", "route", "source", "answer", "stream", "tool_call"]
_EARLY: frozenset[Phase] = frozenset(
    {"request", "route", "source", "answer", "stream", "tool_call"}
)
_STITCHED: frozenset[Phase] = frozenset({"request", "route", "answer", "stream", "tool_call"})
_ANSWERED: frozenset[Phase] = frozenset({"answer", "stream"})
_ENDED: frozenset[Phase] = frozenset({"answer"})
_STREAMED: frozenset[Phase] = frozenset({"stream"})
_CALLED: frozenset[Phase] = frozenset({"tool_call"})


class DeclaredFact(Struct, frozen=True, kw_only=True):
    """A name that rules may use, its type, when it exists and what it says."""

    name: str
    type: FactType
    phases: frozenset[Phase]
    says: str


def _fact(name: str, type: FactType, phases: frozenset[Phase], says: str) -> DeclaredFact:
    return DeclaredFact(name=name, type=type, phases=phases, says=says)


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
    _fact("request.text", "string", _EARLY, "What the user wrote since the last answer."),
    _fact("request.chars", "int", _EARLY, "Its length in characters."),
    _fact("request.words", "int", _EARLY, "Its length in words."),
    _fact("request.questions", "int", _EARLY, "Question marks in it."),
    _fact("request.code", "bool", _EARLY, "Does it look like program code?"),
    _fact("request.digits", "int", _EARLY, "Digits in it."),
    _fact("request.lines", "int", _EARLY, "Lines of it."),
    _fact("request.language", "string", _EARLY, "ISO 639-1 code, `und` when it can't be told."),
    _fact("request.turns", "int", _EARLY, "Messages of the conversation so far."),
    _fact("request.tools", "int", _EARLY, "Tools offered to the model."),
    _fact(
        "request.labels",
        "strings",
        _EARLY,
        "Classes of data found, or that earlier answers in it have.",
    ),
    _fact("request.findings", "strings", _EARLY, "Kinds of findings: `email`, `iban`."),
    _fact(
        "request.in_scope",
        "bool",
        _EARLY,
        "Is it what the app is for? By its `scope`, else by its `intents`; yes without both.",
    ),
    _fact("request.scope", "int", _EARLY, "How much, in millionths; 0 without a `scope`."),
    _fact(
        "request.intent",
        "string",
        _EARLY,
        "Which of the app's `intents` it has; empty where none fits, or there are none.",
    ),
    _fact(
        "request.intent_score",
        "int",
        _EARLY,
        "The chance that the nearest intent is right, in millionths; 0 without `intents`.",
    ),
    _fact("request.percents", "records", _EARLY, "Percentages in it."),
    _fact("request.money", "records", _EARLY, "Amounts of money in it."),
    _fact("context.sources", "strings", _STITCHED, "Sources that gave something."),
    _fact("context.failed", "strings", _STITCHED, "Sources that failed or were late."),
    _fact("context.labels", "strings", _STITCHED, "Labels of what they gave."),
    _fact("answer.text", "string", _ANSWERED, "The answer."),
    _fact("answer.chars", "int", _ANSWERED, "Its length in characters."),
    _fact("answer.model", "string", _ANSWERED, "The model that gave it."),
    _fact("answer.percents", "records", _ANSWERED, "Percentages in it."),
    _fact("answer.money", "records", _ANSWERED, "Amounts of money."),
    _fact("answer.dates", "records", _ANSWERED, "Dates."),
    _fact("answer.durations", "records", _ANSWERED, "Spans of time."),
    _fact("answer.quantities", "records", _ANSWERED, "Quantities."),
    _fact("answer.commitments", "records", _ANSWERED, "Promises and deeds."),
    _fact(
        "answer.ungrounded_money", "records", _ANSWERED, "Amounts that no trusted context contains."
    ),
    _fact(
        "answer.ungrounded",
        "records",
        _ANSWERED,
        "Values with their units, numbers, ids and names that no trusted context contains. What "
        "the caller wrote may be repeated where it promises nothing.",
    ),
    _fact(
        "answer.missing_disclaimers",
        "strings",
        _ANSWERED,
        "Disclaimers of the app's `voice` that it needs and lacks; known when it has ended.",
    ),
    _fact("answer.labels", "strings", _ANSWERED, "Classes of data found in the answer."),
    _fact("answer.tools", "strings", _ANSWERED, "Names of the tools that the model calls."),
    _fact(
        "answer.json",
        "json",
        _ENDED,
        "The answer as JSON, known when it has ended. Where none was promised (`response_format`), "
        "each object in an answer in words, or an empty one.",
    ),
    _fact("stream.sentence", "string", _STREAMED, "The sentence under judgement."),
    _fact("stream.sentences", "int", _STREAMED, "Sentences so far, that one included."),
    _fact("stream.chars", "int", _STREAMED, "Characters so far, that sentence included."),
    _fact("stream.ended", "bool", _STREAMED, "Is it the end? Its tool calls are known then."),
    _fact(
        "stream.elapsed_ms",
        "int",
        _STREAMED,
        "Milliseconds from the request's arrival to the text under judgement; for a whole answer, "
        "to its end.",
    ),
    _fact("tool.name", "string", _CALLED, "The tool that the model calls."),
    _fact("tool.arguments", "json", _CALLED, "Its arguments: an object."),
    _fact("tool.percents", "records", _CALLED, "Percentages in them."),
    _fact("tool.money", "records", _CALLED, "Amounts of money."),
    _fact("tool.dates", "records", _CALLED, "Dates."),
    _fact("tool.durations", "records", _CALLED, "Spans of time."),
    _fact("tool.quantities", "records", _CALLED, "Quantities."),
    _fact("tool.commitments", "records", _CALLED, "Promises and deeds, in texts among them."),
    _fact("tool.untrusted", "origins", _CALLED, "Those that come from untrusted text."),
)

PHASES: tuple[Phase, ...] = ("source", "request", "route", "answer", "stream", "tool_call")
ROOTS = frozenset(fact.name.partition(".")[0] for fact in DECLARED)
ATTRIBUTE_PREFIX = "principal.attributes."
_BY_NAME = {fact.name: fact for fact in DECLARED}


RECORD_FIELDS = frozenset(TextFact.__struct_fields__)
"""What each record of a fact of type ``records`` has."""

ORIGIN_FIELDS = frozenset({"path", "kind", "field", "part", "where", "tool", "start", "end"})
"""What each record of `tool.untrusted` has."""

ORIGIN_KINDS = frozenset({"address", "link", "text", "value"})

UNGROUNDED = ("percent", "money", "date", "duration", "quantity", "number", "id", "name")
"""Kinds of what `answer.ungrounded` lists: extracted facts, and what has no unit."""

_MONEY_ROLES = frozenset({"discount", "fee", "other", "price", "refund"})
_ROLES = {
    "percents": frozenset({"discount", "other", "rate", "share"}),
    "money": _MONEY_ROLES,
    "ungrounded_money": _MONEY_ROLES,
    "commitments": frozenset(
        {"book", "cancel", "change", "credit", "free", "guarantee", "other", "price_match",
         "refund", "replace", "ship", "transfer", "waive"}
    ),
}  # fmt: skip
_UNITS = {"percents": frozenset({"bp"}), "dates": frozenset({"ambiguous", "day", "no_year"})}


VALUES = {
    "app.risk": frozenset({"high", "limited", "minimal"}),
    "request.operation": frozenset({"chat", "completion", "embedding"}),
}
"""All that some facts can be, whatever a bundle declares."""

SIGNED = frozenset({"answer.dates", "answer.money", "answer.ungrounded", "answer.ungrounded_money",
                    "request.money"})  # fmt: skip
"""Lists whose values may be below zero: days before 1970, and amounts with a minus."""


def values_of(fact: str, field: str) -> frozenset[str]:
    """All that a field of a fact's records can say; empty where that is open."""
    short = fact.partition(".")[2]
    if short == "untrusted":
        return ORIGIN_KINDS if field == "kind" else frozenset()
    if field == "polarity":
        return frozenset(get_args(Polarity))
    if field == "kind":
        return frozenset(UNGROUNDED if short == "ungrounded" else get_args(FactKind))
    named = {"role": _ROLES, "unit": _UNITS}.get(field, {})
    return named.get(short, frozenset())


def fields_of(fact: str) -> frozenset[str]:
    """What each record of a list of them has."""
    return ORIGIN_FIELDS if _BY_NAME[fact].type == "origins" else RECORD_FIELDS


def types_of(names: Iterable[str]) -> dict[str, FactType]:
    """The types of declared facts and of the principal's attributes, which are all strings."""
    return {
        name: "string" if name.startswith(ATTRIBUTE_PREFIX) else _BY_NAME[name].type
        for name in names
    }


def default_of(name: str) -> Any:
    """The declared default of a fact that is absent."""
    if name.startswith(ATTRIBUTE_PREFIX):
        return ""
    kind = _BY_NAME[name].type
    return _DEFAULTS[kind]


_DEFAULTS: dict[FactType, Any] = {
    "bool": False, "int": 0, "string": "", "strings": [], "records": [], "origins": [], "json": {},
}  # fmt: skip


def attribute_of(name: str) -> str | None:
    """``tier`` for ``principal.attributes.tier``, ``None`` for any other fact."""
    return name[len(ATTRIBUTE_PREFIX) :] if name.startswith(ATTRIBUTE_PREFIX) else None


def page() -> str:
    """The reference page of all facts, as Markdown."""
    return "\n".join(_page()) + "\n"


_TYPES = {
    "bool": "bool",
    "int": "int",
    "string": "string",
    "strings": "list of strings",
    "records": "list of records",
    "origins": "list of origins",
    "json": "JSON",
}
_INTRO = """\
# Facts

<!-- Written by `python -m freehold.rules.declared`. Do not edit. -->

What `when:` may name, in rules, in a route's rules and in a source's condition: expressions in
[CEL](https://github.com/google/cel-spec/blob/master/doc/langdef.md) that give yes or no. All
numbers are whole: percentages are basis points (30 % is 3000), money minor units (cents), dates
days since 1970-01-01, durations seconds, quantities thousandths.

A phase says when a fact exists: `source` is the condition of a source, `request` a rule before the
model, `route` a rule of a route, `answer` a rule on what the model said, `stream` one that judges
each sentence of it with all that came before, whole answers included, `tool_call` a rule on each
tool that it calls. A fact that is absent has its default: no, 0, nothing, an empty list.

Functions are `size`, `contains`, `startsWith`, `endsWith`, `matches` (RE2 syntax; `(?i)` in front
ignores case), `has`, `all`, `exists`, `exists_one`, `filter`, `map`, `int`, `double`, `string` and
`dyn`.

Besides the facts below, `principal.attributes.NAME` is the value (a string) of an attribute that
the bundle declares under `identity.attributes`, in every phase.

| fact | type | phases | what it says |
|---|---|---|---|"""
_OUTRO = """\

## Records

Facts taken from a text are lists of records; none found is an empty list. Each record has

| field | type | |
|---|---|---|
| `value` | int | in the unit of its kind; the lower end of a range |
| `upper` | int | the upper end of a range, else the same as `value` |
| `unit` | string | `bp`, a currency (`USD`), `day`, `hour`, the noun of a quantity |
| `role` | string | what the words around it make of it: `discount`, `refund`, `price` |
| `polarity` | string | `affirmed`, `negated` ("we can not offer 30 %") or `hypothetical` |
| `parsed` | bool | no, where such a phrase was seen that could not be read; `value` is then 0 |
| `text` | string | the words themselves |
| `kind`, `start`, `end` | string, int, int | what it is and where it stands |

A phrase that could not be read makes every rule fire that names its list, since nobody knows
whether the limit is kept. A rule whose expression looks at `parsed` itself decides for itself.

An expression that can't be evaluated (a field that does not exist, say) fires its rule too, with
the strictest outcome.

## Texts

Characters that nobody sees are gone from all texts. A text in look-alike characters (full-width or
mathematical letters, circled digits, ligatures, typographic quotes and dashes) is read twice: as it
stands, and in the plain characters that it passes for (NFKC), with the texts and patterns of the
rule in plain ones too. A rule fires where either reading fires it: `matches`, `contains`, `==` and
the rest can't be escaped by full-width letters, and what must be said may be said in the rule's own
characters. Letters of other alphabets that merely look like Latin ones (Cyrillic) are not folded.

Where a text is JSON, or has some behind a fence that says `json`, `request.text`, `answer.text` and
`stream.sentence` have what its escapes stand for: `\\n` is a line end, `\\u0041` an `A`.

## JSON

`tool.arguments` and `answer.json` have the members that the model wrote: `tool.arguments.to`,
`answer.json.lines[0].sku`. What is [declared](bundle.md#member) has its unit and its default;
anything else is text, a truth value or a number as it stands, decimals included. To read a member
that is absent and has no default is an error, so that the rule fires: ask `has(tool.arguments.cc)`
first. A declared member that is something else than declared stops the call, or fires every rule
that reads `answer.json`.

Where the request did not promise JSON, an answer in words is no error: members have their defaults,
and that one without a default is missing fires nothing. JSON objects in such an answer, fenced or
not, are judged one by one, and what begins like one and can't be read fires the rule.

Facts read in a call's arguments (`tool.money`, …) know the key that stands before a value, and
include declared numbers.

## Origins

Each record of `tool.untrusted` is a value in the arguments that stands in untrusted text (a tool's
result, a piece of context that is not trusted) and in nothing that the caller, the app or a trusted
source said:

| field | type | |
|---|---|---|
| `path` | string | the argument: `to`, `lines[0].sku` |
| `kind` | string | `address`, `link`, `text` or `value`; see below |
| `field` | bool | it is a whole field of the tool's JSON, and nowhere part of a longer text |
| `part` | bool | only part of the argument comes from there |
| `where` | string | `message:3`, `context:reviews` |
| `tool` | string | the tool whose result that is; empty for context |
| `start`, `end` | int | where it stands there |

An `address` is where data or money would go: an e-mail address, an account (IBAN), a wallet, a
phone number, an URL or address that the model put together with a host that only untrusted text
names. A
`link` is an URL as it stood there, a `text` a longer stretch, a `value` anything else."""


def _page() -> Iterator[str]:
    yield _INTRO
    for fact in DECLARED:
        phases = ", ".join(phase for phase in PHASES if phase in fact.phases)
        yield f"| `{fact.name}` | {_TYPES[fact.type]} | {phases} | {fact.says} |"
    yield _OUTRO


if __name__ == "__main__":
    sys.stdout.write(page())
