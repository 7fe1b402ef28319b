"""What is known of public models: rows of catalogues with their age."""

from collections.abc import Iterable, Mapping
from datetime import date

import yaml
from msgspec import Struct

from freehold.bundle.catalogue import OLD_DAYS, shipped_rows
from freehold.bundle.model import Priced


class Listed(Struct, frozen=True, kw_only=True):
    """A row, with where it comes from and what is wrong with its age (nothing, if empty).

    Prices are per million tokens; ``until`` is the last day on which they hold, if that is known.
    """

    id: str
    origin: str
    provider: str
    upstream_model: str
    input: float
    output: float
    cached_input: float | None
    cache_write: float | None
    long_over: int | None
    currency: str
    context_window: int
    max_output_tokens: int
    capabilities: tuple[str, ...]
    source: str
    seen: str
    until: str | None
    doubt: str


def listed(
    own: Mapping[str, Priced], today: date, *, old_days: int = OLD_DAYS
) -> tuple[Listed, ...]:
    """The bundle's own rows, then the shipped ones that it does not replace.

    Args:
        old_days: a row that was seen longer ago is doubted.
    """
    shipped = {name: Priced.model_validate(row) for name, row in shipped_rows().items()}
    rows = [("bundle", name, row) for name, row in own.items()]
    rows += [("shipped", name, row) for name, row in shipped.items() if name not in own]
    return tuple(_listed(*row, today, old_days) for row in rows)


def doubted(rows: Iterable[Listed]) -> tuple[Listed, ...]:
    """Those that are worth a look at their source."""
    return tuple(row for row in rows if row.doubt)


def shipped_yaml() -> str:
    """The shipped rows as a section of a bundle."""
    return yaml.safe_dump({"catalogue": dict(shipped_rows())}, sort_keys=False, width=1000)


def _listed(origin: str, name: str, row: Priced, today: date, old_days: int) -> Listed:
    age = (today - date.fromisoformat(row.seen)).days
    doubt = f"seen {age} days ago" if age > old_days else ""
    if row.until is not None and date.fromisoformat(row.until) < today:
        doubt = f"held until {row.until}"
    return Listed(
        id=name,
        origin=origin,
        provider=row.provider,
        upstream_model=row.upstream_model,
        input=row.price.input,
        output=row.price.output,
        cached_input=row.price.cached_input,
        cache_write=row.price.cache_write,
        long_over=row.price.long.over if row.price.long is not None else None,
        currency=row.currency,
        context_window=row.context_window,
        max_output_tokens=row.max_output_tokens,
        capabilities=tuple(row.capabilities),
        source=row.source,
        seen=row.seen,
        until=row.until,
        doubt=doubt,
    )
