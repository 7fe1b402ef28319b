"""An address outside that is told of what happened."""

from typing import Annotated

from pydantic import Field

from freehold.bundle.section import SecretReference, Section


class Webhook(Section):
    """An address that is told of something; signed as Standard Webhooks say."""

    url: Annotated[str, Field(pattern=r"^https?://")] = Field(
        description="An address whose host `egress.allow` names."
    )
    secret: SecretReference
