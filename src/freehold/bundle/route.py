"""A route as the bundle's YAML has it: who may answer, in which order, and how it is tried."""

from pydantic import Field

from freehold.bundle.section import CelText, Identifier, Section


class RouteRule(Section):
    """When `when` holds, these models come first."""

    id: Identifier = Field(description="Its name in records.")
    when: CelText
    prefer: list[str] = Field(min_length=1, description="Candidates of the route, best first.")
    why: str = Field("", description="For the record.")


class Route(Section):
    """Models in order of preference; the first that is allowed and healthy gets the request."""

    candidates: list[str] = Field(min_length=1, description="Ids of models, best first.")
    rules: list[RouteRule] = Field([], description="The first that holds changes the order.")
    max_attempts: int = Field(3, ge=1, le=10, description="Models that are tried at most.")
    deadline_ms: int = Field(60_000, ge=10, le=3_600_000, description="For all of them together.")
