"""Mirrors on the metrics page."""

from collections.abc import Callable, Iterator, Mapping

from freehold.services.mirror_states import Lag
from freehold.stages.monitoring.metrics import Counter, gauge

_GAUGES = (
    ("freehold_mirror_lag_seconds", "For how long checkpoints have waited to be mirrored."),
    ("freehold_mirror_lag_entries", "Lines of the ledger that no checkpoint there covers yet."),
    ("freehold_mirror_contradictions", "Logs that are not what the mirror has seen of them."),
)
_VALUES: tuple[Callable[[Lag], str], ...] = (
    lambda lag: f"{lag.ns / 1e9:.3f}",
    lambda lag: str(lag.lines),
    lambda lag: str(lag.refused),
)


def offered() -> Counter:
    """Counts what came of each checkpoint that was offered."""
    name = "freehold_mirror_checkpoints_total"
    return Counter(name, "Checkpoints offered to mirrors.", ("mirror", "result"))


def mirror_lines(lags: Mapping[str, Lag], results: Counter) -> Iterator[str]:
    """Lines of the exposition format."""
    for (name, said), value_of in zip(_GAUGES, _VALUES, strict=True):
        rows = [({"mirror": label}, value_of(lag)) for label, lag in lags.items()]
        yield from gauge(name, said, rows)
    yield from results.render()
