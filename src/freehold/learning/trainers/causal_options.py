"""The options of a causal-lm."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from freehold.learning.trainers.options import wrong

_Share = Annotated[float, Meta(ge=0, le=0.5)]
_Rate = Annotated[float, Meta(gt=0, le=1)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to train.

    Attributes:
        epochs: how often each row of weight 1 is seen; one of weight 0.5 is seen half as often.
        learning_rate, warmup: of AdamW; the rate rises over the share ``warmup`` of all steps and
            falls as a cosine.
        rank, alpha, dropout, targets: of LoRA; ``targets`` are names of layers.
        max_length: tokens of prompt and answer together; the base's own window, if that is less.
        batch, accumulate: rows a step on the device, and steps that make one update.
        dpo, dpo_epochs, dpo_rate, beta, anchor, least_pairs: preferences, after the answers, where
            there are at least so many pairs; ``anchor`` weighs the answers' own loss in it.
        patience: evaluations without a smaller held-out loss until it stops; 0: never.
        held_out: the share of conversations kept from training where the dataset has no
            validation part.
        checkpoint_steps: updates between two checkpoints, each with an evaluation; 0: an epoch, or
            200 if that is less.
        dtype, device: ``auto`` is bfloat16 on a GPU that has it, else float32 on the CPU.
        threads: of the CPU; 0: as torch likes.
        download, revision: whether the base may be fetched from the hub, and which one.
        gguf: the numbers in the GGUF file; ``none``: no such file.
        precision: how often what it answers alone has to be right; the rest is abstained from.
        judged: validation rows that it answers to learn when it is right.
        close: an answer counts as right with all the numbers of the expected one, no others, and
            at least this F1 of their words.
        max_tokens: of an answer, here and in serving.
    """

    epochs: Annotated[int, Meta(ge=1, le=1000)] = 3
    learning_rate: _Rate = 2e-4
    warmup: _Share = 0.03
    rank: Annotated[int, Meta(ge=1, le=1024)] = 16
    alpha: Annotated[int, Meta(ge=1, le=4096)] = 32
    dropout: _Share = 0.0
    targets: list[str] | Literal["all-linear"] = "all-linear"
    max_length: Annotated[int, Meta(ge=16, le=1_000_000)] = 1024
    batch: Annotated[int, Meta(ge=1, le=4096)] = 4
    accumulate: Annotated[int, Meta(ge=1, le=4096)] = 4
    dpo: bool = True
    dpo_epochs: Annotated[int, Meta(ge=1, le=1000)] = 1
    dpo_rate: _Rate = 2e-5
    beta: Annotated[float, Meta(gt=0, le=10)] = 0.1
    anchor: Annotated[float, Meta(ge=0, le=100)] = 0.2
    least_pairs: _Count = 10
    patience: Annotated[int, Meta(ge=0, le=1000)] = 2
    held_out: Annotated[float, Meta(gt=0, le=0.5)] = 0.1
    checkpoint_steps: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    download: bool = False
    revision: str = ""
    gguf: Literal["none", "f32", "f16", "bf16", "q8_0"] = "q8_0"
    precision: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    judged: Annotated[int, Meta(ge=0, le=100_000)] = 64
    close: Annotated[float, Meta(gt=0, le=1)] = 0.8
    max_tokens: Annotated[int, Meta(ge=1, le=100_000)] = 256


def read(options: Mapping[str, Any]) -> Options:
    """Check and complete them.

    Raises:
        ValueError: an option is none, or can't be; names it.
    """
    try:
        made = msgspec.convert(dict(options), Options)
    except msgspec.ValidationError as error:
        raise ValueError(f"options of a causal-lm: {wrong(error, Options)}") from None
    if isinstance(made.targets, list) and not made.targets:
        raise ValueError("options of a causal-lm: `targets` names no layer")
    if made.max_tokens >= made.max_length:
        raise ValueError("options of a causal-lm: `max_tokens` must be less than `max_length`")
    return made
