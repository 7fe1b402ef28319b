"""What one stage hands to the next.

Each type wraps the one before it, so a stage can't be skipped without a type error, and nothing
that an earlier stage settled can be changed by a later one.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from freehold.core.ask import Arrival, Ask, Message, ToolCall
from freehold.core.cascades import CascadeSpec
from freehold.core.decisions import Decision, Finding
from freehold.core.features import Features
from freehold.core.principal import KeyGrant, Principal
from freehold.core.spec import AppSpec, ModelSpec


class Admitted(Struct, frozen=True, kw_only=True):
    """admit → data_prep: the app, the tenant and the principal are settled."""

    arrival: Arrival
    grant: KeyGrant
    app: AppSpec
    principal: Principal
    conversation_id: str
    parent_id: str = ""

    @property
    def ask(self) -> Ask:
        """The caller's request."""
        return self.arrival.ask


class Prepared(Struct, frozen=True, kw_only=True):
    """data_prep → governance: clean text.

    ``hidden`` counts invisible characters taken out. ``vector`` is what ``text.embedding`` makes of
    ``query``, float32 of shape ``(DIMS,)``; none where the app does without. ``intent`` is which of
    the app's intents it has, empty where none fits or the app has none; ``intent_score`` is the
    chance that the nearest one is right, in millionths, and ``intent_near`` that one where it does
    not fit, else the second.
    """

    admitted: Admitted
    messages: tuple[Message, ...]
    features: Features
    query: str
    hidden: dict[str, int] = {}
    vector: Any = None
    intent: str = ""
    intent_score: int = 0
    intent_near: str = ""


class Fixed(Struct, frozen=True, kw_only=True):
    """A value of a kind, of a class of data, in a parameter where nothing can be replaced."""

    param: str
    kind: str
    label: str


class Screened(Struct, frozen=True, kw_only=True):
    """governance: request → context: what is in the caller's text is known.

    ``labels`` are the classes of data found. ``messages`` have what no model may ever see (a
    secret, say) taken out already. ``fixed`` stands where nothing can be cut out, so that a model
    needs the clearance for it. ``scope`` says in millionths how much the newest turn is like what
    the app is for; none where the app has no scope, or its detector could not tell.
    """

    prepared: Prepared
    messages: tuple[Message, ...]
    findings: tuple[Finding, ...]
    labels: frozenset[str]
    fixed: tuple[Fixed, ...] = ()
    scope: int | None = None
    carried: dict[str, str] = {}

    @property
    def in_scope(self) -> bool:
        """Whether the question is what the app is for: by its ``scope``, else by its intents; yes
        where nobody asked.
        """
        prepared, spec = self.prepared, self.prepared.admitted.app.scope
        if spec is None:
            return bool(prepared.intent) or not prepared.intent_near
        return self.scope is None or self.scope >= spec.threshold


class Piece(Struct, frozen=True, kw_only=True):
    """A piece of context with its provenance. ``text`` is what a model reads.

    ``trusted`` pieces may ground a commitment; ``locator`` says where it came from (a query's
    digest, an URL without its secrets), ``rows`` how many records it holds.
    """

    source: str
    title: str
    text: str
    trusted: bool
    labels: frozenset[str] = frozenset()
    rows: int = 0
    locator: str = ""
    fetched_ns: int = 0
    digest: str = ""


class Stitched(Struct, frozen=True, kw_only=True):
    """context → governance: the pieces that this principal may see; ``failed`` names the others."""

    screened: Screened
    pieces: tuple[Piece, ...]
    failed: tuple[str, ...] = ()


class Grounded(Struct, frozen=True, kw_only=True):
    """governance: context → policy: context has been read by the detectors too."""

    stitched: Stitched
    pieces: tuple[Piece, ...]
    findings: tuple[Finding, ...]
    labels: frozenset[str]

    @property
    def screened(self) -> Screened:
        """The request side."""
        return self.stitched.screened

    @property
    def whole_labels(self) -> frozenset[str]:
        """Labels of data that no redaction takes out: a model without the clearance never gets it.

        What detectors found can be cut out of a text, unless its label says otherwise; a record
        that is labelled as a whole can't.
        """
        if not (self.labels or self.pieces or self.screened.carried):
            return self.labels
        declared = {label for piece in self.pieces for label in piece.labels}
        found = self.labels - self.admitted.app.redactable_labels
        return found | declared | self.screened.carried.keys()

    @property
    def admitted(self) -> Admitted:
        """Who asks what, through which app."""
        return self.stitched.screened.prepared.admitted


class Awaiting(Struct, frozen=True, kw_only=True):
    """policy: request → release, in place of `Ruled`: a person decides before a model is asked."""

    grounded: Grounded
    held: "Held"

    @property
    def admitted(self) -> Admitted:
        """Who asks what, through which app."""
        return self.grounded.admitted

    @property
    def model(self) -> str:
        """The one that the client asked for, since none has answered."""
        return self.admitted.ask.model


class Ruled(Struct, frozen=True, kw_only=True):
    """policy: request → routing: the business rules let the request through.

    ``facts`` are the values that rules saw, under their declared names; ``redact_labels`` are
    labels that a rule wants redacted even for a cleared model; ``messages`` may be rewritten.
    """

    grounded: Grounded
    messages: tuple[Message, ...]
    facts: dict[str, Any]
    tags: tuple[str, ...] = ()
    redact_labels: frozenset[str] = frozenset()

    @property
    def admitted(self) -> Admitted:
        """Who asks what, through which app."""
        return self.grounded.admitted


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that was considered. ``lost`` is empty for the winner, else why it was not chosen.

    ``score`` and ``propensity`` are millionths; the propensities of all candidates sum to one
    million where any was allowed. ``success``, ``doubt``, ``cost_nano``, ``latency_ms`` and
    ``seen`` are what a router that learns expected of it, as in `core.routing.Estimate`.
    """

    cost_nano: int | UnsetType = UNSET
    doubt: int | UnsetType = UNSET
    filtered: bool = False
    latency_ms: int | UnsetType = UNSET
    lost: str = ""
    model: str
    propensity: int
    score: int
    seen: int | UnsetType = UNSET
    success: int | UnsetType = UNSET


CallRole = Literal["answer", "guard", "judge", "embed", "data-prep", "shadow"]


class Attempt(Struct, frozen=True, kw_only=True):
    """One try of the plan, against one model; or a call that serves a control (``role``).

    ``cascade`` says how its answer is checked before it counts; none, and it counts as it is.
    """

    number: int
    model: ModelSpec
    max_tokens: int
    role: CallRole = "answer"
    cascade: CascadeSpec | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """routing → inference: attempts in order. Who was considered is in the trail."""

    ruled: Ruled
    attempts: tuple[Attempt, ...]
    deadline_ns: int


class Sendable(Struct, frozen=True, kw_only=True):
    """Packed to this model's window and redacted to this model's clearance: the only type that a
    provider accepts.

    ``restorations`` maps each placeholder to the text behind it, for the way back.
    """

    plan: Plan
    attempt: Attempt
    messages: tuple[Message, ...]
    restorations: dict[str, str]
    redacted: int = 0


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens as the provider counted them, or as estimated when it did not say.

    ``cached_tokens`` (read from the provider's cache) and ``cache_write_tokens`` are parts of
    ``prompt_tokens``, ``reasoning_tokens`` a part of ``completion_tokens``, whatever the wire says.
    """

    cache_write_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    prompt_tokens: int = 0
    reasoning_tokens: int = 0


class Choice(Struct, frozen=True, kw_only=True):
    """One of the answer's alternatives, as far as it has come."""

    index: int = 0
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None


class Discharge(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule's demand for one role's approval, met by a person; nothing else is met by it.

    ``terms`` is the digest of what the rule said then: one that was changed asks anew. ``seen`` is
    the digest of what a rule on a request had before it: on other facts, the demand is another one.
    An answer is sealed itself.
    """

    approval_id: str
    by: str
    issuer: str
    role: str
    rule: str
    seen: str = ""
    terms: str = ""
    version: int


class Answer(Struct, frozen=True, kw_only=True):
    """inference → governance: everything that the model has said so far.

    ``complete`` is true on the last one. ``embeddings`` are base64 or lists as the provider sent
    them, for that operation only. ``discharged`` is set when it was held and is judged again.
    ``elapsed_ms`` is how long after the request came this much of it was there. ``confidence``
    (millionths) is how sure a custom model is of it; none where a model does not say.
    """

    sendable: Sendable
    choices: tuple[Choice, ...]
    complete: bool
    discharged: tuple[Discharge, ...] = ()
    usage: Usage | None = None
    reported_model: str = ""
    embeddings: tuple[Any, ...] = ()
    elapsed_ms: int = 0
    confidence: int | None = None

    @property
    def model(self) -> str:
        """Who gave it, as whoever asked is told."""
        return self.sendable.attempt.model.told(self.reported_model)

    @property
    def streams(self) -> bool:
        """Whether it leaves while it grows; one that was held and approved since leaves whole."""
        return self.sendable.plan.ruled.admitted.ask.stream and not self.discharged


class Checked(Struct, frozen=True, kw_only=True):
    """governance: answer → policy: leaks are out, the recipient's own values are back.

    ``safe_chars`` says, choice by choice, up to where no span detector can still object.
    """

    answer: Answer
    choices: tuple[Choice, ...]
    safe_chars: tuple[int, ...]
    findings: tuple[Finding, ...] = ()


class Demand(Struct, frozen=True, kw_only=True):
    """A rule's demand for a person's approval, with what an approver must know of it.

    ``facts`` are the values that the rules saw, ``evidence`` where they stand in the text;
    ``terms`` and ``seen`` as in `Discharge`.
    """

    role: str
    rule: str
    version: int = 1
    why: str = ""
    public: str = ""
    evidence: tuple[str, ...] = ()
    facts: dict[str, Any] = {}
    terms: str = ""
    seen: str = ""


class Held(Struct, frozen=True, kw_only=True):
    """An answer, or a request, that waits for a person. Nobody can release one that an anonymous
    caller asked for: then ``releasable`` is false.
    """

    approval_id: str
    role: str
    rule: str
    public: str
    releasable: bool = True


class Judged(Struct, frozen=True, kw_only=True):
    """policy: answer → release. ``release_chars`` says how much of each choice may leave now.

    ``held`` withholds the answer; ``tags`` are annotations.
    """

    checked: Checked
    choices: tuple[Choice, ...]
    release_chars: tuple[int, ...]
    decisions: tuple[Decision, ...] = ()
    held: Held | None = None
    tags: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model that answered, as whoever asked is told."""
        return self.checked.answer.model


Due = Judged | Awaiting
"""What may leave now: of an answer, or the notice that a person decides first."""


class Released(Struct, frozen=True, kw_only=True):
    """What leaves: the new text of one choice, or its end. Only `releasing` makes these."""

    index: int = 0
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    embeddings: tuple[Any, ...] = ()
    held: Held | None = None
