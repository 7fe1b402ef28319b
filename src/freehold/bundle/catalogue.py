"""Prices and windows of public models: the bundle's own catalogue before the shipped one.

The shipped one is data with a source and a day for each row; nothing is fetched, ever.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from freehold.bundle.model import Model, Priced

FILE = "prices.json"
OLD_DAYS = 90
"""A row that was seen longer ago is worth a second look: prices change a few times a year."""

_TAKEN = (
    "provider",
    "base_url",
    "upstream_model",
    "capabilities",
    "context_window",
    "max_output_tokens",
)


@cache
def shipped_rows() -> Mapping[str, dict[str, Any]]:
    """The shipped catalogue as it is written."""
    rows: dict[str, dict[str, Any]] = orjson.loads(
        (files("freehold.bundle") / "data" / FILE).read_bytes()
    )
    return rows


def find(name: str, own: Mapping[str, Priced]) -> Priced | None:
    """A row by its name."""
    if name in own:
        return own[name]
    row = shipped_rows().get(name)
    return None if row is None else Priced.model_validate(row, strict=True)


def filled(model: Model, own: Mapping[str, Priced], currency: str) -> Model:
    """The model with what its row says wherever it says nothing itself.

    A price in another currency is not taken: ``check`` has asked for one.
    """
    stated = model.model_fields_set
    if model.local is not None and "capabilities" not in stated:
        return model.model_copy(update={"capabilities": ["chat", "stream"]})
    row = find(model.catalogue, own) if model.catalogue is not None else None
    if row is None:
        return model
    values: dict[str, Any] = {name: getattr(row, name) for name in _TAKEN if name not in stated}
    if row.currency == currency:
        said = {name: getattr(model.price, name) for name in model.price.model_fields_set}
        values["price"] = row.price.model_copy(update=said)
    return model.model_copy(update=values)
