"""How the answer of a smaller model is checked before it counts."""

from typing import Literal

from msgspec import Struct

CascadeCheck = Literal[
    "abstain", "refusal", "length", "format", "confidence", "groundedness", "controls"
]


class CascadeSpec(Struct, frozen=True, kw_only=True):
    """A smaller model first: its answer is checked, and below ``escalate_below`` (millionths) the
    next one is asked.

    ``models`` are those whose answers are checked; none named: whoever comes first. ``steps``
    bounds how often another one is asked. ``keep``: where the others fail, the doubted answer is
    judged like any other, and may leave.
    """

    escalate_below: int = 500_000
    checks: tuple[CascadeCheck, ...] = ("abstain", "refusal", "length", "format", "confidence")
    models: frozenset[str] = frozenset()
    steps: int = 1
    min_chars: int = 1
    keep: bool = False
