"""Rows that are brought in to learn from."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from freehold.core.decisions import MILLION
from freehold.core.errors import RequestError
from freehold.core.training import Example
from freehold.learning.datasets.given import (
    ASKED,
    EVER_NS,
    RIGHT,
    SAID,
    asked,
    each,
    known,
    moment_of,
    object_of,
    objects_of,
    sized,
    text_of,
)
from freehold.learning.datasets.lineage import Draft
from freehold.learning.datasets.rows import SPLITS
from freehold.ledger.canonical import encode
from freehold.text.language import spoken

_CONTEXT = (
    "split", "conversation", "at", "at_ns", "tenant", "app", "language", "pieces", "facts",
    "weight", "id",
)  # fmt: skip
_KNOWN = frozenset({*_CONTEXT, *ASKED, *RIGHT})


def as_it_is(row: Example) -> Example:
    """The row, where no rule is known that would keep less of it."""
    return row


def read(
    path: Path,
    *,
    tenant: str,
    app: str = "",
    fit: Callable[[Example], Example] = as_it_is,
    now_ns: int = EVER_NS,
) -> Iterator[Draft]:
    """Rows of a file, one by one; by its ending it is JSON lines, CSV or Parquet.

    A row has what was asked (``messages``; or ``prompt``, ``question`` or ``text``) and what is to
    be learned (``answer``, ``completion`` or ``chosen``; ``rejected``; ``label``), and may have
    ``id``, ``split``, ``conversation``, ``at`` (RFC 3339), ``tenant``, ``app``, ``language``,
    ``pieces``, ``facts`` and ``weight`` (0 to 1).

    Args:
        tenant, app: of rows that name none.
        fit: a row as it may be kept; raises ``RequestError`` for one that may not.
        now_ns: when it is; rows that are from later are mistakes.

    Raises:
        RequestError: as `given.each`.
    """
    return each(path, partial(_draft, tenant=tenant, app=app, fit=fit, now_ns=now_ns))


def _draft(
    given: Any, tenant: str, app: str, fit: Callable[[Example], Example], now_ns: int
) -> Draft:
    """Raises: ValueError: it is no row, or none that may be kept."""
    value = known(given, _KNOWN)
    messages, answer = asked(value)
    for name in SAID:
        answer = text_of(value, name) or answer
    rejected, label = text_of(value, "rejected"), text_of(value, "label")
    if not (answer or rejected or label):
        raise ValueError(
            "it has no `answer`, `rejected` or `label`: nothing to learn. Rows that somebody is to"
            " label first are cases: freehold cases import"
        )
    sized(messages, answer, rejected)
    split = text_of(value, "split")
    wanted = next((part for part in SPLITS if part == split), None)
    if split and wanted is None:
        raise ValueError(f"`split` is {split[:40]!r}; it is one of {', '.join(SPLITS)}")
    row = Example(
        id="",
        messages=messages,
        conversation=text_of(value, "conversation"),
        at_ns=moment_of(value, now_ns),
        tenant=text_of(value, "tenant") or tenant,
        app=text_of(value, "app") or app,
        language=text_of(value, "language"),
        pieces=tuple(objects_of(value.get("pieces", []), "pieces")),
        facts=object_of(value.get("facts", {}), "facts"),
        answer=answer,
        rejected=rejected,
        label=label,
        weight=_weight(value),
    )
    try:
        row = fit(row)
    except RequestError as error:
        raise ValueError(str(error.public)) from None
    own = text_of(value, "id") or "imp_" + sha256(encode(row)).hexdigest()[:32]
    if len(own) > 200:
        raise ValueError("`id` has more than 200 characters")
    language = row.language or spoken(row.question)
    row = msgspec.structs.replace(row, id=own, language=language)
    return Draft(row=row, source="import", wanted=wanted)


def _weight(value: Mapping[str, Any]) -> int:
    given = value.get("weight", 1)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError("`weight` is no number")
    if isinstance(given, int) and given > 1:  # our own rows have it in millionths
        given = given / MILLION
    weight = float(given)
    if not 0 <= weight <= 1:
        raise ValueError("`weight` is no number from 0 to 1")
    return round(weight * MILLION)
