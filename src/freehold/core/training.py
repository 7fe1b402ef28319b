"""Training: what a dataset hands to a trainer, and what a trainer hands back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec import Struct

from freehold.core.decisions import MILLION

GROUP = "freehold.trainers"
"""The entry point: a name → a `Trainer`. Only those that a bundle names are imported."""

KEY_SCOPE = "learning"
"""What a key needs to read of custom models and datasets."""

Split = Literal["train", "validation", "test"]


class Example(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a dataset.

    Attributes:
        id: the case that it came from, or the digest of what was brought in.
        messages: what was asked, context included; ``{"role", "content"}`` each, the newest last.
        pieces: the context again, each with its ``source``; see `core.cases.Moment`.
        facts: the values that rules saw.
        answer: the right one; ``rejected`` a wrong one that a model gave.
        label: the class, for classifiers; empty where none was given, ``none`` for no class at all.
        weight: in millionths.
        tenant, store: slices that the gate looks at, with ``app`` and ``language``.
    """

    id: str
    messages: tuple[dict[str, Any], ...]
    split: Split = "train"
    conversation: str = ""
    at_ns: int = 0
    tenant: str = ""
    app: str = ""
    language: str = ""
    pieces: tuple[dict[str, Any], ...] = ()
    facts: dict[str, Any] = {}
    answer: str = ""
    rejected: str = ""
    label: str = ""
    weight: int = MILLION

    @property
    def question(self) -> str:
        """The newest user message."""
        said = (m["content"] for m in reversed(self.messages) if m["role"] == "user")
        return next(said, "")


class Dataset(Protocol):
    """One version of a dataset, immutable."""

    @property
    def name(self) -> str:
        """As it was called."""
        ...

    @property
    def digest(self) -> str:
        """``sha256:…`` over its rows; the version."""
        ...

    @property
    def owner(self) -> str:
        """The tenant that it belongs to."""
        ...

    def rows(self, split: Split) -> Sequence[Example]:
        """One part of it, in its order.

        Raises:
            StorageError: it can't be read, or is not what its digest says.
        """
        ...


class Progress(Protocol):
    """Is told how far it is; raises ``KeyboardInterrupt``'s kin where it must end."""

    def __call__(self, stage: str, done: int, total: int, **figures: float) -> None:
        """``done`` of ``total`` steps of a stage; figures such as ``loss``."""
        ...


class TrainingJob(Struct, frozen=True, kw_only=True):
    """What to train. Two runs of the same job write the same files, as far as the hardware lets.

    Attributes:
        model: the custom model's name in the bundle.
        out: an empty folder, or what an earlier run that was ended left there: it goes on.
        options: of the trainer, as the bundle has them.
        base: for a causal-lm: a local folder, or an id of a hub.
    """

    model: str
    out: Path
    options: Mapping[str, Any]
    seed: int = 0
    base: str = ""


class Trained(Struct, frozen=True, kw_only=True):
    """What a trainer made, all of it in the job's ``out`` folder.

    Attributes:
        serving: how to serve it: the ``local`` section of a model in the bundle without its
            ``file`` (``kind``, ``threshold`` from 0 to 1, ``options``); ``file`` names the one of
            ``files`` that it reads, empty where it is served from the whole folder.
        files: relative paths; open formats only (ONNX, safetensors, GGUF, JSON, JSON lines, text).
        figures: measured on the validation part: ``accuracy``, ``coverage``, ``loss_before``, …
        notes: for whoever reads the card: what was left out and why.
    """

    kind: str
    serving: dict[str, Any]
    file: str
    files: tuple[str, ...]
    figures: dict[str, float] = {}
    notes: tuple[str, ...] = ()


class Trainer(Protocol):
    """One kind of custom model."""

    @property
    def kind(self) -> str:
        """``classifier``, ``responder``, ``causal-lm``, or a package's own."""
        ...

    def check(self, options: Mapping[str, Any]) -> None:
        """Before a bundle goes live.

        Raises:
            ValueError: an option is none, or can't be.
        """
        ...

    def train(self, dataset: Dataset, job: TrainingJob, progress: Progress) -> Trained:
        """Train it; in a thread or a process of its own, so it may take its time.

        Raises:
            TrainingError: nothing can be learned from this; says why, and what would help.
        """
        ...
