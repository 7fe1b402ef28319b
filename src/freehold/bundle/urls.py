"""Addresses as a bundle has them."""

from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def split(url: str) -> SplitResult | None:
    """The parts of an URL; none where it is none, or its port is no port."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a bad port raises only here
    except ValueError:
        return None
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")
