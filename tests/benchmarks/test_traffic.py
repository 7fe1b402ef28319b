"""The requests of the benchmark."""

from pathlib import Path

import orjson
import pytest

from benchmarks import traffic
from freehold.testing.retail.data import build


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> list[traffic.Shape]:
    path: Path = tmp_path_factory.mktemp("bench") / "small.sqlite"
    build(path, stores=40, customers=400, orders=2_000)
    return traffic.shapes(path, count=60)


def test_messages_are_as_long_as_the_page_says(shapes: list[traffic.Shape]) -> None:
    lengths = [len(shape.text) for shape in shapes]
    assert len(lengths) == 60
    assert min(lengths) >= 400
    assert max(lengths) <= 2_000
    assert 800 <= sum(lengths) / len(lengths) <= 1_400


def test_messages_differ_and_some_hold_personal_data(shapes: list[traffic.Shape]) -> None:
    assert len({shape.text for shape in shapes}) == len(shapes)
    assert 0 < sum(shape.personal for shape in shapes) < len(shapes) / 2


def test_each_body_has_one_mark(shapes: list[traffic.Shape]) -> None:
    for shape in shapes:
        body = shape.body(stream=True)
        assert body.count(traffic.MARK) == 1
        assert orjson.loads(body)["stream"] is True
        assert "stream" not in orjson.loads(shape.body(stream=False))


def test_references_differ_and_are_neither_words_nor_numbers() -> None:
    made = {traffic.reference(number) for number in range(20_000)}
    assert len(made) == 20_000
    assert {len(reference) for reference in made} == {len(traffic.MARK)}
    assert all(reference.isalpha() for reference in made)
