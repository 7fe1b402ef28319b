"""A text without Markdown's marks, since `**sk-pro**j-...` is read as one word on a screen."""

import re
from bisect import bisect_right

from msgspec.structs import replace

from freehold.core.decisions import Finding

_MARKS = re.compile(r"\*{2,}|_{2,}|`+")


class Unmarked:
    """The text without ``**``, ``__`` and backticks, and the way back to the original's offsets."""

    __slots__ = ("_removed", "_starts", "text")

    def __init__(self, text: str) -> None:
        self._starts: list[int] = [0]
        self._removed: list[int] = [0]
        parts: list[str] = []
        done = kept = 0
        for mark in _MARKS.finditer(text):
            parts.append(text[done : mark.start()])
            kept += mark.start() - done
            done = mark.end()
            self._starts.append(kept)
            self._removed.append(done - kept)
        parts.append(text[done:])
        self.text = "".join(parts)

    def back(self, finding: Finding) -> Finding:
        """The finding where it stands in the original; marks inside it belong to it."""
        return replace(finding, start=self._at(finding.start), end=self._at(finding.end - 1) + 1)

    def _at(self, offset: int) -> int:
        return offset + self._removed[bisect_right(self._starts, offset) - 1]
