"""A model as the bundle's YAML has it: where it is, what it may see, what it costs."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from freehold.bundle.ceilings import Ceilings
from freehold.bundle.section import Identifier, SecretReference, Section, Url

Capability = Literal["chat", "stream", "tools", "json", "embedding", "completion", "moderation"]
ProviderName = Literal["openai", "azure", "anthropic", "gemini", "bedrock", "local"]
PROVIDERS: tuple[str, ...] = get_args(ProviderName)
_CAPABILITIES: list[Capability] = ["chat", "stream", "tools", "json"]


class LongPrice(Section):
    """What every token costs as soon as the prompt is longer than ``over`` tokens."""

    over: int = Field(ge=1, description="The longest prompt, in tokens, at the usual price.")
    input: float = Field(ge=0, le=100_000, description="For a million tokens sent.")
    output: float = Field(ge=0, le=100_000, description="For a million tokens received.")
    cached_input: float | None = Field(
        None, ge=0, le=100_000, description="For a million tokens from the provider's cache."
    )


class Price(Section):
    """Money per million tokens, in the bundle's currency; at most three decimals, for cached tokens
    six. Reasoning tokens are output.
    """

    input: float = Field(0, ge=0, le=100_000, description="For a million tokens sent.")
    output: float = Field(0, ge=0, le=100_000, description="For a million tokens received.")
    cached_input: float | None = Field(
        None,
        ge=0,
        le=100_000,
        description="For a million tokens that the provider read from its cache; default: `input`.",
    )
    cache_write: float | None = Field(
        None,
        ge=0,
        le=100_000,
        description="For a million tokens that it wrote there; default: `input`.",
    )
    long: LongPrice | None = Field(None, description="Of long prompts, where they cost more.")


class Aws(Section):
    """Credentials of Amazon Web Services; nothing else of the environment is read."""

    access_key: SecretReference | None = Field(None, description="The access key's id.")
    secret_key: SecretReference | None = Field(None, description="The secret access key.")
    session_token: SecretReference | None = Field(None, description="Of temporary credentials.")
    chain: bool = Field(
        False,
        description="Search as AWS's own tools do: environment, files, container, instance.",
    )
    profile: str = Field("", description="A profile of AWS's files, for the search.")
    region: str = Field("", description="For the signature, where the address does not tell it.")


class Local(Section):
    """A model that runs in this process."""

    kind: Identifier = Field(
        description="`responder`, `classifier`, `causal-lm`, or a name of the entry point"
        " `freehold.models`."
    )
    file: str = Field("", description="What it answers from: a path within the bundle.")
    threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Less sure than this, it abstains, and the next model is asked.",
    )
    options: dict[str, Any] = Field({}, description="As its kind documents.")


class Priced(Section):
    """A row of a catalogue: what is publicly known of a model."""

    provider: ProviderName = Field("openai", description="The wire dialect.")
    base_url: Url | None = Field(None, description="Where it is the same for everybody.")
    upstream_model: str = Field(description="Its name there.")
    capabilities: list[Capability] = Field(_CAPABILITIES, description="What it can do.")
    context_window: int = Field(ge=256, description="Tokens of request and answer together.")
    max_output_tokens: int = Field(ge=1, description="The longest answer, in tokens.")
    price: Price = Field(description="Per million tokens.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field("USD", description="Of `price`.")
    source: str = Field("", description="Where this stands.")
    seen: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] = Field(
        description="The day on which it stood there."
    )
    until: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = Field(
        None, description="The last day on which this price holds, where it is known to change."
    )


class Model(Section):
    """Something that answers."""

    catalogue: str | None = Field(
        None,
        description="A row of the bundle's `catalogue`, or of the shipped one (`freehold models "
        "prices`), from which address, window, capabilities and price come unless they stand here.",
    )
    provider: ProviderName = Field(
        "openai",
        description="The wire: `openai` (and whatever speaks it), `azure`, `anthropic`, `gemini`, "
        "`bedrock`; or `local`, in this process.",
    )
    base_url: Url | None = Field(
        None,
        description="Up to and including `/v1`, where the endpoint has one. Needed, unless the "
        "catalogue has it or the provider is `local`.",
    )
    api_key: SecretReference | None = Field(None, description="Where its key is: `env:NAME`, say.")
    aws: Aws | None = Field(None, description="For `bedrock`, where there is no `api_key`.")
    local: Local | None = Field(None, description="For `local`: what it is.")
    upstream_model: str | None = Field(None, description="Its name there; default: the id here.")
    headers: dict[str, str] = Field({}, description="Extra headers; values may be `env:NAME`.")
    query: dict[str, str] = Field({}, description="Extra query parameters (Azure: `api-version`).")
    clearances: list[str] = Field([], description="Labels of data it may receive unredacted.")
    certifications: list[str] = Field([], description="For the record: `iso-27001`, say.")
    region: str = Field("", description="Where it computes; tenants may allow only some regions.")
    capabilities: list[Capability] = Field(
        _CAPABILITIES,
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
