"""Words as pieces: the commonest first, nothing lost, and bounded however long a word is."""

import random

import pytest

from freehold.text import pieces as module
from freehold.text.pieces import MAX_PARTS, MAX_WORD, Pieces

VOCABULARY = [
    *(f"<0x{byte:02X}>" for byte in range(256)),
    *("\u2581t", "er", "in", "\u2581a", "the", "\u2581the", "re", "ere", "\u2581there", "in\u00e9"),
    *("\u2581", *"abcdefghijklmnopqrstuvwxyz", "\u00e9"),
]


@pytest.fixture(scope="module")
def split():
    pieces = Pieces(VOCABULARY)
    return lambda word: [VOCABULARY[place] for place in pieces.of(word)]


def test_the_commonest_union_comes_first(split):
    # `er` before `re` and `the`: what is joined first stays so, though `there` is a piece itself
    assert split("there") == ["\u2581t", "h", "ere"]
    assert split("tin") == ["\u2581t", "in"]
    assert split("a") == ["\u2581a"]


def test_what_no_piece_covers_is_spelled_in_bytes(split):
    assert split("\u00e9") == ["\u2581", "\u00e9"]
    assert split("\u5b57") == ["\u2581", "<0xE5>", "<0xAD>", "<0x97>"]
    assert split("\ud800") == ["\u2581", "<0xED>", "<0xA0>", "<0x80>"]
    assert split("") == []


def test_the_pieces_of_a_word_are_the_word(split):
    dice = random.Random(3)
    for _ in range(300):
        word = "".join(dice.choices("aehinrt\u00e9", k=dice.randrange(1, MAX_WORD)))
        assert "".join(split(word)) == "\u2581" + word


def test_a_word_without_end_is_read_to_a_bound_and_memory_too(monkeypatch):
    pieces = Pieces(VOCABULARY)
    assert len(pieces.of("a" * 10**6)) <= MAX_PARTS * (MAX_WORD + 1)
    monkeypatch.setattr(module, "_KEPT", 10)
    for number in range(100):
        pieces.of(f"w{number}")
    assert len(pieces._known) <= 10
