"""Ceilings on requests, tokens and money as the bundle's YAML, and a key, have them."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from freehold.bundle.section import Section
from freehold.core.limits import PERIODS, UNITS, Limits, ceiling_name

NANO = 1_000_000_000
_MOST_MONEY = 1_000_000_000


def _whole_nano(amount: float) -> float:
    """A tinier part would be dropped without a word, and 0 is a ceiling too.

    Raises:
        ValueError: more than nine decimals.
    """
    if Decimal(repr(amount)) * NANO % 1:
        raise ValueError("money has at most nine decimals")
    return amount


_Money = Annotated[float, Field(ge=0, le=_MOST_MONEY), AfterValidator(_whole_nano)]


class Ceilings(Section):
    """At most so much in a period; what is left out has no ceiling.

    A minute is any sixty seconds. Days and months are UTC's; the total never begins again.
    """

    requests_per_minute: int | None = Field(None, ge=1, description="All of them together.")
    requests_per_day: int | None = Field(None, ge=0, description="All of them together.")
    requests_per_month: int | None = Field(None, ge=0, description="All of them together.")
    requests_in_total: int | None = Field(None, ge=0, description="For ever.")
    tokens_per_minute: int | None = Field(
        None, ge=1, description="Sent and received together, as much as a call could need."
    )
    tokens_per_day: int | None = Field(None, ge=1, description="Sent and received together.")
    tokens_per_month: int | None = Field(None, ge=1, description="Sent and received together.")
    tokens_in_total: int | None = Field(None, ge=1, description="For ever.")
    money_per_minute: _Money | None = Field(None, description="In the bundle's currency.")
    money_per_day: _Money | None = Field(None, description="In the bundle's currency.")
    money_per_month: _Money | None = Field(None, description="In the bundle's currency.")
    money_in_total: _Money | None = Field(None, description="For ever.")


NAMES: dict[str, str] = {
    ceiling_name("money" if unit == "nano" else unit, period): ceiling_name(unit, period)
    for period in PERIODS
    for unit in UNITS
}
"""Field of `Ceilings` → field of `Limits`."""


def nano(amount: float) -> int:
    """Money as nano-units; exact for every amount that has at most nine decimals."""
    return round(Decimal(repr(amount)) * NANO)


def set_ceilings(section: Ceilings) -> dict[str, int]:
    """Those that are set, by their name in `Limits`."""
    return {
        ours: nano(value) if name.startswith("money_") else value
        for name, ours in NAMES.items()
        if (value := getattr(section, name)) is not None
    }


def limits(section: Ceilings) -> Limits:
    """The ceilings of a model or a key."""
    return Limits(**set_ceilings(section))
