"""The tagger: same text, same tags, whatever it read before; a model file of the wrong form."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text import tagger, tagger_file
from freehold.text.tagger_words import TOKEN
from scripts.tagger.train import Encoder, Perceptron, known_bits, vocabulary

TEXTS = [
    "My name is Ada Byron and I live in Turin.",
    "please send it to 12 Elm Street, Springfield, IL 62704, thanks",
    "Nothing to see here.",
    "",
    "   \n\n ",
    "日本語のテキスト と Ümläute, 123 — «quoted»",
    "a" * 5_000,
    "Ada, " * 300,
    '{"name" : "Ada Byron", "note":\n"x", "_id_": 3}',
    "MY NAME IS ADA BYRON AND I LIVE IN TURIN.",
    "\x1c Ada\x0b Byron\x1f called\x00 from Turin \x85 today",
]


def tags(model: tagger.Tagger, text: str) -> list[tuple[str, int, int]]:
    return [(t.label, t.start, t.end) for t in model.tag(text)]


def test_what_was_read_before_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tagger_file.dump(tagger_file.shipped())
    fresh = [tags(tagger_file.load(data), text) for text in TEXTS]
    assert sum(map(len, fresh)) > 8
    used = tagger_file.load(data)
    monkeypatch.setattr(tagger, "_MAX_WORDS", 20)  # forgets all the time
    for _ in range(3):
        for text, expected in random.Random(3).sample(list(zip(TEXTS, fresh, strict=True)), 11):
            assert tags(used, text) == expected


def test_the_file_gives_back_its_model() -> None:
    data = tagger_file.dump(tagger_file.shipped())
    assert tagger_file.dump(tagger_file.load(data)) == data
    assert len(data) < 10_000_000


def test_spans_lie_inside_the_text_in_order_and_apart() -> None:
    for text in TEXTS:
        end = 0
        for tag in tagger_file.shipped().tag(text):
            assert end <= tag.start < tag.end <= len(text)
            assert tag.label in tagger.LABELS[1:]
            end = tag.end


def test_words_that_wake_nobody_are_passed_over_without_a_difference() -> None:
    shipped = tagger_file.shipped()
    thorough = tagger.Tagger(
        shipped.weights,
        shipped.costs,
        shipped.known,
        gate=-(1 << 30),
        scale=shipped.scale,
        version=shipped.version,
    )
    for text in [*TEXTS, "why was it declined?", "how do i change the pin of my card"]:
        assert tags(shipped, text) == tags(thorough, text)
    assert not shipped.words.rows[1].keys() - shipped.words.idle[1] >= {"declined", "pin"}


@given(st.text(alphabet="aB1 ,.\n\t\x1c\xa0é'\":_-", max_size=60))
def test_words_begin_where_they_stand(text: str) -> None:
    read = TOKEN.findall(text)
    expected = [match.start() for match in TOKEN.finditer(text)]
    assert not read or tagger.starts_of(text, read) == expected


def test_a_model_of_another_form_is_refused() -> None:
    data = tagger_file.dump(tagger_file.shipped())
    for old, new in ((b"O PERSON", b"O PIRATE"), (b'"form":"2"', b'"form":"1"')):
        assert old in data
        with pytest.raises(ValueError, match="does not fit this version"):
            tagger_file.load(data.replace(old, new))


def test_training_learns_and_gives_the_same_bytes_again() -> None:
    texts = [
        ("Ask Bob about it", [(4, 7, "PERSON")]),
        ("Ask Eve about the car", [(4, 7, "PERSON")]),
        ("we talk about a car", []),
        ("in Rome it rains", [(3, 7, "PLACE")]),
        ("in Bonn it rains", [(3, 7, "PLACE")]),
    ] * 2

    def trained() -> bytes:
        words = vocabulary(texts)
        encoder, model = Encoder(words), Perceptron()
        rows = [encoder.encode(text, random.Random(1)) for text in texts]
        for _ in range(8):
            for row in rows:
                model.learn(*row)
        return tagger_file.dump(model.averaged(known_bits(words)))

    first = trained()
    assert first == trained()
    model = tagger_file.load(first)
    assert tags(model, "Ask Ida about it") == [("PERSON", 4, 7)]
    assert tags(model, "we talk about it") == []
