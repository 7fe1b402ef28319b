"""When a route asks a second model beside the first one, as the bundle's YAML has it."""

from pydantic import Field, model_validator

from freehold.bundle.section import Section


class Hedge(Section):
    """Ask the next model that may take the request too, where the first one is late; the first
    good answer is taken, and the other call is ended. Both are paid for.
    """

    after_ms: int | None = Field(
        None, ge=1, le=3_600_000, description="How long the first may say nothing."
    )
    after_percentile: float | None = Field(
        None,
        ge=50,
        le=99.9,
        description="Instead: longer than this percentage of the endpoint's latest answers took to "
        "begin. Nothing is asked twice before twenty of them are known.",
    )
    max_share: float = Field(
        0.05, ge=0.001, le=1, description="The largest share of requests that are asked twice."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Hedge":
        if (self.after_ms is None) == (self.after_percentile is None):
            raise ValueError("say either `after_ms` or `after_percentile`")
        return self
