"""The models in this process that Freehold ships, and those that installed packages offer."""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from freehold.core.local import GROUP, KINDS, LocalModel

_MADE_BY = {
    kind: f"freehold.text.local.{kind.partition('-')[0]}:{kind.partition('-')[0]}" for kind in KINDS
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


def inspect(kind: str, data: bytes, options: str = "{}") -> None:
    """Whether a model can be made of this, as far as that can be told without loading gigabytes.

    Raises:
        ValueError: no such kind, or it can't be made of this.
    """
    if kind == "causal-lm":
        import_module("freehold.text.local.causal").inspect(data, json.loads(options))
    else:
        make(kind, data, options)


def make_folder(kind: str, folder: Path | Mapping[str, bytes], options: str = "{}") -> LocalModel:
    """A model of a kind that is made of several files: of a folder, or of what is in it.

    Raises:
        ValueError: no such kind, or it can't be made of this.
    """
    if kind != "causal-lm":
        raise ValueError(f"`{kind}` is made of one file, not of a folder")
    module = import_module("freehold.text.local.causal")
    made: LocalModel = module.causal_folder(folder, json.loads(options))
    return made


def _factory(kind: str) -> Callable[[bytes, Mapping[str, Any]], LocalModel]:
    place = _MADE_BY.get(kind)
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
