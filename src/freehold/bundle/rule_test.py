"""A rule's own tests, beside it in the bundle."""

from typing import Literal

from pydantic import Field

from freehold.bundle.section import Section


class TestPrincipal(Section):
    """The end user, as a verified token would name them."""

    __test__ = False  # pytest takes it for a test otherwise

    id: str = Field("somebody", description="Who they are.")
    roles: list[str] = Field([], description="Roles that the token gives.")
    clearances: list[str] = Field([], description="Clearances that the token gives.")
    attributes: dict[str, str] = Field({}, description="Declared attributes; default: as declared.")


class TestToolCall(Section):
    """A tool that the model calls."""

    __test__ = False

    name: str = Field(description="The function's name.")
    arguments: str = Field("{}", description="Its arguments, as a JSON object.")


class RuleTest(Section):
    """An exchange, and whether the rule fires on it. No model is called and no source asked."""

    name: str = Field(min_length=1, description="What it shows.")
    expect: Literal["fires", "passes"] = Field(description="Whether the rule must fire.")
    outcome: Literal["allowed", "transformed", "denied", "held", "error"] | None = Field(
        None, description="What must come of the exchange as a whole, other rules included."
    )
    app: str | None = Field(None, description="The app that asks; default: the first that runs it.")
    tenant: str | None = Field(None, description="The tenant that asks; default: the app's own.")
    request: str = Field("Hello.", description="What the user says.")
    answer: str = Field("Hello.", description="What the model says.")
    tool_results: dict[str, str] = Field(
        {}, description="Tool → what it returned, to a call made before this answer."
    )
    tool_calls: list[TestToolCall] = Field([], description="Tools that the model calls.")
    response_format: Literal["text", "json_object"] = Field(
        "text", description="`json_object`: the request wants the answer to be JSON."
    )
    principal: TestPrincipal | None = Field(None, description="Who asks; default: nobody known.")
    context: dict[str, str] = Field(
        {}, description="Source → the text that it gives; other sources give nothing."
    )
    failed: list[str] = Field([], description="Sources that fail.")
