"""The admit stage."""

import hashlib
from collections.abc import Callable

import orjson

from freehold.core.ask import CONVERSATION_HEADER, Arrival, Ask
from freehold.core.clock import Clock
from freehold.core.decisions import Decision, Outcome
from freehold.core.errors import (
    FreeholdError,
    IdentityRefused,
    KeyRefused,
    LimitError,
    NotFound,
    ScopeRefused,
)
from freehold.core.handoffs import Admitted, Sendable
from freehold.core.ports import IdentityVerifier, KeyBook, Limiter
from freehold.core.prices import worst_nano
from freehold.core.principal import KeyGrant, Principal
from freehold.core.priority import least
from freehold.core.spec import AppSpec
from freehold.core.timing import Stopwatch, timed
from freehold.core.trail import Trail
from freehold.stages.admit.foreign_keys import advice
from freehold.stages.admit.otherwise import after_limit
from freehold.stages.admit.shedding import Shedder
from freehold.text.token_counts import at_most

PARENT_HEADER = "x-freehold-parent"
ATTRIBUTE_HEADER_PREFIX = "x-freehold-attribute-"
SUBJECT_HEADER = "x-freehold-subject"
_MAX_HEADER_CHARS = 256


class Admit:
    """Settles key, identity, app and limits before anything else is read.

    ``app_for(tenant, app)`` gives the app as that tenant runs it under the pinned bundle, and
    raises ``NotFound`` where there is none. ``example`` is a tenant and an app that exist, for
    the line that tells how a key is made. ``conversation_key``, 64 bytes at most, keys the hashes
    that conversations are known by, so that nobody can try out how one began. ``shedder`` counts
    what is under way, over all versions of the bundle.
    """

    def __init__(
        self,
        keys: KeyBook,
        identity: IdentityVerifier,
        limiter: Limiter,
        app_for: Callable[[str, str], AppSpec],
        clock: Clock,
        example: tuple[str, str] | None = None,
        conversation_key: bytes = b"",
        shedder: Shedder | None = None,
    ) -> None:
        self._shedder = shedder or Shedder(clock)
        self._example = example
        self._conversation_key = conversation_key
        self._keys = keys
        self._identity = identity
        self._limiter = limiter
        self._app_for = app_for
        self._clock = clock

    async def __call__(self, arrival: Arrival, trail: Trail) -> Admitted:
        """Admit the request or say why not.

        Raises:
            KeyRefused, IdentityRefused, ScopeRefused, RateLimited, Overloaded.
        """
        watch = Stopwatch("admit", trail)
        try:
            grant, app = self._granted(arrival, trail)
            self._shedder.enter(least(app.priority, grant.priority), arrival.exchange_id)
            trail.counted = True
            principal = None
            if arrival.identity_token is not None:
                principal = self._identity.cached(arrival.identity_token, app.issuers)
                if principal is None:
                    watch.away()
                    try:
                        principal = await self._identity.verify(arrival.identity_token, app.issuers)
                    finally:
                        watch.back()
            principal = _principal(principal, grant, arrival, app)
            self._limiter.admit((grant.scope, *app.scopes))
        except (LimitError, ScopeRefused) as refused:
            _denied(trail, "limit" if isinstance(refused, LimitError) else "scope", refused)
            trail.counterfactuals += after_limit(refused, self._clock.now_ns())
            raise
        finally:
            watch.stop()
            trail.spend("admit", arrival.door_ns, arrival.door_cpu_ns)
        trail.decide(
            Decision(
                stage="admit",
                outcome="allow",
                rule="key",
                why=f"key {grant.key_id} of {grant.tenant} may use {app.id}; "
                + ("identity verified" if principal.verified else "no verified identity"),
            )
        )
        return Admitted(
            arrival=arrival,
            grant=grant,
            app=app,
            principal=principal,
            conversation_id=_conversation(arrival, grant, principal, self._conversation_key),
            parent_id=arrival.client_headers.get(PARENT_HEADER, "")[:_MAX_HEADER_CHARS],
        )

    def grant_for(self, key: str, scope: str) -> tuple[KeyGrant, AppSpec]:
        """Who holds this key, for doors that start no journey (``GET /v1/models``).

        Raises:
            KeyRefused, ScopeRefused.
        """
        grant = self._known(key)
        app = self._app(grant)
        _within(grant, scope)
        return grant, app

    async def visitor(
        self, key: str, token: str | None
    ) -> tuple[KeyGrant, AppSpec, Principal | None]:
        """Who holds this key, and whom the token names, where no journey begins.

        Raises:
            KeyRefused, ScopeRefused, IdentityRefused.
        """
        grant = self._known(key)
        app = self._app(grant)
        if token is None:
            return grant, app, None
        principal = self._identity.cached(token, app.issuers)
        return grant, app, principal or await self._identity.verify(token, app.issuers)

    def conversation_of(self, given: str, grant: KeyGrant, person_id: str) -> str:
        """What a conversation is known by whose id a caller chose."""
        return _known_by(given, "", grant, person_id, self._conversation_key)

    def _granted(self, arrival: Arrival, trail: Trail) -> tuple[KeyGrant, AppSpec]:
        """What is known goes into the trail at once: whatever refuses next, the record has a name.

        Raises:
            KeyRefused, ScopeRefused.
        """
        trail.grant = grant = self._known(arrival.key)
        trail.app = app = self._app(grant)
        _within(grant, arrival.ask.operation)
        return grant, app

    def _known(self, key: str) -> KeyGrant:
        grant = self._keys.find(key)
        if grant is None or grant.revoked or self._expired(grant):
            raise KeyRefused(
                "the key is not known or no longer valid", public=advice(key, self._example)
            )
        return grant

    def _app(self, grant: KeyGrant) -> AppSpec:
        try:
            return self._app_for(grant.tenant, grant.app)
        except NotFound as error:
            raise ScopeRefused(
                f"key {grant.key_id}: {error}",
                public="The app of this key does not exist in the bundle that is live.",
            ) from None

    @timed("admit")
    def lease(self, sendable: Sendable, trail: Trail) -> None:
        """Reserve the worst case of one attempt, in the trail's own ceilings too.

        Raises:
            RateLimited, BudgetExhausted: it would not fit; another model's may.
        """
        number = sendable.attempt.number
        if number in trail.leases:  # its turn comes again: it had been ended for another's sake
            return
        admitted = sendable.plan.ruled.admitted
        model = sendable.attempt.model
        asked = admitted.ask
        prompt = _most_tokens(sendable)
        answer = 0 if asked.operation == "embedding" else sendable.attempt.max_tokens * asked.n
        nano = worst_nano(model, prompt, answer)
        try:
            scopes = (admitted.grant.scope, *admitted.app.scopes, *trail.ceilings)
            lease = self._limiter.lease(scopes, prompt + answer, nano, model.scope)
        except LimitError as refused:
            last = number >= len(sendable.plan.attempts)
            _denied(trail, "limit", refused, another=not last)
            if last:
                trail.counterfactuals += after_limit(refused, self._clock.now_ns())
            raise
        trail.leases[number] = lease

    def settle(self, trail: Trail) -> None:
        """Replace every attempt's reservation by what its calls, retries included, really used."""
        if trail.counted:
            trail.counted = False
            self._shedder.leave()
        for attempt, lease in trail.leases.items():
            tokens = nano = 0
            for call in trail.calls:
                if call.attempt == attempt:
                    nano += call.cost_nano
                    if call.usage is not None:
                        tokens += call.usage.prompt_tokens + call.usage.completion_tokens
            self._limiter.settle(lease, tokens, nano)

    def _expired(self, grant: KeyGrant) -> bool:
        return grant.expires_ns is not None and grant.expires_ns <= self._clock.now_ns()


def _within(grant: KeyGrant, scope: str) -> None:
    if scope not in grant.scopes:
        raise ScopeRefused(f"key {grant.key_id} has no scope {scope}")


def _denied(trail: Trail, rule: str, error: FreeholdError, *, another: bool = False) -> None:
    """Which limit or scope it was; both errors say so in words of our own. ``another``: the plan
    has a further model, whose call may fit.
    """
    why = f"{error}; the next model is tried" if another else str(error)
    outcome: Outcome = "allow" if another else "deny"
    trail.decide(Decision(stage="admit", outcome=outcome, rule=rule, why=why))


def _principal(
    verified: Principal | None, grant: KeyGrant, arrival: Arrival, app: AppSpec
) -> Principal:
    """The end user: token first, then what this key may state in headers, then defaults.

    Headers never carry roles or clearances, and never overrule a verified token.
    """
    if verified is None and app.require_identity:
        raise IdentityRefused(
            "this app takes no anonymous requests",
            public="This app needs an end user's token in the x-freehold-identity header.",
        )
    attributes = dict(app.attributes)
    headers = arrival.client_headers
    if verified is None:
        for name in grant.trusted_headers & attributes.keys():
            value = headers.get(ATTRIBUTE_HEADER_PREFIX + name.lower().replace("_", "-"))
            if value is not None:
                attributes[name] = value[:_MAX_HEADER_CHARS]
        subject = headers.get(SUBJECT_HEADER, "") if "subject" in grant.trusted_headers else ""
        return Principal(id=subject[:_MAX_HEADER_CHARS], attributes=attributes)
    attributes.update({k: v for k, v in verified.attributes.items() if k in attributes})
    return Principal(
        id=verified.id,
        verified=True,
        issuer=verified.issuer,
        roles=verified.roles,
        clearances=verified.clearances,
        attributes=attributes,
        tenant=verified.tenant,
        expires_ns=verified.expires_ns,
    )


def _most_tokens(sendable: Sendable) -> int:
    """More tokens than a prompt can have, hardly ever fewer; chat templates add a few to each
    message.
    """
    ask = sendable.plan.ruled.admitted.ask
    settings = orjson.dumps((ask.tools, ask.response_format)) if _has_settings(ask) else b""
    count = 64 + 8 * len(sendable.messages) + len(settings) // 2
    for message in sendable.messages:
        count += at_most(message.content)
        for call in message.tool_calls:
            count += at_most(call.arguments) + at_most(call.name)
    return count


def _has_settings(ask: Ask) -> bool:
    return bool(ask.tools) or ask.response_format is not None


def _conversation(arrival: Arrival, grant: KeyGrant, principal: Principal, key: bytes) -> str:
    """The caller's own id where there is one, else one derived from how the conversation began.

    Both are bound to the tenant and app, so that no caller can walk into another's conversation.
    """
    given = arrival.client_headers.get(CONVERSATION_HEADER, "")[:_MAX_HEADER_CHARS]
    first = ""
    if not given:
        first = next((m.content for m in arrival.ask.messages if m.role == "user"), "")
    return _known_by(given, first, grant, principal.id, key)


def _known_by(given: str, first: str, grant: KeyGrant, person_id: str, key: bytes) -> str:
    seed = f"{grant.tenant}\0{grant.app}\0{person_id}\0{given[:_MAX_HEADER_CHARS]}\0{first}"
    octets = seed.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(octets, digest_size=16, key=key).hexdigest()
