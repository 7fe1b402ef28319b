"""The gate: whether a trained model may go on, and what speaks against it. Pure."""

from freehold.learning.gate.answers import Answer, Answering, By, Compared, compared, right
from freehold.learning.gate.evaluating import evaluate
from freehold.learning.gate.report import Changed, Criterion, Figure, Report, Slice

__all__ = [
    "Answer",
    "Answering",
    "By",
    "Changed",
    "Compared",
    "Criterion",
    "Figure",
    "Report",
    "Slice",
    "compared",
    "evaluate",
    "right",
]
