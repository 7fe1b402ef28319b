"""The models in this process that Freehold ships, and those that installed packages offer."""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from freehold.core.local import GROUP, LocalModel

BUILT_IN = {
    "responder": "freehold.text.local.responder:responder",
    "classifier": "freehold.text.local.classifier:classifier",
}


def make(kind: str, data: bytes, options: str = "{}") -> LocalModel:
    """A model of this kind; ``options`` is a JSON object.

    Raises:
        ValueError: no such kind, or it can't be made of this.
    """
    factory = _factory(kind)
    try:
        made = factory(data, json.loads(options))
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"`{kind}` can't be made: {type(error).__name__}") from error
    if not callable(getattr(made, "answer", None)) or not isinstance(made.version, str):
        raise ValueError(f"`{kind}` is no model: it needs `answer`, `version` and `quick`")
    return made


def _factory(kind: str) -> Callable[[bytes, Mapping[str, Any]], LocalModel]:
    place = BUILT_IN.get(kind)
    if place is not None:
        module, _, name = place.partition(":")
        factory: Callable[[bytes, Mapping[str, Any]], LocalModel] = getattr(
            import_module(module), name
        )
        return factory
    offers = [offer for offer in entry_points(group=GROUP) if offer.name == kind]
    if len(offers) != 1:
        said = "several packages offer" if offers else "no installed package offers"
        raise ValueError(f"{said} a model `{kind}`")
    try:
        loaded: Callable[[bytes, Mapping[str, Any]], LocalModel] = offers[0].load()
    except Exception as error:
        raise ValueError(f"`{kind}` can't be imported: {type(error).__name__}") from error
    return loaded
