"""What an exchange's opened record holds, so that the one of its end tells what has come since."""

from typing import Any, NamedTuple

from freehold.core.trail import Firing, Trail


class Written(NamedTuple):
    """Which firings, how many decisions, counterfactuals and tags an opened part holds,
    which facts, and its calls as they were. ``early``: the answer grew after it.
    """

    firings: list[Firing]
    decisions: int
    counterfactuals: int
    tags: int
    facts: tuple[str, ...]
    calls: bytes
    early: bool
    sealed: bool

    def changed(self, trail: Trail) -> dict[str, Any]:
        """Facts that came later, or that grew with the answer."""
        if not self.early and len(trail.facts) == len(self.facts):
            return {}
        return {
            name: value
            for name, value in trail.facts.items()
            if name not in self.facts or (self.early and name.startswith("answer."))
        }


def written_now(calls: bytes, trail: Trail) -> Written:
    """As it is when the record has been written."""
    return Written(
        trail.firings.copy(),
        len(trail.decisions),
        len(trail.counterfactuals),
        len(trail.tags),
        tuple(trail.facts),
        calls,
        trail.opened and trail.arrival.ask.stream,
        trail.sealer is not None,
    )
