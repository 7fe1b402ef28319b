"""Whether a question is what an app is for, from the examples in the app's YAML."""

from collections.abc import Sequence
from typing import ClassVar

from freehold.core.decisions import MILLION, Finding, Needs
from freehold.core.spec import PurposeScope
from freehold.text.scope import Scope

_KEPT = 64


class PurposeDetector:
    """Judges the newest turn of apps that have a scope. One finding: it is outside."""

    id = "purpose.scope"
    version = "1"
    label = "purpose"
    needs: Needs = "whole"
    kinds: ClassVar[frozenset[str]] = frozenset({"out_of_scope"})

    def __init__(self) -> None:
        self._scopes: dict[int, tuple[PurposeScope, Scope]] = {}

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:  # noqa: ARG002
        """Nothing: what is in scope depends on the app, so `judge` is asked."""
        return ()

    def prepare(self, spec: PurposeScope) -> Scope:
        """The examples, compared with from now on.

        Raises:
            ValueError: they are too few, or one has no word.
        """
        known = self._scopes.get(id(spec))
        if known is None or known[0] is not spec:
            if len(self._scopes) >= _KEPT:  # bundles change: begin anew
                self._scopes.clear()
            scope = Scope({"": spec.inside}, spec.outside)
            known = self._scopes[id(spec)] = (spec, scope)
        return known[1]

    def judge(self, spec: PurposeScope, query: str) -> tuple[int, Finding | None]:
        """How much in scope the question is, in millionths, and a finding where it is not.

        Raises:
            ValueError: the examples can't be used.
        """
        score = self.prepare(spec).like(query).score
        if score >= spec.threshold:
            return score, None
        return score, Finding(
            detector=self.id,
            version=self.version,
            kind="out_of_scope",
            label=self.label,
            where="request",
            start=0,
            end=0,
            score=MILLION - score,
            threshold=MILLION - spec.threshold,
            explanation="unlike the examples of what the app is for",
        )
