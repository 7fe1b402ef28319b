"""`gliner.pii`: a GLiNER model, which finds whatever kinds it is told to look for.

Options: ``model`` (the folder of one; nothing is ever downloaded), ``kinds`` (what to look for, in
plain words) and ``chunk`` (characters that it reads at once, since of a longer text it leaves out
the rest without a word). API: https://urchade.github.io/GLiNER/.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from freehold.core.decisions import MILLION, Finding, Needs
from freehold.stages.governance.installed.loading import Unloadable

KINDS = ("person", "address", "organization", "date of birth", "phone number", "email")
_FLOOR = 0.05
_OVERLAP = 100
_NAMES = {"organization": "organisation", "date_of_birth": "birth_date", "phone_number": "phone"}


class Gliner:
    """What a GLiNER model finds, as findings of the label ``pii``."""

    id = "gliner.pii"
    needs: Needs = "whole"

    def __init__(self, model: str = "", kinds: Sequence[str] = KINDS, chunk: int = 1_000) -> None:
        """Raises: Unloadable: no such folder, or no kinds."""
        if not model or not Path(model).is_dir():
            raise Unloadable("`gliner.pii` needs the option `model`: the folder of a GLiNER model")
        if not kinds or not 200 <= chunk <= 4_000:
            raise Unloadable("`gliner.pii` needs some `kinds`, and a `chunk` from 200 to 4000")
        from gliner import GLiNER

        self.version = version("gliner")
        self._model: Any = GLiNER.from_pretrained(model, local_files_only=True)
        self._kinds = list(kinds)
        self._chunk = chunk

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:  # noqa: ARG002
        """Findings, chunk by chunk; one that two chunks share is found once."""
        found: dict[tuple[str, int, int], int] = {}
        for start, end in chunks(text, self._chunk):
            part = text[start:end]
            for entity in self._model.predict_entities(part, self._kinds, threshold=_FLOOR):
                key = (_kind(entity["label"]), entity["start"] + start, entity["end"] + start)
                score = min(MILLION, max(0, round(float(entity["score"]) * MILLION)))
                found[key] = max(score, found.get(key, 0))
        return [
            Finding(
                detector=self.id,
                version=self.version,
                kind=kind,
                label="pii",
                where=where,
                start=start,
                end=end,
                score=score,
            )
            for (kind, start, end), score in found.items()
        ]


def chunks(text: str, most: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most so many characters that overlap, cut between words where that goes."""
    start = 0
    while True:
        end = min(start + most, len(text))
        if end < len(text):
            blank = text.rfind(" ", start + most // 2, end)
            end = blank if blank > 0 else end
        yield start, end
        if end >= len(text):
            return
        start = max(end - _OVERLAP, start + 1)


def _kind(label: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:48]
    return _NAMES.get(name, name)
