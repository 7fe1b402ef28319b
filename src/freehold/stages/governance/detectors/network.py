"""Addresses of machines, and URLs that carry a password."""

import ipaddress
import re
from typing import ClassVar

from freehold.stages.governance.detectors.base import PatternDetector, Shape, Spans, is_edge, near
from freehold.stages.governance.detectors.secrets import is_token

_ADDRESS_WORDS = near(
    r"ips?\b ipv[46] address host client server login logged remote gateway from\b peer dns",
    200_000,
    "near a word for addresses",
    32,
)
_VERSION_WORDS = near(
    r"v\b ver\b version release firmware build upgrade update section chapter driver kernel package"
    r" revision",
    -400_000,
    "near a word for versions",
    24,
)


def _v4(folded: str, start: int, end: int) -> Spans:
    before = folded[start - 1] if start else " "
    after = folded[end : end + 2]
    if not is_edge(folded, start - 1) or not is_edge(folded, end) or before in ".-":
        return ()
    if after[:1] in {".", "-"} and after[1:].isalnum():
        return ()
    address = ipaddress.IPv4Address(folded[start:end])
    # loopback, private networks and the like name no one
    return ((start, end, 700_000 if address.is_global else 280_000),)


def _v6(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    if value.endswith(":") and not value.endswith("::"):
        value, end = value[:-1], end - 1
    if not is_edge(folded, start - 1) or not is_edge(folded, end):
        return ()
    if (start and folded[start - 1] in ":.") or sum(1 for part in value.split(":") if part) < 3:
        return ()
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return ()
    # 2000::/3 is all that is given out (RFC 4291)
    return ((start, end, 860_000 if int(address) >> 125 == 1 else 300_000),)


class Ip(PatternDetector):
    """IPv4 and IPv6 addresses of the public internet; private ones only next to fitting words."""

    id = "pii.ip"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="ip",
            pattern=r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)",
            gate=r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d",
            score=700_000,
            why="a public IPv4 address",
            check=_v4,
            nearby=(_ADDRESS_WORDS, _VERSION_WORDS),
        ),
        Shape(
            kind="ip",
            pattern=r"[0-9A-Fa-f]{0,4}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}",
            gate=r"[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f]{1,4}",
            score=860_000,
            why="a public IPv6 address",
            check=_v6,
        ),
    )


def _mac(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    after = folded[end : end + 2]
    if not is_edge(folded, start - 1) or not is_edge(folded, end) or len(set(value)) < 4:
        return ()
    if (start and folded[start - 1] in ":-") or (after[:1] in {":", "-"} and after[1:].isalnum()):
        return ()
    return ((start, end, 870_000),)


class Mac(PatternDetector):
    """Hardware addresses (EUI-48)."""

    id = "pii.mac"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="mac",
            pattern=r"[0-9A-Fa-f]{2}(?:(?:-[0-9A-Fa-f]{2}){5}|(?::[0-9A-Fa-f]{2}){5})",
            gate=r"[0-9a-f]{2}[:\-][0-9a-f]{2}[:\-][0-9a-f]{2}[:\-]",
            score=870_000,
            why="six pairs of hexadecimal digits",
            check=_mac,
        ),
    )


def _url_credentials(folded: str, start: int, end: int) -> Spans:
    start, end = folded.index("://", start, end) + 3, end - 1
    user, _, password = folded[start:end].partition(":")
    if not password or password[0] in "<{[$*" or (user == "user" and password.startswith("pass")):
        return ((start, end, 400_000),)
    return ((start, end, 992_000),)


_USER = re.compile(r"://([^@]*)@")


def _url_token(folded: str, start: int, end: int) -> Spans:
    user = _USER.search(folded, start, end)
    return ((*user.span(1), 985_000),) if user and is_token(user[1]) else ()


class UrlCredentials(PatternDetector):
    """``scheme://user:password@host``: the user and the password, up to the last ``@`` before the
    host (a password may hold one); ``scheme://token@host``: what looks like a token.
    """

    id = "pii.url_credentials"
    label = "secret"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="url_credentials",
            pattern=r"[A-Za-z0-9+.\-]://[^\x00-\x20\x7f/@:\"'<>]*:[^\x00-\x20\x7f/\"'<>]+@",
            gate=r"://[^\s/]*:[^\s/]*@",
            score=992_000,
            why="a user and a password in a URL",
            check=_url_credentials,
        ),
        Shape(
            kind="url_credentials",
            pattern=r"[A-Za-z0-9+.\-]://[A-Za-z0-9_+=.~%\-]{16,256}@[A-Za-z0-9\[]",
            gate=r"://[a-z0-9_+=.~%\-]*@",
            score=985_000,
            why="a token in a URL",
            check=_url_token,
        ),
    )
