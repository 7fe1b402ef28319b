"""Where checkpoints of the ledger go, as the bundle's YAML has it."""

from typing import Annotated

from pydantic import Field

from freehold.bundle.section import Identifier, SecretReference, Section

WebUrl = Annotated[str, Field(pattern=r"^https?://")]


class Mirror(Section):
    """A place for the ledger's checkpoints; exactly one of `file`, `webhook` and `witness`."""

    name: Identifier | None = Field(
        None, description="In metrics and alerts; default: its kind and its file or host."
    )
    file: str | None = Field(
        None, description="An absolute path, best on another disk or machine; only appended to."
    )
    webhook: WebUrl | None = Field(None, description="An address whose host `egress.allow` names.")
    secret: SecretReference | None = Field(
        None,
        description="For `webhook`: `env:NAME` or `file:path`; what is sent is signed with it.",
    )
    witness: WebUrl | None = Field(
        None, description="A C2SP witness: the address before `/add-checkpoint`."
    )
    key: str | None = Field(
        None, description="The witness's verifier key, as `freehold witness show` prints it."
    )
    every_s: int = Field(
        60, ge=1, le=86_400, description="At most one checkpoint of a log in so many seconds."
    )
    late_s: int = Field(
        900, ge=10, le=30 * 86_400, description="A mirror that is this far behind lags."
    )
    alert: bool = Field(True, description="Whether lagging is an alert.")


class Ledger(Section):
    """The decision ledger."""

    mirrors: list[Mirror] = Field(
        [],
        description="Where its checkpoints lie, too: only that shows a log cut or rolled back.",
    )
