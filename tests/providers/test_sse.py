import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.providers.sse import MAX_EVENT_BYTES, SseParser, SseTooLong

ODD = (
    "\ufeffdata: first\n\n"
    ": a comment\n"
    "event: message\nid: 7\nretry: 10\ndata: second\n\n"
    "data:without blank\r\n\r\n"
    "data: two\r\ndata: lines\r\n\r\n"
    "data:  two blanks\r\r"
    "data\n\n"
    "data:\n\n"
    'data: {"text": "d\u00e4y \u4f60\u597d \U0001f600"}\n\n'
    "dataset: other field\n\n"
    "\n\n\n"
    "data: [DONE]\n\n"
).encode()
SAYS = [
    b"first",
    b"second",
    b"without blank",
    b"two\nlines",
    b" two blanks",
    b"",
    b"",
    '{"text": "d\u00e4y \u4f60\u597d \U0001f600"}'.encode(),
    b"[DONE]",
]


def parsed(*chunks: bytes) -> list[bytes]:
    parser = SseParser()
    events = [event for part in chunks for event in parser.feed(part)]
    return events + parser.finish()


def test_whole():
    assert parsed(ODD) == SAYS


def test_cut_at_every_byte():
    for at in range(len(ODD) + 1):
        assert parsed(ODD[:at], ODD[at:]) == SAYS, at


def test_byte_by_byte():
    assert parsed(*(ODD[i : i + 1] for i in range(len(ODD)))) == SAYS


@given(st.data())
def test_cut_anywhere_any_number_of_times(data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ODD)), max_size=12)))
    edges = [0, *cuts, len(ODD)]
    assert parsed(*(ODD[a:b] for a, b in itertools.pairwise(edges))) == SAYS


LINE = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20)


@given(
    st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_what_was_put_in_comes_out(events, end, cuts):
    stream = "".join(
        "".join(f"data: {line}{end}" for line in lines) + end for lines in events
    ).encode()
    edges = sorted([0, len(stream), *(min(cut, len(stream)) for cut in cuts)])
    got = parsed(*(stream[a:b] for a, b in itertools.pairwise(edges)))
    assert got == ["\n".join(lines).encode() for lines in events]


@given(st.binary(max_size=200))
def test_nonsense_never_crashes(noise):
    assert isinstance(parsed(noise), list)


def test_an_event_is_given_as_soon_as_it_is_complete():
    parser = SseParser()
    assert parser.feed(b"data: a\n\ndata: b\n\n") == [b"a", b"b"]
    assert parser.feed(b"data: c\n") == []
    assert parser.feed(b"\n") == [b"c"]
    assert parser.feed(b"data: d\r\n\r") == [b"d"]
    assert parser.feed(b"\n") == []
    assert parser.finish() == []


def test_an_event_without_its_empty_line_is_given_at_the_end():
    assert parsed(b"data: a\n\ndata: b") == [b"a", b"b"]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_an_endless_event_is_refused(end):
    piece = b"data: " + b"x" * 65_536 + end
    with pytest.raises(SseTooLong):
        parsed(*[piece] * (MAX_EVENT_BYTES // 65_536 + 1))


def test_many_small_pieces_of_one_line_take_linear_time():
    parser = SseParser()
    began = time.process_time()
    for _ in range(16):
        parser.feed(b"x" * 60_000)
    assert time.process_time() - began < 2
