"""What a bundle says of tools and of JSON: what members mean, and whose results are trusted."""

from typing import Annotated

from pydantic import Field

from freehold.bundle.section import Section
from freehold.core.spec import Containment, FieldType

MemberPath = Annotated[
    str,
    Field(
        pattern=r"^[^.\[\]\s]+(\.[^.\[\]\s]+|\[\d{0,4}\])*$",
        max_length=200,
        description="`amount`, `customer.email`, `lines[].price` (every line), `lines[0].price`.",
    ),
]


class Member(Section):
    """A value in JSON that rules read as a fact."""

    type: FieldType = Field(
        description="`string`, `bool`, `int` and `strings` as they are; numbers and texts such as "
        '"15 %" as `percent` (15 is 15 %) or `fraction` (0.15 is 15 %) in basis points, `money` in '
        "minor units, `date` in days since 1970-01-01, `duration` in seconds, `quantity` in "
        "thousandths."
    )
    unit: str = Field(
        "",
        pattern=r"^([A-Z]{3}|second|minute|hour|day|week)?$",
        description="The currency of `money` (ISO 4217); what bare numbers of a `duration` count.",
    )
    default: str | int | bool | list[str] | None = Field(
        None,
        description="The fact's value where it is absent, in the fact's unit; without one, a rule "
        "that reads it then fires.",
    )


class Tool(Section):
    """A function that apps offer to models."""

    arguments: dict[MemberPath, Member] = Field(
        {}, description="Path → what rules on its calls read there."
    )
    trusted: bool = Field(
        False,
        description="Is what it returns as good as the caller's own word? Say so only where nobody "
        "else can write into it.",
    )


class ToolSettings(Section):
    """Tool calls whose arguments come from untrusted text."""

    untrusted: Containment | None = Field(
        None,
        description="What stops a call that no rule allows: nothing (`observe`), `addresses` out "
        "of running text, anything out of running text (`prose`), or every value that only "
        "untrusted text has (`all`). `addresses` if nobody says.",
    )
