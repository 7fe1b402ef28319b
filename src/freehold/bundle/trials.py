"""Trying a model before it goes live: in the shadow, and as a canary."""

from typing import Annotated

from pydantic import AfterValidator, Field

from freehold.bundle.section import Section
from freehold.core.trials import Advance


def _ascending(stages: list[float]) -> list[float]:
    if stages != sorted(set(stages)):
        raise ValueError("each stage must be larger than the one before")
    return stages


Share = Annotated[float, Field(ge=0, le=1)]
Stages = Annotated[
    list[Annotated[float, Field(ge=0.0001, le=1)]],
    Field(max_length=20),
    AfterValidator(_ascending),
]
Doubt = Annotated[float, Field(ge=0.0001, le=0.5)]


class Shadow(Section):
    """A model that is asked too, after the answer has left, and whose answer nobody gets.

    Hard filters hold: a request that the model may not take never reaches it.
    """

    model: str = Field(description="Id of a model; none of the route's candidates.")
    share: Share = Field(0.05, description="Of the requests whose answer has left.")
    money_per_day: Annotated[float, Field(ge=0, le=1_000_000)] = Field(
        1.0,
        description="All that this model may cost in a day, in the bundle's currency; it counts "
        "against the tenant's own ceilings as well.",
    )
    decision_only: bool = Field(
        False, description="Ask nobody; only note whether the route would have chosen the model."
    )


class Guardrails(Section):
    """How much worse a canary may be than the models before it. The first bound that is surely
    passed rolls it back.
    """

    quality: Share = Field(0.05, description="Lower mean outcome.")
    errors: Share = Field(0.02, description="More requests that end in an error or fail over.")
    refusals: Share = Field(0.05, description="More answers that a control stops or holds.")
    slow: Share = Field(0.1, description="More requests that take longer than `slow_ms`.")
    slow_ms: int = Field(10_000, ge=1, le=3_600_000, description="Slower than this is slow.")


class Canary(Section):
    """A model that gets a small share of the conversations first, then larger ones.

    A conversation stays with the model that it was drawn for. `freehold route canary` says how it
    does, promotes it and rolls it back.
    """

    model: str = Field(description="Id of a model; none of the route's candidates.")
    stages: Stages = Field(
        [0.01, 0.05, 0.25, 1.0],
        min_length=1,
        description="Shares of the conversations, one after the other; the first is where it "
        "begins.",
    )
    advance: Advance = Field(
        "person",
        description="Who takes it to the next stage: a person, or the evidence by itself. Rolling "
        "back needs nobody.",
    )
    doubt: Doubt = Field(
        0.05, description="How often a verdict may be wrong, however long it is watched."
    )
    guardrails: Guardrails = Field(Guardrails(), description="What rolls it back.")
