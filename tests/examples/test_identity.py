"""The demo's token issuer, checked with PyJWT as a gateway would check it."""

import json
import stat
from pathlib import Path
from typing import Any

import jwt
import pytest

from freehold.testing.identity import AUDIENCE, ISSUER, JWKS_NAME, KEY_NAME, LocalIssuer

CLAIMS = {"sub": "cust:C100001", "roles": ["customer"], "tier": "gold", "store": "store-0007"}


class StillClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000

    def now_ns(self) -> int:
        return self.seconds * 1_000_000_000

    def monotonic_ns(self) -> int:
        return self.now_ns()


def _verify(folder: Path, token: str, **options: Any) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_dict(json.loads((folder / JWKS_NAME).read_text()))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        key,
        algorithms=["ES256", "RS256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": ["exp", "iss", "aud", "sub"]},
        **options,
    )


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_token_verifies_against_the_jwks_file(tmp_path: Path, algorithm: Any) -> None:
    issuer = LocalIssuer.create(tmp_path, algorithm=algorithm)
    seen = _verify(tmp_path, issuer.token(CLAIMS))
    assert {name: seen[name] for name in CLAIMS} == CLAIMS
    assert issuer.algorithm == algorithm


def test_the_jwks_file_holds_no_private_member(tmp_path: Path) -> None:
    for algorithm in ("ES256", "RS256"):
        LocalIssuer.create(tmp_path / algorithm, algorithm=algorithm)
        (key,) = json.loads((tmp_path / algorithm / JWKS_NAME).read_text())["keys"]
        assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
        mode = stat.S_IMODE((tmp_path / algorithm / KEY_NAME).stat().st_mode)
        assert mode == 0o600


def test_another_issuers_token_is_refused(tmp_path: Path) -> None:
    LocalIssuer.create(tmp_path / "ours")
    theirs = LocalIssuer.create(tmp_path / "theirs")
    with pytest.raises((KeyError, jwt.PyJWTError)):
        _verify(tmp_path / "ours", theirs.token(CLAIMS))


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "https://elsewhere.example"}, jwt.InvalidIssuerError),
        ({"aud": "another-service"}, jwt.InvalidAudienceError),
        ({"exp": 1_000_000_000}, jwt.ExpiredSignatureError),
    ],
)
def test_wrong_tokens_can_be_made_for_tests(
    tmp_path: Path, claims: dict[str, Any], error: type[Exception]
) -> None:
    issuer = LocalIssuer.create(tmp_path)
    with pytest.raises(error):
        _verify(tmp_path, issuer.token({**CLAIMS, **claims}))


def test_a_changed_claim_breaks_the_signature(tmp_path: Path) -> None:
    issuer = LocalIssuer.create(tmp_path)
    head, _, tail = issuer.token(CLAIMS).split(".")
    _, body, _ = issuer.token({**CLAIMS, "roles": ["manager"]}).split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        _verify(tmp_path, f"{head}.{body}.{tail}")


def test_tokens_are_cached_until_shortly_before_they_expire(tmp_path: Path) -> None:
    clock = StillClock()
    issuer = LocalIssuer.create(tmp_path, ttl_s=600, clock=clock)
    first = issuer.token(CLAIMS)
    clock.seconds += 500
    assert issuer.token(dict(reversed(CLAIMS.items()))) == first
    assert issuer.token({**CLAIMS, "tier": "guest"}) != first
    clock.seconds += 60
    assert issuer.token(CLAIMS) != first


def test_load_and_ensure_keep_the_key(tmp_path: Path) -> None:
    made = LocalIssuer.ensure(tmp_path, algorithm="RS256")
    again = LocalIssuer.ensure(tmp_path)
    assert again.key_id == made.key_id
    assert _verify(tmp_path, again.token(CLAIMS))["sub"] == CLAIMS["sub"]
    with pytest.raises(FileNotFoundError):
        LocalIssuer.load(tmp_path / "nowhere")
