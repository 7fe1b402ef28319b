"""The `guard` behaviour: plays a guard model, by a short list of words.

It is no safety classifier: it flags what the tables below name, so that a test and a first look
know what to expect. It answers in the form that it is asked for: with a JSON object where the
request wants one, with `yes` or `no` where its instructions say so, else as Llama Guard does.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any, Final

import orjson

from freehold.testing.simulator.answers import Answer
from freehold.testing.simulator.asks import Ask
from freehold.testing.simulator.errors import malformed

# Llama Guard's categories, each with a few plain words for it.
_WORDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("S1", "violence", r"\b(?:kill|stab|shoot|murder) (?:him|her|them|someone|people|my)\b"),
    ("S2", "illicit", r"\b(?:launder money|steal a car|pick the lock|forge (?:a|an) )"),
    ("S6", "advice", r"\b(?:double the dose|stop taking (?:your|the) (?:pills|medication))\b"),
    ("S9", "weapons", r"\b(?:build|make|assemble) a (?:pipe )?bomb\b|\bnerve agent\b"),
    ("S10", "hate", r"\b(?:vermin|subhuman)s?\b"),
    ("S11", "self-harm", r"\b(?:hurt|harm|kill) (?:myself|yourself)\b"),
    ("S14", "code-abuse", r"\brm -rf /(?:\s|$)"),
)
_PATTERNS: Final = tuple((code, name, re.compile(p, re.IGNORECASE)) for code, name, p in _WORDS)
_YES_OR_NO: Final = re.compile(r"\byes or no\b", re.IGNORECASE)


def flagged(text: str) -> list[tuple[str, str]]:
    """Codes and names of the categories that a text is flagged for."""
    return [(code, name) for code, name, pattern in _PATTERNS if pattern.search(text)]


class Guard:
    """Judges the last message."""

    def answer(self, ask: Ask, rng: Random) -> Answer:  # noqa: ARG002 (the Protocol's form)
        """A verdict in the form that was asked for."""
        found = flagged(ask.messages[-1].text if ask.messages else "")
        if ask.json_object:
            verdict = {"unsafe": bool(found), "score": 0.97 if found else 0.02}
            return Answer(text=orjson.dumps(verdict).decode())
        if any(_YES_OR_NO.search(m.text) for m in ask.messages if m.role == "system"):
            return Answer(text="yes" if found else "no")
        if not found:
            return Answer(text="safe")
        return Answer(text="unsafe\n" + ",".join(code for code, _ in found))


def moderation(data: dict[str, Any], digest: int) -> tuple[bytes, int]:
    """The body of an answer of the moderations endpoint, and how many tokens were read.

    Raises:
        WireError: 400, the input is no text or list of texts.
    """
    given = data.get("input")
    texts: list[str] = [text for text in _listed(given) if isinstance(text, str)]
    if not texts or len(texts) != len(_listed(given)):
        raise malformed("input must be a string or a list of strings", "input")
    results = []
    for text in texts:
        names = {name for _, name in flagged(text)}
        results.append(
            {
                "flagged": bool(names),
                "categories": {name: name in names for _, name, _ in _WORDS},
                "category_scores": {name: 0.97 if name in names else 0.01 for _, name, _ in _WORDS},
            }
        )
    body = {"id": f"modr-sim{digest:016x}", "model": data.get("model"), "results": results}
    return orjson.dumps(body), sum(len(text) // 4 + 1 for text in texts)


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]
