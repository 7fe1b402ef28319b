"""What every part of the bundle's YAML is built on."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
CelText = Annotated[str, Field(min_length=1, description="A CEL expression over declared facts.")]
ModeName = Literal["enforce", "observe"]
LateName = Literal["buffer", "terminate"]
SecretReference = Annotated[
    str,
    Field(
        pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
        description="Where the secret is: `env:NAME` or `file:path`. Never the secret itself.",
    ),
]
Url = Annotated[
    str,
    Field(
        pattern=r"^(https?://|sqlite:|postgresql|env:)",
        description="An address, or `env:NAME` for one that differs by machine.",
    ),
]


class Section(BaseModel):
    """Unknown keys are errors, so that a typing mistake never switches a control off."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)
