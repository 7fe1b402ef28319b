"""Record v2, field by field. ``docs/reference/record.md`` tells what each one means, and what its
absence means: fields with a default are left out where they have it.

Fields stand in alphabetical order, in which they are written: sorting them for each record would
cost as much as all the rest of encoding. A test looks at every struct that can be in a record.

Nothing here is text of a caller or a model, except inside ``Content``, and there only as much as
the tenant says.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from freehold.core.counterfactual import Counterfactual
from freehold.core.decisions import Decision, Finding, Stage
from freehold.core.features import Features
from freehold.core.handoffs import Candidate
from freehold.core.routing import Routed
from freehold.core.trail import Call, Firing, Provenance, UntrustedArgument
from freehold.ledger.content import Sealed
from freehold.ledger.inputs import Inputs

RECORD_VERSION = 2


class Commitment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """HMAC-SHA256 over ``salt || bytes`` under the tenant's key: binding, and silent without it."""

    alg: str = "HMAC-SHA256"
    mac: str
    salt: str


class Identity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The principal's claims."""

    attributes: Any = {}
    clearances: frozenset[str] | tuple[str, ...] = ()
    id: str = ""
    issuer: str = ""
    roles: frozenset[str] | tuple[str, ...] = ()
    verified: bool = False


class TextFactSpan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact read from text: its value and place. ``text`` is empty: full content has it sealed."""

    end: int
    kind: str
    parsed: bool = True
    polarity: str = "affirmed"
    role: str = "other"
    start: int
    text: str = ""
    unit: str = ""
    upper: int | None = None
    value: int = 0


class Content(Struct, frozen=True, kw_only=True):
    """Text, as much as ``kept`` allows: ``none``, ``redacted`` (placeholders), ``full``; all of it
    in ``sealed``. ``missing`` says why nothing is kept where something should be.
    """

    kept: str
    missing: str | UnsetType = UNSET
    sealed: Sealed | UnsetType = UNSET


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why it was refused or failed. ``public`` is what the caller was told; ``late``: after text
    had left that the control was about, as the bundle accepts for it.
    """

    code: str
    late: bool = False
    public: str = ""
    rule: str = ""
    slug: str
    status: int


class HeldBack(Struct, frozen=True, kw_only=True):
    """An answer that waits for a person."""

    approval_id: str
    role: str
    rule: str


class App(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The app as its tenant ran it, and the bundle that said so. Its id and tenant are the body's;
    ``tenant_path`` is empty where the tenant stands under nobody.
    """

    bundle: str
    currency: str
    owner: str = ""
    process: str = ""
    purpose: str = ""
    risk: str = "minimal"
    tenant_path: tuple[str, ...] = ()


class Key(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The API key that was used; never the key itself."""

    id: str
    name: str = ""


class Request(Struct, kw_only=True, omit_defaults=True):
    """The request's shape and what was found out about it; ``input`` commits to all of it.

    ``approval`` is the id under which a held answer was asked for, and left. ``intent`` is empty
    where no intent of the app's fits; then ``intent_near`` is the nearest, else the second.
    """

    approval: str = ""
    conversation: str = ""
    features: Features | None = None
    hidden: Any = {}
    input: Commitment | None = None
    intent: str = ""
    intent_near: str = ""
    intent_score: int = 0
    labels: frozenset[str] | tuple[str, ...] = ()
    model_asked: str = ""
    operation: str = "chat"
    parent: str = ""
    received_ns: int
    route: str
    stream: bool = False


class Opened(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything known before the first character leaves; for a stranger, app, key and principal
    are absent. ``routing`` is there where outcomes of the choice are learned from,
    ``counterfactuals`` where an enforcing control refused, held or changed something.

    A rule that was considered and stayed silent is a string in ``firings``, see `quiet`. ``panel``
    names the detectors that read, see `Panel`.
    """

    app: App | Raw | None = None
    calls: list[Call] | Raw | tuple[()] = ()
    candidates: tuple[Candidate, ...] = ()
    content: Content
    context: list[Provenance] = []
    counterfactuals: list[Counterfactual] | UnsetType = UNSET
    decisions: list[Decision] = []
    dropped: tuple[str, ...] = ()
    facts: Any = {}
    findings: list[Finding] = []
    firings: list[Firing | str] = []
    key: Key | Raw | None = None
    panel: str = ""
    principal: Identity | None = None
    request: Request
    routing: Routed | UnsetType = UNSET
    runtime: str
    tags: list[str] = []


class ToolCallSpan(Struct, frozen=True, kw_only=True):
    """A tool call of the answer: what was read in its arguments, and which come from where."""

    arguments: int
    choice: int
    facts: list[TextFactSpan]
    number: int
    tool: str
    untrusted: tuple[UntrustedArgument, ...]


class Closed(Struct, kw_only=True, omit_defaults=True):
    """What came of it. Lists go on where those of ``Opened`` ended; ``calls`` are told whole, and
    are absent where ``Opened`` has told them as they are.

    ``pace_ms`` is when each sentence was judged, where a rule asks: milliseconds since the request.
    ``cpu_ns`` is there where CPU time was measured; ``carried_ns`` and ``carried_cpu_ns`` are work
    for exchanges of the same tenant and app before, done when their records were written already.
    """

    answer_facts: list[TextFactSpan] = []
    answer_findings: list[Finding] = []
    calls: list[Call] | Raw | UnsetType = UNSET
    carried_cpu_ns: dict[Stage, int] | UnsetType = UNSET
    carried_ns: dict[Stage, int] | UnsetType = UNSET
    completion_tokens: int = 0
    content: Content
    cost_nano: int = 0
    counterfactuals: list[Counterfactual] | UnsetType = UNSET
    cpu_ns: dict[Stage, int] | UnsetType = UNSET
    decisions: list[Decision] = []
    duration_ns: int
    estimated: bool = False
    facts: Any = {}
    failure: Failure | None = None
    firings: list[Firing | str] = []
    held: HeldBack | None = None
    inputs: Inputs | UnsetType = UNSET
    model: str = ""
    outcome: str
    output: Commitment | None = None
    pace_ms: list[int] = []
    prompt_tokens: int = 0
    released_chars: int = 0
    simulated: bool = False
    spent_ns: dict[Stage, int] = {}
    suppressed: int = 0
    tags: list[str] = []
    tool_calls: list[ToolCallSpan] | UnsetType = UNSET
    waited_ns: dict[Stage, int] = {}


class ExchangeRecord(Struct, frozen=True, kw_only=True):
    """The body of a ledger line about an exchange.

    ``type`` is ``opened``, ``closed`` or ``interrupted``. A closing record of an exchange that
    never opened carries ``opened`` too, so it stands alone.
    """

    app: str
    at: str
    at_ns: int
    closed: Closed | UnsetType = UNSET
    exchange: str
    opened: Opened | UnsetType = UNSET
    tenant: str
    type: str
    v: int = RECORD_VERSION


EVERYONE = "*"
"""The tenant of an event that concerns each of them and tells nothing of any: it is numbered like a
tenant's, and every tenant's export has it."""


class EventRecord(Struct, frozen=True, kw_only=True):
    """The body of a ledger line about anything else: an activation, a key, an approval."""

    actor: str
    at: str
    at_ns: int
    details: Any
    id: str
    kind: str
    subject: str
    tenant: str
    type: str = "event"
    v: int = RECORD_VERSION


_encoder = msgspec.json.Encoder(order="deterministic")


def written(part: Any) -> bytes:
    """Canonical bytes of a struct of this module, or of what is in one.

    Raises:
        UnicodeEncodeError: a text has lone surrogates, which UTF-8 cannot carry.
    """
    return _encoder.encode(part)


def quiet(firing: Firing) -> str:
    """A rule that was considered and did not fire: ``answer:refunds/3``, ``… observe`` behind it
    where it is only observed.
    """
    mode = "" if firing.mode == "enforce" else f" {firing.mode}"
    return f"{firing.phase}:{firing.rule}/{firing.version}{mode}"
