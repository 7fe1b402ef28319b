"""The answer as JSON, for rules: `answer.json`."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from freehold.core.handoffs import Checked
from freehold.core.spec import AppSpec
from freehold.rules.members import typed
from freehold.rules.structured import Unreadable, read

FACT = "answer.json"
MAX_OBJECTS = 16
"""An answer in words with more objects in it than this is not read."""

_OBJECT = re.compile(r'(?:\[\s*)*\{\s*"')
_DECODER = json.JSONDecoder()


class Reading(Struct, frozen=True):
    """One way to read an answer as JSON.

    Attributes:
        facts: the fact, or nothing: JSON was meant, and nobody can read it.
        meant: whether it is meant as JSON at all. Words that nobody promised as JSON are an empty
            object, and lack of a member in it is no objection.
    """

    facts: dict[str, Any]
    meant: bool = True


def variants(checked: Checked, texts: Sequence[str]) -> tuple[Reading, ...]:
    """What each of the answer's choices is as JSON; a rule fires when it does for one of them.

    The fact is absent where the text is no JSON although the request promised some, or where a
    declared member is something else: a rule that reads it can't be evaluated then. Where none was
    promised, objects that stand in an answer in words are read one by one.
    """
    admitted = checked.answer.sendable.plan.ruled.admitted
    form = admitted.ask.response_format
    promised = form is not None and form.get("type") != "text"
    return tuple(each for text in texts for each in _readings(text, admitted.app, promised))


def _readings(text: str, app: AppSpec, promised: bool) -> Iterator[Reading]:
    if promised or text.lstrip()[:1] in ("{", "["):
        yield Reading(_fact(text, app))
        return
    number = 0
    for number, found in enumerate(_objects(text), start=1):
        if number > MAX_OBJECTS:
            yield Reading({})
            return
        yield Reading(_fact(found, app))
    if not number:
        try:
            yield Reading({FACT: typed({}, app.answer_fields).value}, meant=False)
        except Unreadable:
            yield Reading({}, meant=False)


def _objects(text: str) -> Iterator[str]:
    """The JSON objects, and lists of them, in a text; what begins like one is handed on whole."""
    at = 0
    while (found := _OBJECT.search(text, at)) is not None:
        try:
            _, at = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            at = len(text)
        yield text[found.start() : at]


def _fact(text: str, app: AppSpec) -> dict[str, Any]:
    try:
        return {FACT: typed(read(text), app.answer_fields).value}
    except Unreadable:
        return {}
