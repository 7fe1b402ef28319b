"""A model as the bundle's YAML has it: where it is, what it may see, what it costs."""

from typing import Literal

from pydantic import Field

from freehold.bundle.ceilings import Ceilings
from freehold.bundle.section import SecretReference, Section, Url

Capability = Literal["chat", "stream", "tools", "json", "embedding", "completion", "moderation"]


class Price(Section):
    """Money per million tokens, in the bundle's currency; at most three decimals."""

    input: float = Field(0, ge=0, le=100_000, description="For a million tokens sent.")
    output: float = Field(0, ge=0, le=100_000, description="For a million tokens received.")


class Model(Section):
    """Something that answers."""

    provider: Literal["openai"] = Field("openai", description="The wire dialect.")
    base_url: Url = Field(description="Up to and including `/v1`, where the endpoint has one.")
    api_key: SecretReference | None = Field(None, description="Where its key is: `env:NAME`, say.")
    upstream_model: str | None = Field(None, description="Its name there; default: the id here.")
    headers: dict[str, str] = Field({}, description="Extra headers; values may be `env:NAME`.")
    query: dict[str, str] = Field({}, description="Extra query parameters (Azure: `api-version`).")
    clearances: list[str] = Field([], description="Labels of data it may receive unredacted.")
    certifications: list[str] = Field([], description="For the record: `iso-27001`, say.")
    region: str = Field("", description="Where it computes; tenants may allow only some regions.")
    capabilities: list[Capability] = Field(
        [
            "chat",
            "stream",
            "tools",
            "json",
        ],
        description="What it can do.",
    )
    context_window: int = Field(8192, ge=256, description="Tokens of request and answer together.")
    max_output_tokens: int = Field(1024, ge=1, description="The longest answer, in tokens.")
    price: Price = Field(Price(), description="What it costs; nothing, if left out.")
    trains_on_data: bool = Field(False, description="May the provider train on what it is sent?")
    timeout_ms: int = Field(60_000, ge=10, le=3_600_000, description="For one whole call.")
    first_token_ms: int = Field(
        30_000, ge=10, le=3_600_000, description="Until the first byte of an answer."
    )
    retries: int = Field(1, ge=0, le=5, description="Further tries of the same endpoint.")
    deadline_header: str = Field(
        "",
        pattern=r"^([A-Za-z][A-Za-z0-9-]{0,63})?$",
        description="A header in which the endpoint is told how many milliseconds it has, such as "
        "`x-envoy-expected-rq-timeout-ms`; none, if left out.",
    )
    limits: Ceilings = Field(
        Ceilings(),
        description="On all calls of it together, whoever makes them; each counts as a request.",
    )
    version: str = Field("", description="For the record, where the endpoint does not tell.")
    simulated: bool = Field(False, description="True for the shipped simulator: shown as such.")
