"""The Protocols through which stages reach the world. Adapters implement them; ``app`` wires."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from freehold.core.basis import Basis
from freehold.core.decisions import Finding, Needs
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Choice,
    Demand,
    Grounded,
    Piece,
    Sendable,
    Usage,
)
from freehold.core.leases import Lease
from freehold.core.limits import Scope
from freehold.core.principal import KeyGrant, Principal
from freehold.core.routing import Contest, Ranking
from freehold.core.spec import IdentitySpec, SourceSpec
from freehold.core.subjects import Subject, SubjectKey


class Detector(Protocol):
    """Finds something in text. Stateless, so that one serves every exchange at once."""

    @property
    def id(self) -> str:
        """Stable name, as bundles use it: ``pii.email``."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever its findings may change."""
        ...

    @property
    def needs(self) -> Needs:
        """How much text it must see to judge."""
        ...

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        """Findings in ``text``; ``folded`` is the same text, same length, with look-alike
        characters mapped to ASCII.
        """
        ...


@runtime_checkable
class AnswerDetector(Detector, Protocol):
    """A detector that judges an answer by what the model was given."""

    def answered(self, text: str, where: str, given: Sendable) -> Sequence[Finding]:
        """Findings in an answer; asked in place of ``detect``."""
        ...


class KeyBook(Protocol):
    """Who holds which key."""

    def find(self, secret: str) -> KeyGrant | None:
        """The grant behind a key, compared in constant time; ``None`` when nobody holds it."""
        ...


class IdentityVerifier(Protocol):
    """Verifies end users' tokens. Cached until a token's own expiry."""

    def cached(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal | None:
        """A principal verified before whose token has not expired; no I/O."""
        ...

    async def verify(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal:
        """Verify signature, issuer, audience and times.

        Raises:
            IdentityRefused: whatever is wrong with it.
        """
        ...


class Router(Protocol):
    """Chooses among the models that may take a request. No I/O, and quick: every request waits.

    ``Contest`` has passed every filter, so no choice can be a forbidden one. Whatever chance is in
    it comes from ``exchange_id``.
    """

    @property
    def id(self) -> str:
        """Stable name, as bundles use it: ``learned``."""
        ...

    def rank(self, contest: Contest) -> Ranking:
        """Each of the models once, the choice first."""
        ...


class Limiter(Protocol):
    """Requests, tokens and money, counted per scope (tenants, apps, keys, models)."""

    def admit(self, scopes: tuple[Scope, ...]) -> None:
        """Count one request in every scope, or in none.

        Raises:
            RateLimited: over the requests of this minute.
            BudgetExhausted: over those of a longer period.
        """
        ...

    def lease(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> Lease:
        """Reserve the worst case of one call in every scope, or in none. ``model`` is a scope in
        which the call itself counts as a request.

        Raises:
            RateLimited: it would not fit into what this minute has left.
            BudgetExhausted: nor into what a longer period has.
        """
        ...

    def misfit(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> str:
        """Why ``lease`` would refuse just now; empty when it would not. Reserves nothing."""
        ...

    def settle(self, lease: Lease, tokens: int, nano: int) -> None:
        """Replace the reservation by the truth; a second settlement of a lease does nothing."""
        ...


class Source(Protocol):
    """One kind of context source."""

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """The piece that these bound parameters give, ``None`` when there is nothing.

        Raises:
            ContextError: it failed; the deadline is the caller's business.
        """
        ...


class NotAtHand(Exception):
    """A quick source must fetch this after all."""


@runtime_checkable
class QuickSource(Protocol):
    """A source that may have its answer at hand: a look-up in a local file, a cache."""

    def fetch_now(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """As ``Source.fetch``, on the calling thread and within a few milliseconds.

        Raises:
            NotAtHand: it would take longer; ``fetch`` it.
            ContextError: it failed.
        """
        ...


class Delta(Struct, frozen=True, kw_only=True):
    """What a provider just sent: the choices' new text, or with ``whole`` everything at once.

    In a delta, ``Choice.text`` holds only new characters and ``tool_calls`` only complete calls.
    ``spent_ns`` is what the provider itself computed for it, the rest of the time it waited.
    ``confidence`` (millionths) is how sure a custom model is, and ``basis`` what that rests on;
    none where a model does not say.
    """

    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    reported_model: str = ""
    embeddings: tuple[Any, ...] = ()
    spent_ns: int = 0
    confidence: int | None = None
    basis: Basis | None = None


class Provider(Protocol):
    """A wire dialect for models outside or inside.

    It keeps no account of who is down: the inference stage tells `freehold.core.health` how each
    call ended, by the error that it ended with.
    """

    def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        """Send, and yield what comes back; ends when the answer is complete.

        Closing the generator early ends the call upstream.

        Raises:
            ProviderUnavailable: another attempt may work.
            Abstained: a custom model is not sure enough; it is well, and another may answer.
            ProviderRejected: the same request would fail again.
            ProviderError: this endpoint is set up wrongly here; another model may work.
        """
        ...


class Standing(Protocol):
    """What alerts and people have decided about models for a while. No I/O; it only tightens and
    reorders what is allowed anyway.
    """

    def quiet(self) -> bool:
        """Whether no model is excluded or demoted anywhere: then nobody needs to ask of each."""
        ...

    def excluded(self, route: str, model: str, intent: str = "") -> str:
        """Why this model may not be asked on this route now; empty where it may."""
        ...

    def demoted(self, route: str, model: str, intent: str = "") -> str:
        """Why every other allowed model comes before this one; empty where none has to."""
        ...

    def floor(self, route: str) -> int:
        """The least quality that the route asks for now, in millionths; 0 where nobody raised it.
        A route's own floor stays where it is higher.
        """
        ...


class Journal(Protocol):
    """The append-only segment file."""

    def append(self, record: bytes, tenant: str = "") -> None:
        """Hand one record to the operating system, so that it outlives this process.

        Args:
            record: one canonical JSON value.
            tenant: whose it is, as it says itself; each tenant's records are counted on their own.

        Raises:
            AuditError: it can't be written.
        """
        ...

    async def durable(self) -> None:
        """Return when everything appended so far is on the disk."""
        ...


class Secrets(Protocol):
    """Values behind ``env:`` and ``file:`` references."""

    def resolve(self, reference: str) -> str:
        """The secret.

        Raises:
            BundleError: the variable or file is missing.
        """
        ...


class Holds(Protocol):
    """Answers, and requests, that wait for a person."""

    def hold(self, admitted: Admitted, demand: Demand, what: Answer | Grounded) -> str:
        """Begin to keep it back and return the approval's id; waits for nothing.

        Raises:
            StorageError: it can't be kept.
        """
        ...

    async def kept(self, approval_id: str) -> None:
        """Return when what ``hold`` began is done: an id that nothing stands behind must not leave.

        Raises:
            StorageError: it could not be kept, or not in time.
        """
        ...


class SubjectKeys(Protocol):
    """Keys under which texts are stored, at hand on the request path."""

    def of(self, subject: Subject, days: int) -> SubjectKey:
        """A key of this subject's that can be read for at least so many days, unless it is
        destroyed. No I/O: it is durable already.

        Raises:
            StorageError: none is at hand.
        """
        ...

    def find(self, key_id: str) -> SubjectKey | None:
        """A key by its id; ``None`` when it was destroyed, or never was. May do I/O.

        Raises:
            StorageError: the vault can't be read.
        """
        ...


class Notifier(Protocol):
    """Tells a system outside that something happened."""

    async def send(self, notice_id: str, body: bytes, about: str) -> None:
        """Deliver once to whoever is told of such things (``approval``, ``alert``); the receiver
        knows a repetition by ``notice_id``.

        Raises:
            NoticeFailed: it was not taken; trying again later may help.
        """
        ...


class NoticeFailed(Exception):
    """A notice was not taken; says why, without the address's secrets."""


class Observer(Protocol):
    """Told of every exchange when it ends; must not raise."""

    def closed(self, trail: Any, admitted: Admitted | None, outcome: str, took_ns: int) -> None:
        """One exchange is over."""
        ...
