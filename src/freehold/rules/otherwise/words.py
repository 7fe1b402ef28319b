"""Changes in words, in the units that people use."""

from collections.abc import Iterable

from freehold.core.clock import rfc3339
from freehold.core.counterfactual import Change
from freehold.rules.declared import attribute_of

_DAY_NS = 86_400 * 1_000_000_000
_NO_MINOR_UNIT = frozenset({"JPY", "KRW"})
_COUNTS = {
    "request.chars": "characters in the request",
    "request.words": "words in the request",
    "request.questions": "question marks in the request",
    "request.digits": "digits in the request",
    "request.lines": "lines in the request",
    "request.turns": "messages in the conversation",
    "request.tools": "tools offered",
    "request.scope": "of fit with what the app is for",
    "request.intent_score": "of certainty about the intent",
    "answer.chars": "characters in the answer",
    "stream.chars": "characters so far",
    "stream.elapsed_ms": "until the answer was there",
}
_FLAGS = {
    ("principal.verified", True): "with an identity that a signed token verifies",
    ("request.in_scope", True): "with a question that the app is for",
    ("request.code", False): "without program code in the request",
    ("request.code", True): "with program code in the request",
}
_LISTS = {
    "principal.roles": "the role",
    "principal.clearances": "the clearance",
    "request.labels": "data of the class",
    "context.labels": "context of the class",
    "answer.labels": "data of the class",
    "request.findings": "the finding",
    "context.sources": "the source",
    "answer.missing_disclaimers": "a lack of the disclaimer",
    "answer.tools": "the tool",
}
_TEXTS = {
    "request.text": "the words of the request",
    "answer.text": "the words of the answer",
    "stream.sentence": "the words of the sentence",
}


def amount(value: float, unit: str) -> str:
    """A fact's value as people write it: ``20 %``, ``150.00 EUR``, ``3 days``."""
    if unit == "bp":
        return f"{value / 100:g} %"
    if unit == "millionth":
        return f"{value / 10_000:g} %"
    if unit == "day":
        return rfc3339(int(value) * _DAY_NS)[:10]
    if unit == "s":
        return _span(int(value))
    if unit == "ms":
        return f"{value} ms"
    if unit == "thousandth":
        return f"{value / 1_000:g}"
    if unit in _NO_MINOR_UNIT:
        return f"{value} {unit}"
    return f"{value / 100:.2f} {unit}" if unit else f"{value:,}"


def _span(seconds: int) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {name}" + ("s" if count != 1 else "")
    return f"{seconds} s"


def said(changes: Iterable[Change]) -> str:
    """All changes at once; those that say the same once."""
    return " and ".join(dict.fromkeys(map(one, changes)))


def one(change: Change) -> str:
    """``at 20 % or less instead of 30 %``, ``with the role manager``."""
    numeric = isinstance(change.to, int) and not isinstance(change.to, bool)
    if numeric or change.how in ("at_most", "at_least"):
        return _number(change)
    if isinstance(change.to, bool):
        return _FLAGS.get((change.fact, change.to)) or (
            f"with {_name(change)} {'true' if change.to else 'false'}"
        )
    if change.how == "without":
        return f"without {_thing(change)}{_place(change)}"
    if change.fact == "approval":
        return f"with the approval of {_article(str(change.to))}"
    if change.how == "with":
        return f"with {_LISTS.get(change.fact, _name(change) + ' holding')} {change.to}"
    if change.how == "other":
        instead = f" than {change.was}" if change.was is not None else ""
        return f"with another {_name(change)}{instead}"
    return f"with {_name(change)} {change.to}{_instead(change)}"


def _article(role: str) -> str:
    return f"an {role}" if role[:1].lower() in "aeio" else f"a {role}"


def _number(change: Change) -> str:
    value = amount(int(change.to or 0), change.unit)
    bound = {"at_most": f"{value} or less", "at_least": f"{value} or more"}.get(change.how, value)
    if change.fact in _COUNTS:
        return f"with {bound} {_COUNTS[change.fact]}{_instead(change)}"
    what = f" for {_name(change)}" if change.field and not change.kind else ""
    return f"at {bound}{_instead(change)}{what}{_place(change)}"


def _instead(change: Change) -> str:
    if change.was is None or change.was == "":
        return ""
    if isinstance(change.was, int) and not isinstance(change.was, bool):
        return f" instead of {amount(change.was, change.unit)}"
    return f" instead of {change.was}"


def _name(change: Change) -> str:
    attribute = attribute_of(change.fact)
    if attribute is not None:
        return attribute
    if change.field and change.fact in ("tool.arguments", "answer.json"):
        return change.field
    return change.fact.replace(".", " ").replace("_", " ")


def _thing(change: Change) -> str:
    if change.fact in _TEXTS:
        return _TEXTS[change.fact]
    if change.fact == "tool.untrusted":
        return f"what argument {change.field} takes from untrusted text"
    if change.fact in _LISTS:
        return f"{_LISTS[change.fact]} {change.was}" if change.was else _LISTS[change.fact]
    if not change.kind:
        return f"{_name(change)} {change.was}" if change.was is not None else _name(change)
    if isinstance(change.was, int):
        value = amount(change.was, change.unit)
        return f"the {change.kind} {value}"
    role = f" ({change.role})" if change.role not in ("", "other") else ""
    return f"the {change.kind.replace('_', ' ')}{role}"


def _place(change: Change) -> str:
    if change.start is None:
        return ""
    return f" ({change.where} at {change.start}-{change.end})"
