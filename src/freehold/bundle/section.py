"""What every part of the bundle's YAML is built on."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Unknown keys are errors, so that a typing mistake never switches a control off."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)
