"""AWS's event streams (``application/vnd.amazon.eventstream``), as Bedrock answers in them.

https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html: a message is two lengths and
their checksum, headers, a payload, and the checksum of everything. botocore reads the same in three
times as long (ADR 0018); the tests hold the two against each other.
"""

import struct
import zlib
from collections.abc import Iterator

MOST_BYTES = 1024 * 1024
"""The longest message that is read."""

_PRELUDE = struct.Struct("!III")
_AROUND = 16
_STRING, _BYTES = 7, 6
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Sizes of the values of the other types of headers."""


class Frames:
    """The messages of one stream, wherever the network cuts it."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, piece: bytes) -> Iterator[tuple[str, str, bytes]]:
        """Message type, event or exception type, and payload of each message that is complete.

        Raises:
            ValueError: it is no event stream, or was damaged on its way.
        """
        buffer = self._buffer + piece if self._buffer else piece
        at, end = 0, len(buffer)
        while end - at >= _PRELUDE.size:
            total, named, checksum = _PRELUDE.unpack_from(buffer, at)
            if zlib.crc32(buffer[at : at + 8]) != checksum:
                raise ValueError("checksum")
            if not _AROUND + named <= total <= MOST_BYTES:
                raise ValueError("length")
            if end - at < total:
                break
            message = buffer[at : at + total]
            if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
                raise ValueError("checksum")
            at += total
            headers = _headers(message[12 : 12 + named])
            name = headers.get(":event-type") or headers.get(":exception-type") or ""
            self._buffer = buffer[at:]
            yield headers.get(":message-type", ""), name, message[12 + named : -4]
        self._buffer = buffer[at:]


def _headers(data: bytes) -> dict[str, str]:
    """Those that are text; others are passed over."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            size = data[at]
            name = data[at + 1 : at + 1 + size]
            at += 1 + size
            kind = data[at]
            at += 1
            if kind in {_STRING, _BYTES}:
                length = data[at] << 8 | data[at + 1]
                at += 2
                if kind == _STRING:
                    found[name.decode()] = data[at : at + length].decode()
                at += length
            else:
                at += _FIXED[kind]
    except (IndexError, KeyError, UnicodeDecodeError):
        raise ValueError("header") from None
    if at != len(data):
        raise ValueError("header")
    return found
