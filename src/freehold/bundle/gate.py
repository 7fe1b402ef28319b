"""What a trained model must show before it may answer anybody: the key `gate` of a custom model."""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.section import Section

Share = Annotated[float, Field(ge=0, le=1)]
Slice = Literal["tenant", "app", "language", "label"]


class Gate(Section):
    """Every criterion must be met. Measured on the `test` part of a dataset, which no training saw.

    Where the model abstains, or its route would ask others, the next model answers: for
    comparisons, its answer is then the one that is given today.
    """

    accuracy: Share | None = Field(
        None,
        description="At least this share of what it answers is right. Unset: not asked.",
    )
    coverage: Share | None = Field(
        None, description="At least this share of the questions is answered. Unset: not asked."
    )
    not_worse: Share | None = Field(
        0.02,
        description="With it, at most so much less of everything is right than is today. Judged by "
        "the interval of the difference: it must be surely so. `null`: not asked.",
    )
    negative_flips: Share | None = Field(
        None,
        description="At most this share of everything is right today and wrong with it: surely so, "
        "by the upper end of the exact one-sided interval, which is about 3/n where none of n is "
        "(the rule of three; 5 % want 59 examples). Unset: not asked.",
    )
    over_answers: Share | None = Field(
        0.5,
        description="Of the questions that experts left without a right answer (rejected, and none "
        "given; of a classifier those of the class `none`), it may answer at most this share. "
        "Refused where it is surely more, by the lower end of the exact one-sided interval: from "
        "five of five on. `null`: not asked.",
    )
    worst_slice: Annotated[float, Field(ge=-1, le=0)] | None = Field(
        -0.02,
        description="In no slice may the share of right answers change by less than this; a slice "
        "is refused where that is no chance (Holm's correction). `null`: not asked.",
    )
    slices: list[Slice] = Field(
        ["tenant", "app", "language", "label"],
        description="By what slices are told apart; `tenant` is the store where stores are "
        "tenants, `label` the intent.",
    )
    slice_examples: int = Field(
        10,
        ge=2,
        le=100_000,
        description="Smaller slices are told, and refused only where the plain sign test says that "
        "it is no chance: from five lost examples on, of one slice alone.",
    )
    examples: int = Field(
        20, ge=1, le=1_000_000, description="With fewer held-out examples nothing passes."
    )
    answers: int = Field(
        5,
        ge=1,
        le=1_000_000,
        description="With fewer held-out examples that it answers itself nothing passes (nor with "
        "fewer than `examples`, if that is less): where it abstains, only the next model is seen.",
    )
    new_violations: int | None = Field(
        0,
        ge=0,
        description="So many answers may break an enforcing rule or control that the answer of "
        "today keeps. Missed where no control saw them, or nobody would get one. `null`: not "
        "asked.",
    )
    regressions: Share | None = Field(
        1.0,
        description="At least this share of the regression set is right, or left to the next "
        "model. `null`: not asked.",
    )
    p95_ms: Annotated[float, Field(gt=0)] | None = Field(
        None, description="19 of 20 answers take at most so long, in milliseconds. Unset: any."
    )
    cost_per_answer: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Mean price of an answer, in the bundle's currency. Unset: any."
    )
    confidence: Annotated[float, Field(ge=0.5, le=0.999)] = Field(
        0.95, description="Of the intervals, and of what is called no chance."
    )
