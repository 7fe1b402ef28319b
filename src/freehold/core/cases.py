"""Cases: exchanges that are worth learning from, with the state that they were in."""

from collections.abc import Collection, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from freehold.core.decisions import MILLION

ReasonKind = Literal[
    "rule",
    "detector",
    "low_confidence",
    "abstained",
    "fallback",
    "unanswered",
    "human",
    "feedback",
    "incident",
    "shadow",
    "out_of_scope",
    "drift",
    "success",
    "random",
    "imported",
]
"""Why an exchange was captured; the first word of a reason, as in ``rule:refund-limit``."""

CaseState = Literal["open", "labelled", "set_aside", "dropped"]
Sharing = Literal["none", "up", "down", "both"]
"""To whom in the tree what an owner has learned may go: to its ancestors, to its descendants."""


class Case(Struct, frozen=True, kw_only=True):
    """One captured exchange. What was said is in ``box``, sealed under the key of whoever asked.

    Attributes:
        owner: the tenant to which whatever is learned from it belongs.
        tenant: where it happened; ``owner`` or one below it.
        reasons: ``kind:detail`` each, such as ``rule:refund-limit``, ``feedback:helpful``.
        chance: in millionths, that it was captured at all; less than a million only where a draw
            alone took it, so that shares can be estimated.
        uncertainty: in millionths, how little whoever answered was sure of it.
        value: in millionths, what getting such a case right is worth beside others (1_000_000).
        model, version: who answered; empty where nobody did.
        outcome: of the exchange: allowed, transformed, held, denied, error.
        seal_key: the key of ``box``; empty where the tenant's rules keep no text, or none sealed.
        box: a `Moment`, encoded and sealed.
        subject: the keyed hash by which the vault knows whoever asked; empty where nobody does.
        until_ns: when it is forgotten; 0 for never.
    """

    case_id: str
    exchange_id: str
    conversation: str
    owner: str
    tenant: str
    app: str
    route: str
    reasons: tuple[str, ...]
    intent: str = ""
    model: str = ""
    version: str = ""
    bundle: str = ""
    outcome: str = ""
    state: CaseState = "open"
    chance: int = MILLION
    uncertainty: int = 0
    value: int = MILLION
    cost_nano: int = 0
    at_ns: int = 0
    seal_key: str = ""
    box: bytes = b""
    subject: str = ""
    until_ns: int = 0


class Moment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was there when it happened; texts are redacted or full, as the tenant's rules keep them.

    Attributes:
        asked: the caller's messages, ``{"role", "content"}`` each.
        sent: what the model that answered was sent, context included.
        pieces: context: ``source, title, text, trusted, locator, digest, rows``.
        facts: the values that rules saw, by name.
        said: what the model said; ``released``: what left.
        findings, rules: as the record has them.
        correction: the right answer, where somebody has given it since.
        comments: what people said of it.
        vector: of the question, float32 little-endian, as ``text.embedding`` makes it.
    """

    asked: tuple[dict[str, Any], ...] = ()
    sent: tuple[dict[str, Any], ...] = ()
    pieces: tuple[dict[str, Any], ...] = ()
    facts: dict[str, Any] = {}
    said: str = ""
    released: str = ""
    findings: tuple[dict[str, Any], ...] = ()
    rules: tuple[str, ...] = ()
    correction: str = ""
    comments: tuple[str, ...] = ()
    vector: bytes = b""


class Read(Struct, frozen=True, kw_only=True):
    """A case with its texts; ``moment`` is None where they were erased, expired or never kept,
    which ``fate`` says (``open``, ``none``, ``erased``, ``expired``, ``lost``).
    """

    case: Case
    moment: Moment | None
    fate: str = "open"


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases; what is empty does not matter.

    Attributes:
        kind: of a reason; ``texts``: those that have texts.
        owners, apps, kinds, intents, tenants: one of these each, beside what stands alone.
        before: ``at_ns`` and id of a case: those that come after it where the newest is the first.
    """

    owners: tuple[str, ...] = ()
    app: str = ""
    kind: str = ""
    intent: str = ""
    state: CaseState | Literal[""] = ""
    since_ns: int = 0
    until_ns: int = 0
    texts: bool = False
    apps: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    before: tuple[int, str] | None = None
    limit: int = 1_000


class Tally(Struct, frozen=True, kw_only=True):
    """So many cases of an app stand in a state for a kind of reason; one with two kinds counts for
    each. ``readable``: those that have texts.
    """

    app: str
    kind: str
    state: str
    cases: int
    readable: int


class CaseBook(Protocol):
    """Where cases are kept.

    Raises:
        StorageError: from each, where the store can't be read or written.
    """

    def add(self, cases: Sequence[Case]) -> int:
        """Keep these; one that is a case already gets the new reasons too, and the new ``box``
        where there is one. How many are new.
        """
        ...

    def find(self, case_id: str) -> Case | None:
        """One case."""
        ...

    def find_all(self, case_ids: Collection[str]) -> Sequence[Case]:
        """Those of these that are there, in no order."""
        ...

    def of_exchange(self, exchange_id: str) -> Case | None:
        """The case that an exchange became."""
        ...

    def list(self, wanted: CaseFilter) -> list[Case]:
        """The newest first."""
        ...

    def move(self, case_ids: Sequence[str], state: CaseState) -> int:
        """Set the state of these; how many there were."""
        ...

    def count(self, owner: str, app: str, since_ns: int) -> int:
        """How many cases of an app and owner there are since then, besides those that a draw alone
        took or that were imported.
        """
        ...

    def places(self, wanted: CaseFilter) -> Sequence[tuple[Case, int]]:
        """How many there are of each app, tenant, intent and reasons: a `Case` that has only these,
        and a count.
        """
        ...

    def tally(self, wanted: CaseFilter) -> Sequence[Tally]:
        """How many there are, by app, reason's kind and state."""
        ...
