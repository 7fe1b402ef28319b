"""Linear heads: what a neighbourhood knows by itself, and what a text is of."""

import numpy as np
import pytest

from freehold.stages.routing.learned.nearby import Nearby, Ridge, Topics
from freehold.stages.routing.learned.reading import Reader

SUMS = "add the figures of every shop and divide them by the number of shops"
PLAYS = "a poem about rivers, written in the manner of an old sailor who sings"


def texts(count: int, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Sums and poems of two lengths; long sums fail, and long poems do well."""
    rng = np.random.default_rng(seed)
    sums, long = rng.integers(2, size=(2, count)).astype(bool)
    made = []
    for of_sums, is_long, number in zip(sums, long, range(count), strict=True):
        said = SUMS if of_sums else PLAYS
        made.append(f"{said}. {said}, {said}." if is_long else f"{said} {number % 7}.")
    return made, sums, (sums ^ long).astype(float)


@pytest.mark.parametrize(("count", "named"), [(600, False), (160, True)])
def test_length_means_something_else_in_each_neighbourhood(count: int, named: bool) -> None:
    """Where a file names the groups, few texts are enough: there is one neighbourhood only."""
    prompts, sums, good = texts(count, 1)
    reader = Reader(prompts, np.random.default_rng(0))
    groups = np.where(sums, "sums/a", "poems") if named else np.full(count, "")
    topics = Topics(reader.learned, groups)
    assert topics.kinds == 1 + named
    kinds = topics.kind(topics.learned)
    scores = np.stack((good, 1 - good), 1)
    nearby = Nearby(reader.learned, kinds, topics.kinds, scores, np.random.default_rng(0))
    asked, _, wanted = texts(200, 2)
    read = reader.rows(asked)
    said = nearby.predict(read, topics.kind(topics.of(read)))
    assert said.shape == (200, 2)
    assert ((said[:, 0] > said[:, 1]) == wanted).mean() > 0.95


def test_what_a_text_is_of_is_told_from_the_text() -> None:
    prompts, sums, _ = texts(200, 3)
    groups = np.where(sums, "sums", "poems")
    groups[:3] = "rare"
    groups[3:6] = ""
    reader = Reader(prompts, np.random.default_rng(0))
    topics = Topics(reader.learned, groups)
    assert topics.learned.shape == (200, 2)
    asked, of_sums, _ = texts(60, 4)
    assert (topics.of(reader.rows(asked)).argmax(1) == of_sums).all()


@pytest.mark.parametrize("groups", [[""] * 40, ["one"] * 40, [str(n) for n in range(40)]])
def test_groups_that_part_nothing_are_left_out(groups: list[str]) -> None:
    prompts, _, _ = texts(40, 5)
    reader = Reader(prompts, np.random.default_rng(0))
    topics = Topics(reader.learned, np.array(groups))
    assert topics.learned.shape == (40, 0)
    assert topics.of(reader.rows(prompts[:7])).shape == (7, 0)


def test_left_out_is_what_the_others_say() -> None:
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((30, 5)).astype(np.float32)
    targets = rng.standard_normal((30, 2))
    said = Ridge(rows, targets, 3.0).left_out(rows, targets)
    for row in (0, 17):
        rest = np.arange(30) != row
        alone = Ridge(rows[rest], targets[rest], 3.0).predict(rows[row : row + 1])[0]
        # the mean is the others' too, up to what one of thirty moves it
        assert said[row] == pytest.approx(alone, abs=0.02)
