"""The requests: several hundred texts of the retail example's day, each sent only once as it is.

A message is 500 to 2,000 characters, all of it new: short questions of the day are joined until
the length is reached. A reference of eight letters differs in every request, so that no gateway
that remembers texts answers from memory.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import orjson

from freehold.testing.identity import LocalIssuer
from freehold.testing.retail.data import ensure
from freehold.testing.retail.mix import CUSTOMER_SERVICE
from freehold.testing.retail.traffic import Call, day

MODEL = "simulated-frontier"
SEED = 2026
SHAPES = 300
MARK = b"@@@@@@@@"
_SHORTEST, _LONGEST, _TYPICAL = 500, 2_000, 900
_LETTERS = bytes.maketrans(b"0123456789", b"bdfhkmprtw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One request but for its reference: ``text`` has `MARK` where that goes."""

    text: str
    claims: dict[str, object]
    personal: bool

    def body(self, *, stream: bool) -> bytes:
        """The OpenAI chat-completions body, with the mark in it."""
        body: dict[str, object] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": self.text}],
        }
        if stream:
            body["stream"] = True
        return orjson.dumps(body)


def reference(number: int) -> bytes:
    """Eight letters for a number below 100 million; as long as the mark, and no word or number."""
    return (b"%08d" % (number % 100_000_000)).translate(_LETTERS)


def database(folder: Path) -> Path:
    """The retail example's database, made where it is missing."""
    return ensure(folder / "retail.sqlite", seed=SEED)


def shapes(db: Path, count: int = SHAPES, seed: int = SEED) -> list[Shape]:
    """Requests of customers who want something allowed: nothing that a control would refuse.

    Personal data occurs as often as in the day's short questions: in the first part only.
    """
    calls = [call for call in day(count * 40, seed, db) if _plain(call)]
    personal = "contains_pii"
    first = iter(calls)
    more = {
        language: cycle([c for c in calls if _is(c, language) and personal not in c.expect.tags])
        for language in sorted({call.expect.language for call in calls})
    }
    dice = random.Random(seed)
    return [_joined(call, more, dice) for call in islice(first, count)]


def _plain(call: Call) -> bool:
    refused = {"contains_secret", "contains_injection", "tool_result", "other_customer"}
    return call.app == CUSTOMER_SERVICE and not refused & call.expect.tags


def _is(call: Call, language: str) -> bool:
    return call.expect.language == language


def _joined(call: Call, more: Mapping[str, Iterator[Call]], dice: random.Random) -> Shape:
    length = int(dice.triangular(_SHORTEST, _LONGEST, _TYPICAL))
    text = f"{_said(call)} (reference {MARK.decode()})"
    while len(text) < length:
        longer = f"{text} {_said(next(more[call.expect.language]))}"
        if len(longer) > _LONGEST:
            break
        text = longer
    return Shape(text=text, claims=dict(call.claims), personal="contains_pii" in call.expect.tags)


def _said(call: Call) -> str:
    return str(call.messages[-1]["content"])


def tokens(used: Sequence[Shape], issuer: LocalIssuer) -> list[str]:
    """A signed token of the person behind each request."""
    return [issuer.token(shape.claims) for shape in used]
