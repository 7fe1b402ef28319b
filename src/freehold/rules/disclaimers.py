"""Words that must stand in an answer, and which of them do not: `answer.missing_disclaimers`."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from freehold.core.spec import Disclaimer
from freehold.rules.program import conditions

FACT = "answer.missing_disclaimers"
_MARKS = re.compile(r"\*+|_{2,}|`+")


class Disclaimers:
    """An app's declared disclaimers; ``names`` are the facts that their conditions need."""

    __slots__ = ("_conditions", "_declared", "names")

    def __init__(self, declared: Sequence[Disclaimer]) -> None:
        """Compile the conditions.

        Raises:
            ExpressionError: one of them does not compile.
        """
        self._declared = tuple((d.text, plain(d.text)) for d in declared)
        self._conditions = conditions(tuple(d.when for d in declared), "answer")
        self.names = self._conditions.names

    def missing(self, facts: Mapping[str, Any], texts: Sequence[str]) -> list[str]:
        """Those that are needed and stand not in every one of ``texts``.

        One whose condition can't be evaluated is needed: nobody knows that it is not.
        """
        needed = self._conditions.run(facts)
        said = [plain(text) for text in texts]
        return [
            text
            for (text, words), verdict in zip(self._declared, needed, strict=True)
            if verdict is not False and any(words not in one for one in said)
        ]


def plain(text: str) -> str:
    """The text without case, accents, Markdown's marks and differences in blanks."""
    parts = unicodedata.normalize("NFKD", _MARKS.sub("", text)).casefold()
    return " ".join("".join(c for c in parts if not unicodedata.combining(c)).split())
