"""Routers of installed packages: only one that a bundle names is imported."""

import logging
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

from freehold.core.ports import Router

GROUP = "freehold.routers"
BUILT_IN = ("learned", "static")
_SAID = 300
_log = logging.getLogger("freehold.routing")


class Unloadable(Exception):
    """A router can't be used; says why."""


def installed() -> list[str]:
    """The ids that packages offer; nothing is imported."""
    return sorted({offer.name for offer in entry_points(group=GROUP)} - {*BUILT_IN})


def load(router_id: str) -> Router:
    """A router, made without arguments.

    Raises:
        Unloadable: it is not installed, several offer it, can't be imported or made, or is no
            router.
    """
    offers = [offer for offer in entry_points(group=GROUP) if offer.name == router_id]
    if not offers:
        known = ", ".join((*BUILT_IN, *installed()))
        raise Unloadable(f"no installed package offers a router `{router_id}`; there is {known}")
    if len(offers) > 1 or router_id in BUILT_IN:
        places = " and ".join(sorted(offer.value for offer in offers))
        raise Unloadable(f"several offer a router `{router_id}`: {places}")
    try:
        made: Any = offers[0].load()
        made = made() if isinstance(made, type) else made
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - an import may run anything, and end anyhow
        said = f"{type(error).__name__}: {error}"[:_SAID]
        raise Unloadable(f"`{router_id}` can't be loaded: {said}") from None
    if not callable(getattr(made, "rank", None)) or getattr(made, "id", None) != router_id:
        raise Unloadable(
            f"`{router_id}` is no router: it needs `rank(contest)` and the `id` {router_id!r}"
        )
    router: Router = made
    return router


def loaded(router_ids: Iterable[str]) -> dict[str, Router]:
    """Those of these that are not built in and can be loaded. Of the others the log tells, and a
    route that names one refuses its requests.
    """
    found: dict[str, Router] = {}
    for router_id in sorted(set(router_ids) - {*BUILT_IN}):
        try:
            found[router_id] = load(router_id)
        except Unloadable as error:
            _log.error("%s", error)
    return found
