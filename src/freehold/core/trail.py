"""The trusted record that grows beside an exchange; no caller bytes are ever merged into it."""

from collections.abc import Callable, Iterator, Sequence
from time import thread_time_ns
from typing import Any, Literal

from msgspec import Struct

from freehold.core.ask import Arrival, ToolCall
from freehold.core.basis import Basis
from freehold.core.call_errors import NO_FAILURE, CallEnd
from freehold.core.counterfactual import ANSWERED, Counterfactual
from freehold.core.decisions import Decision, Finding, Stage
from freehold.core.errors import (
    AdmissionError,
    ApprovalError,
    ContextError,
    ControlFailed,
    FreeholdError,
    LimitError,
    NotFound,
    Refusal,
    RequestError,
    RoutingError,
)
from freehold.core.facts import TextFact
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Attempt,
    CallRole,
    Candidate,
    Discharge,
    Held,
    Plan,
    Released,
    Screened,
    Sendable,
    Usage,
)
from freehold.core.judged import Inputs
from freehold.core.leases import Lease
from freehold.core.limits import Scope
from freehold.core.lineage import Made
from freehold.core.panels import PanelUse
from freehold.core.principal import KeyGrant
from freehold.core.routing import Outcome, Routed
from freehold.core.sampling import sampled
from freehold.core.spec import AppSpec
from freehold.core.trials import Drawn

ExchangeOutcome = Literal["allowed", "transformed", "denied", "held", "error", "interrupted"]

_SAID_NO = (
    AdmissionError, ApprovalError, ContextError, LimitError, NotFound, Refusal, RequestError,
    RoutingError,
)  # fmt: skip
"""Failures that are somebody's decision. Any other is a breakdown: nobody refused anything."""


class Call(Struct, kw_only=True, omit_defaults=True):
    """One use of a model inside an exchange. Times are nanoseconds since the exchange began.

    ``confidence`` (millionths) is how sure a custom model was; none where a model does not say;
    ``basis`` is what it rests on. ``error`` is for people, ``error_kind`` for programs; both are
    empty after an answer.
    """

    attempt: int
    basis: Basis | None = None
    confidence: int | None = None
    cost_nano: int = 0
    ended_ns: int | None = None
    error: str = ""
    error_kind: CallEnd = ""
    first_ns: int | None = None
    model: str
    redacted: int = 0
    reported_model: str = ""
    role: CallRole = "answer"
    simulated: bool = False
    started_ns: int
    upstream_model: str
    usage: Usage | None = None

    @property
    def failed(self) -> bool:
        """Whether the model failed: not where it abstained, or nobody wanted its answer."""
        return self.error_kind not in NO_FAILURE


class Firing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule that was considered: whether it fired, and whether it could be read at all."""

    errored: bool = False
    fired: bool
    mode: str
    obligations: tuple[str, ...] = ()
    phase: str
    rule: str
    version: int


class UntrustedArgument(Struct, frozen=True, kw_only=True):
    """Where an argument's value stands in text that nobody vouches for; the value is not in it."""

    end: int
    field: bool
    kind: str
    part: bool
    path: str
    start: int
    tool: str
    where: str


class CalledTool(Struct, frozen=True, kw_only=True):
    """A tool call of an answer as rules saw it; ``arguments`` counts its values."""

    choice: int
    number: int
    tool: str
    arguments: int
    facts: tuple[TextFact, ...] = ()
    untrusted: tuple[UntrustedArgument, ...] = ()


class Provenance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A source that was asked: what it gave, how long it took, or why it failed."""

    chars: int
    digest: str
    error: str = ""
    labels: tuple[str, ...]
    locator: str
    rows: int
    source: str
    took_ns: int
    trusted: bool


class Trail:
    """Everything decided about one exchange, in the order in which it was decided.

    ``seen`` and ``judging`` are governance's and policy's working state on a growing answer;
    ``told`` is what detectors that take their time have said, whichever attempt it was.
    ``answering`` is where in ``decisions`` those on the answer under way begin. ``grant`` and
    ``app`` are known as soon as the key is, so that a refusal at the door has a name; ``admitted``
    is there once nothing at the door refused; ``counted`` while it is under way. ``approval`` is
    the id of the approval under which a held answer leaves, or a held request goes on;
    ``discharged`` are then the demands of rules on the request that persons have met. ``pace`` has
    the time at which each sentence was judged, where a rule asks for it: milliseconds since the
    request came. ``sealer`` seals the texts that are kept; ``unsealed`` says why none are.
    ``released`` collects what has left, ``whole`` what waits for the one record of an answer that
    leaves at once, ``leases`` what is reserved by attempt, ``tried`` the numbers of those that had
    their turn; ``result`` is set at the end. ``made`` is what the answer is made from, where that
    has labels; ``said`` is all that the model whose turn it was last has said, whatever of it
    leaves. ``marked`` is up to where what has left is remembered with them. ``trusted`` is the
    attempt whose answer a cascade has checked and found good enough, ``spare`` an answer that it
    doubted and keeps, ``answered`` the model whose answer counts where that is not the one that was
    asked last. ``routed`` and ``signals`` are how the model was chosen and from what, ``panel``
    which detectors read, ``outcomes`` what is known at once of how well it did. ``cpu_ns`` is there
    in exchanges of the sample.
    """

    __slots__ = (
        "_signals", "admitted", "answer_facts", "answer_findings", "answer_text", "answered",
        "answering", "app", "approval", "arrival", "called", "calls", "candidates", "ceilings",
        "closed", "context", "counted", "counterfactuals", "cpu_ns", "decisions", "discharged",
        "drawn", "dropped", "facts", "failure", "findings", "firings", "grant", "held", "inputs",
        "judging", "leases", "made", "marked", "opened", "outcomes", "pace", "panel", "prompt_text",
        "released", "released_calls", "released_vectors", "result", "routed", "said", "screened",
        "sealer", "seen", "sendable", "spare", "spent_ns", "tags", "told", "tried", "trusted",
        "unsealed", "waited_ns", "whole",
    )  # fmt: skip

    seen: Any
    judging: Any
    told: Any
    sealer: Any
    spent_ns: dict[Stage, int]
    waited_ns: dict[Stage, int]

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.grant: KeyGrant | None = None
        self.app: AppSpec | None = None
        self.admitted: Admitted | None = None
        self.decisions: list[Decision] = []
        self.counterfactuals: list[Counterfactual] = []
        self.findings: list[Finding] = []
        self.answer_findings: list[Finding] = []
        self.answering: int | None = None
        self.firings: list[Firing] = []
        self.inputs = Inputs()
        self.facts: dict[str, Any] = {}
        self.answer_facts: tuple[TextFact, ...] = ()
        self.called: list[CalledTool] = []
        self.context: list[Provenance] = []
        self.drawn: Drawn | None = None
        self.panel: PanelUse | None = None
        self.dropped: tuple[str, ...] = ()
        self.candidates: Sequence[Candidate] = ()
        self.routed: Routed | None = None
        self._signals: bytes | Callable[[], bytes] = b""
        self.outcomes: list[Outcome] = []
        self.calls: list[Call] = []
        self.tags: list[str] = []
        self.pace: list[int] = []
        self.spent_ns, self.waited_ns = {}, {}
        self.cpu_ns: dict[Stage, int] | None = {} if sampled(arrival.exchange_id) else None
        self.failure: FreeholdError | None = None
        self.held: Held | None = None
        self.approval = self.answered = self.unsealed = ""
        self.discharged: tuple[Discharge, ...] = ()
        self.screened: Screened | None = None
        self.sendable: Sendable | None = None
        self.trusted = 0
        self.spare: Answer | None = None
        self.said: Answer | None = None
        self.leases: dict[int, Lease] = {}
        self.ceilings: tuple[Scope, ...] = ()
        self.tried: set[int] = set()
        self.made: Made | None = None
        self.marked: dict[int, int] = {}
        self.released: list[str] = []
        self.released_calls: list[ToolCall] = []
        self.released_vectors: Sequence[Any] = ()
        self.whole: list[Released] = []
        self.prompt_text: str | None = None
        self.answer_text: str | None = None
        self.seen = self.judging = self.told = self.sealer = None
        self.result: ExchangeOutcome = "interrupted"
        self.opened = self.counted = self.closed = False

    @property
    def signals(self) -> bytes:
        """What the router saw of the request; made when somebody reads it."""
        if not isinstance(self._signals, bytes):
            self._signals = self._signals()
        return self._signals

    @signals.setter
    def signals(self, made: bytes | Callable[[], bytes]) -> None:
        self._signals = made

    def decide(self, decision: Decision) -> None:
        """Write down a verdict."""
        self.decisions.append(decision)

    def spend(self, stage: Stage, nanoseconds: int, cpu: int = 0) -> None:
        """Add to a stage's own work: time computing for the exchange, CPU time of the sample."""
        self.spent_ns[stage] = self.spent_ns.get(stage, 0) + nanoseconds
        if self.cpu_ns is not None:
            self.cpu_ns[stage] = self.cpu_ns.get(stage, 0) + cpu

    def cpu_now(self) -> int:
        """CPU time of this thread so far in nanoseconds, where it is measured; 0 elsewhere."""
        return 0 if self.cpu_ns is None else thread_time_ns()

    def wait(self, stage: Stage, nanoseconds: int) -> None:
        """Add to the time that a stage waited for something outside."""
        self.waited_ns[stage] = self.waited_ns.get(stage, 0) + nanoseconds

    def leaves_whole(self, app: AppSpec) -> bool:
        """Whether all of the answer leaves at once, behind the record of its end. Not where the
        disk is waited for, nor under an approval, whose release is told before that end.
        """
        return not (self.arrival.ask.stream or self.approval or app.strict_audit)

    def goes(self, piece: Released) -> bool:
        """Whether a piece leaves at once; else it waits in ``whole`` for the record of the end."""
        if not self.opened:
            self.whole.append(piece)
        return self.opened

    def left(self, place: int) -> int:
        """How many characters of a choice have left already."""
        return len(self.released[place]) if place < len(self.released) else 0

    def leave(
        self,
        place: int,
        text: str,
        tool_calls: Sequence[ToolCall] = (),
        embeddings: Sequence[Any] = (),
    ) -> None:
        """Characters of a choice leave, or the tool calls that it asks for, or vectors."""
        if text:
            while len(self.released) <= place:
                self.released.append("")
            self.released[place] += text
        if tool_calls:
            self.released_calls.extend(tool_calls)
        if embeddings:
            self.released_vectors = embeddings

    @property
    def released_chars(self) -> int:
        """Characters that have left; after the first, no other model may take over."""
        return sum(map(len, self.released))

    def too_late(self, refusal: Refusal, stage: Stage) -> None:
        """Write down what a control lets happen for which the bundle accepts `late: terminate`."""
        if not self.released_chars:
            return
        refusal.late = True
        self.decide(
            Decision(
                stage=stage,
                outcome="deny",
                rule=refusal.rule,
                why=f"ended the stream when {self.released_chars} characters had left, which the "
                "bundle accepts for this control (late: terminate)",
            )
        )

    def untried(self, plan: Plan) -> Iterator[Attempt]:
        """The plan's attempts that have not had their turn, in order."""
        return (attempt for attempt in plan.attempts if attempt.number not in self.tried)

    def turns(self, plan: Plan) -> Iterator[Attempt]:
        """The plan's attempts in turn. One that was ended because another answered first comes
        again, should that other break off before anything has left.
        """
        while (attempt := next(self.untried(plan), None)) is not None:
            self.tried.add(attempt.number)
            yield attempt

    def start_over(self) -> None:
        """Forget the working state of an attempt that failed before anything left.

        What was found in its words and decided about them goes too: they were never an answer.
        """
        self.seen = None
        self.judging = None
        self.called = []
        self.answered = ""
        self.counterfactuals[:] = [c for c in self.counterfactuals if c.phase not in ANSWERED]
        self.inputs.forget_answer()
        self.firings[:] = [firing for firing in self.firings if firing.phase == "request"]
        if self.answering is not None:
            del self.decisions[self.answering :]
            self.answer_findings.clear()
            self.answering = None

    def fail(self, error: Exception) -> None:
        """The exchange ends without success; the first reason counts, and a crash is a refusal.

        What a crash says may quote the caller, so only its kind is told.
        """
        if self.failure is not None:
            return
        if isinstance(error, FreeholdError):
            self.failure = error
        else:
            self.failure = ControlFailed(f"{type(error).__name__} in a stage")
            self.failure.__cause__ = error

    def forget(self) -> None:
        """A failure knows the frames that it came through, and these know it and the trail: a
        circle, which would keep all that the exchange held until the garbage collector looks.
        """
        if self.failure is not None:
            self.failure.__traceback__ = None
            self.failure = None

    @property
    def call(self) -> Call:
        """The call under way."""
        return self.calls[-1]

    def outcome(self, *, finished: bool) -> ExchangeOutcome:
        """How the exchange ended. Observed decisions change nothing."""
        if self.failure is not None:
            return "denied" if isinstance(self.failure, _SAID_NO) else "error"
        if self.held is not None:
            return "held"
        if not finished:
            return "interrupted"
        changed = any(d.outcome == "transform" and d.mode == "enforce" for d in self.decisions)
        return "transformed" if changed else "allowed"
