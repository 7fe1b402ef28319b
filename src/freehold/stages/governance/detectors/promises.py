"""What an answer promises or states without ground: judged by what the model was given."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from freehold.core.decisions import Finding, Needs
from freehold.core.handoffs import Sendable
from freehold.rules.declared import UNGROUNDED, values_of
from freehold.rules.facts import asked_text, trusted_texts
from freehold.rules.promises import VALUES, Given, Unfounded, unauthorised, ungrounded_values


class _Unfounded:
    """Finds nothing in a text alone; an answer is held against what was given."""

    id: ClassVar[str] = ""
    label: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    needs: ClassVar[Needs] = "whole"

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:  # noqa: ARG002
        """Nothing: neither requests nor context promise anything."""
        return ()

    def answered(self, text: str, where: str, given: Sendable) -> Sequence[Finding]:
        """What has no ground in an answer; arguments of tool calls are for rules."""
        if ":call:" in where:
            return ()
        prepared = given.plan.ruled.grounded.screened.prepared
        beside = Given(
            trusted=tuple(trusted_texts(given.plan)),
            asked=asked_text(given.plan),
            query=prepared.query,
            language=prepared.features.read_as,
        )
        return [
            Finding(
                detector=self.id,
                version=self.version,
                kind=each.kind,
                label=self.label,
                where=where,
                start=each.start,
                end=each.end,
                score=each.score,
                explanation=each.why,
            )
            for each in self.find(text, beside)
        ]

    def find(self, text: str, given: Given) -> Iterable[Unfounded]:
        raise NotImplementedError


class UnauthorisedPromise(_Unfounded):
    """Affirmed promises, discounts and refunds that no trusted text grounds."""

    id = "promise.unauthorised"
    label = "promise"

    @property
    def kinds(self) -> frozenset[str]:
        """One for each role of a promise."""
        roles = values_of("answer.commitments", "role") | VALUES
        return frozenset(f"promised_{role}" for role in roles)

    def find(self, text: str, given: Given) -> Iterable[Unfounded]:
        """See `freehold.rules.promises.unauthorised`."""
        return unauthorised(text, given)


class Ungrounded(_Unfounded):
    """Values, ids, names and numbers that no trusted text states."""

    id = "grounded.values"
    label = "ungrounded"

    @property
    def kinds(self) -> frozenset[str]:
        """One for each kind of what can lack a ground."""
        return frozenset(f"ungrounded_{kind}" for kind in UNGROUNDED)

    def find(self, text: str, given: Given) -> Iterable[Unfounded]:
        """See `freehold.rules.promises.ungrounded_values`."""
        return ungrounded_values(text, given)
