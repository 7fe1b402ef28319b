"""What is near to a question, and what it takes to find it."""

import numpy as np
import pytest

from freehold.text.readings import row_of
from freehold.text.slots import nearness
from freehold.text.slots.nearness import Near, Point
from freehold.text.vectors import vector

TEXTS = ("where is my order", "when does the store open", "may I bring it back", "  ", "x")


def test_nearness_is_that_of_each_two_readings():
    points = [Point(text) for text in TEXTS]
    near = Near(points)
    for text in (*TEXTS, "where is the store", ""):
        point = Point(text)
        places, likeness = near.of(point)
        assert sorted(places.tolist()) == list(range(len(TEXTS)))
        columns, values = row_of(vector(text)) if text.strip() else ([], [])
        own = dict(zip(list(columns), list(values), strict=True))
        for place, how in zip(places.tolist(), likeness.tolist(), strict=True):
            columns, values = points[place].row
            shared = sum(own.get(c, 0) * v for c, v in zip(columns, values, strict=True))
            dense = 0.6 * float(points[place].dense @ point.dense)
            assert how == pytest.approx(dense + 0.4 * shared, abs=1e-4)


def test_what_was_asked_before_leaves_nothing_behind():
    near = Near([Point(text) for text in TEXTS])
    alone = near.of(Point(TEXTS[0]))
    near.of(Point("when may I bring my order back to the store"))
    again = near.of(Point(TEXTS[0]))
    assert all(np.array_equal(one, other) for one, other in zip(alone, again, strict=True))


def test_a_question_is_all_that_is_read_when_it_is_asked(monkeypatch):
    near = Near([Point(text) for text in TEXTS])
    near.warm()
    read = []
    real = nearness.columns_of
    monkeypatch.setattr(nearness, "columns_of", lambda text: (read.append(text), real(text))[1])
    near.of(near.point("where is the store"))
    assert read == ["where is the store"]
    near.of(near.point(TEXTS[0]))
    assert read == ["where is the store"]
