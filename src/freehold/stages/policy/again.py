"""Judging a step again, from what a record says of it."""

from collections.abc import Mapping
from typing import Any

from freehold.core.judged import Noted, Seen
from freehold.core.spec import RuleSpec
from freehold.ledger.words import are_words
from freehold.rules.names import facts_in
from freehold.rules.program import ConditionSet

_NOTHING = Noted()


class Again:
    """What a step's rules read in words, as it was noted then.

    Attributes:
        taken: rules whose verdict had to be taken as recorded, by their place among those that were
            judged together, and what nobody has any more that they read.
    """

    __slots__ = ("_missing", "_noted", "_words", "taken")

    def __init__(
        self, noted: Mapping[Seen, Noted], missing: frozenset[str], *, words: bool
    ) -> None:
        """Take a step.

        Args:
            missing: facts in words that nobody has any more.
            words: whether records of facts have the words that they were read from.
        """
        self._noted = noted
        self._missing = missing
        self._words = words
        self.taken: dict[int, str] = {}

    def lacks_words(self, rule: RuleSpec) -> bool:
        """Whether the rule's facts have words that nobody has any more."""
        if self._words and not self._missing:
            return False
        return any(are_words(name) for name in facts_in(rule.when))

    def verdicts(
        self, conditions: ConditionSet, seen: Seen, facts: Mapping[str, Any]
    ) -> list[bool | None]:
        """A verdict for each expression, as `ConditionSet.run` gives it."""
        if self._words and not self._missing:
            return conditions.run(facts)
        noted = self._noted.get(seen, _NOTHING)
        known = {**facts, **dict.fromkeys(self._missing & conditions.names, "")}
        verdicts = conditions.run_again(known, noted)
        for place in range(len(verdicts)):
            lacking = conditions.lacking(place, self._missing, words=self._words)
            if lacking:
                self.taken[place] = lacking
                verdicts[place] = noted.verdicts.get(str(place), False)
        return verdicts
