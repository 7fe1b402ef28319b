"""Findings and decisions: what controls say, as values."""

from typing import Literal

from msgspec import Struct

Stage = Literal[
    "admit",
    "data_prep",
    "governance",
    "policy",
    "context",
    "routing",
    "inference",
    "monitoring",
    "audit",
]
STAGES: tuple[Stage, ...] = (
    "admit",
    "data_prep",
    "governance",
    "context",
    "policy",
    "routing",
    "inference",
    "monitoring",
    "audit",
)
Outcome = Literal["allow", "transform", "hold", "deny"]
Mode = Literal["enforce", "observe"]
Needs = Literal["span", "sentence", "whole"]
Late = Literal["buffer", "terminate"]
"""What a control of the whole answer does to a stream: hold it back, or end it when it objects."""

MILLION = 1_000_000
"""Scores and shares are integers in millionths, so that a record has one byte form."""


class Finding(Struct, frozen=True, kw_only=True):
    """What a detector found, and where; the text itself is not in it.

    Attributes:
        kind: what it is (``email``, ``iban``, ``aws_key``).
        label: the class that clearances are about (``pii``, ``secret``).
        where: which text: ``message:3``, ``context:orders``, ``answer``.
        start, end: character offsets in that text.
        score, threshold: millionths.
        explanation: why it counts, for a reader of the record.
    """

    detector: str
    end: int
    explanation: str = ""
    kind: str
    label: str
    score: int = MILLION
    start: int
    threshold: int = 500_000
    version: str
    where: str


class Decision(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One control's verdict with its reason. ``public`` is the part that a caller may read."""

    evidence: tuple[str, ...] = ()
    mode: Mode = "enforce"
    outcome: Outcome
    public: str = ""
    rule: str
    stage: Stage
    why: str
