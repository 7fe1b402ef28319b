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
_MAX_TOKEN_CHARS = 16_384
_LEEWAY_S = 30
_MIN_REFETCH_NS = 30_000_000_000
_KEYS_LIVE_NS = 600_000_000_000

FetchUrl = Callable[[str], Awaitable[bytes]]


class JwtVerifier:
    """Verifies signature, issuer, audience and times, and remembers the result until expiry.

    Args:
        fetch: gets the bytes behind an https URL of a JWKS.
        base: folder that relative ``file:`` references are resolved against.

    The cache is keyed by the SHA-256 of the *whole* token together with the issuers that were
    believed, never by a part of it.
    """

    def __init__(self, fetch: FetchUrl, base: Path, clock: Clock) -> None:
        self._fetch = fetch
        self._base = base
        self._clock = clock
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self._keys: dict[str, tuple[int, dict[str, jwt.PyJWK]]] = {}
        self._lock = asyncio.Lock()

    def cached(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal | None:
        """A principal verified before, whose token has not expired."""
        digest = _digest(token, issuers)
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
        key = await self._key(spec, str(header.get("kid", "")))
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
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise IdentityRefused(f"the token does not verify: {type(error).__name__}") from None
        principal = _principal(claims, spec)
        while len(self._verified) >= _MAX_CACHED:
            self._verified.popitem(last=False)
        self._verified[_digest(token, issuers)] = principal
        return principal

    async def _key(self, spec: IdentitySpec, key_id: str) -> jwt.PyJWK:
        """The signing key; the document is read again when it is old or lacks the key."""
        async with self._lock:
            now = self._clock.monotonic_ns()
            fetched, keys = self._keys.get(spec.jwks, (None, {}))
            stale = fetched is None or now - fetched > _KEYS_LIVE_NS
            unknown = key_id not in keys and (fetched is None or now - fetched > _MIN_REFETCH_NS)
            if stale or unknown:
                try:
                    keys = _parse(await self._read(spec.jwks))
                    self._keys[spec.jwks] = (now, keys)
                except IdentityRefused:
                    if not keys:
                        raise
        if key_id in keys:
            return keys[key_id]
        if not key_id and len(keys) == 1:
            return next(iter(keys.values()))
        raise IdentityRefused("the token is signed with a key that the issuer does not publish")

    async def _read(self, reference: str) -> bytes:
        if reference.startswith("file:"):
            path = self._base / reference.removeprefix("file:")
            try:
                return await asyncio.to_thread(path.read_bytes)
            except OSError as error:
                raise IdentityRefused(f"the JWKS file can't be read: {error.strerror}") from None
        try:
            async with asyncio.timeout(5):
                return await self._fetch(reference)
        except Exception as error:  # noqa: BLE001 - whatever the fetch raises, nobody gets in
            raise IdentityRefused(f"the JWKS can't be fetched: {type(error).__name__}") from None


def _digest(token: str, issuers: tuple[IdentitySpec, ...]) -> bytes:
    trusted = "\x00".join(f"{i.issuer}\x01{i.audience}\x01{i.jwks}" for i in issuers)
    return hashlib.sha256(f"{trusted}\x00{token}".encode("utf-8", "surrogatepass")).digest()


def _issuer(token: str, issuers: tuple[IdentitySpec, ...]) -> tuple[IdentitySpec, dict[str, Any]]:
    """Which believed issuer the token claims, before anything in it is trusted."""
    if len(token) > _MAX_TOKEN_CHARS:
        raise IdentityRefused("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
        claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError) as error:
        raise IdentityRefused(f"not a JWT: {type(error).__name__}") from None
    for spec in issuers:
        if spec.issuer == claimed and header.get("alg") in spec.algorithms:
            return spec, header
    raise IdentityRefused("no issuer that the bundle believes signed this token")


def _parse(document: bytes) -> dict[str, jwt.PyJWK]:
    try:
        return {
            str(entry.get("kid", "")): jwt.PyJWK(entry)
            for entry in orjson.loads(document)["keys"]
            if entry.get("use", "sig") == "sig"
        }
    except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise IdentityRefused(f"the JWKS is malformed: {type(error).__name__}") from None


def _principal(claims: dict[str, Any], spec: IdentitySpec) -> Principal:
    attributes = {}
    for attribute, claim in spec.attribute_claims.items():
        value = claims.get(claim)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            attributes[attribute] = str(value)
    return Principal(
        id=str(claims["sub"]),
        verified=True,
        issuer=spec.issuer,
        roles=_words(claims.get(spec.roles_claim)),
        clearances=_words(claims.get(spec.clearances_claim)),
        attributes=attributes,
        expires_ns=int(claims["exp"]) * 1_000_000_000,
    )


def _words(value: Any) -> frozenset[str]:
    """A claim that is a list of strings, or one string with spaces (as in OAuth's ``scope``)."""
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(item for item in value if isinstance(item, str))
    return frozenset()
