"""The bundle's YAML, as pydantic models: the shape of each section, and nothing about meaning.

What one section says about another (a route that names a model, a child that loosens what its
parent locked) is checked in ``check``. The JSON Schema for editors is made from these models.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
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
CelText = Annotated[str, Field(min_length=1, description="A CEL expression over declared facts.")]
ModeName = Literal["enforce", "observe"]


class Section(BaseModel):
    """Unknown keys are errors, so that a typing mistake never switches a control off."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class Price(Section):
    """Money per million tokens, in the bundle's currency; at most three decimals."""

    input: float = Field(0, ge=0, le=100_000)
    output: float = Field(0, ge=0, le=100_000)


class Model(Section):
    """Something that answers."""

    provider: Literal["openai"] = Field("openai", description="The wire dialect.")
    base_url: Url = Field(description="Up to and including `/v1`, where the endpoint has one.")
    api_key: SecretReference | None = None
    upstream_model: str | None = Field(None, description="Its name there; default: the id here.")
    headers: dict[str, str] = Field({}, description="Extra headers; values may be `env:NAME`.")
    query: dict[str, str] = Field({}, description="Extra query parameters (Azure: `api-version`).")
    clearances: list[str] = Field([], description="Labels of data it may receive unredacted.")
    certifications: list[str] = []
    region: str = Field("", description="Where it computes; tenants may allow only some regions.")
    capabilities: list[Literal["chat", "stream", "tools", "json", "embedding", "completion"]] = [
        "chat",
        "stream",
        "tools",
        "json",
    ]
    context_window: int = Field(8192, ge=256)
    max_output_tokens: int = Field(1024, ge=1)
    price: Price = Price()
    trains_on_data: bool = Field(False, description="May the provider train on what it is sent?")
    timeout_ms: int = Field(60_000, ge=10, le=3_600_000)
    first_token_ms: int = Field(30_000, ge=10, le=3_600_000)
    retries: int = Field(1, ge=0, le=5)
    version: str = ""
    simulated: bool = Field(False, description="True for the shipped simulator: shown as such.")


class RouteRule(Section):
    """When `when` holds, these models come first."""

    id: Identifier
    when: CelText
    prefer: list[str] = Field(min_length=1)
    why: str = ""


class Route(Section):
    """Models in order of preference; the first that is allowed and healthy gets the request."""

    candidates: list[str] = Field(min_length=1)
    rules: list[RouteRule] = []
    max_attempts: int = Field(3, ge=1, le=10)
    deadline_ms: int = Field(60_000, ge=10, le=3_600_000)


class Source(Section):
    """Where context comes from."""

    type: Literal["sql", "http"]
    url: Url
    title: str = ""
    query: str = Field("", description="SQL with `:named` parameters; read-only.")
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = {}
    bind: dict[str, str] = Field(
        {},
        description="Parameter → `principal.id`, `principal.tenant`, `principal.attributes.X`, "
        "`request.text`, `request.terms` (full-text query), `request.ids` (JSON array).",
    )
    when: str = Field("", description="CEL; the source is asked only when it holds.")
    public: bool = Field(False, description="Anyone may see it; else bind it to the principal.")
    labels: list[str] = []
    trusted: bool = Field(True, description="May it ground a price or a promise?")
    required: bool = Field(False, description="Refuse the request when it fails.")
    deadline_ms: int = Field(300, ge=1, le=60_000)
    max_rows: int = Field(20, ge=1, le=1000)
    max_chars: int = Field(4000, ge=100, le=100_000)


class RequireApproval(Section):
    """Hold the answer until somebody with this role releases it."""

    role: Identifier


class Block(Section):
    """Refuse."""


class Rewrite(Section):
    """Replace the whole answer (or, on a request, the last user message) by this text."""

    template: str = Field(min_length=1)


class Redact(Section):
    """Take out findings with these labels, or facts of these kinds."""

    labels: list[str] = []
    facts: list[Literal["percent", "money", "date", "duration", "quantity", "commitment"]] = []


class Annotate(Section):
    """Only mark the exchange."""

    tag: Identifier


class Do(Section):
    """One obligation: exactly one of these."""

    block: Block | None = None
    require_approval: RequireApproval | None = None
    rewrite: Rewrite | None = None
    redact: Redact | None = None
    annotate: Annotate | None = None


class Rule(Section):
    """A hard business rule."""

    version: int = Field(1, ge=1)
    phase: Literal["request", "answer"]
    when: CelText
    do: list[Do] = Field(min_length=1)
    mode: ModeName = "enforce"
    needs: Literal["sentence", "whole"] = Field(
        "whole",
        description="How much of a streamed answer it must see. `sentence` releases sentence by "
        "sentence; what already left can't be held back any more.",
    )
    owner: str = ""
    why: str = Field("", description="For the record.")
    public: str = Field("", description="For the caller.")


class DetectorUse(Section):
    """How a detector, or with a name like `pii.*` a family of them, is used."""

    mode: ModeName = "enforce"
    action: Literal["redact", "block", "annotate"] = "redact"
    threshold: float = Field(0.5, ge=0, le=1)
    phases: list[Literal["request", "context", "answer"]] = ["request", "context", "answer"]


class LimitSettings(Section):
    """Ceilings. A child may only lower what is inherited where the parent locks `limits`."""

    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_day: int | None = Field(None, ge=1)
    money_per_day: float | None = Field(None, ge=0, description="In the bundle's currency.")
    max_request_chars: int | None = Field(None, ge=100, le=5_000_000)
    max_output_tokens: int | None = Field(None, ge=1)


class Settings(Section):
    """What a tenant hands down, and an app may tighten."""

    limits: LimitSettings = LimitSettings()
    content: Literal["none", "redacted", "full"] | None = Field(
        None, description="What the record keeps of the texts."
    )
    retention_days: int | None = Field(None, ge=1, le=36_500)
    regions: list[str] | None = Field(None, description="Regions where models may compute.")
    models: list[str] | None = Field(None, description="Models that may be used at all.")
    detectors: dict[str, DetectorUse] = {}
    require_identity: bool | None = None
    audit: Literal["normal", "strict"] | None = Field(
        None, description="`strict` waits for the disk before an answer leaves."
    )


SettingName = Literal[
    "limits", "content", "retention_days", "regions", "models", "detectors", "require_identity",
    "audit",
]  # fmt: skip


class Tenant(Section):
    """A node of the tree."""

    parent: Identifier | None = None
    title: str = ""
    settings: Settings = Settings()
    lock: list[SettingName] = Field(
        [], description="Settings which no descendant and no app may loosen."
    )
    rules: list[str] = Field([], description="Rules that bind every app of every descendant.")


class App(Section):
    """One AI application."""

    tenant: Identifier = Field(description="Its owner; descendants of it may use it too.")
    purpose: str = Field(min_length=1)
    owner: str = ""
    process: str = Field("", description="The business process that it serves.")
    risk: Literal["minimal", "limited", "high"] = "minimal"
    system_prompt: str = ""
    route: str
    embedding_route: str | None = None
    aliases: dict[str, str] = Field({}, description="Model names that clients use → models here.")
    unknown_model: Literal["route", "error"] = "route"
    sources: list[str] = []
    rules: list[str] = []
    settings: Settings = Settings()


class Issuer(Section):
    """Who signs the end users' tokens."""

    issuer: str
    audience: str
    jwks: str = Field(description="`file:path` or an https URL of a JWKS document.")
    algorithms: list[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]] = [
        "RS256",
        "ES256",
        "EdDSA",
    ]
    roles_claim: str = "roles"
    clearances_claim: str = "clearances"
    attribute_claims: dict[str, str] = Field({}, description="Attribute → claim; default: same.")


class Attribute(Section):
    """An attribute of principals, with the value that holds when nothing vouches for another."""

    default: str = ""
    description: str = ""


class Identity(Section):
    """Whom to believe about end users."""

    issuers: dict[str, Issuer] = {}
    attributes: dict[str, Attribute] = {}


class Label(Section):
    """A class of data. Redactable ones can be cut out of text; others rule a model out."""

    redactable: bool = False
    description: str = ""


class Egress(Section):
    """The only addresses that sources may reach besides the models' own."""

    allow: list[str] = Field([], description="`host` or `host:port`.")


class Bundle(Section):
    """All files of the folder, merged section by section."""

    freehold: Literal[1] = Field(description="The format's version.")
    name: Identifier
    description: str = ""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    labels: dict[Identifier, Label] = {}
    identity: Identity = Identity()
    egress: Egress = Egress()
    tenants: dict[Identifier, Tenant] = Field(min_length=1)
    models: dict[Identifier, Model] = Field(min_length=1)
    routes: dict[Identifier, Route] = Field(min_length=1)
    sources: dict[Identifier, Source] = {}
    rules: dict[Identifier, Rule] = {}
    apps: dict[Identifier, App] = Field(min_length=1)


def json_schema() -> dict[str, Any]:
    """A JSON Schema for editors: any file may hold any of the sections, so none is required."""
    schema = Bundle.model_json_schema(mode="validation")
    schema.pop("required", None)
    schema["$schema"] = "http://json-schema.org/draft-07/schema#"
    schema["title"] = "Freehold bundle"
    return schema
