"""End users' tokens: JWTs (RFC 7519) checked against a JWKS (RFC 7517) from a file or a URL."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import orjson

from freehold.core.clock import Clock
from freehold.core.errors import IdentityRefused
from freehold.core.principal import Principal
from freehold.core.spec import IdentitySpec

_MAX_CACHED = 100_000
_MAX_FINGERPRINTS = 1_024
_MAX_TOKEN_CHARS = 16_384
_MAX_CLAIM_CHARS = 1_024
_MAX_JWKS_BYTES = 1_000_000
_FETCH_S = 5
_LEEWAY_S = 30
_KEYS_LIVE_NS = 600_000_000_000
_AGAIN_NS = 30_000_000_000
_AGAIN_WITHOUT_KEYS_NS = 2_000_000_000

FetchUrl = Callable[[str], Awaitable[bytes]]
_BROKEN = (jwt.PyJWTError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError)


class _KeySet:
    """An issuer's keys as they were last read, and when reading was last tried."""

    __slots__ = ("failure", "keys", "lock", "read_ns", "tried_ns")

    def __init__(self) -> None:
        self.keys: dict[str, jwt.PyJWK] = {}
        self.read_ns: int | None = None
        self.tried_ns: int | None = None
        self.failure = ""
        self.lock = asyncio.Lock()

    def wants_reading(self, key_id: str, now_ns: int) -> bool:
        """Whether the document may be read now: it is old or lacks the key, and was not just read.

        The pause holds after failures too, so that neither made-up key ids nor an issuer that is
        down turn every token into a fetch.
        """
        if self.tried_ns is None:
            return True
        pause = _AGAIN_NS if self.keys else _AGAIN_WITHOUT_KEYS_NS
        if now_ns - self.tried_ns < pause:
            return False
        old = self.read_ns is None or now_ns - self.read_ns >= _KEYS_LIVE_NS
        return old or self.find(key_id) is None

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; a token without an id gets the only key there is."""
        if not key_id and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(key_id)


class JwtVerifier:
    """Verifies signature, issuer, audience and times, and remembers the result until expiry.

    Args:
        fetch: gets the bytes behind an https URL of a JWKS.
        base: folder that relative ``file:`` references are resolved against.

    The cache is keyed by the SHA-256 of the *whole* token together with everything that the bundle
    says about the issuers believed, never by a part of it.
    """

    def __init__(self, fetch: FetchUrl, base: Path, clock: Clock) -> None:
        self._fetch = fetch
        self._base = base
        self._clock = clock
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self._sets: dict[str, _KeySet] = {}
        self._trusted: dict[int, tuple[tuple[IdentitySpec, ...], bytes]] = {}

    def cached(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal | None:
        """A principal verified before, whose token has not expired."""
        digest = self._digest(token, issuers)
        principal = self._verified.get(digest)
        if principal is None:
            return None
        if principal.expires_ns is None or principal.expires_ns <= self._clock.now_ns():
            del self._verified[digest]
            return None
        return principal

    async def verify(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal:
        """Verify.

        Raises:
            IdentityRefused: whatever is wrong with it; the message never holds the token.
        """
        spec, header = _issuer(token, issuers)
        key = await self._key(spec, str(header.get("kid") or ""))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(spec.algorithms),
                audience=spec.audience,
                issuer=spec.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
            principal = _principal(claims, spec)
        except _BROKEN as error:
            raise IdentityRefused(f"the token does not verify: {type(error).__name__}") from None
        while len(self._verified) >= _MAX_CACHED:
            self._verified.popitem(last=False)
        self._verified[self._digest(token, issuers)] = principal
        return principal

    def _digest(self, token: str, issuers: tuple[IdentitySpec, ...]) -> bytes:
        known = self._trusted.get(id(issuers))
        if known is None:
            if len(self._trusted) >= _MAX_FINGERPRINTS:
                self._trusted.clear()
            # The tuple is kept beside its fingerprint, so that no other takes its place in memory.
            fingerprint = hashlib.sha256(repr(issuers).encode()).digest()
            known = self._trusted[id(issuers)] = (issuers, fingerprint)
        return hashlib.sha256(known[1] + token.encode("utf-8", "surrogatepass")).digest()

    async def _key(self, spec: IdentitySpec, key_id: str) -> jwt.PyJWK:
        """The signing key."""
        known = self._sets.setdefault(spec.jwks, _KeySet())
        being_read = known.lock.locked() and known.find(key_id) is None
        if being_read or known.wants_reading(key_id, self._clock.monotonic_ns()):
            async with known.lock:
                if known.wants_reading(key_id, self._clock.monotonic_ns()):
                    await self._refresh(known, spec.jwks)
        key = known.find(key_id)
        if key is not None:
            return key
        if known.failure:
            raise IdentityRefused(known.failure)
        raise IdentityRefused("the token is signed with a key that the issuer does not publish")

    async def _refresh(self, known: _KeySet, reference: str) -> None:
        """Read the document; on failure the old keys stay good."""
        known.tried_ns = self._clock.monotonic_ns()
        try:
            known.keys = _parse(await self._read(reference))
        except IdentityRefused as error:
            known.failure = str(error)
            return
        known.failure = ""
        known.read_ns = known.tried_ns

    async def _read(self, reference: str) -> bytes:
        if reference.startswith("file:"):
            path = self._base / reference.removeprefix("file:")
            try:
                return await asyncio.to_thread(path.read_bytes)
            except OSError as error:
                raise IdentityRefused(f"the JWKS file can't be read: {error.strerror}") from None
        try:
            async with asyncio.timeout(_FETCH_S):
                return await self._fetch(reference)
        except Exception as error:  # noqa: BLE001 - whatever the fetch raises, nobody gets in
            raise IdentityRefused(f"the JWKS can't be fetched: {type(error).__name__}") from None


def _issuer(token: str, issuers: tuple[IdentitySpec, ...]) -> tuple[IdentitySpec, dict[str, Any]]:
    """Which believed issuer the token claims, before anything in it is trusted."""
    if len(token) > _MAX_TOKEN_CHARS:
        raise IdentityRefused("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except _BROKEN as error:
        raise IdentityRefused(f"not a JWT: {type(error).__name__}") from None
    believed = [
        spec
        for spec in issuers
        if spec.issuer == claims.get("iss") and header.get("alg") in spec.algorithms
    ]
    if not believed:
        raise IdentityRefused("no issuer that the bundle believes signed this token")
    audience = claims.get("aud")
    meant = [
        spec
        for spec in believed
        if audience == spec.audience or (isinstance(audience, list) and spec.audience in audience)
    ]
    return (meant or believed)[0], header


def _parse(document: bytes) -> dict[str, jwt.PyJWK]:
    """Signing keys by id. Those of a kind that nobody here can use are left out."""
    if len(document) > _MAX_JWKS_BYTES:
        raise IdentityRefused("the JWKS is too long")
    try:
        entries = [dict(entry) for entry in orjson.loads(document)["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityRefused(f"the JWKS is malformed: {type(error).__name__}") from None
    keys = {}
    for entry in entries:
        # A symmetric key has no business in a published document.
        if entry.get("use", "sig") == "sig" and entry.get("kty") != "oct":
            try:
                keys[str(entry.get("kid", ""))] = jwt.PyJWK(entry)
            except _BROKEN:
                continue
    if not keys:
        raise IdentityRefused("the JWKS holds no key that can be used")
    return keys


def _principal(claims: dict[str, Any], spec: IdentitySpec) -> Principal:
    """What the claims say.

    Raises:
        ValueError: no subject, or text that can't be written down.
    """
    subject = _text(claims["sub"])
    if not subject:
        raise ValueError("an empty subject")
    attributes = {}
    for attribute, claim in spec.attribute_claims.items():
        value = claims.get(claim)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            attributes[attribute] = _text(str(value))
    return Principal(
        id=subject,
        verified=True,
        issuer=spec.issuer,
        roles=_words(claims.get(spec.roles_claim)),
        clearances=_words(claims.get(spec.clearances_claim)),
        attributes=attributes,
        tenant=_tenant(claims.get(spec.tenant_claim), spec),
        expires_ns=int(claims["exp"]) * 1_000_000_000,
    )


def _tenant(claim: Any, spec: IdentitySpec) -> str:
    """Where they belong; a claim that is no name is nowhere."""
    if claim is None:
        return spec.tenant
    return _text(claim) if isinstance(claim, str) else ""


def _words(value: Any) -> frozenset[str]:
    """A claim that is a list of strings, or one string with spaces (as in OAuth's ``scope``)."""
    if isinstance(value, str):
        return frozenset(map(_text, value.split()))
    if isinstance(value, list):
        return frozenset(_text(item) for item in value if isinstance(item, str) and item)
    return frozenset()


def _text(value: str) -> str:
    """A claim's text: what fits a column, a header and a log line."""
    if len(value) > _MAX_CLAIM_CHARS or "\0" in value:
        raise ValueError("a claim that is too long or holds NUL")
    value.encode()
    return value
