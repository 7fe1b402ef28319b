"""A token issuer for tests and demos: a key pair, its JWKS file and signed end-user tokens.

It stands in for the identity provider that a company already has. A bundle names the issuer, the
audience and the JWKS file; the private key stays with whoever signs (here: the demo or a test)
and the gateway never sees it. Tokens follow RFC 7519, keys RFC 7517, key ids RFC 7638.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from freehold.core.clock import Clock, SystemClock

Algorithm = Literal["ES256", "RS256"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

ISSUER: Final = "https://id.harbor-and-pine.example"
AUDIENCE: Final = "freehold"
JWKS_NAME: Final = "jwks.json"
KEY_NAME: Final = "signing-key.pem"

# A cached token is handed out until this many seconds before it expires.
_MARGIN_S: Final = 60
# The members that RFC 7638 hashes, by key type.
_THUMBPRINT: Final = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


class LocalIssuer:
    """Signs tokens for principals. Make one with `create` or `load`; both read or write files.

    `token` remembers what it signed, so that a day's traffic costs one signature a principal.
    """

    def __init__(
        self,
        key: PrivateKey,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        ttl_s: int = 12 * 3600,
        clock: Clock | None = None,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.algorithm: Algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        self._key = key
        self._ttl_s = ttl_s
        self._clock = clock or SystemClock()
        self._jwk = _public_jwk(key)
        self._signed: dict[str, tuple[int, str]] = {}

    @classmethod
    def create(cls, folder: Path, *, algorithm: Algorithm = "ES256", **settings: Any) -> Self:
        """Make a new key pair and write `jwks.json` and `signing-key.pem` (mode 0600) there."""
        key: PrivateKey
        if algorithm == "RS256":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
        made = cls(key, **settings)
        folder.mkdir(parents=True, exist_ok=True)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        target = folder / KEY_NAME
        target.unlink(missing_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        made.write_jwks(folder / JWKS_NAME)
        return made

    @classmethod
    def load(cls, folder: Path, **settings: Any) -> Self:
        """The issuer whose key `create` wrote to this folder.

        Raises:
            FileNotFoundError: there is none.
            ValueError: the file holds no EC or RSA key.
        """
        pem = (folder / KEY_NAME).read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError(f"{folder / KEY_NAME}: neither an EC nor an RSA key")
        return cls(key, **settings)

    @classmethod
    def ensure(cls, folder: Path, **settings: Any) -> Self:
        """`load` where there is a key already, else `create`."""
        if (folder / KEY_NAME).is_file() and (folder / JWKS_NAME).is_file():
            settings.pop("algorithm", None)
            return cls.load(folder, **settings)
        return cls.create(folder, **settings)

    @property
    def key_id(self) -> str:
        """The key's RFC 7638 thumbprint, as tokens and JWKS carry it."""
        return str(self._jwk["kid"])

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK Set."""
        return {"keys": [dict(self._jwk)]}

    def write_jwks(self, path: Path) -> Path:
        """Write the JWK Set to `path`, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.draft")
        draft.write_text(json.dumps(self.jwks(), indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
        return path

    def token(self, claims: Mapping[str, Any], *, ttl_s: int | None = None) -> str:
        """A signed token with these claims plus `iss`, `aud`, `iat`, `exp` and `jti`.

        The same claims get the same token until shortly before it expires. Claims given here win
        over the added ones, so that a test can make a token with a wrong issuer or a past `exp`.
        """
        cached = json.dumps(claims, sort_keys=True, separators=(",", ":"))
        now_s = self._clock.now_ns() // 1_000_000_000
        known = self._signed.get(cached)
        if ttl_s is None and known is not None and known[0] - _MARGIN_S > now_s:
            return known[1]
        expires = now_s + (self._ttl_s if ttl_s is None else ttl_s)
        body: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now_s,
            "exp": expires,
            "jti": hashlib.sha256(f"{now_s}:{cached}".encode()).hexdigest()[:24],
            **claims,
        }
        signed = jwt.encode(body, self._key, algorithm=self.algorithm, headers={"kid": self.key_id})
        if ttl_s is None:
            self._signed[cached] = (expires, signed)
        return signed


def _public_jwk(key: PrivateKey) -> dict[str, Any]:
    jwk: dict[str, Any]
    if isinstance(key, rsa.RSAPrivateKey):
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        jwk["alg"] = "RS256"
    else:
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        jwk["alg"] = "ES256"
    jwk.pop("key_ops", None)
    members = {name: jwk[name] for name in _THUMBPRINT[jwk["kty"]]}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    jwk["kid"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    jwk["use"] = "sig"
    return jwk
