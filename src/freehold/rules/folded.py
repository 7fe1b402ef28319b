"""A second reading of facts and rules: look-alike letters as the plain ones that they pass for.

A word in full-width or mathematical letters is no way round a rule about that word. The texts in a
rule are folded like those that it reads, so that what contained, began with or equalled one of them
still does: the second reading never adds that something is missing.
"""

import json
import re
from typing import Any

from freehold.rules.functions import pattern_of
from freehold.rules.literals import literal
from freehold.rules.names import STRINGS, tokens
from freehold.text.compatible import compatible


def fold_value(value: Any) -> Any:
    """A fact's value with all texts in it folded; the same object where nothing changes."""
    if isinstance(value, str):
        return compatible(value)
    if isinstance(value, dict):
        folded = {compatible(key): fold_value(each) for key, each in value.items()}
        same = len(folded) == len(value) and all(
            key in folded and folded[key] is each for key, each in value.items()
        )
        return value if same else folded
    if isinstance(value, list):
        items = [fold_value(each) for each in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    return value


def folded_expression(expression: str) -> str:
    """The expression with its texts and patterns folded. It compiles already."""
    if expression.isascii() and "\\" not in expression:
        return expression
    read = tokens(expression)
    parts: list[str] = []
    done = 0
    for at, (kind, written, offset) in enumerate(read):
        if kind not in STRINGS:
            continue
        text = str(literal("STRING_LIT", written)[1])
        pattern = at > 1 and read[at - 2][1] == "matches" and read[at - 1][1] == "("
        folded = _folded_pattern(text) if pattern else compatible(text)
        if folded != text:
            parts += (expression[done:offset], json.dumps(folded, ensure_ascii=False))
            done = offset + len(written)
    return "".join(parts) + expression[done:]


def _folded_pattern(pattern: str) -> str:
    """A pattern that means the folded character wherever it names another one. One that stands for
    several stays: within brackets there is no way to say so.
    """
    folded = "".join(
        re.escape(plain) if len(plain := compatible(char)) == 1 and plain != char else char
        for char in pattern
    )
    if folded == pattern:
        return pattern
    try:
        pattern_of(folded)
    except ValueError:
        return pattern  # a range that would run backwards
    return folded
