"""End users' tokens: what is believed, what is not, and when keys are read again."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.clock import SystemClock
from freehold.core.errors import IdentityRefused
from freehold.core.spec import IdentitySpec
from freehold.identity import jwt as module
from freehold.identity.jwt import JwtVerifier
from freehold.testing.identity import AUDIENCE, ISSUER, LocalIssuer


class In(int):
    """Seconds from the moment when a token is made."""


def now() -> int:
    return int(time.time())


class Clock:
    """The wall clock, and a monotonic one that moves when told."""

    def __init__(self) -> None:
        self.mono = 0
        self.ahead_s = 0.0

    def now_ns(self) -> int:
        return SystemClock().now_ns() + int(self.ahead_s * 1e9)

    def monotonic_ns(self) -> int:
        return self.mono

    def advance(self, seconds: float) -> None:
        self.mono += int(seconds * 1e9)


class Key:
    """A key pair of any kind, its public JWK and its signatures."""

    def __init__(self, algorithm: str, kid: str) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self.private: Any
        if algorithm.startswith("RS"):
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            made = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        elif algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
            made = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()
            made = jwt.algorithms.OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        made.pop("key_ops", None)
        self.jwk = {**made, "kid": kid, "use": "sig", "alg": algorithm}

    def token(self, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        body: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": In(0),
            "exp": In(600),
            **claims,
        }
        kept = {
            name: now() + value if isinstance(value, In) else value
            for name, value in body.items()
            if value is not ...
        }
        return jwt.encode(
            kept,
            self.private,
            algorithm=self.algorithm,
            headers={"kid": self.kid} if headers is None else headers,
        )


KEYS = {name: Key(name, f"kid-{name}") for name in ("RS256", "ES256", "EdDSA")}
STRANGER = Key("ES256", "kid-ES256")


def spec(jwks: str = "file:jwks.json", **changes: Any) -> IdentitySpec:
    values: dict[str, Any] = {"id": "main", "issuer": ISSUER, "audience": AUDIENCE, "jwks": jwks}
    return IdentitySpec(**(values | changes))


def write(folder: Path, *jwks: dict[str, Any]) -> None:
    (folder / "jwks.json").write_text(json.dumps({"keys": list(jwks)}), encoding="utf-8")


async def no_fetch(url: str) -> bytes:
    raise AssertionError(f"{url} must not be fetched")


@pytest.fixture
def verifier(tmp_path: Path) -> JwtVerifier:
    write(tmp_path, *(key.jwk for key in KEYS.values()))
    return JwtVerifier(no_fetch, tmp_path, SystemClock())


def verify(verifier: JwtVerifier, token: str, *specs: IdentitySpec) -> Any:
    return asyncio.run(verifier.verify(token, specs or (spec(),)))


def refused(verifier: JwtVerifier, token: str, *specs: IdentitySpec) -> str:
    with pytest.raises(IdentityRefused) as caught:
        verify(verifier, token, *specs)
    assert caught.value.status == 401
    if len(token) > 8:
        assert token not in str(caught.value)
        assert token not in caught.value.public
    return str(caught.value)


# -- what is believed --------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", KEYS)
def test_good_tokens(verifier: JwtVerifier, algorithm: str) -> None:
    token = KEYS[algorithm].token(roles=["clerk", "manager"], clearances="orders pii")
    principal = verify(verifier, token)
    assert principal.id == "ada"
    assert principal.verified
    assert principal.issuer == ISSUER
    assert principal.roles == {"clerk", "manager"}
    assert principal.clearances == {"orders", "pii"}
    left_s = principal.expires_ns // 1_000_000_000 - now()
    assert 590 <= left_s <= 600


def test_the_shipped_issuer_is_believed(tmp_path: Path) -> None:
    issuer = LocalIssuer.create(tmp_path)
    token = issuer.token({"sub": "ada", "tier": "gold"})
    believed = spec(attribute_claims={"tier": "tier"})
    principal = verify(JwtVerifier(no_fetch, tmp_path, SystemClock()), token, believed)
    assert principal.attributes == {"tier": "gold"}


def test_one_audience_of_many_is_enough(verifier: JwtVerifier) -> None:
    assert verify(verifier, KEYS["ES256"].token(aud=["other", AUDIENCE])).id == "ada"


def test_issuers_of_the_same_name_are_told_apart_by_audience(verifier: JwtVerifier) -> None:
    other = spec(id="other", audience="other")
    assert verify(verifier, KEYS["ES256"].token(), other, spec()).id == "ada"
    assert verify(verifier, KEYS["ES256"].token(aud=["other"]), spec(), other).id == "ada"
    assert "InvalidAudience" in refused(verifier, KEYS["ES256"].token(aud="third"), spec(), other)


def test_a_token_without_a_key_id_where_there_is_one_key(tmp_path: Path) -> None:
    write(tmp_path, KEYS["ES256"].jwk)
    token = KEYS["ES256"].token(headers={})
    assert verify(JwtVerifier(no_fetch, tmp_path, SystemClock()), token).id == "ada"


def test_leeway(verifier: JwtVerifier) -> None:
    assert verify(verifier, KEYS["ES256"].token(exp=In(-10))).id == "ada"
    assert verify(verifier, KEYS["ES256"].token(nbf=In(10), iat=In(10))).id == "ada"


def test_claims_that_are_no_plain_values_are_left_out(verifier: JwtVerifier) -> None:
    claims = {
        "text": "gold",
        "number": 17,
        "yes": True,
        "fraction": 1.5,
        "nested": {"a": 1},
        "listed": ["a"],
        "null": None,
    }
    mapping = {name: name for name in claims} | {"absent": "absent", "renamed": "text"}
    token = KEYS["ES256"].token(**claims)
    principal = verify(verifier, token, spec(attribute_claims=mapping))
    assert principal.attributes == {"text": "gold", "number": "17", "renamed": "gold"}


def test_roles_of_a_wrong_kind_are_none(verifier: JwtVerifier) -> None:
    token = KEYS["ES256"].token(roles=["clerk", 7, None, ["x"], ""], clearances={"pii": True})
    principal = verify(verifier, token)
    assert principal.roles == {"clerk"}
    assert principal.clearances == frozenset()


def test_claims_may_have_other_names(verifier: JwtVerifier) -> None:
    believed = spec(roles_claim="groups", clearances_claim="scope")
    token = KEYS["ES256"].token(groups=["a"], scope="x y", roles=["not-this"])
    principal = verify(verifier, token, believed)
    assert principal.roles == {"a"}
    assert principal.clearances == {"x", "y"}


# -- what is not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "changes", "tenant"),
    [
        ({}, {}, ""), ({"tenant": "north"}, {}, "north"), ({}, {"tenant": "chain"}, "chain"),
        ({"tenant": "north"}, {"tenant": "chain"}, "north"),
        ({"shop": "s1", "tenant": "x"}, {"tenant_claim": "shop"}, "s1"),
        ({"tenant": ["north"]}, {"tenant": "chain"}, ""), ({"tenant": 7}, {}, ""),
    ],
)  # fmt: skip
def test_where_somebody_belongs(
    verifier: JwtVerifier, claims: dict[str, Any], changes: dict[str, str], tenant: str
) -> None:
    """A claim that is no name is nowhere: it does not fall back to the issuer's tenant."""
    token = KEYS["ES256"].token(**claims)
    assert verify(verifier, token, spec(**changes)).tenant == tenant


def test_a_wrong_issuer(verifier: JwtVerifier) -> None:
    assert "no issuer" in refused(verifier, KEYS["ES256"].token(iss="https://evil.example"))
    listed = f"{encoded({'alg': 'ES256', 'kid': 'kid-ES256'})}.{encoded({'iss': [ISSUER]})}.AAAA"
    assert "no issuer" in refused(verifier, listed)
    assert "no issuer" in refused(verifier, KEYS["ES256"].token(iss=...))


def test_no_issuer_is_believed_at_all(verifier: JwtVerifier) -> None:
    with pytest.raises(IdentityRefused):
        asyncio.run(verifier.verify(KEYS["ES256"].token(), ()))


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "someone-else"}, "InvalidAudience"),
        ({"aud": ...}, "MissingRequiredClaim"),
        ({"exp": In(-60)}, "ExpiredSignature"),
        ({"exp": ...}, "MissingRequiredClaim"),
        ({"exp": "soon"}, "DecodeError"),
        ({"nbf": In(300)}, "ImmatureSignature"),
        ({"iat": In(300)}, "ImmatureSignature"),
        ({"sub": ...}, "MissingRequiredClaim"),
        ({"sub": 17}, "InvalidSubject"),
        ({"sub": ""}, "ValueError"),
        ({"sub": "a\0b"}, "ValueError"),
        ({"sub": "a" * 2_000}, "ValueError"),
        ({"sub": "\ud800"}, "UnicodeEncodeError"),
    ],
)
def test_wrong_claims(verifier: JwtVerifier, claims: dict[str, Any], error: str) -> None:
    token = KEYS["ES256"].token(**claims)
    assert error in refused(verifier, token)
    assert verifier.cached(token, (spec(),)) is None


def test_a_stranger_with_a_known_key_id(verifier: JwtVerifier) -> None:
    assert "InvalidSignature" in refused(verifier, STRANGER.token())


def test_a_changed_payload(verifier: JwtVerifier) -> None:
    head, _, tail = KEYS["ES256"].token().split(".")
    _, body, _ = KEYS["ES256"].token(sub="root").split(".")
    assert "InvalidSignature" in refused(verifier, f"{head}.{body}.{tail}")


def test_every_changed_character_is_noticed(verifier: JwtVerifier) -> None:
    token = KEYS["EdDSA"].token()
    for place in range(0, len(token), 5):
        # not the last character: it may carry bits that base64 ignores
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        refused(verifier, changed)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_no_signature_at_all(verifier: JwtVerifier, alg: str) -> None:
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": now() + 600}
    for tail in ("", "x"):
        refused(verifier, f"{encoded({'alg': alg, 'kid': 'kid-ES256'})}.{encoded(body)}.{tail}")


@pytest.mark.parametrize("algorithms", [("RS256",), ("RS256", "HS256"), ("HS256",)])
def test_a_public_key_is_no_shared_secret(
    verifier: JwtVerifier, algorithms: tuple[str, ...]
) -> None:
    """The confusion of RS256 with HS256, even where a bundle were to allow both."""
    import hashlib
    import hmac

    public = KEYS["RS256"].private.public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "root", "exp": now() + 600}
    signed = f"{encoded({'alg': 'HS256', 'kid': 'kid-RS256'})}.{encoded(body)}"
    for secret in (pem, pem.strip(), json.dumps(KEYS["RS256"].jwk).encode()):
        mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
        tail = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        refused(verifier, f"{signed}.{tail}", spec(algorithms=algorithms))


def test_a_symmetric_key_in_the_document_is_not_used(tmp_path: Path) -> None:
    secret = base64.urlsafe_b64encode(b"k" * 32).rstrip(b"=").decode()
    write(tmp_path, {"kty": "oct", "k": secret, "kid": "s", "alg": "HS256"}, KEYS["ES256"].jwk)
    token = jwt.encode(
        {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": now() + 600},
        b"k" * 32,
        algorithm="HS256",
        headers={"kid": "s"},
    )
    verifier = JwtVerifier(no_fetch, tmp_path, SystemClock())
    refused(verifier, token, spec(algorithms=("HS256", "ES256")))


def test_an_algorithm_that_the_bundle_does_not_list(verifier: JwtVerifier) -> None:
    assert "no issuer" in refused(verifier, KEYS["RS256"].token(), spec(algorithms=("ES256",)))


def test_an_algorithm_that_is_not_the_keys_own(verifier: JwtVerifier) -> None:
    """Signed with the ES256 key, but naming the RSA key."""
    refused(verifier, KEYS["ES256"].token(headers={"kid": "kid-RS256"}))


def test_an_encryption_key_signs_nothing(tmp_path: Path) -> None:
    write(tmp_path, KEYS["ES256"].jwk | {"use": "enc"}, KEYS["RS256"].jwk)
    refused(JwtVerifier(no_fetch, tmp_path, SystemClock()), KEYS["ES256"].token())


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "not a token",
        "é.é.é",
        "\udce9",
        "eyJhbGciOiJFUzI1NiJ9.e30.",
        f"{encoded([])}.{encoded({})}.",
        f"{encoded({'alg': 'ES256', 'kid': 7})}.{encoded({'iss': ISSUER})}.AAAA",
        f"{encoded({'alg': 'ES256', 'crit': ['x'], 'x': 1})}.{encoded({'iss': ISSUER})}.AAAA",
        f"{encoded({'alg': 'ES256'})}.{encoded('text')}.AAAA",
        "x" * 20_000,
        f"{encoded({'alg': 'ES256'})}."
        + base64.urlsafe_b64encode(b"[" * 9_000).decode().rstrip("=")
        + ".AAAA",
        f"{encoded({'alg': 'ES256'})}."
        + base64.urlsafe_b64encode(b'{"iss":' + b"9" * 6_000 + b"}").decode().rstrip("=")
        + ".AAAA",
    ],
)
def test_garbage(verifier: JwtVerifier, token: str) -> None:
    refused(verifier, token)


@pytest.mark.parametrize("exp", ["1e999", "NaN", "-Infinity", "9" * 4_400, "1e300", "{}", "true"])
def test_strange_times(verifier: JwtVerifier, exp: str) -> None:
    key = KEYS["ES256"]
    body = f'{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"a","exp":{exp}}}'
    token = jwt.PyJWS().encode(
        body.encode(), key.private, algorithm="ES256", headers={"kid": key.kid}
    )
    try:
        principal = verify(verifier, token)
    except IdentityRefused:
        return
    assert principal.expires_ns > now() * 1_000_000_000


@given(st.text(max_size=80))
def test_random_text_is_refused_politely(token: str) -> None:
    verifier = JwtVerifier(no_fetch, Path("/nonexistent"), SystemClock())
    with pytest.raises(IdentityRefused):
        asyncio.run(verifier.verify(token, (spec(),)))


# -- documents ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        b"", b"{", b"[]", b"{}", b'{"keys": 7}', b'{"keys": [7]}', b'{"keys": []}', b"\xff",
        b'{"keys": [{"kty": "EC"}]}', b'{"keys": [{"kty": "RSA", "n": "!", "e": "!"}]}',
        b'{"keys": [' + b" " * 1_000_001 + b"]}",
    ],
)  # fmt: skip
def test_a_bad_document(tmp_path: Path, document: bytes) -> None:
    (tmp_path / "jwks.json").write_bytes(document)
    verifier = JwtVerifier(no_fetch, tmp_path, SystemClock())
    assert "JWKS" in refused(verifier, KEYS["ES256"].token())


def test_a_missing_file(tmp_path: Path) -> None:
    verifier = JwtVerifier(no_fetch, tmp_path, SystemClock())
    assert "No such file" in refused(verifier, KEYS["ES256"].token())


def test_a_key_of_an_unknown_kind_spoils_no_other(tmp_path: Path) -> None:
    strange = {"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "x"}
    curve = {"kty": "EC", "crv": "secp999", "x": "AA", "y": "AA", "kid": "c"}
    write(tmp_path, strange, curve, KEYS["ES256"].jwk)
    verifier = JwtVerifier(no_fetch, tmp_path, SystemClock())
    assert verify(verifier, KEYS["ES256"].token()).id == "ada"


class Issuer:
    """A JWKS on an URL, whose keys and moods can be changed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = [KEYS["ES256"].jwk]
        self.status = 200
        self.fetched = 0

    async def fetch(self, url: str) -> bytes:
        def get() -> bytes:
            with urlopen(url, timeout=5) as answer:
                body: bytes = answer.read()
                return body

        return await asyncio.to_thread(get)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.fetched += 1
            body = json.dumps({"keys": made.keys}).encode()
            self.send_response(made.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made = Issuer(f"http://127.0.0.1:{server.server_port}/keys")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.fixture
def remote(issuer: Issuer, tmp_path: Path) -> Callable[[], tuple[JwtVerifier, Clock]]:
    def make() -> tuple[JwtVerifier, Clock]:
        clock = Clock()
        return JwtVerifier(issuer.fetch, tmp_path, clock), clock

    return make


Remote = Callable[[], tuple[JwtVerifier, Clock]]


def test_keys_from_an_url_are_read_once(issuer: Issuer, remote: Remote) -> None:
    verifier, _ = remote()
    for subject in ("ada", "bob", "cyd"):
        assert verify(verifier, KEYS["ES256"].token(sub=subject), spec(issuer.url)).id == subject
    assert issuer.fetched == 1


async def test_many_at_once_read_once(issuer: Issuer, remote: Remote) -> None:
    verifier, _ = remote()
    believed = (spec(issuer.url),)
    async with asyncio.TaskGroup() as group:
        for i in range(20):
            group.create_task(verifier.verify(KEYS["ES256"].token(sub=f"u{i}"), believed))
    assert issuer.fetched == 1


def test_a_new_key_is_read_at_most_every_thirty_seconds(issuer: Issuer, remote: Remote) -> None:
    verifier, clock = remote()
    believed = spec(issuer.url)
    new = Key("ES256", "kid-new")
    verify(verifier, KEYS["ES256"].token(), believed)
    for _ in range(3):
        assert "does not publish" in refused(verifier, new.token(), believed)
    assert issuer.fetched == 1
    clock.advance(29)
    refused(verifier, new.token(), believed)
    assert issuer.fetched == 1
    clock.advance(2)
    refused(verifier, new.token(), believed)
    refused(verifier, new.token(), believed)
    assert issuer.fetched == 2
    issuer.keys.append(new.jwk)
    clock.advance(31)
    assert verify(verifier, new.token(), believed).id == "ada"
    assert verify(verifier, KEYS["ES256"].token(sub="old"), believed).id == "old"
    assert issuer.fetched == 3


def test_old_keys_are_read_again_and_dropped_when_gone(issuer: Issuer, remote: Remote) -> None:
    verifier, clock = remote()
    believed = spec(issuer.url)
    verify(verifier, KEYS["ES256"].token(), believed)
    issuer.keys = [KEYS["RS256"].jwk]
    clock.advance(599)
    assert verify(verifier, KEYS["ES256"].token(sub="b"), believed).id == "b"
    clock.advance(2)
    assert "does not publish" in refused(verifier, KEYS["ES256"].token(sub="c"), believed)
    assert issuer.fetched == 2


def test_a_fetch_that_fails_keeps_the_old_keys_and_is_not_repeated_at_once(
    issuer: Issuer, remote: Remote
) -> None:
    verifier, clock = remote()
    believed = spec(issuer.url)
    verify(verifier, KEYS["ES256"].token(), believed)
    issuer.status = 500
    clock.advance(700)
    for i in range(5):
        assert verify(verifier, KEYS["ES256"].token(sub=f"u{i}"), believed).id == f"u{i}"
    assert issuer.fetched == 2
    clock.advance(31)
    issuer.status = 200
    verify(verifier, KEYS["ES256"].token(sub="again"), believed)
    assert issuer.fetched == 3


def test_an_issuer_that_is_down_from_the_start(issuer: Issuer, remote: Remote) -> None:
    verifier, clock = remote()
    believed = spec(issuer.url)
    issuer.status = 500
    for _ in range(5):
        assert "can't be fetched: HTTPError" in refused(verifier, KEYS["ES256"].token(), believed)
    assert issuer.fetched == 1
    issuer.status = 200
    clock.advance(3)
    assert verify(verifier, KEYS["ES256"].token(), believed).id == "ada"


def test_a_slow_issuer_stops_nobody_elses_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FETCH_S", 0.3)
    write(tmp_path, KEYS["ES256"].jwk)

    async def never(url: str) -> bytes:
        await asyncio.sleep(60)
        raise AssertionError

    verifier = JwtVerifier(never, tmp_path, SystemClock())
    slow = spec("https://slow.example/keys", id="slow", issuer="https://slow.example")

    async def both() -> float:
        waiting = asyncio.create_task(
            verifier.verify(KEYS["ES256"].token(iss="https://slow.example"), (slow, spec()))
        )
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        await verifier.verify(KEYS["ES256"].token(), (slow, spec()))
        took = time.perf_counter() - began
        with pytest.raises(IdentityRefused, match="TimeoutError"):
            await waiting
        return took

    assert asyncio.run(both()) < 0.25


# -- the cache ---------------------------------------------------------------------------------


def test_what_was_verified_is_remembered(verifier: JwtVerifier) -> None:
    token, believed = KEYS["ES256"].token(), (spec(),)
    assert verifier.cached(token, believed) is None
    principal = asyncio.run(verifier.verify(token, believed))
    assert verifier.cached(token, believed) is principal


def test_the_whole_token_is_the_key(verifier: JwtVerifier) -> None:
    token, believed = KEYS["ES256"].token(), (spec(),)
    asyncio.run(verifier.verify(token, believed))
    assert verifier.cached(token + "x", believed) is None
    assert verifier.cached(token[:-1], believed) is None
    head, body, _ = token.split(".")
    assert verifier.cached(f"{head}.{body}.", believed) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": "other"},
        {"issuer": "https://other.example"},
        {"jwks": "file:other.json"},
        {"algorithms": ("RS256",)},
        {"roles_claim": "groups"},
        {"clearances_claim": "scope"},
        {"attribute_claims": {"tier": "level"}},
    ],
)
def test_other_issuers_share_nothing(verifier: JwtVerifier, changes: dict[str, Any]) -> None:
    token = KEYS["ES256"].token()
    asyncio.run(verifier.verify(token, (spec(),)))
    assert verifier.cached(token, (spec(**changes),)) is None
    assert verifier.cached(token, ()) is None
    assert verifier.cached(token, (spec(),)) is not None


def test_nothing_outlives_its_expiry(tmp_path: Path) -> None:
    write(tmp_path, KEYS["ES256"].jwk)
    clock = Clock()
    verifier = JwtVerifier(no_fetch, tmp_path, clock)
    token, believed = KEYS["ES256"].token(exp=In(600)), (spec(),)
    asyncio.run(verifier.verify(token, believed))
    clock.ahead_s = 590
    assert verifier.cached(token, believed) is not None
    clock.ahead_s = 602
    assert verifier.cached(token, believed) is None
    clock.ahead_s = 0
    assert verifier.cached(token, believed) is None


def test_the_cache_is_bounded(verifier: JwtVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CACHED", 3)
    believed = (spec(),)
    tokens = [KEYS["EdDSA"].token(sub=f"u{i}") for i in range(5)]
    for token in tokens:
        asyncio.run(verifier.verify(token, believed))
    assert [verifier.cached(token, believed) is not None for token in tokens] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_many_bundles_leave_nothing_behind(
    verifier: JwtVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_FINGERPRINTS", 4)
    token = KEYS["ES256"].token()
    for i in range(20):
        assert verifier.cached(token, (spec(id=f"s{i}"),)) is None
    assert len(verifier._trusted) <= 4
