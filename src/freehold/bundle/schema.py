"""The bundle's YAML, as pydantic models: the shape of each section, and nothing about meaning.

What one section says about another (a route that names a model, a child that loosens what its
parent locked) is checked in ``check``. The JSON Schema for editors is made from these models.
"""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.detectors import OwnDetector
from freehold.bundle.invariant import Invariant
from freehold.bundle.rule import Rule
from freehold.bundle.section import CelText, Identifier, LateName, ModeName, Section
from freehold.bundle.tools import Member, MemberPath, Tool, ToolSettings
from freehold.bundle.voice import Voice

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
Capability = Literal["chat", "stream", "tools", "json", "embedding", "completion", "moderation"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


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
    version: str = Field("", description="For the record, where the endpoint does not tell.")
    simulated: bool = Field(False, description="True for the shipped simulator: shown as such.")


class RouteRule(Section):
    """When `when` holds, these models come first."""

    id: Identifier = Field(description="Its name in records.")
    when: CelText
    prefer: list[str] = Field(min_length=1, description="Candidates of the route, best first.")
    why: str = Field("", description="For the record.")


class Route(Section):
    """Models in order of preference; the first that is allowed and healthy gets the request."""

    candidates: list[str] = Field(min_length=1, description="Ids of models, best first.")
    rules: list[RouteRule] = Field([], description="The first that holds changes the order.")
    max_attempts: int = Field(3, ge=1, le=10, description="Models that are tried at most.")
    deadline_ms: int = Field(60_000, ge=10, le=3_600_000, description="For all of them together.")


class Source(Section):
    """Where context comes from."""

    type: Literal["sql", "http"] = Field(
        description="A database, or a service that answers in JSON."
    )
    url: Url
    title: str = Field("", description="What the model is told about it.")
    query: str = Field("", description="SQL with `:named` parameters; read-only.")
    method: Literal["GET", "POST"] = Field("GET", description="For `http`.")
    headers: dict[str, str] = Field({}, description="For `http`; secrets as `env:NAME`.")
    bind: dict[str, str] = Field(
        {},
        description="Parameter → `principal.id`, `principal.tenant`, `principal.attributes.X`, "
        "`request.text`, `request.terms` (full-text query), `request.ids` (JSON array).",
    )
    when: str = Field("", description="CEL; the source is asked only when it holds.")
    public: bool = Field(False, description="Anyone may see it; else bind it to the principal.")
    labels: list[str] = Field([], description="Classes of data that it gives; see `labels`.")
    trusted: bool = Field(True, description="May it ground a price or a promise?")
    required: bool = Field(False, description="Refuse the request when it fails.")
    deadline_ms: int = Field(
        300, ge=1, le=60_000, description="A source that takes longer is late, and left out."
    )
    max_rows: int = Field(20, ge=1, le=1000, description="Rows that are taken at most.")
    max_chars: int = Field(
        4000, ge=100, le=100_000, description="Characters that are taken at most."
    )


class DetectorUse(Section):
    """How a detector, or with a name like `pii.*` a family of them, is used."""

    mode: ModeName = Field(
        "enforce", description="`observe` only records what would have happened."
    )
    action: Literal["redact", "block", "annotate"] = Field(
        "redact", description="Replace it for models that are not cleared, refuse, or only mark it."
    )
    threshold: float = Field(0.5, ge=0, le=1, description="The score from which a finding counts.")
    phases: list[Literal["request", "context", "answer"]] = Field(
        ["request", "context", "answer"], description="The texts that it reads."
    )
    late: LateName = Field(
        "buffer",
        description="What one that judges whole answers does to a stream. `buffer` holds it back "
        "until the end; `terminate` lets it leave, and ends it when the detector objects.",
    )


class LimitSettings(Section):
    """Ceilings on a tenant with all that is below it, or on an app as one tenant runs it.

    A child may only lower what is inherited where the parent locks `limits`.
    """

    requests_per_minute: int | None = Field(None, ge=1, description="All of them together.")
    tokens_per_day: int | None = Field(None, ge=1, description="Sent and received together.")
    money_per_day: float | None = Field(None, ge=0, description="In the bundle's currency.")
    max_request_chars: int | None = Field(
        None, ge=100, le=5_000_000, description="The longest request; 200,000 if nobody says."
    )
    max_output_tokens: int | None = Field(
        None, ge=1, description="The longest answer; 1,024 if nobody says."
    )


class ApprovalSettings(Section):
    """Answers that wait for a person."""

    expires_hours: int | None = Field(
        None,
        ge=1,
        le=8_760,
        description="How long one waits, and is kept once approved; 168, a week, if nobody says.",
    )


class Settings(Section):
    """What a tenant hands down, and an app may tighten."""

    limits: LimitSettings = Field(LimitSettings(), description="Ceilings.")
    content: Literal["none", "redacted", "full"] | None = Field(
        None, description="What the record keeps of the texts; `redacted` if nobody says."
    )
    retention_days: int | None = Field(
        None, ge=1, le=36_500, description="How long it keeps them; 180 if nobody says."
    )
    sealing: Literal["normal", "strict"] | None = Field(
        None,
        description="When texts can't be sealed: `normal` records the exchange without them, "
        "`strict` refuses it.",
    )
    regions: list[str] | None = Field(None, description="Regions where models may compute.")
    models: list[str] | None = Field(None, description="Models that may be used at all.")
    detectors: dict[str, DetectorUse] = Field(
        {},
        description="Detector or family (`pii.*`) → its use; what it leaves out, it inherits.",
    )
    require_identity: bool | None = Field(
        None, description="Refuse requests whose end user no verified token names."
    )
    audit: Literal["normal", "strict"] | None = Field(
        None, description="`strict` waits for the disk before an answer leaves."
    )
    approvals: ApprovalSettings = Field(
        ApprovalSettings(), description="Answers that wait for a person."
    )
    tools: ToolSettings = Field(ToolSettings(), description="What tool calls may be made of.")


SettingName = Literal[
    "limits", "content", "retention_days", "sealing", "regions", "models", "detectors",
    "require_identity", "audit", "approvals", "tools",
]  # fmt: skip


class Tenant(Section):
    """A node of the tree."""

    parent: Identifier | None = Field(
        None, description="The tenant above it; only the root has none."
    )
    title: str = Field("", description="Its name for people.")
    settings: Settings = Field(Settings(), description="What it hands down.")
    lock: list[SettingName] = Field(
        [], description="Settings which no descendant and no app may loosen."
    )
    rules: list[str] = Field([], description="Rules that bind every app of every descendant.")


class AppScope(Section):
    """What the app is for, by example; judged on what the user wrote since the last answer."""

    inside: list[str] = Field(
        alias="in",
        min_length=5,
        max_length=2_000,
        description="Questions that it should answer; thirty and more tell well.",
    )
    outside: list[str] = Field(
        [],
        alias="out",
        max_length=2_000,
        description="Questions that it should not; from twenty on they help to draw the line.",
    )
    threshold: float = Field(
        0.5, ge=0, le=1, description="The score below which a question is out of scope."
    )


class App(Section):
    """One AI application."""

    tenant: Identifier = Field(description="Its owner; descendants of it may use it too.")
    purpose: str = Field(min_length=1, description="What it is for, in the record.")
    owner: str = Field("", description="Who answers for it.")
    process: str = Field("", description="The business process that it serves.")
    risk: Literal["minimal", "limited", "high"] = Field(
        "minimal", description="Its class under the EU AI Act."
    )
    system_prompt: str = Field("", description="Goes before the caller's messages.")
    route: str = Field(description="The route of its chat requests.")
    embedding_route: str | None = Field(
        None, description="The route of its embeddings; none, no embeddings."
    )
    aliases: dict[str, str] = Field({}, description="Model names that clients use → models here.")
    unknown_model: Literal["route", "error"] = Field(
        "route",
        description="When the client names a model that is not here: choose one, or refuse.",
    )
    scope: AppScope | None = Field(
        None, description="What it is for, by example; see the detector `purpose.scope`."
    )
    sources: list[str] = Field([], description="Where its context comes from.")
    rules: list[str] = Field([], description="Rules of its own, after those of its tenants.")
    voice: Voice | None = Field(None, description="What its answers must not say, and must.")
    answer_fields: dict[MemberPath, Member] = Field(
        {}, description="Path in answers that are JSON → what rules read there (`answer.json`)."
    )
    settings: Settings = Field(
        Settings(), description="What it tightens or, where unlocked, overrides."
    )


class Issuer(Section):
    """Who signs the end users' tokens."""

    issuer: str = Field(description="The token's `iss`.")
    audience: str = Field(description="The token's `aud`.")
    jwks: str = Field(description="`file:path` or an https URL of a JWKS document.")
    algorithms: list[Algorithm] = Field(
        [
            "RS256",
            "ES256",
            "EdDSA",
        ],
        description="Signatures that are accepted.",
    )
    roles_claim: str = Field("roles", description="The claim that lists roles.")
    clearances_claim: str = Field("clearances", description="The claim that lists clearances.")
    tenant_claim: str = Field(
        "tenant", description="The claim that names the tenant where somebody may approve."
    )
    tenant: Identifier | None = Field(
        None, description="The tenant of those whose token has no such claim; none if left out."
    )
    attribute_claims: dict[str, str] = Field({}, description="Attribute → claim; default: same.")


class Attribute(Section):
    """An attribute of principals, with the value that holds when nothing vouches for another."""

    default: str = Field("", description="What holds for those about whom nobody says anything.")
    description: str = Field("", description="For people.")


class Identity(Section):
    """Whom to believe about end users."""

    issuers: dict[str, Issuer] = Field({}, description="Name → who signs tokens.")
    attributes: dict[str, Attribute] = Field(
        {}, description="Name → an attribute that rules and sources may use."
    )


class Label(Section):
    """A class of data. Redactable ones can be cut out of text; others rule a model out."""

    redactable: bool = Field(False, description="May it be cut out of a text?")
    description: str = Field("", description="For people.")


class Webhook(Section):
    """Who is told of held answers and of decisions about them; signed as Standard Webhooks say."""

    url: Annotated[str, Field(pattern=r"^https?://")] = Field(
        description="An address whose host `egress.allow` names."
    )
    secret: SecretReference


class Approvals(Section):
    """Answers that wait for a person."""

    webhook: Webhook | None = Field(None, description="Who is told of them.")


class Egress(Section):
    """The only addresses that sources and webhooks may reach."""

    allow: list[str] = Field([], description="`host` or `host:port`.")


class Bundle(Section):
    """All files of the folder, merged section by section."""

    freehold: Literal[1] = Field(description="The format's version.")
    name: Identifier = Field(description="In records and metrics.")
    description: str = Field("", description="For people.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(
        "USD", description="Of every price and limit (ISO 4217)."
    )
    labels: dict[Identifier, Label] = Field(
        {}, description="Classes of data besides `pii` and `secret`, which are always there."
    )
    identity: Identity = Field(
        Identity(), description="Who signs tokens, and which attributes end users have."
    )
    egress: Egress = Field(Egress(), description="Where sources and webhooks may reach.")
    approvals: Approvals = Field(Approvals(), description="Answers that wait for a person.")
    tenants: dict[Identifier, Tenant] = Field(min_length=1, description="The tree.")
    models: dict[Identifier, Model] = Field(min_length=1, description="What may answer.")
    routes: dict[Identifier, Route] = Field(
        min_length=1, description="Models in order of preference."
    )
    sources: dict[Identifier, Source] = Field({}, description="Where context comes from.")
    tools: dict[str, Tool] = Field({}, description="Function name → what is known of it.")
    detectors: dict[Identifier, OwnDetector] = Field(
        {}, description="Detectors besides those that Freehold ships."
    )
    rules: dict[Identifier, Rule] = Field({}, description="Hard business rules.")
    invariants: dict[Identifier, Invariant] = Field(
        {}, description="What must always hold; `freehold policy prove` proves it."
    )
    apps: dict[Identifier, App] = Field(min_length=1, description="AI applications.")
