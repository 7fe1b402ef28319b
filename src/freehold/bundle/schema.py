"""The bundle's YAML, as pydantic models: the shape of each section, and nothing about meaning.

What one section says about another (a route that names a model, a child that loosens what its
parent locked) is checked in ``check``. The JSON Schema for editors is made from these models.
"""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.alert import Alert, Monitoring
from freehold.bundle.application import App
from freehold.bundle.custom_models import CustomModel, Deployed
from freehold.bundle.detectors import OwnDetector
from freehold.bundle.handed_down import SettingName, Settings
from freehold.bundle.invariant import Invariant
from freehold.bundle.metric import Metric
from freehold.bundle.mirrors import Ledger
from freehold.bundle.model import Model, Priced
from freehold.bundle.queues import Queue
from freehold.bundle.route import Route
from freehold.bundle.rule import Rule
from freehold.bundle.section import Identifier, Section, Url
from freehold.bundle.tools import Tool
from freehold.bundle.webhook import Webhook

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


class Source(Section):
    """Where context comes from."""

    type: Literal["sql", "http"] = Field(
        description="A database, or a service that answers in JSON."
    )
    url: Url
    title: str = Field("", description="Its name for people who look at its context.")
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


class Approvals(Section):
    """Answers that wait for a person."""

    webhook: Webhook | None = Field(None, description="Who is told of them.")


class Egress(Section):
    """The only addresses that sources, webhooks and witnesses may reach."""

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
    egress: Egress = Field(Egress(), description="Where sources, webhooks and witnesses may reach.")
    approvals: Approvals = Field(Approvals(), description="Answers that wait for a person.")
    monitoring: Monitoring = Field(Monitoring(), description="What holds for all alerts.")
    ledger: Ledger = Field(Ledger(), description="Where checkpoints of the ledger go.")
    alerts: dict[Identifier, Alert] = Field({}, description="What is watched, and what follows.")
    tenants: dict[Identifier, Tenant] = Field(min_length=1, description="The tree.")
    models: dict[Identifier, Model] = Field(min_length=1, description="What may answer.")
    catalogue: dict[str, Priced] = Field(
        {},
        description="Name → what is publicly known of a model; goes before the shipped catalogue.",
    )
    routes: dict[Identifier, Route] = Field(
        min_length=1, description="Models in order of preference."
    )
    sources: dict[Identifier, Source] = Field({}, description="Where context comes from.")
    tools: dict[str, Tool] = Field({}, description="Function name → what is known of it.")
    detectors: dict[Identifier, OwnDetector] = Field(
        {}, description="Detectors besides those that Freehold ships."
    )
    metrics: dict[Identifier, Metric] = Field(
        {}, description="What may be said of an answer afterwards; a learned route learns from it."
    )
    rules: dict[Identifier, Rule] = Field({}, description="Hard business rules.")
    invariants: dict[Identifier, Invariant] = Field(
        {}, description="What must always hold; `freehold policy prove` proves it."
    )
    custom_models: dict[Identifier, CustomModel] = Field(
        {}, description="Models that are trained here, from the apps' own traffic."
    )
    deployments: dict[Identifier, Deployed] = Field(
        {}, description="Freehold's own: which versions of them answer. Nobody writes it by hand."
    )
    queues: dict[Identifier, Queue] = Field({}, description="Cases that people are to label.")
    apps: dict[Identifier, App] = Field(min_length=1, description="AI applications.")
