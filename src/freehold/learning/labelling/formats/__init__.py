"""Cases and their labels as files of other tools: Argilla's, Label Studio's, plain JSON lines."""

from collections.abc import Callable, Sequence

from freehold.core.labels import QueueSpec
from freehold.learning.labelling.formats import argilla, label_studio, lines
from freehold.learning.labelling.formats.rows import Mistakes, Row, RowLabel

Dump = Callable[[Sequence[Row], QueueSpec], str]
Load = Callable[[str], list[Row]]
FORMATS: dict[str, tuple[Dump, Load]] = {
    "jsonl": (lines.dump, lines.load),
    "argilla": (argilla.dump, argilla.load),
    "label-studio": (label_studio.dump, label_studio.load),
}
"""Name → what writes it, and what reads it again."""

__all__ = ["FORMATS", "Dump", "Load", "Mistakes", "Row", "RowLabel"]
