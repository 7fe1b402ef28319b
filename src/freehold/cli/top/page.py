"""A metrics page, read: Prometheus text format 0.0.4 as numbers by name and labels."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping

from freehold.core.errors import NotFound

Labels = Mapping[str, str]
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
_PAIR = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_TIMEOUT_S = 10.0
_MOST_BYTES = 64_000_000


class Page:
    """Numbers of one moment. ``at_s`` is a monotonic time in seconds."""

    def __init__(self, text: str, at_s: float) -> None:
        self.at_s = at_s
        self._rows: dict[str, list[tuple[dict[str, str], float]]] = {}
        for line in text.splitlines():
            found = _LINE.match(line)
            if found is None:
                continue
            name, pairs, value = found.groups()
            try:
                number = float(value)
            except ValueError:
                continue
            labels = {key: _plain(said) for key, said in _PAIR.findall(pairs or "")}
            self._rows.setdefault(name, []).append((labels, number))

    def rows(self, name: str, **wanted: str) -> Iterator[tuple[Labels, float]]:
        """Every sample of a name whose labels are these."""
        for labels, value in self._rows.get(name, ()):
            if all(labels.get(key) == said for key, said in wanted.items()):
                yield labels, value

    def sum(self, name: str, **wanted: str) -> float:
        """Those samples added up."""
        return sum(value for _, value in self.rows(name, **wanted))

    def by(self, name: str, label: str, **wanted: str) -> dict[str, float]:
        """Those samples added up by one label."""
        sums: dict[str, float] = {}
        for labels, value in self.rows(name, **wanted):
            key = labels.get(label, "")
            sums[key] = sums.get(key, 0.0) + value
        return sums

    def buckets(self, name: str, **wanted: str) -> dict[float, float]:
        """A histogram's cumulative counts by upper bound."""
        counts: dict[float, float] = {}
        for labels, value in self.rows(f"{name}_bucket", **wanted):
            bound = float(labels.get("le", "inf").replace("+Inf", "inf"))
            counts[bound] = counts.get(bound, 0.0) + value
        return counts


def quantile(counts: Mapping[float, float], share: float) -> float | None:
    """A quantile from cumulative counts, by a straight line within its bucket, as Prometheus's
    ``histogram_quantile`` does; ``None`` where nothing was counted.
    """
    bounds = sorted(counts)
    if not bounds or counts[bounds[-1]] <= 0:
        return None
    rank = share * counts[bounds[-1]]
    below, lower = 0.0, 0.0
    for bound in bounds:
        inside = counts[bound] - below
        if counts[bound] >= rank and inside > 0:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - below) / inside
        below, lower = counts[bound], bound
    return lower


def fetch(url: str, token: str, at_s: float) -> Page:
    """The metrics page of a gateway.

    Raises:
        NotFound: somebody does, and it is no metrics page, or not for whoever asks.
    """
    address = f"{url.rstrip('/')}/metrics"
    if not address.startswith(("http://", "https://")):
        raise NotFound(f"{url} is no http address")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - its scheme is above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            text = answer.read(_MOST_BYTES).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        error.close()
        hint = "; set FREEHOLD_METRICS_TOKEN" if error.code in (401, 403) else ""
        raise NotFound(f"{address} answered {error.code}{hint}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotFound(f"no gateway answers at {url}: {reason}") from None
    if "freehold_" not in text:
        raise NotFound(f"{address} is no metrics page of Freehold")
    return Page(text, at_s)


def _plain(said: str) -> str:
    """A label's value; what would steer a terminal is no part of a name."""
    value = _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], said)
    return "".join(c if c.isprintable() else "\ufffd" for c in value)
