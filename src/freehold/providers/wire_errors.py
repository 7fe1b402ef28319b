"""From a refused response, of any dialect, to an error that says enough, and nothing secret."""

import re
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any

import orjson

from freehold.core.call_errors import CallError
from freehold.core.clock import Clock
from freehold.core.errors import ProviderError, ProviderRejected, ProviderUnavailable
from freehold.providers.transport import HttpResponse

MAX_MESSAGE = 300
LONGEST_PAUSE_S = 86_400.0
_WINDOW = 12

# The gateway's own settings are wrong there, not the caller's request: another model may do, but
# no later attempt at this one.
_MISCONFIGURED = {
    401: "the endpoint refused our API key",
    402: "the endpoint's account has no money left",
    403: "the endpoint refused our API key: it may not do this",
    404: "the endpoint does not know this model or path",
    405: "the endpoint does not take this method",
}
_LATER = frozenset({408, 409, 424, 425, 429})
_SORTS: dict[int, CallError] = {408: "timeout", 429: "rate_limited"}

_LOOKS_SECRET = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail addresses
    r"|\b[A-Za-z]{2,8}[-_][\w*-]{6,}"  # sk-..., key_..., and as providers half mask them
    r"|[A-Za-z0-9+/=_*-]{24,}"  # long tokens of any kind
    r"|\d[\d ()./-]{6,}\d"  # numbers of cards, accounts and telephones
)


def failure(
    status: int,
    retry_after_s: float | None,
    payload: bytes,
    texts: Iterable[str],
    secrets: Iterable[str],
) -> ProviderError:
    """The error for a status other than 2xx.

    Args:
        status: what the endpoint means, which is not always what it says.
        retry_after_s: when to come back, if it told.
        payload: its body, in which providers explain themselves.
        texts: what was sent; no quotation of it gets into the error.
        secrets: keys in use; none of them gets into the error.
    """
    said = _explanation(payload, texts, secrets)
    if 300 <= status < 400:
        return ProviderError(f"answered {status}: redirects are never followed").of("refused")
    if status in _MISCONFIGURED:
        return ProviderError(f"answered {status}: {_MISCONFIGURED[status]}{said}").of("refused")
    if status in _LATER or status >= 500:
        later = ProviderUnavailable(f"answered {status}{said}", retry_after_s=retry_after_s)
        return later.of(_SORTS.get(status, "server_error" if status >= 500 else "refused"))
    if status < 300:
        return ProviderUnavailable(f"answered {status} instead of 200").of("nonsense")
    return ProviderRejected(f"answered {status}{said}")


def retry_after(response: HttpResponse, clock: Clock) -> float | None:
    """Seconds from ``Retry-After-Ms`` or ``Retry-After`` (RFC 9110, section 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = response.header(name).strip()
        if not value:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            if unit != 1.0:
                continue
            seconds = _until(value, clock)
        if 0 <= seconds < inf:
            return min(seconds, LONGEST_PAUSE_S)  # who asks for more, of a month's quota, means it
    return None


def refused_parameter(payload: bytes) -> str:
    """Which of our own additions the endpoint does not know; empty when it is something else."""
    error = error_of(payload)
    text = f"{error.get('param')} {error.get('message')}"
    if "max_completion_tokens" in text and "max_tokens" in text:
        return "max_tokens"
    if "temperature" in text:
        return "temperature"
    return "stream_options" if "stream_options" in text else ""


def _until(date: str, clock: Clock) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return -1.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment.timestamp() - clock.now_ns() / 1e9, 0.0)


def error_of(payload: bytes) -> dict[str, Any]:
    """The error object; its usual forms are ``{"error": {…}}``, ``{"error": "…"}``, ``{…}``, and
    ``[{"error": {…}}]`` on streams that Google refuses.
    """
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        return {}
    error = body.get("error", body)
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else {}


def _explanation(payload: bytes, texts: Iterable[str], secrets: Iterable[str]) -> str:
    error = error_of(payload)
    message = error.get("message") or error.get("Message") or error.get("detail")
    if not isinstance(message, str):
        return ""
    message = " ".join(message[:2000].split())
    for secret in secrets:
        message = message.replace(secret, "***") if secret else message
    windows = [message[i : i + _WINDOW] for i in range(0, len(message) - _WINDOW + 1, _WINDOW)]
    if any(window in text for text in texts for window in windows):
        return " (its explanation quotes the request and is left out)"
    return ": " + _LOOKS_SECRET.sub("***", message)[:MAX_MESSAGE] if message else ""
