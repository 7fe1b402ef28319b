"""Keys and random strings."""

import base64
import binascii
import math
import re
from typing import ClassVar

from freehold.stages.governance.detectors.base import PatternDetector, Shape, Spans, is_edge, near

MAX_PRIVATE_KEY = 16_384
"""Characters after which a private key without an end is taken to have ended."""


def _aws(folded: str, start: int, end: int) -> Spans:
    return ((start, end, 980_000),) if is_edge(folded, start - 1) and is_edge(folded, end) else ()


class AwsKey(PatternDetector):
    """Amazon access key ids. (Their secret halves are found by name: `secret.token`.)"""

    id = "secret.aws_key"
    label = "secret"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="aws_key",
            pattern=r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
            score=980_000,
            why="an Amazon access key id",
            check=_aws,
        ),
    )


_PREFIXED = (
    r"sk-[A-Za-z0-9_\-]{20,}",  # OpenAI, Anthropic, OpenRouter, DeepSeek
    r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"whsec_[A-Za-z0-9+/=]{24,}",
    r"gh[pousr]_[A-Za-z0-9]{36,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,}",
    # GitLab; since 18 with a length and a checksum behind dots
    r"gl(?:pat|dt|rt|cbt|ptt|oas)-[A-Za-z0-9_\-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?",
    r"xox[abeoprs]-[A-Za-z0-9\-]{10,}",  # Slack
    r"xapp-[0-9]-[A-Za-z0-9\-]{20,}",
    r"AIza[A-Za-z0-9_\-]{35}",  # Google
    r"ya29\.[A-Za-z0-9_\-]{20,}",
    r"GOCSPX-[A-Za-z0-9_\-]{20,}",
    r"hf_[A-Za-z0-9]{30,}",  # Hugging Face
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_\-]{50,}",
    r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}",  # SendGrid
    r"do[opr]_v1_[0-9a-f]{64}",  # DigitalOcean
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"dapi[0-9a-f]{32}",  # Databricks
    r"(?:gsk|pplx|xai|r8|fw|tgp_v1|nvapi|csk)[_\-][A-Za-z0-9_\-]{30,}",  # other model providers
    r"lin_api_[A-Za-z0-9]{30,}",
    r"(?:ntn|secret)_[A-Za-z0-9]{40,}",  # Notion
    r"hv[sb]\.[A-Za-z0-9_\-]{24,}",  # Vault
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}",  # Telegram
    r"SK[0-9a-f]{32}",  # Twilio
    r"key-[0-9a-f]{32}",  # Mailgun
    r"fh_?[A-Za-z]{0,12}_[A-Za-z0-9_\-]{32,}",  # Freehold
    r"dckr_[op]at_[A-Za-z0-9_\-]{20,}",  # Docker
    r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}",  # Grafana
    r"glc_[A-Za-z0-9+/=]{32,}",
    r"figd_[A-Za-z0-9_\-]{36,}",  # Figma
    r"NRAK-[A-Z0-9]{27}",  # New Relic
    r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",  # Postman
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_\-]{2,35}\.)?[A-Za-z0-9]{40,44}",  # Doppler
    r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=\-]{60,70}",  # Terraform
    r"sntry[su]_[A-Za-z0-9+/=_\-]{40,}",  # Sentry
    r"sq0(?:atp|csp|idp)-[A-Za-z0-9_\-]{22,43}",  # Square
    r"HRKU-AA[A-Za-z0-9_\-]{40,60}",  # Heroku
    r"[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,38}",  # Discord's bots
    r"[A-Za-z0-9_~.\-]{3}[78]Q~[A-Za-z0-9_~.\-]{31,34}",  # clients of Entra
    r"1//0[A-Za-z0-9_\-]{40,}",  # Google's refresh tokens
)
_PREFIX_GATE = (
    r"sk-[a-z0-9_\-]{20}|[sr]k_(?:live|test)_|whsec_|gh[pousr]_|github_pat_|gl[a-z]{2,3}-[a-z0-9_\-]{20}"
    r"|xox[a-z]-|xapp-|aiza|ya29\.|gocspx-|hf_|npm_|pypi-|sg\.[a-z0-9_\-]{16}|do[opr]_v1_|shp(?:at|ca|pa|ss)_"
    r"|dapi[0-9a-f]{32}|(?:gsk|pplx|xai|r8|fw|tgp_v1|nvapi|csk)[_\-][a-z0-9_\-]{30}|lin_api_"
    r"|(?:ntn|secret)_[a-z0-9]{40}|hv[sb]\.|age-secret|:aa[a-z0-9_\-]{33}|sk[0-9a-f]{32}|key-[0-9a-f]{32}"
    r"|fh_?[a-z]{0,12}_[a-z0-9_\-]{32}|dckr_[op]at_|glsa_|glc_|figd_|nrak-|pmak-|dp\.[a-z]{2,5}\.[a-z0-9]"
    r"|\.atlasv1\.|sntry[su]_|sq0[aci][a-z]p-|hrku-aa|\.[a-z0-9_\-]{6}\.[a-z0-9_\-]{9}|[78]q~|1//0[a-z0-9]"
)


_SURE = ("gl", "gh", "xox", "AIza", "ya29", "hf_", "npm_", "pypi-")
"""Prefixes that begin no words: what follows them needs no digits to be a key."""


def _api_key(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    if not is_edge(folded, start - 1) or len(set(value)) < 10:
        return ()
    if not value.startswith(_SURE) and sum(c.isdigit() for c in value) < 2:
        return ()  # words joined by dashes
    return ((start, end, 980_000),)


KEY_VALUE = re.compile(r"[A-Za-z0-9/+=_\-]{20,512}")
"""What a key without a prefix of its own looks like."""


_SIGNATURE = re.compile(r"(?:[A-Za-z0-9/+_=\-]|%[0-9A-Fa-f]{2}){40,128}")


def is_token(user: str) -> bool:
    """Whether the user of a URL is a token (code hosts, Sentry's keys) and no name."""
    return (
        bool(KEY_VALUE.fullmatch(user) or (len(user) > 15 and user.isalnum()))
        and sum(c.isdigit() for c in user) > 1
        and any(c.isalpha() for c in user)
        and entropy(user) > 2.8
    )


def _signature(folded: str, _: int, end: int) -> Spans:
    value = _SIGNATURE.match(folded, end)
    return ((end, value.end(), 980_000),) if value else ()


def _basic(folded: str, _: int, end: int) -> Spans:
    """A user and a password in Base64, as Docker's settings keep them."""
    value = _BASE64.match(folded, end)
    if value is None:
        return ()
    try:
        told = base64.b64decode(value[0] + "=" * (-len(value[0]) % 4))
    except (binascii.Error, ValueError):
        return ()
    return ((end, value.end(), 980_000),) if b":" in told[1:-1] else ()


_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,512}={0,2}")


def _hook(folded: str, _: int, end: int) -> Spans:
    value = KEY_VALUE.match(folded, end)
    return ((end, value.end(), 980_000),) if value else ()


class ApiKey(PatternDetector):
    """Keys that carry their issuer's prefix: models, code hosts, payment, chat, Freehold itself."""

    id = "secret.api_key"
    label = "secret"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="api_key",
            pattern="|".join(_PREFIXED),
            gate=_PREFIX_GATE,
            score=980_000,
            why="an issuer's prefix and length",
            check=_api_key,
        ),
        Shape(
            kind="api_key",
            pattern=(
                r"hooks\.slack\.com/services/|AccountKey=|SharedAccessKey="
                r"|discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{16,20}/"
            ),
            gate=r"hooks\.slack\.com/|(?:account|access)key=|/webhooks/[0-9]{16}",
            score=980_000,
            why="a web hook's or storage account's key",
            check=_hook,
        ),
        Shape(
            kind="api_key",
            pattern=r"[?&;]sig=",
            score=980_000,
            why="a signature that opens a storage account",
            check=_signature,
        ),
        Shape(
            kind="api_key",
            pattern=r"\"auth\\?\"\s{0,3}:\s{0,3}\\?\"",
            gate=r"\"auth\\?\"",
            score=980_000,
            why="a user and a password in Base64",
            check=_basic,
        ),
    )


KEY_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[0-9]:"
KEY_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: ?[0-9a-f]{40,64}"
_PEM_END = re.compile(KEY_END)


def _private_key(folded: str, start: int, end: int) -> Spans:
    limit = min(len(folded), start + MAX_PRIVATE_KEY)
    closed = _PEM_END.search(folded, end, limit)
    return ((start, closed.end() if closed else limit, 999_000),)


class PrivateKey(PatternDetector):
    """Private keys between PEM lines (RFC 7468) or PuTTY's, to their end or to the text's."""

    id = "secret.private_key"
    label = "secret"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="private_key",
            pattern=KEY_BEGIN,
            gate=r"-----begin [a-z0-9 ]{0,40}private key|putty-user-key-file-",
            score=999_000,
            why="a block that says so",
            check=_private_key,
        ),
    )
    live: ClassVar[tuple[str, ...]] = (
        r"-{1,5}(?:B|BE|BEG|BEGI|BEGIN|BEGIN [A-Z0-9 ]{0,60}-{0,5})$",
    )


def _jwt(folded: str, start: int, end: int) -> Spans:
    head = folded[start:end].split(".", 1)[0]
    if not is_edge(folded, start - 1):
        return ()
    try:
        header = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        return ((start, end, 600_000),)
    return ((start, end, 985_000 if b'"alg"' in header else 600_000),)


class Jwt(PatternDetector):
    """JSON web tokens (RFC 7519), signed or not."""

    id = "secret.jwt"
    label = "secret"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="jwt",
            pattern=r"eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*)?",
            gate=r"eyj[a-z0-9_\-]{8,}\.eyj",
            score=985_000,
            why="three parts, the first a JOSE header",
            check=_jwt,
        ),
    )


_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")
_HEX = re.compile(r"[0-9a-fA-F]+$")
_HAS_LOWER, _HAS_UPPER = re.compile("[a-z]"), re.compile("[A-Z]")


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits a character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in map(text.count, set(text)))


def _random(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    if len(value) > 200 or not is_edge(folded, start - 1) or _UUID.match(value):
        return ()
    if _HEX.match(value):
        return ((start, end, 200_000),) if len(value) >= 32 and entropy(value) > 3.0 else ()
    if sum(c.isdigit() for c in value) < 3 or not (
        _HAS_UPPER.search(value) and _HAS_LOWER.search(value)
    ):
        return ()
    return ((start, end, 200_000),) if entropy(value) > 4.0 else ()


class Entropy(PatternDetector):
    """Long random-looking strings next to a word for secrets."""

    id = "secret.entropy"
    label = "secret"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="random_string",
            pattern=r"[A-Za-z0-9+/_=\-]{24,}",
            gate=r"secret|token|credential|passw|pwd|key",
            score=200_000,
            why="looks random",
            check=_random,
            nearby=(
                near(
                    r"secret token credential passw pwd keys?\b [a-z]{1,12}keys?\b",
                    450_000,
                    "near a word for secrets",
                ),
            ),
        ),
    )
