"""What must always hold, for ``freehold policy prove``."""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.section import Section


class Invariant(Section):
    """Whenever `when` holds, the rules of the named apps demand at least this."""

    when: Annotated[str, Field(min_length=1)] = Field(
        description="A CEL expression over facts of request and answer. What it names says what "
        "it is about: requests, answers or tool calls."
    )
    must: Literal["block", "require_approval", "rewrite", "redact"] = Field(
        "require_approval", description="What the rules must then demand, or something stricter."
    )
    role: str | None = Field(
        None, description="Whose approval, where that is demanded; anybody's, if left out."
    )
    apps: list[str] = Field([], description="Apps for which it holds; all, if left out.")
    why: str = Field("", description="For people.")
