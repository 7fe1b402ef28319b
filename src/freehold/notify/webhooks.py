"""Webhooks as https://www.standardwebhooks.com says: an id, a time, and an HMAC over both and the
body, so that a receiver knows who speaks, when, and what it has heard already.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError
from freehold.core.ports import NoticeFailed, Secrets

Post = Callable[[str, str, dict[str, str], bytes, int], Awaitable[tuple[int, bytes]]]
"""method, url, headers, body, timeout_ms → status and body."""

_PREFIX = "whsec_"
_TIMEOUT_MS = 10_000
_PORTS = {"http": 80, "https": 443}


class SignedWebhook:
    """The `Notifier` port over HTTP.

    Args:
        live: gives the bundle of this moment, which names the address and where data may go.
    """

    def __init__(
        self, post: Post, secrets: Secrets, clock: Clock, live: Callable[[], ResolvedBundle]
    ) -> None:
        self._post = post
        self._secrets = secrets
        self._clock = clock
        self._live = live

    async def send(self, notice_id: str, body: bytes, about: str = "approval") -> None:
        """Deliver once, to the bundle's address for approvals or for alerts.

        Raises:
            NoticeFailed: nobody is named, the host is not allowed, or it was not taken.
        """
        bundle = self._live().bundle
        target = bundle.monitoring.webhook if about == "alert" else bundle.approvals.webhook
        if target is None:
            raise NoticeFailed("the live bundle names no webhook")
        if not allowed(target.url, bundle.egress.allow):
            raise NoticeFailed("its host is not in the bundle's egress.allow")
        await post_signed(
            self._post, self._secrets, self._clock, target.url, target.secret, notice_id, body
        )


async def post_signed(
    post: Post,
    secrets: Secrets,
    clock: Clock,
    url: str,
    secret: str,
    notice_id: str,
    body: bytes,
    content_type: str = "application/json",
) -> None:
    """Deliver once; ``secret`` is a reference.

    Raises:
        NoticeFailed: the secret is not there, or it was not taken.
    """
    moment = clock.now_ns() // 1_000_000_000
    try:
        headers = {
            "content-type": content_type,
            "webhook-id": notice_id,
            "webhook-timestamp": str(moment),
            "webhook-signature": signature(secrets.resolve(secret), notice_id, moment, body),
        }
        status, _ = await post("POST", url, headers, body, _TIMEOUT_MS)
    except FreeholdError as error:
        raise NoticeFailed(str(error)) from None
    if not 200 <= status < 300:
        raise NoticeFailed(f"it answered {status}")


def signature(secret: str, notice_id: str, moment: int, body: bytes) -> str:
    """``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.

    A secret that begins with ``whsec_`` is base64 behind it; any other is taken as it is.
    """
    key = secret.encode()
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise NoticeFailed("the secret behind `whsec_` is no base64") from None
    digest = hmac.new(key, f"{notice_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def allowed(url: str, egress: Collection[str]) -> bool:
    """Whether the bundle lets anything go to this host and port."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return False
    host = parts.hostname or ""
    spelled = f"[{host}]" if ":" in host else host
    return bool({entry.casefold() for entry in egress} & {host, spelled, f"{spelled}:{port}"})
