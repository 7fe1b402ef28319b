"""The bundle as the request path sees it: frozen, resolved for one tenant and app, no YAML left."""

from typing import Any, Literal

from msgspec import Struct, field

from freehold.core.capturing import CaptureSpec
from freehold.core.decisions import Late, Mode, Needs
from freehold.core.facts import FactKind
from freehold.core.limits import Limits, Scope
from freehold.core.priority import Priority
from freehold.core.routes import MetricSpec, RouteSpec

ContentKept = Literal["none", "redacted", "full"]
Containment = Literal["observe", "addresses", "prose", "all"]
"""Which arguments from untrusted text stop a tool call unless a rule allows them; loose first."""
"""Whose requests are refused first when there are more than the gateway can take."""
FieldType = Literal[
    "string", "bool", "int", "strings", "percent", "fraction", "money", "date", "duration",
    "quantity",
]  # fmt: skip


class LongPrice(Struct, frozen=True, kw_only=True):
    """What every token of a call costs whose prompt is longer than ``over`` tokens."""

    over: int
    input_price_nano: int
    output_price_nano: int
    cached_price_pico: int | None = None


class LocalSpec(Struct, frozen=True, kw_only=True):
    """A model that runs in this process: its kind, and its file in the bundle by SHA-256.

    ``threshold`` (millionths): less sure than this, it abstains. ``options`` is a JSON object.
    """

    kind: str
    file: str = ""
    digest: str = ""
    threshold: int = 0
    options: str = "{}"


class ModelSpec(Struct, frozen=True, kw_only=True):
    """Something that answers. Prices are nano-units of the bundle's currency per token; those of
    cached tokens pico-units, since some have more decimals: none is the price of other input.

    ``clearances`` are the labels of data that it may receive in the clear. ``timeout_ms`` bounds
    one whole call, ``first_token_ms`` the wait for the first byte of an answer. The header
    ``deadline_header``, if any, tells the endpoint how many milliseconds it has. ``scope`` counts
    its calls, whoever makes them.
    """

    id: str
    provider: str
    base_url: str
    upstream_model: str
    api_key_ref: str | None = None
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    clearances: frozenset[str] = frozenset()
    certifications: frozenset[str] = frozenset()
    region: str = ""
    capabilities: frozenset[str] = frozenset({"chat", "stream", "tools", "json"})
    context_window: int = 8192
    max_output_tokens: int = 1024
    input_price_nano: int = 0
    output_price_nano: int = 0
    cached_price_pico: int | None = None
    cache_write_price_pico: int | None = None
    long_price: LongPrice | None = None
    trains_on_data: bool = False
    timeout_ms: int = 60_000
    first_token_ms: int = 30_000
    retries: int = 1
    deadline_header: str = ""
    version: str = ""
    simulated: bool = False
    aws: dict[str, str] = {}
    local: LocalSpec | None = None
    scope: Scope | None = None

    def told(self, reported: str) -> str:
        """How whoever asked is told who answered: an endpoint's model as it names itself, which is
        more exact than what was asked for; one in this process by its name here and its version.

        Args:
            reported: what the model said that it is; empty where it said nothing.
        """
        if self.local is None:
            return reported or self.id
        if not self.version or self.id.endswith(f"@{self.version}"):  # one on trial is called so
            return self.id
        return f"{self.id}@{self.version}"


class SourceSpec(Struct, frozen=True, kw_only=True):
    """Where context comes from.

    ``bind`` maps a query parameter to a trusted path (``principal.attributes.store``) or to
    something read from the request (``request.terms``, ``request.ids``).
    """

    id: str
    type: str
    url: str
    title: str = ""
    query: str = ""
    method: str = "GET"
    headers: dict[str, str] = {}
    bind: dict[str, str] = {}
    when: str = ""
    public: bool = False
    labels: frozenset[str] = frozenset()
    trusted: bool = True
    required: bool = False
    deadline_ms: int = 300
    max_rows: int = 20
    max_chars: int = 4_000
    options: dict[str, Any] = {}


class Obligation(Struct, frozen=True, kw_only=True):
    """What a fired rule demands, or for ``allow`` permits.

    ``role`` belongs to require_approval, ``template`` to rewrite, ``labels`` and ``facts``
    (percent, money, …) to redact, ``tag`` to annotate. ``arguments`` are paths in a tool call's
    arguments: those to redact, or those from untrusted text to allow (none named: all).
    """

    action: Literal["block", "require_approval", "rewrite", "redact", "annotate", "allow"]
    role: str = ""
    template: str = ""
    labels: frozenset[str] = frozenset()
    facts: frozenset[FactKind] = frozenset()
    arguments: tuple[str, ...] = ()
    tag: str = ""


class FieldSpec(Struct, frozen=True, kw_only=True):
    """A declared value in JSON: where it stands, what it is, what holds where it is absent.

    ``unit`` is a currency for money, the unit of a bare number for durations. ``default`` is in the
    unit of the fact (cents, basis points, …); without one, an absent value is an error to rules.
    """

    path: str
    type: FieldType
    unit: str = ""
    default: str | int | bool | tuple[str, ...] | None = None


class ToolSpec(Struct, frozen=True, kw_only=True):
    """What is declared of a tool: its arguments, and whether what it returns is trusted."""

    name: str
    arguments: tuple[FieldSpec, ...] = ()
    trusted: bool = False


class RuleSpec(Struct, frozen=True, kw_only=True):
    """A hard business rule. ``when`` is CEL over declared facts.

    ``late`` is for one that needs the whole answer; one of phase ``stream`` needs sentences.
    ``private_limits``: the person whom it concerns is not told at which value it would have passed.
    """

    id: str
    version: int
    phase: Literal["request", "answer", "stream", "tool_call"]
    when: str
    obligations: tuple[Obligation, ...]
    mode: Mode = "enforce"
    needs: Needs = "whole"
    late: Late = "buffer"
    owner: str = ""
    why: str = ""
    public: str = ""
    private_limits: bool = False


class ToneSpec(Struct, frozen=True, kw_only=True):
    """Simple limits of tone; ``not_first_person`` holds ``singular``, ``plural``."""

    shouting: bool = True
    emoji: bool = True
    exclamation_marks: int | None = None
    not_first_person: frozenset[str] = frozenset()
    max_sentence_words: int | None = None


class Disclaimer(Struct, frozen=True, kw_only=True):
    """Words that an answer needs when ``when`` (CEL) holds."""

    text: str
    when: str = "true"


class VoiceSpec(Struct, frozen=True, kw_only=True):
    """How an app speaks."""

    banned: tuple[str, ...] = ()
    competitors: tuple[str, ...] = ()
    tone: ToneSpec | None = None
    disclaimers: tuple[Disclaimer, ...] = ()


class GuardSpec(Struct, frozen=True, kw_only=True, tag="guard"):
    """A model that judges texts. ``model_digest`` stands for where and what that model is."""

    model: str
    model_digest: str
    style: Literal["llama-guard", "yes-no", "json", "moderation"] = "llama-guard"
    prompt: str = ""
    categories: tuple[tuple[str, str], ...] = ()
    ignore: frozenset[str] = frozenset()
    label: str = "unsafe"
    deadline_ms: int = 2_000
    max_chars: int = 8_000
    max_parts: int = 8


class ClassifierSpec(Struct, frozen=True, kw_only=True, tag="classifier"):
    """A trained head, by the SHA-256 of its file; ``label`` is the one that counts, empty: all."""

    file: str
    digest: str
    label: str = ""


class InstalledSpec(Struct, frozen=True, kw_only=True, tag="installed"):
    """A detector of an installed package. ``options`` is a JSON object, its keys in order."""

    label: str = ""
    deadline_ms: int = 1_000
    options: str = "{}"


class DetectorSetting(Struct, frozen=True, kw_only=True):
    """How one detector is used: in which mode, above which score, and what follows a finding.

    ``action``: ``redact`` replaces the span for a model without clearance, ``block`` refuses,
    ``annotate`` only records. ``phases``: which texts it reads. ``voice``: what those that read
    for an app's voice look for. ``late``: how one that judges whole answers treats a stream.
    ``own``: what a detector is that Freehold does not ship.
    """

    id: str
    mode: Mode = "enforce"
    action: Literal["redact", "block", "annotate"] = "redact"
    threshold: int = 500_000
    phases: frozenset[str] = frozenset({"request", "context", "answer"})
    late: Late = "buffer"
    voice: VoiceSpec | None = None
    own: GuardSpec | ClassifierSpec | InstalledSpec | None = None


class PurposeScope(Struct, frozen=True, kw_only=True):
    """Examples of what an app is for, and of what it is not; ``threshold`` in millionths."""

    inside: tuple[str, ...]
    outside: tuple[str, ...] = ()
    threshold: int = 500_000


class IntentSet(Struct, frozen=True, kw_only=True):
    """Examples of an app's intents, and of what is none of them; or a file that is ``trained``.

    ``keep`` is the share of questions with an intent, in millionths, that must count as such.
    """

    digest: str
    inside: tuple[tuple[str, tuple[str, ...]], ...] = ()
    outside: tuple[str, ...] = ()
    keep: int = 950_000
    trained: bytes = b""


class IdentitySpec(Struct, frozen=True, kw_only=True):
    """A token issuer that is believed, and which claims carry what.

    ``tenant`` is where everybody belongs whose token has no claim ``tenant_claim``.
    """

    id: str
    issuer: str
    audience: str
    jwks: str
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    roles_claim: str = "roles"
    clearances_claim: str = "clearances"
    tenant_claim: str = "tenant"
    tenant: str = ""
    attribute_claims: dict[str, str] = {}


class ApprovalSpec(Struct, frozen=True, kw_only=True):
    """How long a held answer waits, and an approved one is kept; whether a webhook tells of it."""

    hours: int = 168
    webhook: bool = False


class AppSpec(Struct, frozen=True, kw_only=True):
    """One app as one tenant runs it: everything inherited, locked and tightened already.

    ``attributes`` declares the principal's attributes and their defaults; ``tenant_path`` runs
    from the root to this tenant. ``limits`` are the app's own; ``scopes`` has every counter that a
    request adds to, from the root tenant down to the app, each with its ceilings. ``guards`` are
    the models that judge texts for its detectors, as far as the tenant allows them. ``embeds``:
    a route or an intent reads the vector of the newest user text. ``intents`` is the digest of its
    `IntentSet`; empty where it has none. ``waiting`` has names that clients may use and nothing
    answers to yet, each with the reason: of custom models of the route, and aliases of these.
    """

    id: str
    tenant: str
    tenant_path: tuple[str, ...]
    bundle_hash: str
    purpose: str
    owner: str = ""
    process: str = ""
    risk: str = "minimal"
    system_prompt: str = ""
    route: RouteSpec
    embedding_route: RouteSpec | None = None
    embeds: bool = False
    models: dict[str, ModelSpec] = {}
    guards: dict[str, ModelSpec] = {}
    aliases: dict[str, str] = {}
    waiting: dict[str, str] = {}
    metrics: dict[str, MetricSpec] = {}
    unknown_model: Literal["route", "error"] = "route"
    priority: Priority = "normal"
    sources: tuple[SourceSpec, ...] = ()
    rules: tuple[RuleSpec, ...] = ()
    disclaimers: tuple[Disclaimer, ...] = ()
    tools: dict[str, ToolSpec] = {}
    answer_fields: tuple[FieldSpec, ...] = ()
    containment: Containment = "addresses"
    detectors: tuple[DetectorSetting, ...] = ()
    scope: PurposeScope | None = None
    intents: str = ""
    redactable_labels: frozenset[str] = frozenset({"pii", "secret"})
    limits: Limits = field(default_factory=Limits)
    scopes: tuple[Scope, ...] = ()
    content_kept: ContentKept = "redacted"
    retention_days: int = 180
    strict_sealing: bool = False
    require_identity: bool = False
    issuers: tuple[IdentitySpec, ...] = ()
    attributes: dict[str, str] = {}
    allowed_regions: frozenset[str] | None = None
    egress: tuple[str, ...] = ()
    currency: str = "USD"
    strict_audit: bool = False
    approvals: ApprovalSpec = field(default_factory=ApprovalSpec)
    capture: CaptureSpec | None = None
