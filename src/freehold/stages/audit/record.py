"""Record v1, field by field. ``docs/reference/record.md`` tells what each one means.

Nothing here is text of a caller or a model, except inside ``Content``, and there only as much as
the tenant says.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from freehold.core.decisions import Decision, Finding, Stage
from freehold.core.features import Features
from freehold.core.handoffs import Candidate
from freehold.core.routing import Routed
from freehold.core.trail import Call, Firing, Provenance, UntrustedArgument
from freehold.ledger.content import Sealed

RECORD_VERSION = 1


class Commitment(Struct, frozen=True, kw_only=True):
    """HMAC-SHA256 over ``salt || bytes`` under the tenant's key: binding, and silent without it."""

    alg: str = "HMAC-SHA256"
    mac: str
    salt: str


class Identity(Struct, frozen=True, kw_only=True):
    """The principal's claims."""

    id: str
    verified: bool
    issuer: str
    roles: frozenset[str]
    clearances: frozenset[str]
    attributes: Any


class TextFactSpan(Struct, frozen=True, kw_only=True):
    """A fact read from text: its value and place. ``text`` is empty: full content has it sealed."""

    kind: str
    value: int
    upper: int | None
    unit: str
    start: int
    end: int
    polarity: str
    role: str
    parsed: bool
    text: str = ""


class Content(Struct, frozen=True, kw_only=True):
    """Text, as much as ``kept`` allows: ``none``, ``redacted`` (placeholders), ``full``.

    All of it stands in ``sealed``; only older versions wrote ``input`` and ``output``. ``missing``
    says why nothing is kept where something should be.
    """

    kept: str
    input: None = None
    output: None = None
    sealed: Sealed | UnsetType = UNSET
    missing: str | UnsetType = UNSET


class Failure(Struct, frozen=True, kw_only=True):
    """Why it was refused or failed. ``public`` is what the caller was told; ``late``: after text
    had left that the control was about, as the bundle accepts for it.
    """

    code: str
    slug: str
    status: int
    public: str
    rule: str = ""
    late: bool = False


class HeldBack(Struct, frozen=True, kw_only=True):
    """An answer that waits for a person."""

    approval_id: str
    role: str
    rule: str


class App(Struct, frozen=True, kw_only=True):
    """The app as its tenant ran it, and the bundle that said so."""

    id: str
    tenant: str
    tenant_path: tuple[str, ...]
    purpose: str
    process: str
    owner: str
    risk: str
    currency: str
    bundle: str


class Key(Struct, frozen=True, kw_only=True):
    """The API key that was used; never the key itself."""

    id: str
    name: str


class Request(Struct, frozen=True, kw_only=True):
    """The request's shape and what was found out about it; ``input`` commits to all of it.

    ``approval`` is the id under which a held answer was asked for, and left. ``intent`` is empty
    where no intent of the app's fits; then ``intent_near`` is the nearest, else the second.
    """

    received_at: str
    received_ns: int
    route: str
    operation: str
    stream: bool
    model_asked: str = ""
    conversation: str = ""
    parent: str = ""
    approval: str = ""
    input: Commitment | None = None
    features: Features | None = None
    hidden: Any = {}
    labels: frozenset[str] = frozenset()
    intent: str = ""
    intent_score: int = 0
    intent_near: str = ""


class Opened(Struct, frozen=True, kw_only=True):
    """Everything known before the first character leaves; for a stranger, app, key and principal
    are null. ``routing`` is there where outcomes of the choice are learned from.
    """

    app: App | None
    key: Key | None
    principal: Identity | None
    runtime: str
    request: Request
    findings: list[Finding]
    facts: Any
    firings: list[Firing]
    decisions: list[Decision]
    context: list[Provenance]
    dropped: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    calls: list[Call]
    tags: list[str]
    spent_ns: dict[Stage, int]
    waited_ns: dict[Stage, int]
    content: Content
    routing: Routed | UnsetType = UNSET


class ToolCallSpan(Struct, frozen=True, kw_only=True):
    """A tool call of the answer: what was read in its arguments, and which come from where."""

    choice: int
    number: int
    tool: str
    arguments: int
    facts: list[TextFactSpan]
    untrusted: tuple[UntrustedArgument, ...]


class Closed(Struct, frozen=True, kw_only=True):
    """What came of it. Lists go on where those of ``Opened`` ended; calls are told whole.

    ``pace_ms`` is when each sentence was judged, where a rule asks: milliseconds since the request.
    """

    outcome: str
    duration_ns: int
    answer_findings: list[Finding]
    answer_facts: list[TextFactSpan]
    firings: list[Firing]
    decisions: list[Decision]
    calls: list[Call]
    tags: list[str]
    facts: Any
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    cost_nano: int
    model: str
    simulated: bool
    held: HeldBack | None
    failure: Failure | None
    output: Commitment | None
    released_chars: int
    spent_ns: dict[Stage, int]
    waited_ns: dict[Stage, int]
    content: Content
    suppressed: int = 0
    pace_ms: list[int] = []
    tool_calls: list[ToolCallSpan] | UnsetType = UNSET


class ExchangeRecord(Struct, frozen=True, kw_only=True):
    """The body of a ledger line about an exchange.

    ``type`` is ``opened``, ``closed`` or ``interrupted``. A closing record of an exchange that
    never opened carries ``opened`` too, so it stands alone.
    """

    type: str
    exchange: str
    tenant: str
    app: str
    at: str
    at_ns: int
    opened: Opened | UnsetType = UNSET
    closed: Closed | UnsetType = UNSET
    v: int = RECORD_VERSION


class EventRecord(Struct, frozen=True, kw_only=True):
    """The body of a ledger line about anything else: an activation, a key, an approval."""

    id: str
    kind: str
    actor: str
    subject: str
    tenant: str
    details: Any
    at: str
    at_ns: int
    type: str = "event"
    v: int = RECORD_VERSION
