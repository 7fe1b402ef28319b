"""Characters that a reader cannot see: counted by data_prep when it takes them out."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from freehold.core.decisions import Finding, Needs

# What each kind weighs: tag characters carry smuggled text, overrides disguise it; a stray
# zero-width space comes with copying from a web page.
_CERTAIN = {"tag": 950_000, "bidi": 700_000, "variation": 600_000, "noncharacter": 600_000}
_MANY = 8


class HiddenUnicode:
    """Hidden characters in the request."""

    id = "hidden.unicode"
    version = "1"
    label = "hidden"
    needs: Needs = "span"
    kinds: ClassVar[frozenset[str]] = frozenset({"hidden_text"})

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:  # noqa: ARG002
        """Nothing: by now they are gone from the text."""
        return ()

    def counted(self, hidden: Mapping[str, int]) -> Sequence[Finding]:
        """One finding for each kind that data_prep counted; its span is empty."""
        return tuple(
            Finding(
                detector=self.id,
                version=self.version,
                kind="hidden_text",
                label=self.label,
                where="request",
                start=0,
                end=0,
                score=min(
                    990_000, _CERTAIN.get(kind, 300_000) + (300_000 if count >= _MANY else 0)
                ),
                explanation=f"{count} hidden characters of the kind {kind} were taken out",
            )
            for kind, count in sorted(hidden.items())
            if count > 0 and kind not in {"over_limit", "surrogate"}
        )
