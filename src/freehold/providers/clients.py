"""Which HTTP client is used; ADR 0003 has the figures and the reason."""

from importlib import import_module
from typing import cast

from freehold.core.errors import BundleError
from freehold.providers.transport import HttpTransport

CLIENTS = {
    "aiohttp": "freehold.providers.aiohttp_transport:AiohttpTransport",
    "pyreqwest": "freehold.providers.pyreqwest_transport:PyreqwestTransport",
}


def http_transport(name: str = "aiohttp", *, ca_pem: bytes = b"") -> HttpTransport:
    """A transport that is not open yet.

    Args:
        name: one of ``CLIENTS``. ``pyreqwest`` costs less for whole answers, but a call that is
            given up before its status line goes on upstream until the model has answered.
        ca_pem: certificates (PEM) to trust beside the system's own.

    Raises:
        BundleError: there is no such client here.
    """
    module, _, kind = CLIENTS.get(name, "").partition(":")
    try:
        made = getattr(import_module(module), kind)
    except (ImportError, ValueError):
        known = ", ".join(CLIENTS)
        raise BundleError(f"HTTP client {name!r} is not installed; known: {known}") from None
    return cast(HttpTransport, made(ca_pem=ca_pem))
