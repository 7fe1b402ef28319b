"""Identifiers: UUIDv7 (RFC 9562), which sort by time of birth and say nothing else."""

import os
import secrets
import time

_RANDOM_POOL_BYTES = 10 * 256


class _Entropy:
    """Hands out operating-system randomness in slices, since one system call per id is the cost."""

    __slots__ = ("_at", "_pid", "_pool")

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0
        self._pid = 0

    def take(self) -> int:
        """Ten random bytes as an integer; never the same slice twice, nor after a fork."""
        if self._at >= len(self._pool) or self._pid != os.getpid():
            self._pool = os.urandom(_RANDOM_POOL_BYTES)
            self._at = 0
            self._pid = os.getpid()
        chunk = self._pool[self._at : self._at + 10]
        self._at += 10
        return int.from_bytes(chunk, "big")


_entropy = _Entropy()


def uuid7(now_ns: int | None = None) -> str:
    """A UUIDv7 in its canonical 36-character form.

    Args:
        now_ns: nanoseconds since the Unix epoch; the system's clock when omitted.
    """
    millis = (time.time_ns() if now_ns is None else now_ns) // 1_000_000
    value = (millis & 0xFFFF_FFFF_FFFF) << 80 | _entropy.take()
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def prefixed(prefix: str, now_ns: int | None = None) -> str:
    """An id that says what it names, for people who read logs: ``apr_0198…``."""
    return f"{prefix}_{uuid7(now_ns).replace('-', '')}"


def secret_token(bits: int = 256) -> str:
    """URL-safe random text carrying at least ``bits`` bits of entropy."""
    return secrets.token_urlsafe((bits + 7) // 8)
