"""Metrics as the bundle's YAML has them: what apps may say of an answer afterwards."""

from typing import Literal

from pydantic import Field

from freehold.bundle.section import Section


class Metric(Section):
    """Something that is known of an answer later: whether it solved the matter, a rating."""

    type: Literal["boolean", "float", "comment", "demonstration"] = Field(
        "boolean",
        description="What its values are: true or false, a number, what somebody says of the "
        "answer, or the answer that would have been right.",
    )
    optimize: Literal["max", "min"] = Field(
        "max", description="Which end is the good one; for a boolean, `max` means true."
    )
    min: float = Field(0, ge=-1_000_000, le=1_000_000, description="The least value of a `float`.")
    max: float = Field(1, ge=-1_000_000, le=1_000_000, description="Its greatest value.")
    days: int = Field(30, ge=1, le=3_650, description="How long after an exchange it may be told.")
    description: str = Field("", description="For people.")
