"""Counters and histograms in the Prometheus text format 0.0.4, for one thread's hot path.

A label can never make a family grow without end: beyond ``CAP`` label sets, whatever is new is
counted under ``other``.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from numpy import array, bincount, int64, searchsorted

CAP = 500
_MANY = 24
"""Values from which numpy is quicker than looking at one after the other."""
OTHER = "other"
Labels = tuple[str, ...]


class Counter:
    """A family of sums. ``scale`` turns what is counted (nanoseconds) into what is shown."""

    __slots__ = ("help", "labels", "name", "scale", "values")

    def __init__(self, name: str, help: str, labels: Labels = (), *, scale: int = 1) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self.scale = scale
        self.values: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int = 1) -> None:
        """Add to the sum under these label values."""
        values = self.values
        if labels in values:
            values[labels] += amount
            return
        if len(values) >= CAP:
            labels = (OTHER,) * len(self.labels)
        values[labels] = values.get(labels, 0) + amount

    def render(self) -> Iterator[str]:
        """Lines of the exposition format."""
        yield from _head(self.name, self.help, "counter")
        for labels, value in sorted(self.values.items()):
            yield f"{self.name}{_labels(self.labels, labels)} {_scaled(value, self.scale)}"


class Histogram:
    """A family of distributions: of nanoseconds, shown in seconds, where ``unit`` says no other."""

    __slots__ = ("_at", "_bounds", "_series", "_unit", "help", "labels", "name")

    def __init__(
        self,
        name: str,
        help: str,
        bounds: Iterable[int],
        labels: Labels = (),
        *,
        unit: int = 1_000_000_000,
    ) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self._unit = unit
        self._bounds = sorted(bounds)
        self._at = array(self._bounds, int64)
        self._series: dict[Labels, list[int]] = {}

    def observe(self, labels: Labels, value: int) -> None:
        """Count one."""
        series = self._series.get(labels)
        if series is None:
            if len(self._series) >= CAP:
                labels = (OTHER,) * len(self.labels)
            # one count a bucket, then the rest, then the sum
            series = self._series.setdefault(labels, [0] * (len(self._bounds) + 2))
        series[bisect_left(self._bounds, value)] += 1
        series[-1] += value

    def observe_all(self, labels: Labels, values: Sequence[int]) -> None:
        """Count several under the same labels."""
        if not values:
            return
        series = self._series.get(labels)
        if series is None:
            self.observe(labels, values[0])
            series = self._series.get(labels) or self._series[(OTHER,) * len(self.labels)]
            values = values[1:]
        if len(values) < _MANY:
            bounds = self._bounds
            for value in values:
                series[bisect_left(bounds, value)] += 1
        else:
            places = searchsorted(self._at, array(values, int64))
            for place, count in enumerate(bincount(places).tolist()):
                series[place] += count
        series[-1] += sum(values)

    def render(self) -> Iterator[str]:
        """Lines of the exposition format; buckets are cumulative."""
        yield from _head(self.name, self.help, "histogram")
        for labels, series in sorted(self._series.items()):
            count = 0
            for bound, inside in zip(self._bounds, series, strict=False):
                count += inside
                pairs = _labels((*self.labels, "le"), (*labels, _scaled(bound, self._unit)))
                yield f"{self.name}_bucket{pairs} {count}"
            count += series[len(self._bounds)]
            pairs = _labels((*self.labels, "le"), (*labels, "+Inf"))
            yield f"{self.name}_bucket{pairs} {count}"
            plain = _labels(self.labels, labels)
            yield f"{self.name}_sum{plain} {_scaled(series[-1], self._unit)}"
            yield f"{self.name}_count{plain} {count}"


def gauge(name: str, help: str, rows: Iterable[tuple[dict[str, str], int | str]]) -> Iterator[str]:
    """Lines for values that are read when someone asks."""
    yield from _head(name, help, "gauge")
    for labels, value in rows:
        yield f"{name}{_labels(tuple(labels), tuple(labels.values()))} {value}"


def _head(name: str, help: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {kind}"


def _labels(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    pairs = ",".join(f'{n}="{_escape(v)}"' for n, v in zip(names, values, strict=True))
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _scaled(value: int, scale: int) -> str:
    """The quotient in decimal digits, exactly, without an exponent."""
    if scale == 1:
        return str(value)
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), scale)
    digits = f"{rest:0{len(str(scale)) - 1}d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
