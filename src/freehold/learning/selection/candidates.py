"""A case as far as choosing looks at it."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.cases import Case, Moment, Read
from freehold.core.decisions import MILLION

Floats = NDArray[np.float32]
_DOUBT = {
    "feedback": 900_000,
    "incident": 900_000,
    "human": 900_000,
    "shadow": 800_000,
    "abstained": 800_000,
    "unanswered": 900_000,
    "fallback": 700_000,
    "out_of_scope": 700_000,
    "drift": 600_000,
    "rule": 500_000,
    "detector": 500_000,
    "low_confidence": 500_000,
    "imported": 500_000,
}
"""How likely an answer is wrong that was captured for this, in millionths; a model that was sure of
itself does not argue against somebody who corrected it."""
_LEAST = 100_000


class Candidate(Struct, frozen=True, kw_only=True):
    """One open case.

    Attributes:
        text: what was asked; empty where it is not kept.
        vector: of ``text``, float32 of length one; ``None`` where there is none.
        doubt: in millionths, how likely the answer is not right; see `doubt`.
        value: in millionths, what getting it right is worth beside others.
        at_ns: when it happened.
    """

    case_id: str
    text: str = ""
    vector: Floats | None = None
    doubt: int = MILLION
    value: int = MILLION
    at_ns: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def audit(self) -> bool:
        """Whether a draw alone took it, so that it stands for all traffic."""
        return bool(self.reasons) and set(map(kind, self.reasons)) <= {"random"}


def candidate(read: Read) -> Candidate:
    """A case with its texts, ready to be chosen."""
    case, moment = read.case, read.moment
    return Candidate(
        case_id=case.case_id,
        text="" if moment is None else _question(moment),
        vector=None if moment is None else _vector(moment.vector),
        doubt=doubt(case),
        value=case.value,
        at_ns=case.at_ns,
        reasons=case.reasons,
    )


def doubt(case: Case) -> int:
    """How likely the answer is not right, in millionths: by whoever answered, or by why it was
    captured, whichever is more; never less than a tenth, since nobody is ever quite sure.
    """
    said = (_DOUBT.get(kind(reason), 0) for reason in case.reasons)
    return max(_LEAST, min(MILLION, max((case.uncertainty, *said))))


def kind(reason: str) -> str:
    """The first word of a reason."""
    return reason.partition(":")[0]


def stacked(vectors: Sequence[Floats]) -> Floats:
    """As rows of one array, float32 (n, d); of shape (0, 0) where there is none."""
    return np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)


def _question(moment: Moment) -> str:
    said = (m.get("content") for m in reversed(moment.asked) if m.get("role") == "user")
    return next((text for text in said if isinstance(text, str)), "")


def _vector(octets: bytes) -> Floats | None:
    """``None`` where there is none, or it says nothing (no words, or damaged)."""
    if not octets or len(octets) % 4:
        return None
    read = np.frombuffer(octets, dtype="<f4").astype(np.float32)
    size = float(np.sqrt(read @ read))
    return read / np.float32(size) if np.isfinite(size) and size > 0 else None
