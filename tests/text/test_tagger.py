"""The tagger: same text, same tags, whatever it read before; a model file of the wrong form."""

import random

import numpy as np
import pytest

from freehold.text import tagger
from scripts.tagger.train import Encoder, Perceptron

TEXTS = [
    "My name is Ada Byron and I live in Turin.",
    "please send it to 12 Elm Street, Springfield, IL 62704, thanks",
    "Nothing to see here.",
    "",
    "   \n\n ",
    "日本語のテキスト と Ümläute, 123 — «quoted»",
    "a" * 5_000,
    "Ada, " * 300,
]


def tags(model: tagger.Tagger, text: str) -> list[tuple[str, int, int]]:
    return [(t.label, t.start, t.end) for t in model.tag(text)]


def test_what_was_read_before_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = [tags(tagger.load(_model()), text) for text in TEXTS]
    used = tagger.load(_model())
    monkeypatch.setattr(tagger, "_MAX_WORDS", 20)  # forgets all the time
    for _ in range(3):
        for text, expected in random.Random(3).sample(list(zip(TEXTS, fresh, strict=True)), 8):
            assert tags(used, text) == expected


def _model() -> bytes:
    shipped = tagger.shipped()
    return tagger.dump(shipped._weights, np.array(shipped._moves), shipped._scale, shipped.version)


def test_spans_lie_inside_the_text_in_order_and_apart() -> None:
    for text in TEXTS:
        end = 0
        for tag in tagger.shipped().tag(text):
            assert end <= tag.start < tag.end <= len(text)
            assert tag.label in tagger.LABELS[1:]
            end = tag.end


def test_passing_stretches_over_finds_what_the_whole_path_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tagger.shipped()
    monkeypatch.setattr(tagger, "_MARGIN", 3)
    labels = tuple(range(len(tagger.LABELS)))
    for text in TEXTS:
        read = [word for word, _, _, _ in tagger.tokens(text)]
        if read:
            scores = model._scores(read)
            starts = [start for _, start, _, _ in tagger.tokens(text)]
            whole = model._collect(read, starts, 0, scores, model.best(scores.tolist(), labels))
            assert whole == model.tag(text)


def test_a_model_of_another_form_is_refused() -> None:
    data = _model().replace(b"O PERSON", b"O PIRATES"[:8])
    with pytest.raises(ValueError, match="does not fit this version"):
        tagger.load(data)


def test_training_learns_and_gives_the_same_bytes_again() -> None:
    texts = [
        ("Ask Bob about it", [(4, 7, "PERSON")]),
        ("Ask Eve about the car", [(4, 7, "PERSON")]),
        ("we talk about a car", []),
        ("in Rome it rains", [(3, 7, "PLACE")]),
        ("in Bonn it rains", [(3, 7, "PLACE")]),
    ]

    def trained() -> bytes:
        encoder, model = Encoder(), Perceptron()
        rows = [encoder.encode(text, random.Random(1)) for text in texts]
        for _ in range(8):
            for features, gold in rows:
                model.learn(features, gold)
        return tagger.dump(*model.averaged(), 40.0, "test")

    first = trained()
    assert first == trained()
    model = tagger.load(first)
    assert tags(model, "Ask Ida about it") == [("PERSON", 4, 7)]
    assert tags(model, "we talk about it") == []
