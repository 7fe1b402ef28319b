"""What is expected of each of some models on one request, as columns: one object for all of them.

Whoever chooses reads numbers; an `Estimate` for each model is made only for the record.
"""

from collections.abc import Iterable, Sequence

from freehold.core.routing import Estimate


class Expected:
    """Columns in the order of the models.

    Attributes:
        names: ids of models.
        success, doubt, cost, seen, latency: see `Estimate`.
    """

    __slots__ = ("cost", "doubt", "latency", "names", "seen", "success")

    def __init__(
        self,
        names: Sequence[str],
        success: list[int],
        doubt: list[int],
        cost: list[int],
        seen: Sequence[int],
        latency: list[int] | None = None,
    ) -> None:
        self.names = names
        self.success = success
        self.doubt = doubt
        self.cost = cost
        self.seen = seen
        self.latency = [0] * len(names) if latency is None else latency

    @classmethod
    def of(cls, estimates: Iterable[Estimate]) -> "Expected":
        """The columns of these."""
        rows = list(estimates)
        return cls(
            [e.model for e in rows],
            [e.success for e in rows],
            [e.doubt for e in rows],
            [e.cost_nano for e in rows],
            [e.seen for e in rows],
            [e.latency_ms for e in rows],
        )

    def __len__(self) -> int:
        return len(self.names)

    def estimate(self, place: int) -> Estimate:
        """What is expected of one model."""
        return Estimate(
            model=self.names[place],
            success=self.success[place],
            doubt=self.doubt[place],
            cost_nano=self.cost[place],
            latency_ms=self.latency[place],
            seen=self.seen[place],
        )

    def estimates(self) -> tuple[Estimate, ...]:
        """The same as rows."""
        return tuple([self.estimate(place) for place in range(len(self.names))])
