"""AWS's event streams, held against botocore's own reading of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.providers.event_stream import MOST_BYTES, Frames
from freehold.testing.wires.bedrock import event, frame

GOOD = event("contentBlockDelta", delta={"text": "Gr\u00fc\u00df Gott"}) + event(
    "messageStop", stopReason="x"
)
names = st.text(st.characters(max_codepoint=126, min_codepoint=33), min_size=1, max_size=20)
headers = st.dictionaries(names, st.text(max_size=30), max_size=5)


def read(*pieces):
    frames = Frames()
    return [message for piece in pieces for message in frames.feed(piece)]


def test_messages():
    first, second = read(GOOD)
    assert first[:2] == ("event", "contentBlockDelta")
    assert "Gr\u00fc\u00df Gott" in first[2].decode()
    assert second[1] == "messageStop"


def test_every_cut():
    whole = read(GOOD)
    for at in range(len(GOOD) + 1):
        assert read(GOOD[:at], GOOD[at:]) == whole
    assert read(*(bytes([byte]) for byte in GOOD)) == whole


@given(headers=headers, payload=st.binary(max_size=200))
def test_it_reads_what_botocore_reads(headers, payload):
    eventstream = pytest.importorskip("botocore.eventstream")
    data = frame(headers, payload)
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(data)
    (theirs,) = list(buffer)
    ((kind, name, body),) = read(data)
    assert theirs.payload == body == payload
    assert kind == theirs.headers.get(":message-type", "")
    assert name in {theirs.headers.get(key, "") for key in (":event-type", ":exception-type", "")}


def test_any_flipped_bit_is_noticed():
    for at in range(len(GOOD)):
        damaged = bytearray(GOOD)
        damaged[at] ^= 1
        with pytest.raises(ValueError, match=r"checksum|length|header"):
            read(bytes(damaged))


def test_other_types_of_headers_are_passed_over():
    import struct
    import zlib

    odd = b"".join(
        bytes([1]) + b"h" + bytes([kind]) + value
        for kind, value in ((0, b""), (2, b"x"), (4, b"1234"), (6, b"\0\x02ab"), (9, b"u" * 16))
    )
    named = odd + bytes([13]) + b":message-type" + b"\x07\0\x05event"
    prelude = struct.pack("!II", 16 + len(named), len(named))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + named
    assert read(message + struct.pack("!I", zlib.crc32(message))) == [("event", "", b"")]


@pytest.mark.parametrize("data", [b"<html>not what was expected</html>", b"\0" * 64])
def test_no_event_stream(data):
    with pytest.raises(ValueError, match=r"checksum|length"):
        read(data)


def test_a_message_without_end_is_refused_at_once():
    import struct
    import zlib

    prelude = struct.pack("!II", MOST_BYTES + 1, 0)
    with pytest.raises(ValueError, match="length"):
        read(prelude + struct.pack("!I", zlib.crc32(prelude)))
