"""Ceilings on the command line: read, and told."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import click
from pydantic import ValidationError

from freehold.bundle.ceilings import NAMES, NANO, Ceilings, set_ceilings
from freehold.cli.common import F

_TELLS = {ours: name for name, ours in NAMES.items()}


def limit_option(help: str) -> Callable[[F], F]:
    """``--limit NAME=VALUE``, as often as wanted: a dictionary by the names in `Limits`, where
    ``None`` takes a ceiling away.
    """
    return click.option(
        "--limit", "limits", multiple=True, metavar="NAME=VALUE", callback=_read, help=help
    )


def worded(limits: dict[str, int]) -> list[str]:
    """Ceilings for people: ``money_per_day=5``."""
    return [f"{_TELLS[name]}={plain(name, most)}" for name, most in limits.items()]


def plain(name: str, amount: int) -> str:
    """An amount of a unit; money in the bundle's currency."""
    return money(amount) if name.startswith("nano") else f"{amount:,}"


def money(nano: int) -> str:
    """Nano-units as decimals: exact, two decimals at least."""
    whole, _, part = f"{Decimal(nano) / NANO:,f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"


def _read(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    read: dict[str, int | None] = {}
    for text in given:
        name, _equals, value = text.partition("=")
        if name not in NAMES:
            raise click.BadParameter(f"no ceiling `{name}`; there are {', '.join(NAMES)}")
        if value == "none":
            read[NAMES[name]] = None
            continue
        try:
            read |= set_ceilings(Ceilings.model_validate({name: value}))
        except ValidationError as error:
            raise click.BadParameter(f"{name}: {error.errors()[0]['msg']}") from None
    return read
