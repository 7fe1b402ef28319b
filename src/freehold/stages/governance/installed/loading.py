"""Which detectors are installed, and one of them made ready. Nothing un-named is imported."""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isclass, iscoroutinefunction
from typing import Any

from msgspec import Struct

from freehold.bundle.names import DETECTORS
from freehold.core.ports import Detector
from freehold.stages.governance.waiting import waits

GROUP = "freehold.detectors"
_HERE = "freehold.stages.governance.installed"

ADAPTERS: Mapping[str, tuple[str, str, str]] = {
    "presidio.pii": (f"{_HERE}.presidio:Presidio", "presidio_analyzer", "presidio"),
    "gliner.pii": (f"{_HERE}.gliner:Gliner", "gliner", "gliner"),
}
"""Adapters that Freehold ships for packages that it does not need: place, package, extra."""

_SAID = 300


class Unloadable(Exception):
    """A detector can't be used; says why, and what to do."""


class Listed(Struct, frozen=True, kw_only=True):
    """A detector that is installed: what it is called and where it comes from."""

    id: str
    package: str
    version: str
    place: str
    clash: str = ""


def listed() -> list[Listed]:
    """All that packages offer, by id; nothing is imported. ``clash``: why one can't be named."""
    found = []
    offers = sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value))
    names = [offer.name for offer in offers]
    for offer in offers:
        clash = ""
        if offer.name in DETECTORS or offer.name in ADAPTERS:
            clash = "Freehold ships a detector of that id"
        elif names.count(offer.name) > 1:
            clash = "several packages offer that id"
        dist = offer.dist
        found.append(
            Listed(
                id=offer.name,
                package=dist.name if dist is not None else "",
                version=dist.version if dist is not None else "",
                place=offer.value,
                clash=clash,
            )
        )
    return found


def load(detector_id: str, options: str = "{}") -> tuple[Detector, str]:
    """The detector, made with these options (a JSON object), and its package's version.

    Raises:
        Unloadable: it is not installed, can't be imported or made, or is no detector.
    """
    return _load(detector_id, options, _offer(detector_id))


@lru_cache(maxsize=64)
def _load(detector_id: str, options: str, offer: EntryPoint | None) -> tuple[Detector, str]:
    made = _made(detector_id, json.loads(options), offer)
    wrong = _wrong(detector_id, made)
    if wrong:
        raise Unloadable(f"`{detector_id}` is no detector: {wrong}")
    package = offer.dist.version if offer is not None and offer.dist is not None else ""
    return made, package


def _offer(detector_id: str) -> EntryPoint | None:
    """Raises: Unloadable: none, or more than one."""
    offers = [offer for offer in entry_points(group=GROUP) if offer.name == detector_id]
    if detector_id in DETECTORS or (detector_id in ADAPTERS and offers):
        raise Unloadable(f"Freehold ships a detector `{detector_id}`: give yours another id")
    if detector_id in ADAPTERS:
        return None
    if not offers:
        known = ", ".join(sorted({one.id for one in listed() if not one.clash} | set(ADAPTERS)))
        raise Unloadable(
            f"no installed package offers a detector `{detector_id}`; installed: {known}"
        )
    if len(offers) > 1:
        places = " and ".join(sorted(offer.value for offer in offers))
        raise Unloadable(f"several packages offer a detector `{detector_id}`: {places}")
    return offers[0]


def _made(detector_id: str, options: dict[str, Any], offer: EntryPoint | None) -> Any:
    try:
        factory = offer.load() if offer is not None else _adapter(detector_id)
    except Unloadable:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - an import may run anything, and end anyhow
        raise Unloadable(f"`{detector_id}` can't be imported: {_told(error)}") from None
    if not callable(factory):
        if options:
            raise Unloadable(f"`{detector_id}` is made already, so it takes no options")
        return factory
    try:
        return factory(**options)
    except Unloadable:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - so may a constructor
        raise Unloadable(f"`{detector_id}` can't be made: {_told(error)}") from None


def _adapter(detector_id: str) -> Any:
    place, package, extra = ADAPTERS[detector_id]
    module, name = place.split(":")
    # their libraries would fetch what a model's folder lacks; they look at this when imported
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    try:
        import_module(package)
    except ImportError as error:
        raise Unloadable(
            f"`{detector_id}` needs the package {package.replace('_', '-')}:"
            f" pip install 'freehold[{extra}]' ({_told(error)})"
        ) from None
    return getattr(import_module(module), name)


def _told(error: BaseException) -> str:
    """What went wrong while loading: no text of a caller is in it, for nobody has asked yet."""
    return f"{type(error).__name__}: {error}"[:_SAID]


def _wrong(detector_id: str, made: Any) -> str:
    """What it lacks of the Protocol; empty when it has all."""
    if isclass(made):
        return "its entry point gives a class that makes classes"
    detect = getattr(made, "detect", None)
    if not callable(detect):
        return "it has no method `detect(text, folded, where)`"
    if iscoroutinefunction(detect):
        return "its `detect` is a coroutine; a plain function is called, in a thread of its own"
    if getattr(made, "id", None) != detector_id:
        return f"its `id` is not {detector_id!r}, the name of its entry point"
    version = getattr(made, "version", None)
    if not isinstance(version, str) or not 0 < len(version) <= 64:
        return "its `version` is no text of 1 to 64 characters"
    if getattr(made, "needs", None) not in ("span", "sentence", "whole"):
        return "its `needs` is none of `span`, `sentence` and `whole`"
    return "only Freehold's own detectors wait" if waits(made) else ""
