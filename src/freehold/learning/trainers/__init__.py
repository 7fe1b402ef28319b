"""Trainers: those that Freehold ships, by kind, and those of packages that a bundle names."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from freehold.core.errors import TrainingError
from freehold.core.training import GROUP, Trainer

BUILT_IN: Mapping[str, tuple[str, str]] = {
    "classifier": ("freehold.learning.trainers.classifier:ClassifierTrainer", "learn"),
    "responder": ("freehold.learning.trainers.responder:ResponderTrainer", "learn"),
    "causal-lm": ("freehold.learning.trainers.causal:CausalTrainer", "train"),
}
"""Kind → where its trainer is, and the extra that it needs. Nothing is imported before its use."""
_PACKAGES = {
    "causal-lm": ("torch", "transformers", "datasets", "peft", "trl", "accelerate", "gguf")
}
_SAID = 300


def known() -> list[str]:
    """Kinds that can be trained here, by name; nothing is imported."""
    return sorted({*BUILT_IN, *(offer.name for offer in entry_points(group=GROUP))})


def lacking(kind: str) -> str:
    """The first package that training this kind takes and that is not installed here, with what
    brings it; empty where nothing is missing, or nobody knows. Nothing is imported.
    """
    for name in _PACKAGES.get(kind, ()):
        try:
            there = find_spec(name) is not None
        except (ImportError, ValueError):
            there = False
        if not there:
            return f"`{name}` is not installed here: pip install 'freehold[{BUILT_IN[kind][1]}]'"
    return ""


def trainer_of(kind: str) -> Trainer:
    """The trainer of a kind. Only call it for kinds that a bundle names: a package's is imported.

    Raises:
        TrainingError: there is none, several packages offer one, or it can't be imported.
    """
    factory = _built_in(kind) if kind in BUILT_IN else _installed(kind)
    try:
        made = factory()
    except TrainingError:
        raise
    except Exception as error:  # noqa: BLE001 -- a package's constructor may do anything
        raise TrainingError(f"the trainer `{kind}` can't be made: {_told(error)}") from None
    wrong = next((n for n in ("check", "train") if not callable(getattr(made, n, None))), "")
    if wrong or getattr(made, "kind", None) != kind:
        said = f"it has no `{wrong}`" if wrong else f"its kind is {getattr(made, 'kind', None)!r}"
        raise TrainingError(f"`{kind}` is no trainer: {said}")
    trainer: Trainer = made
    return trainer


def _built_in(kind: str) -> Any:
    place, extra = BUILT_IN[kind]
    module, name = place.split(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("freehold."):
            raise TrainingError(
                f"this release of Freehold has no trainer for `{kind}` yet ({module} is missing)"
            ) from None
        raise TrainingError(
            f"the trainer `{kind}` needs the package {error.name}: pip install 'freehold[{extra}]'"
        ) from None


def _installed(kind: str) -> Any:
    offers = [offer for offer in entry_points(group=GROUP) if offer.name == kind]
    if not offers:
        raise TrainingError(
            f"no trainer of the kind `{kind}`: neither Freehold nor an installed package offers"
            f" one; there are {', '.join(known())}"
        )
    if len(offers) > 1:
        places = " and ".join(sorted(offer.value for offer in offers))
        raise TrainingError(f"several packages offer a trainer `{kind}`: {places}")
    try:
        return offers[0].load()
    except Exception as error:  # noqa: BLE001 -- an import may run anything
        raise TrainingError(f"the trainer `{kind}` can't be imported: {_told(error)}") from None


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_SAID]
